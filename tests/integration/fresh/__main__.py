"""The long proof, some minutes: scripts/run and scripts/test in bare Debian roots, as root and as a user.

`scripts/fresh [root] [user] [tests] [--base FOLDER]`: what root and a user see, and the whole of scripts/test.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.fresh.bare_root import USER, BareRoot, copy_of, make_base

ROOT = Path(__file__).resolve().parents[3]
TIME = "--tools time__get_current_time"
VISIT = "python3 tests/integration/fresh/visitor.py ."
WITH_NPX = {
    "mcpServers": {
        "time": {"command": "uvx", "args": ["mcp-server-time"]},
        "memory": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-memory"]},
    }
}


def step(root: BareRoot, what: str, options: str, *, alone: bool = False) -> str:
    """One visit; what scripts/run wrote. Ends the program where a promise is broken."""
    done = root.run(f"{VISIT} {options}{' --alone' if alone else ''}", alone=alone)
    if done.returncode != 0:
        sys.exit(f"FAILED {root.owner}: {what}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    seen = json.loads(done.stdout)
    front = seen["server"].partition("/")[0] or "none"
    print(f"ok  {root.owner}: {what}: {seen['seconds']} s, {len(seen['tools'])} tools, front: {front}", flush=True)
    return f"{seen['server']}\n{seen['output']}"


def demand(true: object, what: str) -> None:
    if not true:
        sys.exit(f"FAILED {what}")


def as_root(root: BareRoot) -> None:
    said = step(root, "first run", f"--within 300 {TIME}")
    demand("Installing python3-venv with apt" in said, f"root installs python3-venv:\n{said}")
    demand("nginx is not on this machine" in said, f"one line says what is missing without nginx:\n{said}")
    step(root, "second run, at once", f"--within 10 {TIME}")
    step(root, "without any network", f"--within 15 {TIME}", alone=True)
    root.run("rm -rf .venv/lib/python3*/site-packages/litestar .venv/bin/uvx data")
    step(root, "damaged .venv, new key on a terminal", f"--within 120 --terminal {TIME}")
    root.run("rm -r .venv/bin/python3 data")
    step(root, "broken .venv", f"--within 180 {TIME}")
    said = step(root, "--edge installs nginx", f"--within 180 --flags edge {TIME}")
    demand(said.startswith("nginx"), f"nginx is in front:\n{said}")
    demand(not list(root.outside("/etc/systemd/system").rglob("nginx.service")), "nginx's service is not enabled")
    demand(not root.outside("/usr/sbin/policy-rc.d").exists(), "policy-rc.d is gone again")
    root.outside(f"{root.project}/config/mcp_config.json").write_text(json.dumps(WITH_NPX))
    step(root, "npx without Node", f"--within 240 {TIME} memory__read_graph")
    step(root, "npx again, without any network", f"--within 30 {TIME} memory__read_graph", alone=True)


def as_user(root: BareRoot) -> None:
    for script in ("run", "test"):
        done = root.run(f"./scripts/{script}")
        lines = [line.strip() for line in done.stderr.splitlines() if "apt-get" in line]
        demand(done.returncode == 1 and len(lines) == 1, f"a user gets the exact command:\n{done.stdout}{done.stderr}")
        print(f"ok  user: scripts/{script} without python3-venv says: {lines[0]}", flush=True)
    typed = root.run(lines[0], owner="root")
    demand(typed.returncode == 0, f"the command works as it stands:\n{typed.stdout}{typed.stderr}")
    step(root, "first run", f"--within 300 {TIME}")
    step(root, "second run, at once", f"--within 10 {TIME}")
    done = root.run("./scripts/test")
    demand(done.returncode == 1 and "CANNOT SET UP nginx" in done.stderr, f"names what is missing:\n{done.stderr}")
    print("ok  user: scripts/test names nginx as what it cannot set up", flush=True)


def whole_test(root: BareRoot) -> None:
    began = time.monotonic()
    done = root.run("CI=true sh .ci/run", seconds=3600)
    lines = done.stdout.splitlines()
    failed = "\n".join(line for line in lines if line.startswith(("FAILED", "ERROR", "==", "CANNOT")))
    demand(done.returncode == 0, f"scripts/test in a bare root:\n{done.stdout[-20000:]}{done.stderr[-2000:]}\n{failed}")
    print(f"ok  root: scripts/test: {time.monotonic() - began:.0f} s: {lines[-1]}", flush=True)


STORIES = {"root": ("root", as_root), "user": (USER, as_user), "tests": ("root", whole_test)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/fresh")
    parser.add_argument("stories", nargs="*", help="root, user, tests; the first two if none is named")
    parser.add_argument("--base", type=Path, metavar="FOLDER", help="where the bare root is kept from run to run")
    options = parser.parse_args()
    wanted: list[str] = options.stories or ["root", "user"]
    if unknown := set(wanted) - set(STORIES):
        parser.error(f"there is no story {unknown}; there are: {', '.join(STORIES)}")
    with tempfile.TemporaryDirectory(prefix="fresh-") as name:
        base: Path = options.base or Path(name, "base")
        make_base(base)
        for story in wanted:
            owner, tell = STORIES[story]
            root = copy_of(base, Path(name, story), owner)
            root.clone(ROOT)
            tell(root)


if __name__ == "__main__":
    main()
