"""One engine and one image for all tests of containers. Where podman cannot run they are skipped, or fail in CI."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.architecture.tree import committed_files, relative
from tests.containers.engine import IMAGE, CannotRunError, Engine, engine


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
    clone = copy_of_the_tree(tmp_path_factory.mktemp("clone"))
    with ExitStack() as undo:
        try:
            podman = undo.enter_context(engine())
        except CannotRunError as error:
            if os.environ.get("CI"):
                pytest.fail(f"containers cannot run: {error}")
            pytest.skip(f"NOT RUN: containers ({error})")
        podman.build(IMAGE, clone)
        yield podman, clone


@pytest.fixture
def podman(built: tuple[Engine, Path]) -> Iterator[Engine]:
    """Nothing runs before and after a test."""
    yield built[0]
    built[0].remove_all()
