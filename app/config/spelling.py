"""Which of our words a misspelt one was probably meant to be.

Pure and stdlib only. INTERFACE: "one edit or transposition, case and `_` ignored". May not decide what follows from it.
"""

from collections.abc import Iterable


def near(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """Those of `known` that `word` is a near miss of, in the order given; differing in case or `_` alone is one."""
    folded = _fold(word)
    return tuple(name for name in known if name != word and _one_apart(folded, _fold(name)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "headers"?`, or nothing when no known word is near."""
    names = near(word, known)
    quoted = " or ".join(f'"{name}"' for name in names)
    return f"did you mean {quoted}?" if names else ""


def _fold(word: str) -> str:
    return word.replace("_", "").lower()


def _one_apart(a: str, b: str) -> bool:
    if a == b:
        return True
    if abs(len(a) - len(b)) > 1 or not a or not b:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    rest_a, rest_b = a[start:], b[start:]
    if len(a) != len(b):
        longer, shorter = (rest_a, rest_b) if len(a) > len(b) else (rest_b, rest_a)
        return longer[1:] == shorter
    swapped = rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:]
    return swapped or rest_a[1:] == rest_b[1:]
