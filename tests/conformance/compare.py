"""The gateway's results beside those of the bare server behind it, and what follows from the list of absent features.

Stricter than the suite, which counts a feature that is not advertised as skipped: a scenario passes through the gateway
only with every check that succeeds on the bare server.
"""

from collections.abc import Mapping
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
    absent: Mapping[str, str]  # short of the bare server for a known reason: the feature is not built
    passing: tuple[str, ...]  # listed as absent and passing: take them off the list
    failing: Mapping[str, str]  # short of the bare server, and nothing says why


def known(revision: str) -> Mapping[str, str]:
    """The required scenarios that absent.yaml says fall short, and why."""
    return yaml.safe_load(ABSENT.read_text())["absent"][revision]


def shortfall(direct: list[Check], gateway: list[Check]) -> str:
    """What is missing through the gateway; "" if nothing is."""
    if not gateway:
        return "the suite reported nothing"
    for check in gateway:
        if check.status == "FAILURE":
            return f"{check.name}: {check.why[:300]}"
    for name, count in (successes(direct) - successes(gateway)).items():
        others = [f"{check.status} {check.why[:200]}" for check in gateway if check.name == name]
        return f"{name}: {count} fewer than direct ({'; '.join(others) or 'not emitted'})"
    return ""


def tally(results: Results, missing: Mapping[str, str]) -> tuple[int, int]:
    """Scenarios without a shortfall, and checks that succeeded in all of them."""
    checks = sum(successes(found).total() for found in results.values())
    return sum(scenario not in missing for scenario in results), checks


def compare(
    revision: str, required: list[str], direct: Results, gateway: Results, absent: Mapping[str, str]
) -> Comparison:
    """`absent`: the scenarios known to fall short, and why."""
    bare = {name: direct.get(name, []) for name in required}
    ours = {name: gateway.get(name, []) for name in required}
    below = {name: why for name in required if (why := shortfall(bare[name], ours[name]))}
    failed = {name: why for name in required if (why := shortfall([], bare[name]))}
    return Comparison(
        revision,
        len(required),
        tally(bare, failed),
        tally(ours, below),
        absent={name: absent[name] for name in below if name in absent},
        passing=tuple(name for name in absent if name not in below),
        failing={name: why for name, why in below.items() if name not in absent},
    )


def report(title: str, found: Comparison) -> str:
    """The comparison as text."""
    lines = [
        f"{title}, {found.revision}: of {found.required} required scenarios",
        f"  direct               {found.direct[0]:3} passed ({found.direct[1]} checks)",
        f"  through the gateway  {found.gateway[0]:3} passed ({found.gateway[1]} checks)",
        *(f"  absent   {name}: {why}" for name, why in found.absent.items()),
        *(f"  PASSES   {name}: take it off absent.yaml" for name in found.passing),
        *(f"  FAILS    {name}: {why}" for name, why in found.failing.items()),
    ]
    return "\n".join(lines)
