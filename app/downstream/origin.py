"""Where a request comes from: what is the same for all messages of it, and for all that a stream brings."""

import time

import msgspec
from litestar.types import Scope

from app.config.keyring import Principal


class Origin(msgspec.Struct, frozen=True):
    """One HTTP request: its ASGI scope, who sent it, to which part of the gateway, and when (`perf_counter`)."""

    scope: Scope
    principal: Principal
    only: str = ""
    began: float = msgspec.field(default_factory=time.perf_counter)
