"""The documents say what the program does: every table is compared with what it describes, every example is run."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.cli import COMMANDS
from app.cli.connect import CLIENTS, NO_KEY, config_for
from app.config import schema, settings
from app.config.compile import read_snapshot
from app.config.keys import read_keyring
from app.config.snapshot import Snapshot
from app.protocol.faults import TABLE
from app.upstream.upstream import State as ServerState
from tests.support.programs import ROOT
from tests.support.table import diagram, table

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
# Read by `tools` and `call` alone.
CLIENT_SIDE = {"MCP_ENDPOINT", "MCP_API_KEY"}
# Of the program that the README compares with, and of nobody here.
FOREIGN = {"MCP_MAX_RETRIES", "MCP_RESTART_DELAY", "MCP_BASE_URL", "MCP_AUTH"}


def rows(page: Path, *headings: str) -> list[list[str]]:
    """The rows of the page's tables that have these column headings."""
    found: list[list[str]] = []
    inside = False
    for line in page.read_text().splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if cells == list(headings):
            inside = True
        elif inside and not set(line) <= set("|- :"):
            found.append(cells)
    assert found, f"{page.name} has no table {headings}"
    return found


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks whose fence says `language`."""
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def name_in(cell: str) -> str:
    return cell.strip("`")


def test_every_variable_is_documented_and_no_other() -> None:
    page = DOCS / "configuration.md"
    assert {name_in(row[0]) for row in rows(page, "variable", "default", "meaning")} == set(settings.VARIABLES)
    assert {name_in(row[0]) for row in rows(page, "variable", "meaning")} == CLIENT_SIDE


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_variable_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"\bMCP_[A-Z_]*[A-Z]\b", page.read_text()))
    assert named <= {*settings.VARIABLES, *CLIENT_SIDE, *FOREIGN}


def test_the_env_example_names_only_variables_that_exist_and_starts_the_gateway() -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?(MCP_[A-Z_]+)=", text, re.MULTILINE))
    assert named <= set(settings.VARIABLES)
    settings.load_settings(settings.parse_dotenv(text), terminal=False)
    settings.load_settings(settings.parse_dotenv(re.sub(r"^#(?=MCP_)", "", text, flags=re.MULTILINE)), terminal=False)


def test_every_default_that_is_plain_is_the_programs_own() -> None:
    known, _ = settings.load_settings({}, terminal=False)
    told = {name_in(row[0]): row[1] for row in rows(DOCS / "configuration.md", "variable", "default", "meaning")}
    assert told["MCP_PORT"] == f"`{known.port}`"
    assert told["MCP_HOST"].startswith(f"`{known.host}`")
    assert told["MCP_DATA_DIR"] == f"`{known.data_dir}`"
    assert told["MCP_LOG_LEVEL"] == f"`{known.log_level}`"
    assert told["MCP_EDGE"] == f"`{known.edge}`"
    assert settings.load_settings({"MCP_MAX_BODY": name_in(told["MCP_MAX_BODY"])}, terminal=False)[0] == known


def test_every_config_key_is_documented_and_no_other() -> None:
    tables = rows(DOCS / "configuration.md", "key", "meaning")
    names = [name_in(row[0]) for row in tables]
    keys_file = ["client_id", "scopes", "expires_at", "enabled"]
    assert names == [*schema.KEYS, *keys_file]
    text = (DOCS / "configuration.md").read_text()
    assert all(f"`{alias}`" in text for alias in schema.ALIASES)


def test_every_fault_is_documented_with_its_form_on_the_wire() -> None:
    page = DOCS / "faults.md"
    told = rows(page, "kind", "code", "HTTP 2026-07-28", "HTTP older", "what it means", "what to do")
    assert [row[:4] for row in told] == [
        [f"`{kind.value}`", str(row.code), str(row.modern), str(row.legacy)] for kind, row in TABLE.items()
    ]
    assert all(row[4].endswith(".") and row[5].endswith(".") for row in told)


def test_the_exchange_does_what_its_table_says() -> None:
    assert rows(DOCS / "eras.md", "state", "event", "next", "effects") == table()


def test_the_diagram_is_drawn_from_the_table() -> None:
    assert blocks(DOCS / "eras.md", "mermaid") == ["\n".join(diagram()) + "\n"]


def test_the_rooms_are_those_that_the_import_contract_knows() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    rooms = [name for layer in layers for name in re.findall(r"\w+", layer)]
    page = (DOCS / "architecture.md").read_text()
    assert f"`{' | '.join(rooms[:3])} → {' → '.join(rooms[3:])}`" in page
    assert sorted(
        name_in(row[0]) for row in rows(DOCS / "architecture.md", "room", "what it is", "what is not in it")
    ) == sorted(rooms)


@pytest.mark.parametrize("room", ["gateway", "upstream"])
def test_every_module_of_a_large_room_has_its_place_there_and_no_other(room: str) -> None:
    told = re.findall(r"`(\w+)`", " ".join(row[1] for row in rows(DOCS / "architecture.md", "subject", f"in `{room}`")))
    there = [path.stem for path in (ROOT / "app" / room).glob("*.py") if path.stem != "__init__"]
    assert sorted(told) == sorted(there)


def test_every_dependency_has_its_reason_and_no_other() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needed = [
        *project["project"]["dependencies"],
        *(name for group in project["dependency-groups"].values() for name in group),
    ]
    told = rows(DOCS / "dependencies.md", "package", "why")
    assert sorted(name_in(row[0]) for row in told) == sorted(re.split(r"[=<>\[]", name)[0] for name in needed)


def test_every_command_is_in_the_readme_and_no_other() -> None:
    told = rows(ROOT / "README.md", "command", "what it does")
    assert {name_in(row[0]).split()[0] for row in told} == set(COMMANDS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_command_that_does_not_exist(page: Path) -> None:
    named = set(re.findall(r"python -m app ([a-z]+)", page.read_text()))
    assert named <= {*COMMANDS, "run"}


@pytest.mark.parametrize("client", CLIENTS)
def test_the_config_shown_for_a_client_is_the_one_that_connect_prints(client: str) -> None:
    text = (DOCS / "clients.md").read_text()
    shown = re.findall(rf"<!-- {client} -->\n```\w+\n(.*?)\n```", text, re.DOTALL)
    assert shown == [config_for(client, "http://localhost:8080/mcp", NO_KEY)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_json_example_is_json(page: Path) -> None:
    for language in ("json", "json config", "json keys"):
        for block in blocks(page, language):
            json.loads(block)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_config_example_is_one_that_check_has_nothing_to_say_about(page: Path) -> None:
    for block in blocks(page, "json config"):
        snapshot = read_snapshot(block.encode(), page.name, {})
        assert isinstance(snapshot, Snapshot)
        assert snapshot.notices == ()
        assert [server.reason for server in snapshot.disabled if not server.by_user] == []
    for block in blocks(page, "json keys"):
        assert read_keyring("", block.encode(), page.name, now=0.0).notices == ()


@pytest.mark.parametrize("block", blocks(ROOT / "README.md", "sh offline"))
def test_every_command_of_the_readme_that_needs_no_gateway_runs(block: str, tmp_path: Path) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    script = ["sh", "-eu", "-c", block]
    done = subprocess.run(
        script, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", page.read_text()):
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_state_of_a_server_is_documented_and_no_other() -> None:
    headings = ("state", "what it means", "calls", "what follows by itself")
    told = {name_in(row[0]) for row in rows(DOCS / "operations.md", *headings)}
    assert told == {state.value for state in ServerState} | {"disabled"}
