"""`create_app()`: the ASGI app the worker serves."""

import gc
import logging
import os
import time

from litestar import Litestar

from app.config.masking import secrets_of
from app.config.settings import secrets_of as settings_secrets
from app.downstream.call_log import CallLog
from app.downstream.cors import with_cors
from app.downstream.gate import with_gate
from app.downstream.plugin import GatewayPlugin
from app.gateway.reload import Reload
from app.gateway.sources import read_config, read_environ, read_keys, read_settings, to_line
from app.serve import logs
from app.serve.call_lines import call_writer
from app.serve.handover import Handover

log = logging.getLogger("app.serve")


def create_app() -> object:
    """Read the configuration and build the app. Raises `SourceError` for what stops a start."""
    environ = read_environ(os.environ)
    settings, _ = read_settings(environ, terminal=os.isatty(2))
    snapshot = read_config(settings, environ)
    logs.hide(secret for spec in snapshot.servers for secret in secrets_of(spec))
    logs.hide(settings_secrets(settings, environ))
    keyring, notices = read_keys(settings, now=time.time())
    for notice in (*snapshot.notices, *notices):
        log.warning(to_line(notice))
    handover = Handover.from_env(os.environ)
    plugin = GatewayPlugin(
        settings,
        snapshot,
        keyring,
        handover.came_by,
        call_log=CallLog(call_writer()),
        launched=handover.started,
        reload=lambda gateway: Reload(gateway, environ, logs.hide),
    )
    inner = Litestar(plugins=[plugin], openapi_config=None, logging_config=None)
    app = with_gate(
        plugin.with_lane(with_cors(inner, plugin.guards.allows_origin)),
        (route.path_format for route in inner.routes),
        settings.path_prefixes,
        handover.came_by,
        hidden=plugin.hidden,
        unparsed=plugin.unparsed,
    )
    # A full collection of what was just built stalls every call for 27 ms, twice a second under load.
    gc.collect()
    gc.freeze()
    return app
