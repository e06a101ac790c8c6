"""One engine and one image for all tests of containers. Where podman cannot run they are skipped, or fail in CI."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import committed_files, relative
from tests.containers.engine import IMAGE, Engine, engine, missing


def copy_of_the_tree(folder: Path) -> Path:
    """The tree as a clone in `folder` would hold it."""
    clone = folder / "mcp-proxy"
    for path in committed_files():
        target = clone / relative(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    # Everybody may pass, as with a person's own umask.
    for parent in (folder, folder.parent):
        parent.chmod(0o755)
    return clone


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Engine, Path]]:
    """podman with the image in it, and the folder it was built from: the tree as a clone would hold it."""
    if why := missing():
        if os.environ.get("CI"):
            pytest.fail(f"containers cannot run: {why}")
        pytest.skip(f"NOT RUN: containers ({why})")
    clone = copy_of_the_tree(tmp_path_factory.mktemp("clone"))
    with engine() as podman:
        podman.build(IMAGE, clone)
        yield podman, clone


@pytest.fixture
def podman(built: tuple[Engine, Path]) -> Iterator[Engine]:
    """Nothing runs before and after a test."""
    yield built[0]
    built[0].remove_all()
