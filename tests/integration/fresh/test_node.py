"""Node comes as a wheel where a config needs it and the machine has none: there `node`, `npm` and `npx` work."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"command": "npx", "args": ["-y", "thing"]}, True),
        ({"command": "node", "args": ["server.js"]}, True),
        ({"command": "cmd", "args": ["/c", "npx", "thing"]}, True),
        ({"command": "sh", "args": ["-c", "npx -y thing"]}, True),
        ({"command": "uvx", "args": ["npxlike"]}, False),
        ({"url": "https://example.com/npx"}, False),
    ],
)
def test_a_config_that_names_npx_or_node_needs_it(
    entry: dict[str, object], wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import node

    monkeypatch.setattr(shutil, "which", lambda _: None)
    (tmp_path / "config.json").write_text(json.dumps({"mcpServers": {"node": entry}}))
    assert node.wanted_by(tmp_path / "config.json") is wanted


def test_a_machine_with_node_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import node

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    (tmp_path / "config.json").write_text('{"mcpServers": {"x": {"command": "npx"}}}')
    assert not node.wanted_by(tmp_path / "config.json")


def test_a_machine_with_node_but_without_npx_gets_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import node

    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/node" if name == "node" else None)
    (tmp_path / "config.json").write_text('{"mcpServers": {"x": {"command": "npx"}}}')
    assert node.wanted_by(tmp_path / "config.json")


def test_a_config_that_is_not_there_needs_nothing(tmp_path: Path) -> None:
    import node

    assert not node.wanted_by(tmp_path / "none.json")


@pytest.mark.parametrize("program", ["node", "npm", "npx"])
def test_the_wheels_programs_run_with_nothing_else_on_path(program: str) -> None:
    """Set up by scripts/test, which runs its own Node programs with it."""
    folder = ROOT / ".venv/node"
    assert folder.exists(), "run ./scripts/test: it sets Node up"
    environment = {"PATH": f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": os.environ.get("HOME", "/")}
    done = subprocess.run([folder / program, "--version"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.lstrip("v")[0].isdigit()
