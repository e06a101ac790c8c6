"""The gateway's own app, which shows clients that it lives after a second rather than a minute.

For `running_gateway(app="tests.support.hasty_app:create_app")`; all else is the real one's.
"""

from app.gateway import clock
from app.serve.asgi import create_app as create_real_app


def create_app() -> object:
    clock.COMMIT_AFTER, clock.HEARTBEAT = 0.1, 0.3
    return create_real_app()
