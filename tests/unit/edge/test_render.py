"""The configuration is what the golden files hold; `GOLDEN=write pytest …` writes them anew, for a diff."""

import os
import subprocess
from pathlib import Path

import pytest

from app.edge.render import SOURCES, render
from app.edge.settings import EdgeSettings
from app.serve.nginx import ROOT, find

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "nginx" / "plain"
SETTINGS = EdgeSettings(
    listen=(("0.0.0.0", 8080), ("::", 8080)),
    socket="/run/gateway/app.sock",
    runtime="/run/gateway",
    max_body=16 * 1024 * 1024,
    connections=4096,
    user=("www-data", "www-data"),
)


def _sources() -> dict[str, str]:
    return {name: (ROOT / name).read_text() for name in SOURCES}


@pytest.mark.parametrize("name", SOURCES)
def test_a_rendered_file_is_its_golden_one(name: str) -> None:
    rendered = render(_sources(), SETTINGS)[name]
    golden = GOLDEN / name
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(rendered)
    assert rendered == golden.read_text()


def test_every_source_is_rendered_and_every_file_of_the_folder_is_a_source() -> None:
    present = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.conf")}
    assert present == set(SOURCES) == set(render(_sources(), SETTINGS))


def test_a_name_that_no_value_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        render({"x": "listen @{unheard_of};"}, SETTINGS)


def test_who_is_not_root_gets_no_user_directive() -> None:
    plain = EdgeSettings(listen=SETTINGS.listen, socket="/s", runtime="/r", max_body=1)
    assert "\nuser " not in render(_sources(), plain)["nginx.conf"]


def test_the_real_nginx_accepts_it(tmp_path: Path) -> None:
    binary = find()
    assert binary, "nginx is not installed: ./scripts/test sets it up"
    settings = EdgeSettings(
        listen=(("127.0.0.1", 18099), ("::1", 18099)),
        socket=f"{tmp_path}/app.sock",
        runtime=str(tmp_path),
        max_body=1024,
    )
    for name, text in render(_sources(), settings).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    command = [binary, "-e", "stderr", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-t"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "[emerg]" not in done.stderr
