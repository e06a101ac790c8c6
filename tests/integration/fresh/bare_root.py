"""A Debian with Python and git and nothing else, made by debootstrap, and commands run in it as root or as a user.

Needs root and debootstrap. What the machine says about its certificates, its package index and its proxy comes along,
as it would on any machine behind such a proxy; nothing else does.
"""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
USER = "visitor"
MADE = "var/lib/made"
MACHINE_SETTINGS = re.compile(
    r"PIP_(CERT|INDEX_URL|EXTRA_INDEX_URL|DEFAULT_TIMEOUT)|UV_\w*INDEX\w*|(no|https?|all)_proxy"
    r"|\w*_CA_(BUNDLE|CERTS|INFO)|\w*CAINFO|SSL_CERT_\w+|npm_config_\w+",
    re.IGNORECASE,
)


class BareRoot:
    """`project` is where the clone is, as seen from inside."""

    def __init__(self, path: Path, owner: str) -> None:
        self.path, self.owner = path, owner
        self.home = "/root" if owner == "root" else f"/home/{owner}"
        self.project = f"{self.home}/mcp-proxy"

    def outside(self, inner: str) -> Path:
        """A path of inside as it is called outside."""
        return self.path / inner.lstrip("/")

    def clone(self, source: Path) -> None:
        """What is committed in `source`."""
        target = self.outside(self.project)
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", source, target], check=True)
        self.run(f"chown -R {self.owner}: {self.project}", owner="root")

    def run(
        self, command: str, *, owner: str = "", alone: bool = False, seconds: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """A shell command in the clone (or `/`), as the owner; `alone`: without any network. No process survives it."""
        owner = owner or self.owner
        inner = ["setpriv", "--reuid", owner, "--regid", owner, "--init-groups"] if owner != "root" else []
        folder = self.project if self.outside(self.project).exists() else "/"
        inside = [*inner, "sh", "-c", f"cd {folder} && {command}"]
        # A mount point of its own, and the kernel's: what containers are made of. It becomes the root of the mount
        # namespace, and not of this process alone (chroot): runc enters a container by its namespace.
        place = shlex.quote(str(self.path))
        mounts = f"mount --rbind {place} {place} && mount --rbind /dev {place}/dev && mount --rbind /sys {place}/sys"
        enter = f"cd {place} && pivot_root . . && umount -l . && cd /"
        wrapped = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={self.path / 'proc'}"]
        wrapped += ["--net"] if alone else []
        environment = {name: value for name, value in os.environ.items() if MACHINE_SETTINGS.fullmatch(name)}
        environment |= {"HOME": "/root" if owner == "root" else f"/home/{owner}", "LANG": "C.UTF-8", "TERM": "dumb"}
        environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return subprocess.run(
            [*wrapped, "sh", "-c", f"{mounts} && {enter} && exec {shlex.join(inside)}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


def make_base(folder: Path, packages: str = "python3,git") -> None:
    """Debian's smallest, with these packages, in `folder`; nothing is done if it is there already."""
    if (folder / MADE).exists():
        return
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", SUITE, folder]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for settings in ("etc/resolv.conf", "etc/apt/apt.conf.d/00proxy"):
        if Path("/", settings).exists():
            shutil.copyfile(Path("/", settings), folder / settings)
    # Every machine has these names; debootstrap leaves them to whoever configures it.
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
    # Debian makes its bundle anew from these whenever ca-certificates is installed, as python3-venv does.
    shutil.copytree("/usr/local/share/ca-certificates", folder / "usr/local/share/ca-certificates", dirs_exist_ok=True)
    for name, value in os.environ.items():
        # The bundle of certificates that this machine's settings name.
        if MACHINE_SETTINGS.fullmatch(name) and value.startswith("/") and Path(value).is_file():
            (folder / value.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(value, folder / value.lstrip("/"))
    (folder / MADE).touch()


def copy_of(base: Path, folder: Path, owner: str) -> BareRoot:
    """A root of its own for one owner, who is made there."""
    subprocess.run(["cp", "-a", "--reflink=auto", base, folder], check=True)
    root = BareRoot(folder, owner)
    if owner != "root":
        root.run(f"useradd --create-home --shell /bin/sh {owner}", owner="root")
    return root
