"""Every module of app has its own unit test, at the same place under tests/unit."""

from tests.architecture.tree import ROOT, python_files

# Modules without a twin, each with the test that covers it. The list only shrinks.
EXEMPT: dict[str, str] = {}


def _modules() -> list[str]:
    names = [path.relative_to(ROOT / "app").as_posix() for path in python_files("app")]
    return [name for name in names if not name.endswith(("__init__.py", "__main__.py"))]


def _has_twin(module: str) -> bool:
    folder, _, name = module.rpartition("/")
    return (ROOT / "tests/unit" / folder / f"test_{name}").exists()


def test_every_module_has_a_unit_test_twin() -> None:
    assert [module for module in _modules() if not _has_twin(module) and module not in EXEMPT] == []


def test_an_exemption_is_for_a_module_that_exists_and_has_no_twin() -> None:
    modules = _modules()
    assert [module for module in EXEMPT if module not in modules or _has_twin(module)] == []
    assert [test for test in EXEMPT.values() if not (ROOT / test).exists()] == []
