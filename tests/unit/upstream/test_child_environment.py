from app.upstream.child_environment import child_environment


def test_the_allowed_names_pass_and_nothing_else() -> None:
    allowed = {
        "HOME": "/h", "LOGNAME": "me", "PATH": "/bin", "SHELL": "sh", "TERM": "dumb", "USER": "me", "LANG": "C",
        "LC_CTYPE": "C", "TZ": "UTC", "TMPDIR": "/t", "XDG_CACHE_HOME": "/c", "DOCKER_HOST": "d", "HTTP_PROXY": "p",
        "https_proxy": "p", "NO_PROXY": "n", "SSL_CERT_FILE": "f", "NODE_EXTRA_CA_CERTS": "f",
        "REQUESTS_CA_BUNDLE": "f",
        "npm_config_registry": "r", "NPM_CONFIG_CACHE": "c", "UV_CACHE_DIR": "u", "PIP_INDEX_URL": "i",
    }  # fmt: skip
    ours = {
        "MCP_API_KEYS": "k", "MCP_CONFIG_PATH": "c", "CLOUDFLARE_TUNNEL_TOKEN": "t", "AWS_SECRET_ACCESS_KEY": "s",
        "PYTHONPATH": "x", "VIRTUAL_ENV": "v", "NOTIFY_SOCKET": "n", "GUNICORN_CMD_ARGS": "g", "UV": "u", "home": "h",
    }  # fmt: skip
    assert child_environment({}, {**allowed, **ours}) == allowed


def test_the_server_s_own_variables_win_and_may_be_anything() -> None:
    own = {"PATH": "/own", "MCP_SOMETHING": "1", "EMPTY": ""}
    assert child_environment(own, {"PATH": "/bin", "HOME": "/h"}) == {"HOME": "/h", **own}
