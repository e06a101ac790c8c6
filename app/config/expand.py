"""`${VAR}`, `${VAR:-default}` and `${env:VAR}` in the strings of a config (INTERFACE, Config).

Pure: the environment is an argument. Messages name variables, never their values.
"""

import re
from collections.abc import Mapping

import msgspec

_NAME = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_ASKED = re.compile(r"(?:prompt|input|command):.*", re.DOTALL)
# What editors put in by themselves; a server has no workspace.
_EDITORS = frozenset(("workspaceFolder", "workspaceFolderBasename", "userHome", "pathSeparator", "file", "cwd"))


class Expanded(msgspec.Struct, frozen=True):
    """The text, and why it cannot be used (`problem`, with a `hint`); `odd` says what was left as it is."""

    text: str
    problem: str = ""
    hint: str = ""
    odd: str = ""
    missing: bool = False
    """The problem is a variable that is not set, and nothing else."""


def expand(text: str, env: Mapping[str, str]) -> Expanded:
    """`text` with its variables put in. A default counts where the variable is unset or empty, as in a shell."""
    if "${" not in text:
        return Expanded(text)
    parts: list[str] = []
    problem = hint = odd = ""
    missing = True
    at = 0
    while (start := text.find("${", at)) >= 0:
        end = _closing(text, start)
        parts.append(text[at:start])
        if end < 0:
            parts.append(text[start:])
            at = len(text)
            odd = "a ${ without its } is left as it is"
            break
        one = _variable(text[start + 2 : end], env)
        parts.append(text[start : end + 1] if one.odd else one.text)
        problem, hint, odd = problem or one.problem, hint or one.hint, odd or one.odd
        missing = missing and (one.missing or not one.problem)
        at = end + 1
    return Expanded("".join(parts) + text[at:], problem, hint, odd, missing and bool(problem))


def _closing(text: str, start: int) -> int:
    """Where the `}` of the `${` at `start` is, with others nested in its default; -1 for none."""
    depth = 0
    at = start
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 1
        elif text[at] == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    return -1


def _variable(inside: str, env: Mapping[str, str]) -> Expanded:
    if _ASKED.fullmatch(inside):
        hint = "put the value into an environment variable and write ${NAME}"
        return Expanded("", f"${{{_shown(inside)}}} is asked for by an editor, and nobody is there to answer", hint)
    found = _NAME.fullmatch(inside)
    if found is None:
        return Expanded("", odd=f"${{{_shown(inside)}}} is not a variable and is left as it is")
    name, default = found[1], found[2]
    if name in env and (env[name] or default is None):
        return Expanded(env[name])
    if default is not None:
        return expand(default, env)
    if name in _EDITORS:
        problem, hint = f"${{{name}}} is an editor's variable and not set here", "write the value itself"
    else:
        problem, hint = f"the environment variable {name} is not set", f"set it, or write ${{{name}:-default}}"
    return Expanded("", problem, hint, missing=True)


def _shown(inside: str) -> str:
    """The head of a reference: what follows a default's `:-` may be a secret."""
    return inside.partition(":-")[0][:40]
