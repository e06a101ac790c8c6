"""What logs show of a server."""

from app.config.masking import describe, masked_args, masked_url
from app.config.snapshot import ServerSpec


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
