"""What logs show of a server."""

from app.config.masking import SHORTEST_SECRET, describe, masked_args, masked_url, secrets_of, without_secrets
from app.config.snapshot import ServerSpec
from app.serve import logs


def test_a_url_is_shown_without_what_can_carry_a_key() -> None:
    assert masked_url("https://u:p@mcp.example.com:1/api/s3cret/mcp?key=s3cret") == "https://mcp.example.com:1/***"
    assert masked_url("https://mcp.example.com/") == "https://mcp.example.com"
    assert masked_url("nonsense s3cret") == "***"


def test_arguments_that_look_secret_are_masked_and_others_are_not() -> None:
    args = ("-y", "@modelcontextprotocol/server-filesystem", "/srv/u/Documents", "--port", "8080", "--verbose")
    assert masked_args(args) == args
    secret = (
        "--api-key",
        "abc",
        "--token=abc",
        "-H",
        "--header",
        "Authorization: abc",
        "KEY=abc",
        "sk-abcdefghijklmnop1234",
    )
    assert not any("abc" in shown for shown in masked_args(secret))
    assert masked_args(("mcp-remote", "https://x.example/abc")) == ("mcp-remote", "https://x.example/***")


def test_a_server_is_one_line_without_environment_and_headers() -> None:
    stdio = ServerSpec("a", "a", "stdio", "a", command="uvx", args=("x", "--password", "s3cret"), env={"K": "s3cret"})
    remote = ServerSpec("a", "a", "auto", "a", url="https://x.example/mcp", headers={"Authorization": "s3cret"})
    assert describe(stdio) == "uvx x --password ***"
    assert describe(remote) == "https://x.example/***"


def test_what_can_be_a_credential_is_known_to_whoever_hides_it() -> None:
    spec = ServerSpec(
        name="a", label="a", kind="http", prefix="a",
        url="https://user:hunter22@host.example/v1/sk-0123456789abcdef01/mcp?key=qwertyuiop&x=",
        headers={"Authorization": "Bearer upstream-secret"},
        env={"API_TOKEN": "token-in-env", "HOME_TOWN": "Springfield"},
        args=("--api-key", "flagged-secret", "--token=inline-secret", "plain"),
    )  # fmt: skip
    found = secrets_of(spec)
    assert {
        "hunter22", "sk-0123456789abcdef01", "qwertyuiop", "upstream-secret", "token-in-env", "flagged-secret",
        "inline-secret",
    } <= found  # fmt: skip
    assert found.isdisjoint({"Springfield", "plain", "", "v1", "mcp"})
    said = "hunter22 of Springfield: no upstream-secret, no Bearer upstream-secret"
    assert without_secrets(said, spec) == "*** of Springfield: no ***, no ***"


def test_what_is_too_short_to_hide_is_so_wherever_it_is_shown() -> None:
    assert SHORTEST_SECRET == logs.SHORTEST_SECRET
    spec = ServerSpec(name="a", label="a", kind="stdio", prefix="a", env={"TOKEN": "ab"})
    assert without_secrets("about", spec) == "about"
