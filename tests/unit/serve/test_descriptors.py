"""The limit of file descriptors is raised as far as it may be, and said to be low where it stays so."""

import resource
import subprocess
import sys

import pytest

from app.serve.descriptors import ENOUGH

SHOW = """\
import resource
from app.serve.descriptors import make_room
print(make_room())
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(("soft", "hard", "after"), [(256, 2048, 2048), (256, 256, 256), (1024, 1 << 20, ENOUGH)])
def test_the_limit_is_raised_to_what_is_allowed_and_said_to_be_low_where_that_is_little(
    soft: int, hard: int, after: int
) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY:
        hard, after = min(hard, most), min(after, most)
    done = subprocess.run(
        ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", SHOW], capture_output=True, text=True, check=True
    )
    *said, limit = done.stdout.splitlines()
    assert int(limit) == after
    assert bool(" ".join(said)) is (after < 1024), said
    assert after >= 1024 or "ulimit -n" in said[0]
