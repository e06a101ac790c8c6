"""The import contracts of pyproject.toml, and that what app imports is what pyproject.toml declares."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from tests.architecture.tree import ROOT, python_files, relative

# A module whose distribution goes by another name.
DISTRIBUTIONS = {"mcp_types": "mcp", "uvicorn_worker": "uvicorn-worker"}


def test_imports_point_inwards_only() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-logo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names)


def test_every_package_that_app_imports_is_a_declared_dependency() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[\[=<>~! ]", requirement)[0] for requirement in declared}
    strangers = {
        f"{relative(path)}: {name}"
        for path in python_files("app")
        for name in _imported(path) - {"app"}
        if DISTRIBUTIONS.get(name, name) not in names
    }
    assert strangers == set()


def test_set_up_needs_nothing_but_the_standard_library() -> None:
    ours = {path.stem for path in python_files("scripts")}
    # The .env parser is the one module of app that set-up shares; it is standard library only itself.
    strangers = {
        f"{relative(path)}: {name}" for path in python_files("scripts") for name in _imported(path) - ours - {"app"}
    }
    assert strangers == set()
    assert _imported(ROOT / "app/config/dotenv.py") == set()
