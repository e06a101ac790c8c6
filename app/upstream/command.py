"""What a stdio server's config entry becomes: an argv and an environment, or the reason why it cannot start.

Looks at the file system, starts nothing. Failures get their names here, since later they are all "it exited" (F18).
"""

import os
import shutil
from collections.abc import Mapping

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.upstream.child_environment import child_environment
from app.upstream.errors import UnstartableError


def prepare(spec: ServerSpec, inherited: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The argv and the whole environment of a server. Raises `UnstartableError`; its public text holds no path."""
    environment = child_environment(spec.env, inherited)
    texts = (spec.command, *spec.args, spec.cwd or "", *environment, *environment.values())
    if any("\0" in text for text in texts):
        raise unstartable(spec, "its command, arguments, environment or cwd hold a NUL character")
    if any(not name or "=" in name for name in environment):
        raise unstartable(spec, "the name of an environment variable is empty or holds '='")
    cwd = directory(spec)
    if cwd is not None and not os.path.isdir(cwd):
        raise unstartable(spec, "its cwd is not a directory", cwd)
    program = _find_program(spec, environment.get("PATH"))
    return [program, *spec.args], environment


def directory(spec: ServerSpec) -> str | None:
    """The server's working directory; None where it is ours."""
    return None if spec.cwd is None else os.path.expanduser(spec.cwd)


def _find_program(spec: ServerSpec, path: str | None) -> str:
    """The command as a path that exists and may be executed, so that failures have names before anything starts."""
    command = os.path.expanduser(spec.command)
    if os.sep in command:
        program = os.path.join(directory(spec) or "", command)
        if not os.path.exists(program):
            raise unstartable(spec, "its command was not found", program)
        if os.path.isdir(program) or not os.access(program, os.X_OK):
            raise unstartable(spec, "its command is not executable", program)
        return os.path.abspath(program)
    found = shutil.which(command, path=path)
    if found is None:
        raise unstartable(spec, "its command was not found on the PATH", command)
    return os.path.abspath(found)


def unstartable(spec: ServerSpec, why: str, detail: str = "") -> UnstartableError:
    return UnstartableError(
        Fault(Kind.UNREACHABLE, f"Server '{spec.name}' cannot start: {why}.", server=spec.name), detail
    )
