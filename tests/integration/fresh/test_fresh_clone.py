"""From a fresh checkout to listed tools with one command, on this machine. (Bare Debian roots: scripts/fresh.)"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, committed_files, relative

TIME = "time__get_current_time"
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The tree as a clone would hold it."""
    folder = tmp_path_factory.mktemp("fresh") / "mcp proxy"
    for path in committed_files():
        target = folder / relative(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    yield folder
    shutil.rmtree(folder)


def _visit(checkout: Path, *options: str, alone: bool = False) -> dict[str, object]:
    visitor = [sys.executable, "-I", str(ROOT / "tests/integration/fresh/visitor.py"), str(checkout), *options]
    if alone:
        namespace = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
        visitor = [*namespace, *visitor, "--alone"]
    done = subprocess.run(visitor, capture_output=True, text=True, check=False, timeout=390)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)


def test_a_fresh_checkout_serves_the_time_server_with_one_command(checkout: Path) -> None:
    seen = _visit(checkout, "--within", "300", "--tools", TIME)
    said = str(seen["output"])
    assert "Made config/mcp_config.json" in said
    assert "  time: ready, 2 tools" in said
    assert "MCP endpoint: http://127.0.0.1:" in said
    assert (checkout / "config/mcp_config.json").exists()


def test_the_second_run_is_at_once_without_a_network_and_makes_no_new_key(checkout: Path) -> None:
    keys = (checkout / "data/api_keys.json").read_bytes()
    seen = _visit(checkout, "--within", "90", "--tools", TIME, alone=True)
    assert "Installing" not in str(seen["output"])
    assert "No network: uvx and npx use what they have cached" in str(seen["output"])
    assert (checkout / "data/api_keys.json").read_bytes() == keys


def test_on_a_terminal_the_first_key_is_shown_once(checkout: Path) -> None:
    shutil.rmtree(checkout / "data")
    seen = _visit(checkout, "--within", "90", "--terminal", "--tools", TIME)
    assert "is shown this once" in str(seen["output"])


def test_it_serves_without_nginx_where_that_is_wanted(checkout: Path) -> None:
    shutil.rmtree(checkout / "data")
    seen = _visit(checkout, "--within", "90", "--flags", "no-edge", "--tools", TIME)
    assert not str(seen["server"]).startswith("nginx")
