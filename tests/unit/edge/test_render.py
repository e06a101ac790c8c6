"""What nginx gets, to the byte; the real nginx and a linter over it; and that no value becomes configuration.

`GOLDEN=write` renews the golden files, which hold a variant's files one after the other.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from app.config import edge
from app.edge.render import SOURCES, printed, render
from app.edge.settings import VARIANTS, EdgeSettings, Variant
from app.serve.nginx import ROOT, find, sources, version
from tests.support.tls import certificate

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "nginx"
LISTEN = (("0.0.0.0", 8080), ("::", 8080))
COMMON: dict[str, Any] = {
    "listen": LISTEN,
    "socket": "/run/gateway/app.sock",
    "runtime": "/run/mcp-proxy",
    "max_body": 16 * 1024 * 1024,
    "connections": 4096,
}
TLS: dict[str, Any] = {
    "listen_tls": (("0.0.0.0", 8443), ("::", 8443)),
    "domains": ("mcp.example.com", "mcp.example.org"),
    "certificate": ("/certificates/chain.pem", "/certificates/key.pem"),
    "webroot": "/var/www/acme",
    "farewell": "/run/mcp-proxy/farewell",
}
CASES: dict[str, EdgeSettings] = {
    "plain": EdgeSettings(**COMMON, user=("www-data", "www-data")),
    "plain-prefix": EdgeSettings(
        **COMMON,
        prefixes=("first-prefix-of-many-letters", "second-prefix-of-many-letters"),
        decoys=("first-decoy-of-many-letters", "second-decoy-of-many-letters"),
        trusted=("10.0.0.0/8",),
        limit_tool=50,
    ),
    "tunnel": EdgeSettings(**COMMON, variant="tunnel", trusted=("172.30.0.2/32",), shutdown=30, access_log=False),
    "tls": EdgeSettings(**COMMON, **TLS, variant="tls", shutdown=30),
    "tls-1.30": EdgeSettings(**COMMON, **TLS, variant="tls", shutdown=30, version=(1, 30, 0)),
}
BINARY = find()
assert BINARY, "nginx is not installed: ./scripts/test sets it up"
# Some directives are unknown to an older one, and deprecated in a newer: the one that is installed must agree.
INSTALLED = version(BINARY)
# What gixy says of every configuration of this kind, and why it is meant so.
MEANT = {
    "host_spoofing": "the app sees the Host that was sent, and judges it (MCP_ALLOWED_HOSTS)",
    "try_files_is_evil_too": "`return` goes past the limits; what it looks for is never there",
    "http2_misdirected_request": "421 is said by `try_files`, after the limits",
    "worker_rlimit_nofile_vs_connections": "whoever starts nginx derives worker_connections from the limit",
}
OF_TLS_ALONE = {"hsts_header": "a plain listener has none to send"}


@pytest.mark.parametrize("name", CASES)
def test_a_rendered_configuration_is_its_golden_one(name: str) -> None:
    found = printed(render(sources(CASES[name].variant), CASES[name]))
    golden = GOLDEN / f"{name}.conf"
    if os.environ.get("GOLDEN") == "write":
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(found)
    assert found == golden.read_text()


def test_every_file_of_the_folder_is_a_source_of_some_variant() -> None:
    present = {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.conf")}
    assert present == {name for names in SOURCES.values() for name in names}
    assert {path.stem for path in GOLDEN.glob("*.conf")} == set(CASES)


def test_a_name_that_no_value_has_is_an_error() -> None:
    with pytest.raises(KeyError):
        render({"x": "listen @{unheard_of};"}, CASES["plain"])


def test_who_is_not_root_gets_no_user_directive() -> None:
    rendered = render(sources("plain"), replace(CASES["plain"], user=None))
    assert "\nuser " not in rendered["nginx.conf"]


@pytest.mark.parametrize(("version", "old"), [((1, 22, 1), True), ((1, 25, 0), True), ((1, 25, 1), False)])
def test_http2_is_asked_for_as_the_version_has_it(version: tuple[int, int, int], old: bool) -> None:
    text = printed(render(sources("tls"), replace(CASES["tls"], version=version)))
    assert ("ssl http2" in text, "http2 on;" in text) == (old, not old)


@pytest.mark.parametrize(
    ("settings", "made"),
    [
        ({"farewell": "/run/mcp-proxy/farewell"}, True),
        ({}, False),  # nobody would take it away
        ({"farewell": "/run/mcp-proxy/farewell", "version": (1, 27, 4)}, False),  # leaves idle connections open
    ],
)
def test_nginx_makes_a_sign_of_its_reloads_where_it_is_needed_and_looked_after(
    settings: dict[str, Any], made: bool
) -> None:
    text = printed(render(sources("plain"), replace(CASES["plain"], **settings)))
    assert ("scgi_temp_path /run/mcp-proxy/farewell;" in text) == made
    assert ("if (-d /run/mcp-proxy/farewell$http2)" in text) == made


@pytest.mark.parametrize("name", CASES)
def test_the_real_nginx_accepts_it(tmp_path: Path, name: str) -> None:
    chosen = CASES[name]
    _written(tmp_path, replace(chosen, version=INSTALLED, user=None))
    assert _tested(tmp_path) == ""


@pytest.mark.parametrize("name", ["plain-prefix", "tunnel", "tls"])
def test_a_linter_finds_nothing_but_what_is_meant(tmp_path: Path, name: str) -> None:
    _written(tmp_path, replace(CASES[name], version=INSTALLED))
    skipped = {**MEANT, **({} if name == "tls" else OF_TLS_ALONE)}
    command = [sys.executable, "-m", "gixy", "-f", "json", "--skips", ",".join(skipped), str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout) == [], done.stdout + done.stderr


# No address or file of a case is opened by `nginx -t` but those of a certificate.
PATHS = st.text(st.characters(codec="utf-8"), max_size=20) | st.from_regex(r"\A/[A-Za-z0-9._/+@=:,~-]{0,20}\Z")
TEXT = (
    st.text(max_size=70)
    | st.from_regex(r"\A[A-Za-z0-9_-]{7,65}\Z")
    | st.sampled_from(["a;b", "a{b", "$uri-long", "a\n}"])
)
NUMBERS = st.integers(-10, 1 << 42)
NETWORKS = st.ip_addresses().map(str) | st.builds("{}/{}".format, st.ip_addresses(), st.integers(0, 129)) | TEXT
ADDRESSES = st.ip_addresses().map(str) | TEXT
ANYTHING = st.fixed_dictionaries(
    {
        "listen": st.lists(st.tuples(ADDRESSES, st.integers(-1, 70000)), max_size=3, unique=True).map(tuple),
        "socket": PATHS,
        "max_body": NUMBERS,
    },
    optional={
        "connections": NUMBERS,
        "prefixes": st.lists(TEXT, max_size=3).map(tuple),
        "decoys": st.lists(TEXT, max_size=3).map(tuple),
        "trusted": st.lists(NETWORKS, max_size=3).map(tuple),
        "limit_ip": NUMBERS,
        "limit_key": NUMBERS,
        "limit_tool": NUMBERS,
        "limit_streams": NUMBERS,
        "shutdown": NUMBERS,
        "farewell": st.none() | PATHS,
        "variant": st.sampled_from(["plain", "tunnel"]),
        "user": st.none() | st.tuples(TEXT, TEXT),
    },
)


@given(ANYTHING)
@settings(max_examples=300, deadline=None)
def test_no_input_gives_a_directive_that_the_templates_have_not(given: dict[str, Any]) -> None:
    try:
        chosen = EdgeSettings(**given, runtime="/run/mcp-proxy")
    except ValueError:
        return
    assert _directives(printed(render(sources(chosen.variant), chosen))) <= KNOWN


# nginx takes the broadcast address for none, and so do we.
HOSTS = (
    st.ip_addresses()
    .filter(lambda address: str(address) != "255.255.255.255")
    .map(lambda address: f"{address}/{address.max_prefixlen}")
)
NAMES = st.lists(st.from_regex(r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z"), min_size=1, max_size=4).map(
    lambda labels: ".".join([*labels[:3], "example"])
)
LONGEST = ".".join(["a" * 63] * 3 + ["b" * 61])
assert len(LONGEST) == 253
PREFIXES = st.from_regex(r"\A[A-Za-z0-9_-]{8,64}\Z")
MANY = st.integers(1, edge.MOST_PREFIXES).map(lambda count: tuple(f"{number:064}" for number in range(count)))
ALLOWED = st.fixed_dictionaries(
    {
        "listen": st.lists(
            st.tuples(st.sampled_from(["127.0.0.1", "::1", "0.0.0.0", "::"]), st.integers(1, 65535)),
            min_size=1, max_size=3, unique=True,
        ).map(tuple),
        "socket": st.from_regex(r"\A/[A-Za-z0-9._/+@=:,~-]{1,106}\Z"),
        "max_body": st.integers(1024, 1 << 40),
        "prefixes": st.lists(PREFIXES, max_size=9, unique=True).map(tuple) | MANY,
        "trusted": st.lists(HOSTS, max_size=3, unique=True).map(tuple),
        "limit_ip": st.integers(1, 1_000_000),
        "limit_key": st.integers(1, 1_000_000),
        "limit_tool": st.integers(1, 1_000_000),
        "decoys": st.lists(PREFIXES, max_size=3, unique=True).map(tuple),
        "limit_streams": st.integers(1, 65535),
        "connections": st.integers(64, 16384),
        "shutdown": st.integers(1, 3600),
        "variant": st.sampled_from(VARIANTS),
        "domains": st.lists(NAMES | st.just(LONGEST), min_size=1, max_size=5, unique=True).map(tuple),
    }
)  # fmt: skip


@given(ALLOWED)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nginx_takes_whatever_the_settings_allow(tmp_path: Path, given: dict[str, Any]) -> None:
    tls = {**TLS, "domains": given["domains"]} if given["variant"] == "tls" else {"domains": ()}
    assume(tls.get("listen_tls", ()) == () or not {*given["listen"]} & {*TLS["listen_tls"]})
    # Decoys go with prefixes.
    chosen = {**given, **tls, "runtime": str(tmp_path), "version": INSTALLED}
    if not given["prefixes"] or {*given["prefixes"]} & {*given["decoys"]}:
        del chosen["decoys"]
    _written(tmp_path, EdgeSettings(**chosen))
    said = _tested(tmp_path)
    assert not [line for line in said.splitlines() if "[emerg]" in line and "bind()" not in line], said


def _directives(text: str) -> set[str]:
    """The words that begin a statement, and those in maps and blocks, as nginx splits a file."""
    bare = re.sub(r"#[^\n]*|'[^']*'|\"[^\"]*\"", " ", text)
    return {words[0] for part in re.split(r"[;{}]", bare) if (words := part.split())}


KNOWN = set[str]().union(*(_directives("\n".join(sources(variant).values())) for variant in VARIANTS)) | {
    "user", "listen", "set_real_ip_from", "real_ip_header", "real_ip_recursive", "http2",
    "keepalive_min_timeout",
}  # fmt: skip


def _written(folder: Path, chosen: EdgeSettings) -> None:
    if chosen.variant == "tls":
        made = str(certificate(folder))
        chosen = replace(chosen, certificate=(made, made), webroot=str(folder))
    sign = chosen.farewell and str(folder / "farewell")
    for name, text in render(sources(chosen.variant), replace(chosen, runtime=str(folder), farewell=sign)).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def _tested(folder: Path) -> str:
    """What the installed nginx has to say against it."""
    assert BINARY, "asserted above"
    command = [BINARY, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-t", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stderr


def test_each_variant_names_its_template() -> None:
    variants: tuple[Variant, ...] = ("plain", "tunnel", "tls")
    assert variants == VARIANTS
    assert all(f"templates/{variant}.conf" in SOURCES[variant] for variant in variants)
