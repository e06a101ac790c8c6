import sys
from pathlib import Path
from typing import Any

import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Kind
from app.upstream.command import directory, prepare
from app.upstream.errors import UpstreamError

PATH = {"PATH": "/usr/bin:/bin"}


def spec(command: str, **members: Any) -> ServerSpec:
    return ServerSpec(name="files", label="Files", kind="stdio", prefix="files", command=command, **members)


def test_a_bare_name_is_looked_up_on_the_child_s_own_path(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    argv, environment = prepare(spec("server", args=("a b", "$HOME"), env={"PATH": str(tmp_path)}), PATH)
    assert argv == [str(program), "a b", "$HOME"]
    assert environment == {"PATH": str(tmp_path)}


def test_a_relative_path_is_relative_to_the_cwd(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "server").symlink_to(sys.executable)
    argv, _ = prepare(spec("./bin/server", cwd=str(tmp_path)), PATH)
    assert argv == [str(tmp_path / "bin" / "server")]


def test_a_home_is_found_in_command_and_cwd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "server").symlink_to(sys.executable)
    assert prepare(spec("~/server"), PATH)[0] == prepare(spec("./server", cwd="~/"), PATH)[0] == [f"{tmp_path}/server"]
    assert directory(spec("server", cwd="~/")) == f"{tmp_path}/"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"command": "no-such-thing"}, "not found on the PATH"),
        ({"command": "/no/such/thing"}, "not found"),
        ({"command": "/etc/passwd"}, "not executable"),
        ({"command": "/etc"}, "not executable"),
        ({"command": "sh", "cwd": "/no/such/place"}, "cwd is not a directory"),
        ({"command": "sh", "cwd": "/etc/passwd"}, "cwd is not a directory"),
        ({"command": "sh", "args": ("a\0b",)}, "NUL"),
        ({"command": "s\0h"}, "NUL"),
        ({"command": "sh", "env": {"A": "\0"}}, "NUL"),
        ({"command": "sh", "env": {"A=B": "1"}}, "holds '='"),
        ({"command": "sh", "env": {"": "1"}}, "is empty"),
    ],
)
def test_what_cannot_start_is_said_without_a_path(members: dict[str, Any], said: str) -> None:
    with pytest.raises(UpstreamError, match="Server 'files' cannot start") as caught:
        prepare(spec(**members), PATH)
    fault = caught.value.fault
    assert said in fault.message
    assert fault.kind is Kind.UNREACHABLE
    assert fault.server == "files"
    assert "/" not in fault.message
