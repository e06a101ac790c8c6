"""The stdio wire: one child process, one JSON-RPC message a line.

Never a shell; nothing a child does may block, bloat or end us (RELIABILITY.md F07 to F14, F18, F19). Theory of
operation: three pipes of our own, read by protocol callbacks on the event loop, so that no task is needed to pump. The
session ends once: when the child is gone and its output is drained, or when `close` says so.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from typing import Protocol

import anyio

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.upstream.child_environment import child_environment
from app.upstream.errors import UpstreamError
from app.upstream.lines import LineSplitter
from app.upstream.process_tree import Family, Household, pipe_names
from app.upstream.transport import Outgoing, Receiver

MESSAGE_LIMIT = 16 * 1024 * 1024
# A child that writes this much without a newline never will: it is ended.
HOPELESS = 4 * MESSAGE_LIMIT
# What waits for a child that does not read. One message passes whatever its size.
PENDING_LIMIT = 128 * 1024 * 1024
EOF_GRACE = 2.0
TERM_GRACE = 1.0
# What a dead child wrote last may still stand in the pipe; a grandchild may hold it open for ever.
DRAIN_GRACE = 0.05


class LogSink(Protocol):
    """Takes the child's stderr."""

    def feed(self, chunk: bytes) -> None: ...

    def flush(self) -> None: ...


class StdioTransport:
    """`Transport` over a child process. After `open`, `close` must be called, also when the session ended by itself."""

    cancels_by_closing = False

    def __init__(
        self,
        spec: ServerSpec,
        log_sink: LogSink,
        household: Household | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._spec = spec
        self._sink = log_sink
        self._household = household or Household()
        self._environment = os.environ if environment is None else environment
        self._lines = LineSplitter(MESSAGE_LIMIT)
        self._receiver: Receiver | None = None
        self._process: asyncio.SubprocessTransport | None = None
        self._family: Family | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._outputs: list[asyncio.ReadTransport] = []
        self._exited = asyncio.Event()
        self._closing = False
        self._over = False
        self._verdict: Fault | None = None

    def __repr__(self) -> str:
        return f"<StdioTransport {self._spec.name} pid={self.pid}>"

    @property
    def pid(self) -> int | None:
        return self._process.get_pid() if self._process else None

    async def open(self, receiver: Receiver) -> None:
        """Start the child. Raises `UpstreamError` naming what is wrong with the command, cwd or arguments."""
        argv, environment = self._prepare()
        self._receiver = receiver
        loop = asyncio.get_running_loop()
        pipes = [os.pipe() for _ in range(3)]
        (child_in, our_in), (our_out, child_out), (our_err, child_err) = pipes
        # Our own ends go to the transports below, which close them; until then they are closed here.
        unowned = {our_in, our_out, our_err}
        try:
            handed = pipe_names((child_in, child_out, child_err))
            self._process, _ = await loop.subprocess_exec(
                lambda: _Death(self._child_exited),
                *argv,
                stdin=child_in,
                stdout=child_out,
                stderr=child_err,
                cwd=self._spec.cwd,
                env=environment,
                start_new_session=True,
            )
            self._family = self._household.add(self._process.get_pid())
            self._family.pipes = handed
            await self._connect(loop, (our_in, our_out, our_err), unowned)
        except (OSError, ValueError) as error:
            raise _unstartable(self._spec, "it could not be started", repr(error)) from error
        finally:
            for fd in (child_in, child_out, child_err, *unowned):
                os.close(fd)

    async def _connect(self, loop: asyncio.AbstractEventLoop, ends: tuple[int, int, int], unowned: set[int]) -> None:
        stdin, stdout, stderr = ends
        files = os.fdopen(stdin, "wb", 0), os.fdopen(stdout, "rb", 0), os.fdopen(stderr, "rb", 0)
        unowned.clear()
        self._stdin, _ = await loop.connect_write_pipe(lambda: _Input(self._stdin_ended), files[0])
        out, _ = await loop.connect_read_pipe(lambda: _Output(self._read, self._stdout_ended), files[1])
        err, _ = await loop.connect_read_pipe(lambda: _Output(self._sink.feed, self._sink.flush), files[2])
        self._outputs = [out, err]

    def send(self, message: Outgoing) -> None:
        stdin, receiver = self._stdin, self._receiver
        if receiver is None:
            raise RuntimeError("open() comes before send()")
        if stdin is None or self._over or self._closing or stdin.is_closing():
            receiver.failed(message.id, self._fault(Kind.CLOSED, "is not running"))
            return
        body = message.body
        if b"\n" in body or b"\r" in body:
            # Between tokens only, since JSON strings hold no raw line ends: the content stays the same.
            body = body.replace(b"\n", b" ").replace(b"\r", b" ")
        pending = stdin.get_write_buffer_size()
        if pending and pending + len(body) > PENDING_LIMIT:
            receiver.failed(message.id, self._fault(Kind.BUSY, "does not read its input; try again later"))
            return
        stdin.write(body + b"\n")

    def abandon(self, request_id: int) -> None:
        """Nothing waits on this wire."""

    def note_descendants(self) -> None:
        """Remember the processes that the child has started by now; call it now and then (it reads /proc)."""
        if self._family and not self._over:
            self._family.note()

    async def close(self) -> None:
        """EOF, 2 s, SIGTERM, 1 s, SIGKILL, to the whole family; then the session is over. Idempotent, never raises."""
        if self._closing or self._process is None:
            return
        self._closing = True
        with anyio.CancelScope(shield=True):
            if self._family:
                await self._end(self._family)
        if self._stdin:
            self._stdin.abort()
        for output in self._outputs:
            if not output.is_closing():
                output.close()
        self._process.close()
        self._finish()

    async def _end(self, family: Family) -> None:
        family.note()
        if self._stdin and not self._exited.is_set():
            self._stdin.close()
            with anyio.move_on_after(EOF_GRACE):
                await self._exited.wait()
        if family.signal(signal.SIGTERM):
            await _gone(family, TERM_GRACE)
        for _ in range(5):
            # Again, since a process may fork between being read and being killed.
            if not family.signal(signal.SIGKILL):
                break
            await anyio.sleep(0.02)
        with anyio.move_on_after(0.5):
            await self._exited.wait()
        family.leave()

    def _read(self, chunk: bytes) -> None:
        receiver = self._receiver
        for line in self._lines.feed(chunk):
            if receiver is None:
                return
            if line is None:
                receiver.lost(self._fault(Kind.PROTOCOL, f"sent a message over {MESSAGE_LIMIT >> 20} MB"))
            elif line:
                receiver.received(line)
        if self._lines.overlong > HOPELESS and self._family and not self._verdict:
            self._verdict = self._fault(Kind.PROTOCOL, f"sent {HOPELESS >> 20} MB without a line end and was stopped")
            self._family.signal(signal.SIGKILL)

    def _stdin_ended(self) -> None:
        self._stdin = None

    def _stdout_ended(self) -> None:
        asyncio.get_running_loop().call_later(DRAIN_GRACE, self._finish)

    def _child_exited(self) -> None:
        self._exited.set()
        if len(self._outputs) == 2 and self._outputs[0].is_closing():
            self._finish()
        else:
            asyncio.get_running_loop().call_later(DRAIN_GRACE, self._finish)

    def _finish(self) -> None:
        if self._over or self._receiver is None:
            return
        self._over = True
        self._receiver.closed(self._verdict or self._fault(Kind.CLOSED, self._epitaph()))

    def _epitaph(self) -> str:
        code = self._process.get_returncode() if self._process else None
        if self._closing:
            return "was stopped"
        if code is None:
            return "closed its output"
        if code >= 0:
            return f"exited with code {code}"
        # What the kernel does to the largest process when memory runs out looks like this.
        hint = ", which happens when memory runs out" if code == -signal.SIGKILL else ""
        return f"was ended by {_signal_name(-code)}{hint}"

    def _prepare(self) -> tuple[list[str], dict[str, str]]:
        spec = self._spec
        environment = child_environment(spec.env, self._environment)
        texts = (spec.command, *spec.args, spec.cwd or "", *environment, *environment.values())
        if any("\0" in text for text in texts):
            raise _unstartable(spec, "its command, arguments, environment or cwd hold a NUL character")
        if any(not name or "=" in name for name in environment):
            raise _unstartable(spec, "the name of an environment variable is empty or holds '='")
        if spec.cwd is not None and not os.path.isdir(spec.cwd):
            raise _unstartable(spec, "its cwd is not a directory", spec.cwd)
        program = _find_program(spec, environment.get("PATH"))
        setpriv = shutil.which("setpriv")
        # A child must not outlive us, however we die (RELIABILITY.md section 0, finding 3).
        guard = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        return [*guard, program, *spec.args], environment

    def _fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"Server '{self._spec.name}' {what}.", server=self._spec.name)


class _Death(asyncio.SubprocessProtocol):
    def __init__(self, exited: Callable[[], None]) -> None:
        self.process_exited = exited


class _Output(asyncio.Protocol):
    """One pipe from the child."""

    def __init__(self, taken: Callable[[bytes], None], ended: Callable[[], None]) -> None:
        self._taken = taken
        self._ended = ended

    def data_received(self, data: bytes) -> None:
        self._taken(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (how it ended says the exit code)
        self._ended()


class _Input(asyncio.BaseProtocol):
    """The pipe to the child."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._ended()


async def _gone(family: Family, seconds: float) -> None:
    """Wait until the family is empty, at most so long. Grandchildren tell nobody of their end, so it is looked for."""
    pause = 0.01
    with anyio.move_on_after(seconds):
        while family.alive():
            await anyio.sleep(pause)
            pause = min(0.1, pause * 2)


def _find_program(spec: ServerSpec, path: str | None) -> str:
    """The command as a path that exists and may be executed, so that failures have names before anything starts."""
    command = os.path.expanduser(spec.command)
    if os.sep in command:
        program = os.path.join(spec.cwd or "", command)
        if not os.path.exists(program):
            raise _unstartable(spec, "its command was not found", program)
        if os.path.isdir(program) or not os.access(program, os.X_OK):
            raise _unstartable(spec, "its command is not executable", program)
        return os.path.abspath(program)
    found = shutil.which(command, path=path)
    if found is None:
        raise _unstartable(spec, "its command was not found on the PATH", command)
    return os.path.abspath(found)


def _unstartable(spec: ServerSpec, why: str, detail: str = "") -> UpstreamError:
    return UpstreamError(
        Fault(Kind.UNREACHABLE, f"Server '{spec.name}' cannot start: {why}.", server=spec.name), detail
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
