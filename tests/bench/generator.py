"""Drives load.c: compiled at first use, fed a plan, its figures read together with the CPU clocks of the run."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.processes import Reading

HERE = Path(__file__).resolve().parent
BINARY = HERE.parent.parent / ".testenv" / "bench" / "load"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: the generator's own figures, and the clocks when recording began and ended."""

    figures: dict[str, Any]
    before: Reading
    after: Reading

    @property
    def wrong(self) -> int:
        """Answers that were not the answer to their request."""
        return sum(self.figures[name] for name in ("bad_status", "bad_body", "broken"))

    def cpu_ms(self, seconds: float) -> float:
        """Milliseconds a correct call, which is also seconds in 1000 calls."""
        return 1000 * seconds / self.figures["ok"] if self.figures["ok"] else float("nan")

    @property
    def gateway_cpu_ms(self) -> float:
        return self.cpu_ms(self.after.own_s - self.before.own_s)

    @property
    def upstream_cpu_ms(self) -> float:
        return self.cpu_ms(self.after.upstream_s - self.before.upstream_s)

    @property
    def steal_percent(self) -> float:
        return 100 * (self.after.stolen - self.before.stolen) / max(1, self.after.ticks - self.before.ticks)


def binary() -> Path:
    """The compiled generator; raises SystemExit with what to install where there is no C compiler."""
    source = HERE / "load.c"
    if not BINARY.exists() or BINARY.stat().st_mtime < source.stat().st_mtime:
        BINARY.parent.mkdir(parents=True, exist_ok=True)
        fresh = BINARY.with_suffix(".new")
        try:
            subprocess.run(["cc", "-O2", "-o", fresh, source], check=True)
        except FileNotFoundError:
            sys.exit("bench: no C compiler: install one (Debian: apt-get install gcc libc6-dev)")
        fresh.rename(BINARY)
    return BINARY


def drive(
    target: list[str], plan: list[bytes], seconds: tuple[float, float], clocks: Callable[[int], Reading]
) -> Measured:
    """Runs the generator against `target` (["http", host, port] or ["pipe"] with the command as its last part).

    `plan` is preface, needle and requests; `seconds` are warm-up and recording; `clocks` gets the generator's pid.
    """
    where, command = (target, []) if target[0] == "http" else (target[:1], target[1:])
    arguments = [str(binary()), *where, *map(str, seconds), *command]
    data = b"".join(b"%d\n%b" % (len(part), part) for part in plan)
    readings: list[Reading] = []
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(data + b"end\n")
        process.stdin.flush()
        said = []
        for line in process.stderr:
            if line.strip() in {b"recording", b"stopped"}:
                readings.append(clocks(process.pid))
            else:
                said.append(line.decode(errors="replace"))
            if len(readings) == 2:
                process.stdin.close()
                break
        output = process.stdout.read()
    if process.returncode or len(readings) != 2:
        raise RuntimeError(f"load generator: exit {process.returncode}: {''.join(said).strip()[:500]}")
    return Measured(json.loads(output), *readings)
