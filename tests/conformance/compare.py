"""The gateway's results beside those of a bare server, and what follows from the list of known differences.

Stricter than the suite, which counts a feature that is not advertised as skipped: a scenario passes through the gateway
only with every check that succeeds on the bare server.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.conformance.suite import Check, Results, successes

ABSENT = Path(__file__).with_name("absent.yaml")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The required scenarios of one revision, direct and through the gateway; values say why a scenario fell short."""

    revision: str
    required: int
    direct: tuple[int, int]  # scenarios passed, checks that succeeded
    gateway: tuple[int, int]
    absent: Mapping[str, str]  # short of the bare server, for a known reason
    otherwise: Mapping[str, str]  # passed, in another way than the bare server
    passing: tuple[str, ...]  # listed as absent and passing: take them off the list
    failing: Mapping[str, str]  # short of the bare server, and nothing says why
    unscored: Mapping[str, str]  # the same of scenarios that the suite runs and does not require


@dataclass(frozen=True, slots=True)
class Known:
    """What absent.yaml says of one revision: scenarios that are absent, and checks of others answered otherwise."""

    absent: Mapping[str, str]
    otherwise: Mapping[str, Mapping[str, str]]


def known(server: str, revision: str) -> Known:
    written = yaml.safe_load(ABSENT.read_text()).get(server, {}).get(revision, {})
    return Known(written.get("absent", {}), written.get("otherwise", {}))


def shortfall(direct: list[Check], gateway: list[Check], otherwise: Collection[str] = ()) -> str:
    """What is missing through the gateway; "" if nothing is. Checks in `otherwise` may lack success, but not fail."""
    if not gateway:
        return "the suite reported nothing"
    for check in gateway:
        if check.status == "FAILURE":
            return f"{check.name}: {check.why[:300]}"
    for name, count in (successes(direct) - successes(gateway)).items():
        if name in otherwise:
            continue
        others = [f"{check.status} {check.why[:200]}" for check in gateway if check.name == name]
        return f"{name}: {count} fewer than direct ({'; '.join(others) or 'not emitted'})"
    return ""


def tally(results: Results, missing: Mapping[str, str]) -> tuple[int, int]:
    """Scenarios without a shortfall, and checks that succeeded in all of them."""
    checks = sum(successes(found).total() for found in results.values())
    return sum(scenario not in missing for scenario in results), checks


def compare(revision: str, required: list[str], direct: Results, gateway: Results, said: Known) -> Comparison:
    bare = {name: direct.get(name, []) for name in required}
    ours = {name: gateway.get(name, []) for name in required}
    below = {name: why for name in required if (why := shortfall(bare[name], ours[name], said.otherwise.get(name, ())))}
    failed = {name: why for name in required if (why := shortfall([], bare[name]))}
    # What the bare server fails too says nothing about the gateway.
    others = {name: found for name, found in direct.items() if name not in required and not shortfall([], found)}
    beside = {
        name: why
        for name, found in others.items()
        if (why := shortfall(found, gateway.get(name, []), said.otherwise.get(name, ())))
    }
    return Comparison(
        revision,
        len(required),
        tally(bare, failed),
        tally(ours, below),
        absent={name: said.absent[name] for name in below if name in said.absent},
        otherwise={
            name: "; ".join(whys.values()) for name, whys in said.otherwise.items() if name not in below | beside
        },
        passing=tuple(name for name in said.absent if name not in below),
        failing={name: why for name, why in below.items() if name not in said.absent},
        unscored=beside,
    )


def report(title: str, found: Comparison) -> str:
    """The comparison as text."""
    lines = [
        f"{title}, {found.revision}: of {found.required} required scenarios",
        f"  direct               {found.direct[0]:3} passed ({found.direct[1]} checks)",
        f"  through the gateway  {found.gateway[0]:3} passed ({found.gateway[1]} checks)",
        *(f"  absent   {name}: {why}" for name, why in found.absent.items()),
        *(f"  otherwise {name}: {why}" for name, why in found.otherwise.items()),
        *(f"  PASSES   {name}: take it off absent.yaml" for name in found.passing),
        *(f"  FAILS    {name}: {why}" for name, why in found.failing.items()),
        *(f"  FAILS    {name} (not required): {why}" for name, why in found.unscored.items()),
    ]
    return "\n".join(lines)
