"""What no committed file may hold: an index's or a machine's address, a path of somebody's machine."""

import re

from tests.architecture.tree import ROOT, committed_files, relative

# Written so that this file does not match itself.
REGISTRIES = re.compile(r"(?:pypi|pythonhosted|npmjs|debian|nodesource|crates)\.(?:org|com|io)\b", re.IGNORECASE)
MACHINE_PATHS = re.compile(
    r"/(?:work|farm|tmp/lab)/|/home/(?!user\b|me\b|you\b|app\b)[a-z]+/|/Users/(?!me\b|you\b)[a-z]+/"
)
ADDRESS = re.compile(r"[a-z+]+://|--(?:extra-)?index-url|--find-links")


def _offences(pattern: re.Pattern[str]) -> list[str]:
    found: list[str] = []
    for path in committed_files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{relative(path)}:{number}: {match[0]}")
    return found


def test_no_file_names_a_package_registry() -> None:
    assert _offences(REGISTRIES) == []


def test_no_file_holds_a_path_of_a_machine() -> None:
    assert _offences(MACHINE_PATHS) == []


def test_python_locks_hold_hashes_and_no_address() -> None:
    locks = [*ROOT.glob("*.lock"), *(ROOT / "tests/locks").glob("*.txt")]
    assert len(locks) >= 3
    for lock in locks:
        text = lock.read_text()
        assert ADDRESS.search(text) is None, relative(lock)
        pins = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert [pin.split("\\")[0] for pin in pins if "--hash=sha256:" not in pin] == [], relative(lock)


def test_node_locks_hold_hashes_and_no_address_of_a_registry() -> None:
    for lock in (ROOT / "tests/locks").glob("*/package-lock.json"):
        text = lock.read_text()
        assert '"resolved"' not in text, relative(lock)
        assert text.count('"integrity"') > 0, relative(lock)
