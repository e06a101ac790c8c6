"""A machine without a network: `uvx` and `npx` are told to use what they have cached.

By themselves they fail, or try for minutes, although nothing is missing. Reads routes and sends nothing; whoever has
set these variables, an index or a proxy of their own is left alone.
"""

from collections.abc import Mapping
from pathlib import Path

IPV4, IPV6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
# A machine without a default route may reach these: an index on the local network.
OWN_WAYS = ("UV_INDEX", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
CACHED_ONLY = {"UV_OFFLINE": "1", "npm_config_offline": "true"}


def cached_only(env: Mapping[str, str]) -> dict[str, str]:
    """The variables to add; none where there is a network, or where that cannot be told."""
    try:
        online = has_default_route(IPV4.read_text(), IPV6.read_text() if IPV6.exists() else "")
    except OSError:
        return {}
    return {} if online else chosen(env)


def chosen(env: Mapping[str, str]) -> dict[str, str]:
    """The variables to add without a network."""
    if any(env.get(name) for name in OWN_WAYS):
        return {}
    return {name: value for name, value in CACHED_ONLY.items() if name not in env}


def has_default_route(ipv4: str, ipv6: str) -> bool:
    """Whether a kernel with these routing tables (the text of the files above) sends anything beyond its neighbours."""
    for line in ipv4.splitlines()[1:]:
        _, destination, _, _, _, _, _, mask, *_ = line.split()
        if int(destination, 16) == int(mask, 16) == 0:
            return True
    for line in ipv6.splitlines():
        destination, prefix, *_, device = line.split()
        # Every kernel has an unreachable one on `lo`.
        if int(destination, 16) == int(prefix, 16) == 0 and device != "lo":
            return True
    return False
