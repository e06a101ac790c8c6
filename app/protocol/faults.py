"""Every failure that has a name, and its form on the wire in each era.

Pure. A `Fault` is a value: rings 0 to 2 return it, and one function in `downstream` writes it (DESIGN.md rule 10).
Its text is public: it never holds a secret, a path or an upstream's own words.
"""

from enum import Enum

import msgspec


class Kind(Enum):
    """The name of a failure; `TABLE` says how each looks on the wire."""

    PARSE_ERROR = "parse_error"
    INVALID_REQUEST = "invalid_request"
    INVALID_PARAMS = "invalid_params"
    METHOD_NOT_FOUND = "method_not_found"
    HEADER_MISMATCH = "header_mismatch"
    UNSUPPORTED_VERSION = "unsupported_version"
    MISSING_CAPABILITY = "missing_capability"
    UNKNOWN_SESSION = "unknown_session"
    TOO_LARGE = "too_large"
    NOT_ACCEPTABLE = "not_acceptable"
    UNSUPPORTED_MEDIA = "unsupported_media"
    UNAUTHENTICATED = "unauthenticated"
    THROTTLED = "too_many_requests"
    TOO_SLOW = "too_slow"
    FULL = "full"
    FORBIDDEN_ORIGIN = "forbidden_origin"
    FORBIDDEN_HOST = "forbidden_host"
    HIDDEN = "hidden"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    PROTOCOL = "protocol"
    ERA_MISMATCH = "era_mismatch"
    BUSY = "busy"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class Row(msgspec.Struct, frozen=True):
    """JSON-RPC code, HTTP status for a modern client, and for a legacy one once its request was parsed."""

    code: int
    modern: int
    legacy: int = 200


TABLE: dict[Kind, Row] = {
    Kind.PARSE_ERROR: Row(-32700, 400, 400),
    Kind.INVALID_REQUEST: Row(-32600, 400, 400),
    Kind.INVALID_PARAMS: Row(-32602, 400),
    Kind.METHOD_NOT_FOUND: Row(-32601, 404),
    Kind.HEADER_MISMATCH: Row(-32020, 400),
    Kind.UNSUPPORTED_VERSION: Row(-32022, 400, 400),
    Kind.MISSING_CAPABILITY: Row(-32021, 400),
    Kind.UNKNOWN_SESSION: Row(-32600, 404, 404),
    Kind.TOO_LARGE: Row(-32600, 413, 413),
    Kind.NOT_ACCEPTABLE: Row(-32600, 406, 406),
    Kind.UNSUPPORTED_MEDIA: Row(-32600, 415, 415),
    Kind.UNAUTHENTICATED: Row(-32600, 401, 401),
    Kind.THROTTLED: Row(-32600, 429, 429),
    Kind.TOO_SLOW: Row(-32600, 408, 408),
    Kind.FULL: Row(-32603, 503, 503),
    Kind.FORBIDDEN_ORIGIN: Row(-32600, 403, 403),
    Kind.FORBIDDEN_HOST: Row(-32600, 403, 403),
    Kind.HIDDEN: Row(-32602, 400),
    Kind.UNREACHABLE: Row(-32603, 200),
    Kind.TIMEOUT: Row(-32603, 200),
    Kind.CLOSED: Row(-32603, 200),
    Kind.PROTOCOL: Row(-32603, 200),
    Kind.ERA_MISMATCH: Row(-32603, 200),
    Kind.BUSY: Row(-32603, 200),
    Kind.CANCELLED: Row(-32603, 200),
    Kind.INTERNAL: Row(-32603, 500),
}


class Fault(msgspec.Struct, frozen=True):
    """A failure on its way to a client.

    `message` is public text; `server` the cleaned name of the upstream it concerns; `retry_after` seconds until a
    new try makes sense; `data` is put into the error object as it is (used where the spec defines a shape); `unsent`:
    the request it concerns provably never reached the server, so that it may be sent again. Not on the wire.
    """

    kind: Kind
    message: str
    server: str | None = None
    retry_after: float | None = None
    data: dict[str, object] | None = None
    unsent: bool = False

    @property
    def row(self) -> Row:
        return TABLE[self.kind]
