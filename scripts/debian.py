"""System packages by apt: root installs them, anybody else gets the exact command to type. No service is ever started.

Standard library only. Knows nothing of what the packages are for.
"""

import contextlib
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
# 101: "action forbidden by policy". Maintainer scripts ask it before they start or restart anything.
FORBID = (
    "#!/bin/sh\n# mcp-proxy wrote this to start no service while it installs a package; it goes after that.\nexit 101\n"
)


class SetupError(Exception):
    """What could not be set up, in words that say what to type."""


def can_install() -> bool:
    """Whether `install` would work here: root, on a machine with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def command_for(packages: list[str]) -> str:
    """What a person types to install these, on this machine."""
    names = shlex.join(packages)
    if shutil.which("apt-get") is None:
        return f"(with the system's package manager) {names}"
    line = f"apt-get update && apt-get install -y {names}"
    if os.geteuid() == 0:
        return line
    if shutil.which("sudo"):
        return line.replace("apt-get", "sudo apt-get")
    return f"su -c {shlex.quote(line)}"


def install(packages: list[str]) -> None:
    """Installs Debian packages as root without starting a service. Raises SetupError with apt's own words."""
    if not can_install():
        raise SetupError(
            f"Missing: {', '.join(packages)}. Install it, then run this again:\n\n    {command_for(packages)}\n"
        )
    print(f"Installing {', '.join(packages)} with apt (no service is started)", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_services():
        # A list that cannot be refreshed (a dead third-party source) need not keep the package away: install decides.
        subprocess.run(["apt-get", "update", "-q"], env=environment, check=False, capture_output=True)
        done = subprocess.run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise SetupError(f"apt could not install {', '.join(packages)}:\n{tail}")


def install_nginx() -> None:
    """Installs nginx for our own use: its system service is left neither started nor enabled."""
    install(["nginx"])
    if shutil.which("update-rc.d"):
        subprocess.run(["update-rc.d", "nginx", "disable"], check=False, capture_output=True)


@contextlib.contextmanager
def no_services() -> Iterator[None]:
    """While it lasts, no package starts a service; the machine's own policy comes back afterwards."""
    before = POLICY.read_bytes() if POLICY.exists() else None
    mode = POLICY.stat().st_mode if before is not None else 0o755
    POLICY.write_text(FORBID)
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        if before is None or before == FORBID.encode():
            POLICY.unlink(missing_ok=True)
        else:
            POLICY.write_bytes(before)
            POLICY.chmod(mode)
