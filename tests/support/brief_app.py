"""The gateway's own app, in which a question is good for two seconds rather than ten minutes.

For `running_gateway(app="tests.support.brief_app:create_app")`; all else is the real one's.
"""

from app.relay import continuation


def create_app() -> object:
    continuation.LIFETIME = 2
    from app.serve.asgi import create_app as create_real_app  # whoever is imported now reads that

    return create_real_app()
