"""scripts/ as the bootstrap sees it: modules beside each other, found by their folder."""

import sys
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT

SCRIPTS = ROOT / "scripts"


@pytest.fixture(autouse=True, scope="module")
def scripts_on_the_path() -> Iterator[None]:
    """Their names are short, so they are taken away again."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield
    finally:
        sys.path.remove(str(SCRIPTS))
        for path in SCRIPTS.glob("*.py"):
            sys.modules.pop(path.stem, None)
