"""podman as docker's stand-in: a store and settings of its own below `.testenv`, a base image made on the spot.

Needs root, for the base image and for networks. `docker` and `docker compose` in a shell command of a test are podman
and podman-compose. No image is pulled from anywhere.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.fresh.bare_root import MACHINE_SETTINGS, make_base

ROOT = Path(__file__).resolve().parents[2]
FOLDER = (ROOT / ".testenv").resolve() / "containers"
PROGRAMS = ("podman", "runc", "debootstrap", "iptables")
BASE = "docker.io/library/debian:bookworm-slim"
"""What the Dockerfile starts from; here a Debian that debootstrap made."""
IMAGE = "mcp-proxy"
# What works also where the machine's own limits are low and its cgroups are of both versions.
CONTAINERS = """\
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
tmp_dir = "{run}/libpod"
[network]
network_backend = "netavark"
network_config_dir = "{run}/networks"
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:8192"]
"""
STORAGE = """\
[storage]
driver = "overlay"
graphroot = "{store}"
runroot = "{run}/root"
"""
# As Debian's own images have it: nobody reads translations there, and a broken build is built anew.
SPEEDUPS = {
    "etc/dpkg/dpkg.cfg.d/docker-apt-speedup": "force-unsafe-io\n",
    "etc/apt/apt.conf.d/docker-no-languages": 'Acquire::Languages "none";\n',
}
# `docker compose …` is a command of docker's own, `podman-compose …` a program.
DOCKER = """\
#!/bin/sh
if [ "$1" = compose ]; then shift; exec podman-compose "$@"; fi
exec podman "$@"
"""


class CannotRunError(Exception):
    """Why containers cannot run here."""


def missing() -> str:
    """Why containers cannot run here; empty if they may."""
    if os.geteuid() != 0:
        return "only root can make the base image and the networks"
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"not installed: {', '.join(absent)}"
    return ""


@dataclass(frozen=True)
class Engine:
    """podman with `environment`; every command it is given is bounded in time."""

    environment: dict[str, str]

    def run(self, *arguments: str, seconds: float = 60, check: bool = True) -> str:
        """What one podman command wrote to standard output."""
        return self._run(["podman", *arguments], ROOT, seconds, check).stdout

    def shell(self, command: str, folder: Path, *, seconds: float = 120, **variables: str) -> str:
        """A person's command line in `folder`, as they would type it; its output of both kinds."""
        done = self._run(["sh", "-eu", "-c", command], folder, seconds, check=True, variables=variables)
        return done.stdout + done.stderr

    def logs(self, name: str) -> str:
        """What the container wrote, to either of its outputs."""
        done = self._run(["podman", "logs", name], ROOT, 30, check=False)
        return done.stdout + done.stderr

    def build(self, name: str, context: Path) -> None:
        """An image, from a folder with a Dockerfile."""
        self.run("build", "--pull=never", "-q", "-t", name, str(context), seconds=400)

    def has(self, image: str) -> bool:
        return self._run(["podman", "image", "exists", image], ROOT, 30, check=False).returncode == 0

    def remove_all(self) -> None:
        """Every container, volume and network; images stay for the next time."""
        self.run("rm", "-f", "-a", "-v", "-t", "0", check=False)
        self.run("pod", "rm", "-f", "-a", check=False)
        self.run("volume", "rm", "-f", "-a", check=False)
        self.run("network", "prune", "-f", check=False)

    def _run(
        self, argv: list[str], folder: Path, seconds: float, check: bool, variables: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            argv,
            cwd=folder,
            env=self.environment | (variables or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert not check or done.returncode == 0, f"{argv}: {done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done


@contextmanager
def engine() -> Iterator[Engine]:
    """The engine, with the base image in its store; nothing of it runs afterwards. One at a time on a machine.

    Raises `CannotRunError`.
    """
    if why := missing():
        raise CannotRunError(why)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock, tempfile.TemporaryDirectory(prefix="podman-") as name:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = Path(name)
        (run / "networks").mkdir()
        (run / "containers.conf").write_text(CONTAINERS.format(run=run))
        (run / "storage.conf").write_text(STORAGE.format(run=run, store=FOLDER / "store"))
        (run / "bin").mkdir()
        (run / "bin/docker").write_text(DOCKER)
        (run / "bin/docker").chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MCP_", "COMPOSE_"))}
        found = Engine(
            kept
            | {
                "CONTAINERS_CONF": str(run / "containers.conf"),
                "CONTAINERS_STORAGE_CONF": str(run / "storage.conf"),
                # As docker does; else HEALTHCHECK is left out.
                "BUILDAH_FORMAT": "docker",
                "PATH": os.pathsep.join([str(run / "bin"), str(Path(sys.executable).parent), kept["PATH"]]),
            }
        )
        found.remove_all()
        try:
            _make_base_image(found)
            found.run("run", "--rm", BASE, "true")
        except (AssertionError, subprocess.SubprocessError) as error:
            raise CannotRunError(str(error)) from error
        try:
            yield found
        finally:
            found.remove_all()


def _make_base_image(found: Engine) -> None:
    if found.has(BASE):
        return
    with tempfile.TemporaryDirectory(prefix="base-", dir=FOLDER) as name:
        make_base(Path(name), "ca-certificates")
        for path, text in SPEEDUPS.items():
            Path(name, path).write_text(text)
        settings = [
            f"--change=ENV {key}={value}"
            for key, value in os.environ.items()
            if MACHINE_SETTINGS.fullmatch(key)
            and (not value.startswith("/") or Path(name, value.lstrip("/")).is_file())
        ]
        with subprocess.Popen(["tar", "-C", name, "-c", "."], stdout=subprocess.PIPE) as archive:
            done = subprocess.run(
                ["podman", "import", "-q", *settings, "-", BASE],
                stdin=archive.stdout,
                env=found.environment,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        assert archive.returncode == done.returncode == 0, done.stderr
