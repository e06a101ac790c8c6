"""The official conformance suite: runs the scenarios of one revision against an endpoint and reads what it found."""

import asyncio
import json
import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from tests.support.programs import ROOT, module_of

PACKAGE = "@modelcontextprotocol/conformance"
LIMIT = 240.0  # seconds for one revision; the bare server needs three
DATED = re.compile(r"-\d{4}-\d\d-\d\dT.*$")


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    status: str  # SUCCESS, FAILURE, WARNING, SKIPPED or INFO
    why: str


Results = dict[str, list[Check]]


def node() -> str:
    """The project's own Node: the suite uses what came with version 22."""
    path = ROOT / ".venv/node/node"
    assert path.exists(), "Node is not set up: run ./scripts/test"
    return str(path)


def required(revision: str) -> list[str]:
    """The scenarios a server must pass, as the suite froze them for the revision."""
    path = Path(module_of("conformance", f"{PACKAGE}/requirements/{revision}.yaml"))
    return yaml.safe_load(path.read_text())["server"]


async def run(url: str, revision: str, folder: Path) -> Results:
    """Runs all scenarios of `revision` against `url`; the suite's own files stay in `folder`.

    Raises RuntimeError with the end of its output when it wrote no results.
    """
    with fresh_log(folder) as log:
        process = await asyncio.create_subprocess_exec(
            node(),
            module_of("conformance", f"{PACKAGE}/dist/index.js"),
            *("server", "--url", url, "--requirements", revision, "--output-dir", str(folder)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "NO_COLOR": "1"},
        )
        try:
            await asyncio.wait_for(process.wait(), LIMIT)  # its exit code also counts what is not required
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    results = read(folder)
    if not results:
        raise RuntimeError(f"the suite wrote no results:\n{(folder / 'output.log').read_text()[-2000:]}")
    return results


def fresh_log(folder: Path) -> BinaryIO:
    """Makes the folder, without what an earlier run left, and opens the file for the suite's output."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return (folder / "output.log").open("wb")


def read(folder: Path) -> Results:
    found: Results = {}
    for path in sorted(folder.glob("server-*/checks.json")):
        scenario = DATED.sub("", path.parent.name).removeprefix("server-")
        found[scenario] = [to_check(item) for item in json.loads(path.read_text())]
    return found


def to_check(item: dict[str, Any]) -> Check:
    return Check(item["id"], item["status"], str(item.get("errorMessage") or item.get("details") or ""))


def successes(checks: list[Check]) -> Counter[str]:
    """How often each check succeeded; a name can stand several times in a scenario."""
    return Counter(check.name for check in checks if check.status == "SUCCESS")
