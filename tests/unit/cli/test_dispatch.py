"""`python -m app`: every command is found, and none loads more than it needs."""

import tomllib
from importlib import import_module

import pytest

import app
from app.cli import COMMANDS, SERVE_SUMMARY
from tests.support.programs import ROOT
from tests.unit.cli.conftest import Shell


def test_without_a_command_it_prints_every_command_with_its_summary(shell: Shell) -> None:
    done = shell.process()
    assert done.code == 0
    for name, module in COMMANDS.items():
        summary = SERVE_SUMMARY if name == "serve" else import_module(module).SUMMARY
        assert f"  {name:<12} {summary}\n" in done.out
    assert "\n  run " not in done.out


def test_the_version_is_that_of_the_package(shell: Shell) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert app.__version__ == version
    assert shell.process("--version").out == f"mcp-proxy {version}\n"


@pytest.mark.parametrize(("typed", "meant"), [("conect", "connect"), ("tool", "tools"), ("health", "healthcheck")])
def test_a_misspelt_command_is_exit_code_2_with_what_was_meant(shell: Shell, typed: str, meant: str) -> None:
    done = shell.app(typed)
    assert done.code == 2
    assert f"Did you mean `{meant}`?" in done.err


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "serve"])
def test_every_command_explains_itself(shell: Shell, name: str) -> None:
    done = shell.app(name, "--help")
    assert done.code == 0
    assert done.out.startswith(f"usage: python -m app {name} ")


def test_serve_takes_no_arguments_and_says_what_sets_it(shell: Shell) -> None:
    assert shell.app("serve", "--help").code == 0
    assert "MCP_* variables" in shell.app("serve", "--port").err
    assert shell.app("serve", "--port").code == 2


def test_dispatch_itself_loads_no_command_and_no_library(shell: Shell) -> None:
    loaded = shell.python("import sys, app.cli; print(*sys.modules)").out.split()
    assert not {"argparse", "httpx", "msgspec", "rich"} & set(loaded)
    assert [name for name in loaded if name.startswith("app")] == ["app", "app.cli"]


@pytest.mark.parametrize("command", ["connect python", "schema"])
def test_output_into_a_closed_pipe_is_no_traceback(shell: Shell, command: str) -> None:
    program = (
        "import os, sys; from app.cli import main; read, write = os.pipe(); os.close(read); os.dup2(write, 1); "
        f"sys.exit(main({command.split()!r}))"
    )
    done = shell.python(program)
    assert "Traceback" not in done.err
    assert "BrokenPipe" not in done.err
    assert done.code == 0


def test_output_that_a_locale_has_no_letters_for_is_no_traceback(shell: Shell) -> None:
    (shell.directory / "mcp_config.json").write_text('{"mcpServers": {"文": {"command": 7}}}', encoding="utf-8")
    program = "import runpy, sys; sys.argv = ['app', 'check']; runpy.run_module('app', run_name='__main__')"
    done = shell.python(program, PYTHONIOENCODING="latin-1")
    assert "Traceback" not in done.err
    assert r'mcpServers["\u6587"].command' in done.out


def test_streams_that_were_closed_are_no_traceback_and_nothing_else_takes_their_numbers(shell: Shell) -> None:
    program = (
        "import subprocess, sys\n"
        "command = 'exec \"$0\" -m app schema <&- >&-'\n"
        "sys.exit(subprocess.run(['sh', '-c', command, sys.executable]).returncode)\n"
    )
    done = shell.python(program)
    assert (done.code, done.err) == (0, "")


def test_serve_takes_no_arguments_and_says_so(shell: Shell) -> None:
    done = shell.app("serve", "now")
    assert (done.code, done.out) == (2, "")
    assert done.err.endswith("error: unrecognized arguments: now\n")
