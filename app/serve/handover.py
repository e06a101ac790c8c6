"""What the launcher tells the processes below it, as one environment variable. Stdlib only.

The app learns from it which way a request came: uvicorn's `scope["server"][0]` is the path of the unix socket the
connection was accepted on, or the address of a TCP one.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, Self

VARIABLE = "GATEWAY_HANDOVER"
EDGE_SOCKET = "GATEWAY_EDGE_SOCKET"
"""Set for both containers where nginx has one of its own (compose.yaml): the path of the app's only listener, on a
volume that nobody but the two mounts."""
APP = "app.serve.asgi:create_app"


@dataclass(frozen=True, slots=True)
class Handover:
    """The listening sockets (already open, inherited) and what is reached by them."""

    fds: tuple[int, ...]
    """For gunicorn: every socket the app serves."""
    app: str = APP
    """`module:factory` of the ASGI app."""
    edge_socket: str = ""
    """Where nginx speaks to us: the peer is `X-Real-IP`. Empty: no nginx, clients connect directly."""
    started: float = 0.0
    """When the launcher was, on the monotonic clock, which all processes of a machine share."""
    control_socket: str = ""
    """Where our own commands speak to us, proven to run under our uid. Empty: there is none."""

    def came_by(self, server: object) -> Literal["edge", "control", "direct"]:
        """How a request came, from the ASGI scope's `server`: `(path, None)`, `(address, port)` or None."""
        if not isinstance(server, tuple) or server[1] is not None or not server[0]:
            return "direct"
        return "edge" if server[0] == self.edge_socket else "control" if server[0] == self.control_socket else "direct"

    def to_env(self) -> dict[str, str]:
        return {VARIABLE: json.dumps(asdict(self))}

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Without the variable (the app under a server that is not ours): nothing was handed over."""
        fields = json.loads(env.get(VARIABLE) or '{"fds": []}')
        fields["fds"] = tuple(fields["fds"])
        return cls(**fields)
