"""The address of who calls: what our nginx says, what a trusted proxy says, or the peer itself.

Pure. Nobody else is believed: what a client says of itself in these headers counts for nothing (RELIABILITY.md B54).
"""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from litestar.types import Scope

Way = Literal["edge", "control", "direct"]
PEER = b"x-real-ip"
_CHAIN = b"x-forwarded-for"


def address_rule(trusted: Sequence[str]) -> Callable[[Scope, Way], str]:
    """The rule for a request and the way it came; `trusted` are networks in CIDR form. "" where there is no address."""
    networks = [ip_network(network) for network in trusted]

    def address(scope: Scope, way: Way) -> str:
        if way == "control":
            return ""
        if way == "edge":
            return next((value.decode("latin-1") for name, value in scope["headers"] if name == PEER), "")
        peer = scope["client"][0] if scope["client"] else ""
        return _behind(scope, peer, networks) if networks else peer

    return address


def _behind(scope: Scope, peer: str, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The last address of the chain that no trusted proxy has."""
    lines = [value.decode("latin-1") for name, value in scope["headers"] if name == _CHAIN]
    chain = [entry.strip() for line in lines for entry in line.split(",")]
    found = peer
    while chain and _is_in(found, trusted):
        before = chain.pop()
        try:
            ip_address(before)
        except ValueError:
            break
        found = before
    return found


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in network for network in networks)
