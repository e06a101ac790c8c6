"""The environment, as INTERFACE's table has it."""

import subprocess
import sys

import pytest

from app.config.settings import (
    TUNNEL_TOKEN,
    Settings,
    SettingsError,
    endpoint_url,
    load_settings,
    public_url,
    secrets_of,
)

LOCAL = {"MCP_HOST": "127.0.0.1"}


def load(**env: str) -> Settings:
    return load_settings(env, terminal=False)[0]


def warnings(**env: str) -> tuple[str, ...]:
    return load_settings(LOCAL | env, terminal=False)[1]


def problems(**env: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_settings(env, terminal=False)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load()
    assert settings == Settings()
    assert (settings.host, settings.port, settings.max_body, settings.edge) == ("0.0.0.0", 8080, 16777216, "auto")
    assert (settings.data_dir, settings.keys_file) == ("./data", "./data/api_keys.json")


def test_an_empty_variable_is_not_set() -> None:
    assert load(MCP_PORT="", MCP_PATH_PREFIX=" ", MCP_WORKERS="") == Settings()


def test_logs_are_text_on_a_terminal_and_json_elsewhere_unless_said_otherwise() -> None:
    assert load_settings({}, terminal=True)[0].log_format == "text"
    assert load().log_format == "json"
    assert load(MCP_LOG_FORMAT="text").log_format == "text"


def test_every_problem_is_told_at_once_with_name_value_and_what_is_allowed() -> None:
    found = problems(MCP_PORT="80800", MCP_EDGE="perhaps", MCP_LOG_LEVEL="loud", MCP_MAX_BODY="big")
    assert [line.partition("=")[0] for line in found] == ["MCP_PORT", "MCP_MAX_BODY", "MCP_EDGE", "MCP_LOG_LEVEL"]
    assert found[0] == 'MCP_PORT="80800" is not allowed: a number from 1 to 65535'


def test_more_workers_than_there_are_stop_the_start_by_name() -> None:
    (found,) = problems(MCP_WORKERS="2")
    assert found.startswith("MCP_WORKERS")
    assert "not supported by this version" in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MCP_PATH_PREFIX", "s3cret"),
        ("MCP_PATH_PREFIX", "s3cret-of-a-prefix;"),
        ("MCP_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("MCP_DOMAIN", "*.example.com"),
        ("MCP_ACME_EMAIL", "nobody"),
        ("MCP_ACME_SERVER", "http://acme.example.com/directory"),
        ("MCP_ACME_SERVER", "https://acme.example.com/ --force"),
        ("MCP_LIMIT_IP", "0"),
        ("MCP_LIMIT_KEY", "many"),
        ("MCP_LIMIT_STREAMS", "-1"),
        ("MCP_LIMIT_TOOL", "0"),
        ("MCP_DECOY_PREFIX", "s3cret;"),
        ("MCP_DECOY_PREFIX", "s3cret-beside-no-prefix"),
    ],
)
def test_a_wrong_value_for_the_edge_stops_the_start_by_name_and_shows_no_prefix(name: str, value: str) -> None:
    (found,) = problems(**{name: value})
    assert found.startswith(name)
    assert "is not allowed" in found
    assert "s3cret" not in found


def test_the_edge_is_set_by_its_variables_and_its_limits_have_defaults() -> None:
    found = load(
        MCP_PATH_PREFIX="/first-prefix-of-many-letters/mcp, second-prefix-of-many-letters/",
        MCP_TRUSTED_PROXIES="10.1.2.3, fd00::/8",
        MCP_DOMAIN="MCP.Example.com",
        MCP_ACME_EMAIL="ops@example.com",
        MCP_ACME_SERVER="https://ca.example.com:9000/acme/directory",
        MCP_LIMIT_KEY="5",
        CLOUDFLARE_TUNNEL_TOKEN="token-of-the-tunnel",
    )
    assert found.path_prefixes == ("first-prefix-of-many-letters", "second-prefix-of-many-letters")
    assert found.trusted_proxies == ("10.1.2.3/32", "fd00::/8")
    assert (found.domains, found.acme_email) == (("mcp.example.com",), "ops@example.com")
    assert found.acme_server == "https://ca.example.com:9000/acme/directory"
    assert "staging" in (load(MCP_ACME_SERVER="staging").acme_server or "")
    assert (found.limit_ip, found.limit_key, found.limit_streams) == (2000, 5, 200)
    assert "prefix" not in repr(found)


def test_a_decoy_is_another_prefix_beside_one() -> None:
    prefix = "a-prefix-of-many-letters-1"
    assert load(MCP_PATH_PREFIX=prefix, MCP_DECOY_PREFIX="decoy-one, decoy-two").decoy_prefixes == (
        "decoy-one",
        "decoy-two",
    )
    (found,) = problems(MCP_PATH_PREFIX=prefix, MCP_DECOY_PREFIX=f"decoy-one,{prefix}")
    assert found.startswith("MCP_DECOY_PREFIX")
    assert prefix not in found


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "http://localhost:8080/a-prefix-of-many-letters-1/mcp"),
        ({"MCP_DOMAIN": "mcp.example.com,other.example.com"}, "https://mcp.example.com/a-prefix-of-many-letters-1/mcp"),
        ({"MCP_PUBLIC_URL": "https://x.example/mcp"}, "https://x.example/a-prefix-of-many-letters-1/mcp"),
        (
            {"MCP_PUBLIC_URL": "https://x.example/another-prefix-12345678/mcp"},
            "https://x.example/another-prefix-12345678/mcp",
        ),
    ],
)
def test_the_endpoints_url_holds_the_first_prefix_once(env: dict[str, str], expected: str) -> None:
    assert endpoint_url(load(MCP_PATH_PREFIX="a-prefix-of-many-letters-1,another-prefix-12345678", **env)) == expected


def test_a_prefix_that_can_be_guessed_warns_and_is_not_shown() -> None:
    (line,) = warnings(MCP_PATH_PREFIX="fourteen-chars")
    assert line.startswith("MCP_PATH_PREFIX")
    assert "fourteen" not in line
    assert warnings(MCP_PATH_PREFIX="twenty-two-characters-") == ()


def test_what_of_the_environment_is_secret() -> None:
    env = {"MCP_API_KEYS": "key-one-12:a, key-two-12:b", "MCP_PATH_PREFIX": "a-prefix-1", TUNNEL_TOKEN: "token"}
    env["MCP_DECOY_PREFIX"] = "a-decoy-1"
    assert list(secrets_of(load(**env), env)) == ["key-one-12", "key-two-12", "a-prefix-1", "a-decoy-1", "token"]


def test_pages_of_the_domain_may_call() -> None:
    assert load(MCP_DOMAIN="mcp.example.com").allows_origin()("https://mcp.example.com")


def test_one_worker_is_what_there_is() -> None:
    assert load(MCP_WORKERS="1") == Settings()


def test_live_reload_is_switched_on_without_a_remark() -> None:
    assert load(MCP_LIVE_RELOAD="true").live_reload
    assert not load(MCP_LIVE_RELOAD="false").live_reload
    assert warnings(MCP_LIVE_RELOAD="true") == ()


@pytest.mark.parametrize(
    ("name", "meant"),
    [("MCP_API_KEY", "MCP_API_KEYS"), ("MCP_PROT", "MCP_PORT"), ("mcp_port", "MCP_PORT"), ("MCPPORT", "MCP_PORT")],
)
def test_an_unknown_variable_close_to_ours_warns(name: str, meant: str) -> None:
    (line,) = warnings(**{name: "s3cret"})
    assert line.startswith(name)
    assert meant in line
    assert "s3cret" not in line


def test_a_variable_far_from_ours_is_someone_else_s() -> None:
    assert warnings(MCP_ENDPOINT="x", MCP_SOMETHING="x", PORT="x", MCP_LOG_LEVEL="INFO", MCP_LOG_LEVELS="a:INFO") == ()


def test_plain_http_beyond_this_machine_is_said() -> None:
    assert load_settings({}, terminal=False)[1] == ("listening on 0.0.0.0:8080 in plain HTTP: put TLS in front",)
    assert load_settings({"MCP_PUBLIC_URL": "https://a.example"}, terminal=False)[1] == ()
    assert warnings() == ()


def test_disabled_auth_is_said() -> None:
    assert "MCP_DISABLE_AUTH" in warnings(MCP_DISABLE_AUTH="true")[0]
    assert "everyone" in warnings(MCP_DISABLE_AUTH="i-understand")[0]


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "http://localhost:8080"),
        ({"MCP_HOST": "127.0.0.1", "MCP_PORT": "9000"}, "http://127.0.0.1:9000"),
        ({"MCP_PUBLIC_URL": "https://a.example"}, "https://a.example"),
        ({"MCP_PUBLIC_URL": "https://a.example/"}, "https://a.example"),
        ({"MCP_PUBLIC_URL": "https://a.example/mcp"}, "https://a.example"),
        ({"MCP_PUBLIC_URL": "https://a.example/gw/mcp/"}, "https://a.example/gw"),
    ],
)
def test_the_endpoint_is_the_public_url_with_mcp_once(env: dict[str, str], url: str) -> None:
    settings = load(**env)
    assert public_url(settings) == url
    assert endpoint_url(settings) == f"{url}/mcp"


def test_hosts_are_checked_when_they_are_listed_or_auth_is_disabled() -> None:
    assert load().allows_host() is None
    assert load(MCP_DISABLE_AUTH="i-understand").allows_host() is None
    listed = load(MCP_ALLOWED_HOSTS="a.example").allows_host()
    assert listed is not None
    assert listed("a.example")
    assert not listed("localhost")
    local = load(MCP_DISABLE_AUTH="true").allows_host()
    assert local is not None
    assert local("localhost:8080")
    assert not local("a.example")


def test_origins_follow_their_variable() -> None:
    assert load().allows_origin()("http://localhost:1")
    assert not load(MCP_ALLOWED_ORIGINS="https://a.example").allows_origin()("http://localhost:1")


def test_a_tilde_is_the_home_directory_as_in_a_shell() -> None:
    settings = load(MCP_DATA_DIR="~/data", HOME="/srv/u")
    assert settings.data_dir == "/srv/u/data"


def test_keys_never_show_in_its_repr() -> None:
    assert "s3cret" not in repr(load(MCP_API_KEYS="s3cret-s3cret:a"))


def test_the_launcher_can_load_it_with_the_standard_library_alone() -> None:
    program = (
        "import sys, app.config.settings;"
        "sys.exit(any(name in sys.modules for name in ('msgspec', 'litestar', 'mcp', 'anyio', 'asyncio', 'logging')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=30).returncode == 0
