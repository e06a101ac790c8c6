"""System packages: root installs them and starts nothing, a user is told exactly what to type."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Which = Callable[..., str | None]


def _machine(monkeypatch: pytest.MonkeyPatch, *, root: bool, has: tuple[str, ...]) -> None:
    """A machine with these programs, and us as root or not."""
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(shutil, "which", lambda name, **_: f"/usr/bin/{name}" if name in has else None)


def _without_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "ensurepip" else real(name, *rest)
    )


@pytest.mark.parametrize(
    ("root", "has", "command"),
    [
        (True, ("apt-get",), "apt-get update && apt-get install -y nginx"),
        (False, ("apt-get", "sudo"), "sudo apt-get update && sudo apt-get install -y nginx"),
        (False, ("apt-get",), "su -c 'apt-get update && apt-get install -y nginx'"),
        (False, (), "(with the system's package manager) nginx"),
    ],
)
def test_the_command_is_what_this_machine_takes(
    monkeypatch: pytest.MonkeyPatch, root: bool, has: tuple[str, ...], command: str
) -> None:
    from debian import command_for

    _machine(monkeypatch, root=root, has=has)
    assert command_for(["nginx"]) == command


def test_a_user_without_venv_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    import environment
    from debian import SetupError

    _without_venv(monkeypatch)
    _machine(monkeypatch, root=False, has=("apt-get", "sudo"))
    monkeypatch.setattr(environment, "base_python", lambda: "/usr/bin/python3")
    with pytest.raises(SetupError, match="sudo apt-get update && sudo apt-get install -y python3-venv"):
        environment.require_venv()


def test_a_python_beside_the_systems_own_needs_the_package_of_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    import environment
    from debian import SetupError

    _without_venv(monkeypatch)
    _machine(monkeypatch, root=False, has=("apt-get",))
    monkeypatch.setattr(environment, "base_python", lambda: "/opt/python/bin/python3")
    with pytest.raises(SetupError, match=rf"install -y python3\.{sys.version_info.minor}-venv"):
        environment.require_venv()


def test_root_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import environment

    installed: list[str] = []
    _without_venv(monkeypatch)
    _machine(monkeypatch, root=True, has=("apt-get",))
    monkeypatch.setattr(environment, "base_python", lambda: "/usr/bin/python3")
    monkeypatch.setattr(environment, "install", installed.extend)
    environment.require_venv()
    assert installed == ["python3-venv"]


@pytest.mark.parametrize("before", [None, "#!/bin/sh\nexit 0\n"])
def test_no_service_may_start_meanwhile_and_the_machines_policy_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    import debian

    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(debian, "POLICY", policy)
    if before is not None:
        policy.write_text(before)
        policy.chmod(0o755)
    with debian.no_services():
        assert "exit 101" in policy.read_text()
        assert os.access(policy, os.X_OK)
    assert (policy.read_text() if policy.exists() else None) == before


def test_a_policy_left_by_a_killed_set_up_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import debian

    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(debian, "POLICY", policy)
    policy.write_text(debian.FORBID)
    with debian.no_services():
        pass
    assert not policy.exists()
