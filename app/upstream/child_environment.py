"""Which of our own environment variables a stdio child sees: an allow-list, so that no secret of ours leaks.

Pure. The list is a contract with users; what a server needs beyond it stands in its `env`.
"""

from collections.abc import Mapping

_PERSON = frozenset({"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TZ", "TMPDIR"})
_AUTHORITIES = frozenset({"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE"})
NAMES = _PERSON | _AUTHORITIES
# Read in both cases by curl, Python and Node.
PROXIES = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"})
PREFIXES = ("LC_", "XDG_", "DOCKER_", "npm_config_", "NPM_CONFIG_", "UV_", "PIP_")


def child_environment(own: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a child: the allowed part of `inherited`, and over it the server's `own` variables."""
    allowed = {
        name: value
        for name, value in inherited.items()
        if name in NAMES or name.upper() in PROXIES or name.startswith(PREFIXES)
    }
    return {**allowed, **own}
