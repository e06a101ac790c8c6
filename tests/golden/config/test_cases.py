"""Config texts and what becomes of them: `NAME.case` is the text, a line of dashes, the servers and notices.

`GOLDEN=write` in the environment writes what is there now instead of comparing; read the difference before committing.
"""

import os
from pathlib import Path

import msgspec
import pytest

from app.config.compile import read_snapshot
from app.config.snapshot import Notice, ServerSpec, Snapshot
from app.gateway.sources import to_line

CASES = sorted(Path(__file__).parent.glob("*.case"))
ENV = {"HOME": "/srv/u", "TOKEN": "s3cret", "EMPTY": ""}
SEPARATOR = "\n----\n"


def rendered(text: str) -> str:
    read = read_snapshot(text.encode(), "mcp_config.json", ENV)
    if isinstance(read, Notice):
        return f"unreadable {to_line(read)}\n"
    return "".join(f"{line}\n" for line in lines(read))


def lines(snapshot: Snapshot) -> list[str]:
    running = [f"server {spec.name}{fields(spec)}" for spec in snapshot.servers]
    off = [f"disabled {one.name}{' by user' if one.by_user else ''}: {one.reason}" for one in snapshot.disabled]
    notices = [f"{'error' if notice.error else 'warning'} {to_line(notice)}" for notice in snapshot.notices]
    return running + off + notices


def fields(spec: ServerSpec) -> str:
    """What differs from the defaults, one indented line each."""
    plain = ServerSpec(spec.name, spec.name, "stdio", spec.name)
    differs = [name for name in spec.__struct_fields__ if getattr(spec, name) != getattr(plain, name)]
    return "".join(f"\n  {name}: {msgspec.json.encode(getattr(spec, name)).decode()}" for name in differs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_config_means_what_its_case_says(case: Path) -> None:
    text, _, expected = case.read_text(encoding="utf-8").partition(SEPARATOR)
    if os.environ.get("GOLDEN") == "write":
        case.write_text(f"{text}{SEPARATOR}{rendered(text)}", encoding="utf-8")
        return
    assert rendered(text) == expected


def test_there_are_cases() -> None:
    assert len(CASES) >= 10
