"""The text of a `.env` file as a mapping.

Pure and stdlib only. Reads what Docker Compose and shells agree on: `NAME=value`, `export`, comments, quotes (which may
span lines). Values are taken as they are: no `$` expansion, since keys may hold a `$`.
"""

import re

_LINE = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*
        (?:'(?P<single>[^']*)' | "(?P<double>(?:[^"\\]|\\.)*)" | (?P<plain>[^'"\n][^\n]*|))
        (?P<rest>[^\n]*)(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class DotenvError(ValueError):
    """A line that is none of `NAME=value`, a comment, blank. Says the line's number, never its text."""


def parse_dotenv(text: str) -> dict[str, str]:
    """The variables of a `.env` file; the last of two equal names counts. Raises `DotenvError`.

    The caller merges: the real environment wins.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        if blank := _BLANK.match(text, at):
            at = blank.end()
            continue
        line = _LINE.match(text, at)
        if line is None or _COMMENT.sub("", line["rest"]).strip():
            number = text.count("\n", 0, at) + 1
            raise DotenvError(f".env:{number}: not NAME=value, NAME='value', a comment or a blank line")
        found[line["name"]] = _value(line)
        at = line.end()
    return found


def unreadable(error: OSError | ValueError) -> str:
    """Why a `.env` file could not be read or parsed, and what to do."""
    match error:
        case DotenvError():
            return str(error)
        case OSError():
            return f".env cannot be read: {error.strerror or error}"
        case _:
            return ".env is not UTF-8: save the file as UTF-8 (PowerShell's > writes UTF-16)"


def _value(line: re.Match[str]) -> str:
    if line["single"] is not None:
        return line["single"]
    if line["double"] is not None:
        return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[0]), line["double"])
    return _COMMENT.sub("", line["plain"]).strip()
