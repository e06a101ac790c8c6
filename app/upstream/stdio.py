"""The stdio wire: one child process, one JSON-RPC message a line.

Never a shell; nothing a child does may block, bloat or end us (RELIABILITY.md F07 to F14, F18, F19). Theory of
operation: three pipes of our own, read by protocol callbacks on the event loop, so that no task is needed to pump. The
session ends once: when the child is gone and its output is drained, or when `close` says so.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, cast

import anyio

from app.config.snapshot import Limits, ServerSpec
from app.protocol.faults import Fault, Kind
from app.upstream.child import Child, PipeEnd
from app.upstream.command import directory, prepare, unstartable
from app.upstream.errors import OUT_OF_FILES, TOO_MANY_FILES, ProcessEnded, UpstreamError
from app.upstream.limits import INTERVAL, breach
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
# Between two reads of what nobody will see: a flood may take 30 MB a second, and not a core from everybody else (F08).
FLOOD_PAUSE = 0.002


# Of a message, or of the blanks before one.
_BEGINNINGS = (b"{", b"[", b" ", b"\t", b"\r")


class LogSink(Protocol):
    """Takes the child's stderr, and lines of its stdout that are no messages."""

    def feed(self, chunk: bytes) -> bool: ...

    def stray(self, line: bytes) -> None: ...

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
        limits: Callable[[], Limits] | None = None,
    ) -> None:
        """`limits` gives those of the moment: a reload may change them while the child runs."""
        self._spec = spec
        self._sink = log_sink
        self._household = household or Household()
        self._environment = os.environ if environment is None else environment
        self._limits = limits or (lambda: spec.limits)
        self._lines = LineSplitter(MESSAGE_LIMIT)
        self._receiver: Receiver | None = None
        self._child: Child | None = None
        self._family: Family | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._outputs: list[asyncio.ReadTransport] = []
        self._unconnected: list[PipeEnd] = []
        self._outbox: list[bytes] = []
        self._unsent = 0
        self._exited = asyncio.Event()
        self._closing = False
        self._over = False
        self._verdict: Fault | None = None
        self._taken = 0
        self._ending = ""

    def __repr__(self) -> str:
        return f"<StdioTransport {self._spec.name} {self._child!r}>"

    async def open(self, receiver: Receiver) -> None:
        """Start the child. Raises `UpstreamError` naming what is wrong with the command, cwd or arguments."""
        argv, environment = prepare(self._spec, self._environment)
        self._receiver = receiver
        mark = self._household.marks.next()
        try:
            self._child = Child(argv, environment, directory(self._spec), self._child_exited, mark)
        except (OSError, ValueError) as error:
            # For want of processes, memory or descriptors, mostly: that may pass.
            full = isinstance(error, OSError) and error.errno in OUT_OF_FILES
            told = unstartable(self._spec, TOO_MANY_FILES if full else "it could not be started", repr(error))
            raise UpstreamError(told.fault, told.detail) from error
        self._unconnected = [self._child.stdin, self._child.stdout, self._child.stderr]
        self._family = self._household.add(self._child.pid, mark)
        self._family.pipes = pipe_names(pipe.fileno() for pipe in self._unconnected)
        await self._connect()
        self._check_limits()

    def _check_limits(self) -> None:
        limits, family = self._limits(), self._family
        if self._over or self._closing or family is None:
            return
        if not limits.none and not self._verdict and (what := breach(limits, family.pids())):
            self._verdict = self._fault(Kind.CLOSED, what)
            family.signal(signal.SIGKILL)
        asyncio.get_running_loop().call_later(INTERVAL, self._check_limits)

    async def _connect(self) -> None:
        loop, unconnected = asyncio.get_running_loop(), self._unconnected
        self._stdin, _ = await loop.connect_write_pipe(lambda: _Input(self._stdin_ended), unconnected.pop(0))
        for taken, ended in ((self._read, self._stdout_ended), (self._sink.feed, self._sink.flush)):
            output, _ = await loop.connect_read_pipe(partial(_Output, taken, ended), unconnected.pop(0))
            self._outputs.append(output)

    def send(self, message: Outgoing) -> None:
        stdin, receiver = self._stdin, self._receiver
        if receiver is None:
            raise RuntimeError("open() comes before send()")
        if stdin is None or self._over or self._closing or stdin.is_closing():
            if self._over or self._closing:
                self._refuse(receiver, message.id)
            else:
                # Its exit code is known in a moment, and is the better reason.
                asyncio.get_running_loop().call_later(DRAIN_GRACE / 2, self._refuse, receiver, message.id)
            return
        body = message.body
        if b"\n" in body or b"\r" in body:
            # Between tokens only, since JSON strings hold no raw line ends: the content stays the same.
            body = body.replace(b"\n", b" ").replace(b"\r", b" ")
        pending = stdin.get_write_buffer_size() + self._unsent
        if pending and pending + len(body) > PENDING_LIMIT:
            receiver.failed(message.id, self._fault(Kind.BUSY, "does not read its input; try again later"))
            return
        if not self._outbox:
            asyncio.get_running_loop().call_soon(self._flush)
        self._outbox.append(body)
        self._unsent += len(body)

    def _refuse(self, receiver: Receiver, request_id: int | None) -> None:
        """What was to be sent to a child that is gone never left."""
        code = self._child.code if self._child else None
        told = self._fault(Kind.CLOSED, "is not running" if code is None else self._epitaph())
        receiver.failed(request_id, ProcessEnded(told.kind, told.message, server=told.server, code=code, unsent=True))

    def _flush(self) -> None:
        """What was sent in one turn of the loop goes out in one write: the system call is a call's dearest part."""
        outbox, self._outbox, self._unsent = self._outbox, [], 0
        if outbox and self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(b"\n".join([*outbox, b""]))

    def abandon(self, request_id: int) -> None:
        """Nothing waits on this wire."""

    async def close(self) -> None:
        """EOF, 2 s, SIGTERM, 1 s, SIGKILL, to the whole family; then the session is over. Idempotent, never raises."""
        if self._closing or self._child is None:
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
        while self._unconnected:
            self._unconnected.pop().close()
        self._finish()

    async def _end(self, family: Family) -> None:
        family.alive()
        if self._stdin and not self._exited.is_set():
            self._flush()
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
        self._taken += len(chunk)
        for line in self._lines.feed(chunk):
            if receiver is None:
                return
            if line is None:
                receiver.lost(self._fault(Kind.PROTOCOL, f"sent a message over {MESSAGE_LIMIT >> 20} MB"))
            elif line:
                if line[:1] not in _BEGINNINGS:
                    self._sink.stray(line)
                receiver.received(line)
        if self._lines.overlong > HOPELESS and self._family and not self._verdict:
            self._verdict = self._fault(Kind.PROTOCOL, f"sent {HOPELESS >> 20} MB without a line end and was stopped")
            self._family.signal(signal.SIGKILL)

    def _stdin_ended(self) -> None:
        self._stdin = None
        self._settle("closed its input")

    def _stdout_ended(self) -> None:
        self._settle("closed its output")

    def _child_exited(self) -> None:
        self._exited.set()
        self._settle("exited")

    def _settle(self, what: str, taken: int | None = None) -> None:
        """Something ended the session: over as soon as nothing has come for a while and the exit code may be known."""
        if taken is None:
            self._ending = self._ending or what
        if taken == self._taken:
            self._finish()
        elif not self._over:
            asyncio.get_running_loop().call_later(DRAIN_GRACE, self._settle, what, self._taken)

    def _finish(self) -> None:
        if self._over or self._receiver is None:
            return
        self._over = True
        verdict = self._verdict or self._fault(Kind.CLOSED, self._epitaph())
        code = self._child.code if self._child else None
        self._receiver.closed(ProcessEnded(verdict.kind, verdict.message, server=verdict.server, code=code))

    def _epitaph(self) -> str:
        code = self._child.code if self._child else None
        if self._closing:
            return "was stopped"
        if code is None:
            return self._ending
        if code >= 0:
            return f"exited with code {code}"
        # What the kernel does to the largest process when memory runs out looks like this.
        hint = ", which happens when memory runs out" if code == -signal.SIGKILL else ""
        return f"was ended by {_signal_name(-code)}{hint}"

    def _fault(self, kind: Kind, what: str) -> Fault:
        return Fault(kind, f"Server '{self._spec.name}' {what}.", server=self._spec.name)


class _Output(asyncio.Protocol):
    """One pipe from the child. `taken` may say that it has had enough: then the pipe rests for a moment."""

    def __init__(self, taken: Callable[[bytes], bool | None], ended: Callable[[], None]) -> None:
        self._taken = taken
        self._ended = ended
        self._pipe: asyncio.ReadTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._pipe = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        if self._taken(data) and self._pipe:
            self._pipe.pause_reading()
            asyncio.get_running_loop().call_later(FLOOD_PAUSE, self._go_on)

    def _go_on(self) -> None:
        if self._pipe and not self._pipe.is_closing():
            self._pipe.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (how it ended says the exit code)
        self._pipe = None
        self._ended()


class _Input(asyncio.BaseProtocol):
    """The pipe to the child."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (as above: the exit code says it)
        self._ended()


async def _gone(family: Family, seconds: float) -> None:
    """Wait until the family is empty, at most so long. Grandchildren tell nobody of their end, so it is looked for."""
    pause = 0.01
    with anyio.move_on_after(seconds):
        while family.alive():
            await anyio.sleep(pause)
            pause = min(0.1, pause * 2)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
