"""Room for connections: as many file descriptors as the machine allows us. Stdlib only.

A login, systemd and docker give a process 1024 at first and let it take far more; each client's connection takes up to
four (nginx's two, ours, and one for what is asked of a server), and a server three. Those below us inherit the limit.
"""

import resource

ENOUGH = 65_536
"""More are not taken: there are programs that close every descriptor there might be when they start."""
FEW = 1024
_NGINX_MOST = 16_384
_NGINX_OWN = 64
"""Of nginx's descriptors, those that are no connections."""


def make_room() -> str:
    """Raise our own limit as far as we may; a warning where that is still little, else nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most >= FEW:
        return ""
    return (
        f"only {most} files and connections may be open at once: new connections beyond that are answered 503; "
        f"allow {ENOUGH} (ulimit -n, LimitNOFILE= of systemd, --ulimit nofile= of docker)"
    )


def limit() -> int:
    """How many descriptors this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ENOUGH if soft == resource.RLIM_INFINITY else soft


def nginx_connections(limit: int) -> int:
    """nginx's `worker_connections`, of which each request takes two."""
    return min(_NGINX_MOST, max(limit - _NGINX_OWN, _NGINX_OWN))
