"""The SDK is entered without what its package files load."""

import subprocess
import sys

HEAVY = ("starlette", "uvicorn", "httpx2", "mcp.server", "cryptography")


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(run.stdout.split())


def test_negotiating_loads_no_server_and_no_second_http_client() -> None:
    loaded = loaded_by("from app.upstream.sdk import enter; enter(); import app.upstream.negotiate")
    assert "mcp.client.session" in loaded
    assert [name for name in HEAVY if name in loaded] == []


def test_an_sdk_that_is_loaded_already_stays_as_it_is() -> None:
    loaded = loaded_by("import mcp.server; from app.upstream.sdk import enter; enter(); assert mcp.server.__file__")
    assert "mcp.server" in loaded
