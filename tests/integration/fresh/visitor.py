"""A person with a clone: runs scripts/run, lists the tools as the README's curl does, presses Ctrl-C, looks around.

Standard library only, and no import from this project: it runs inside a bare root too, as `visitor.py FOLDER …`, and
prints what it saw as JSON. Says why on standard error and exits with 1 where a promise is broken.
"""

import argparse
import fcntl
import http.client
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
KEY = re.compile(r"mgw_[0-9A-Za-z_]{58}")
STOPPED_WITHIN = 10.0
SERVED = "Ctrl-C ends everything."


class Visit:
    """One run of scripts/run in `folder`, from the command to Ctrl-C."""

    def __init__(self, folder: Path, flags: list[str], *, terminal: bool, port: int) -> None:
        self.folder, self.port, self.terminal = folder, port, terminal
        self.output = ""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MCP_")}
        environment["MCP_PORT"] = str(port)
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            ["./scripts/run", *flags],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, args=(ours,), daemon=True)
        self._reader.start()

    def _read(self, descriptor: int) -> None:
        try:
            while chunk := os.read(descriptor, 65536):
                self.output += chunk.decode(errors="replace").replace("\r\n", "\n")
        except OSError:
            pass  # A terminal whose other end is closed.
        os.close(descriptor)

    def seconds(self) -> float:
        """Since the command."""
        return time.monotonic() - self.began

    def until_said(self, words: str, seconds: float) -> None:
        """Waits until `words` are in the output."""
        while words not in self.output:
            if self.process.poll() is not None:
                raise SystemExit(f"scripts/run ended with {self.process.returncode}:\n{self.output}")
            if self.seconds() > seconds:
                self.press_ctrl_c()
                raise SystemExit(f"not said within {seconds} s: {words!r}\n{self.output}")
            time.sleep(0.05)

    def key(self) -> str:
        """The first key, from where it must be."""
        left = self.folder / "data/first-key"
        if self.terminal and (found := KEY.search(self.output)):
            if left.exists():
                raise SystemExit("the key is on the terminal and in data/first-key too")
            return found[0]
        if KEY.search(self.output):
            raise SystemExit("the key is in output that is no terminal")
        if left.stat().st_mode & 0o777 != 0o600:
            raise SystemExit(f"data/first-key has mode {left.stat().st_mode:o}")
        return left.read_text().strip()

    def list_tools(self, key: str) -> tuple[list[str], str]:
        """Names, and the `Server` header of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/mcp", json.dumps(LIST), headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"tools/list: {answer.status} {body[:500]!r}")
        return [tool["name"] for tool in json.loads(body)["result"]["tools"]], answer.getheader("Server", "")

    def press_ctrl_c(self) -> list[str]:
        """Interrupts the whole group, as a terminal does; the command lines of what is left afterwards."""
        before = _tree(self.process.pid)
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise SystemExit(f"Ctrl-C did not end it within {STOPPED_WITHIN} s:\n{self.output}") from None
        deadline = time.monotonic() + 1
        while (
            left := [what for pid, what in before.items() if _identity(pid) == what]
        ) and time.monotonic() < deadline:
            time.sleep(0.05)
        self._reader.join(5)
        return left


def _identity(pid: int) -> str:
    """Start time and command line; empty for what is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
    return "" if fields[0] == "Z" else f"{fields[19]} {command}"


def _tree(root: int) -> dict[int, str]:
    """Everything below `root` or in its process group, by pid."""
    parents: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split() if name.isdigit() else []
        except OSError:
            continue
        if fields:
            parents[int(name)] = (int(fields[1]), int(fields[2]))
    found = {pid for pid, (_, group) in parents.items() if root in (pid, group)}
    while more := {pid for pid, (parent, _) in parents.items() if parent in found and pid not in found}:
        found |= more
    return {pid: _identity(pid) for pid in found if _identity(pid)}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def raise_loopback() -> None:
    """Makes 127.0.0.1 work in a network namespace of its own, where nothing else does."""
    flags_of, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        request = fcntl.ioctl(wire, flags_of, struct.pack("16sh14x", b"lo", 0))
        (flags,) = struct.unpack("16xh14x", request)
        fcntl.ioctl(wire, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--within", type=float, default=180.0, help="seconds from the command to the last word")
    parser.add_argument("--tools", nargs="*", default=[], help="what must be listed")
    parser.add_argument("--flags", nargs="*", default=[], help="for scripts/run, without their dashes")
    parser.add_argument("--terminal", action="store_true")
    parser.add_argument("--alone", action="store_true", help="the network namespace is ours: bring its loopback up")
    options = parser.parse_args()
    if options.alone:
        raise_loopback()
    flags = [f"--{flag}" for flag in options.flags]
    visit = Visit(options.folder.resolve(), flags, terminal=options.terminal, port=free_port())
    visit.until_said(SERVED, options.within)
    key = visit.key()
    tools, server = visit.list_tools(key)
    while not set(options.tools) <= set(tools) and visit.seconds() < options.within:
        # A first start downloads the servers.
        time.sleep(0.5)
        tools, server = visit.list_tools(key)
    for listed in {tool.partition("__")[0] for tool in options.tools}:
        # Said a moment after it is so.
        visit.until_said(f"  {listed}: ready", options.within)
    seconds = visit.seconds()
    left = visit.press_ctrl_c()
    print(json.dumps({"seconds": round(seconds, 1), "tools": tools, "server": server, "output": visit.output}))
    if left:
        sys.exit(f"left behind: {left}")
    if missing := set(options.tools) - set(tools):
        sys.exit(f"not listed: {missing}")


if __name__ == "__main__":
    main()
