"""One entry of `mcpServers` to a `ServerSpec`, or to the reason why that server does not run.

Pure. May not look at other entries: names are decided in compile.py (INTERFACE, Config).
"""

import re
from collections.abc import Callable, Mapping
from typing import Literal, cast

import msgspec

from app.config.addresses import split_url
from app.config.reading import EntryReader, Field
from app.config.schema import (
    ALIASES,
    ALL_KEYS,
    ELSEWHERE,
    ERAS,
    FILTER_KEYS,
    KEYS,
    LIMIT_KEYS,
    POOLS,
    REPLACE,
    STARTS,
    TRANSPORTS,
)
from app.config.snapshot import DisabledServer, Limits, Notice, ServerSpec, ToolFilter
from app.config.spelling import did_you_mean
from app.config.tree import Array, Member
from app.config.values import size

MILLISECONDS_FROM = 10_000
MEGABYTE = 1 << 20
_UNCLEAN = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
_SHELL_VARIABLE = re.compile(r"\$[A-Za-z_]", re.ASCII)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

Values = dict[str, object]


def clean(name: str) -> str:
    """A name as tool names, scopes and URLs use it."""
    return _UNCLEAN.sub("_", name)


def read_entry(
    member: Member, path: str, file: str, env: Mapping[str, str]
) -> tuple[ServerSpec | DisabledServer, list[Notice]]:
    """What the entry `member` means, and what there is to say about it. `path` is its JSON path in `file`."""
    label, name = member.key, clean(member.key)
    reader = EntryReader(file, env)
    fields = reader.members(Field(label, path, member.line, member.node))
    off = next((field for field in fields if field.key == "disabled"), None)
    if off is not None and reader.boolean(off):
        return DisabledServer(name, label, "disabled in the config", by_user=True), []
    if not name:
        reader.error(member.line, path, "a server needs a name")
    known = _known(reader, fields)
    kind = _kind(reader, known, member, path)
    side = "stdio" if kind == "stdio" else "remote"
    values: Values = {"name": name, "label": label, "kind": kind, "prefix": name, "roots": kind != "stdio"}
    for key, field in known.items():
        if KEYS[key].only not in ("", side):
            # A command or URL on the wrong side has been an error already.
            if key not in ("command", "url"):
                reader.warn(field.line, field.path, f"means nothing for a {side} server")
        elif key in _READERS:
            _READERS[key](reader, field, values)
    _one_authorization(reader, known, values)
    if reader.errors:
        reason = "; ".join(_reason(notice, path) for notice in reader.errors)
        missing = all(notice.missing for notice in reader.errors)
        required = values.get("required") is True
        return DisabledServer(name, label, reason, missing=missing, required=required), _in_file_order(reader)
    spec = msgspec.convert(values, ServerSpec)
    if spec.timeout > spec.max_timeout:
        where = known.get("timeout") or known["max_timeout"]
        reader.warn(where.line, where.path, f"a call ends after max_timeout, {spec.max_timeout:g} s, in any case")
    if "idle_timeout" in known and not spec.lazy:
        where = known["idle_timeout"]
        reader.warn(where.line, where.path, "means nothing for a server that is not lazy", 'add "start": "lazy"')
    return spec, _in_file_order(reader)


def _in_file_order(reader: EntryReader) -> list[Notice]:
    return sorted(reader.notices, key=lambda notice: int(notice.where.rpartition(":")[2]))


def _reason(notice: Notice, path: str) -> str:
    key = notice.path.removeprefix(path).removeprefix(".")
    text = f"{key}: {notice.message}" if key else notice.message
    return f"{text} ({notice.hint})" if notice.hint else text


def _known(reader: EntryReader, fields: list[Field]) -> dict[str, Field]:
    """The fields we have, by their canonical keys; complains about the others."""
    known: dict[str, Field] = {}
    for field in fields:
        key = ALIASES.get(field.key, field.key)
        if key not in KEYS:
            _unknown(reader, field, ALL_KEYS)
        elif key in known and not _same(reader, known[key], field):
            both = f'"{known[key].key}" and "{field.key}"'
            reader.error(field.line, field.path, f"{both} say different things", "keep one")
        else:
            known[key] = field
    return known


def _same(reader: EntryReader, one: Field, other: Field) -> bool:
    a, b = reader.string(one), reader.string(other)
    return a == b or (a in TRANSPORTS and b in TRANSPORTS and TRANSPORTS[a] == TRANSPORTS[b])


def _unknown(reader: EntryReader, field: Field, known: tuple[str, ...]) -> None:
    if field.key in ELSEWHERE:
        reader.warn(field.line, field.path, "is not a key of ours and does nothing", ELSEWHERE[field.key])
    elif hint := did_you_mean(field.key, known):
        reader.error(field.line, field.path, "is not a key of ours", hint)
    else:
        reader.warn(field.line, field.path, "is not a key of ours and does nothing")


def _kind(
    reader: EntryReader, known: dict[str, Field], member: Member, path: str
) -> Literal["stdio", "http", "sse", "auto"]:
    """What the entry is, by its transport if given, else by whether it has a command or a URL."""
    command, url = known.get("command"), known.get("url")
    field = known.get("transport")
    spelt = reader.choice(field, tuple(TRANSPORTS)) if field else None
    if command and url:
        reader.error(url.line, url.path, f'an entry has a "command" or a "{url.key}", not both', "make it two entries")
    elif not command and not url:
        if not reader.errors:
            reader.error(member.line, path, 'has neither a "command" nor a "url"')
    elif field and spelt and (TRANSPORTS[spelt] == "stdio") != bool(command):
        given, wanted = ("command", "stdio") if command else ("url", "http or sse")
        reader.error(field.line, field.path, f'does not go with a "{given}"', f"{wanted}, or leave it out")
    if spelt:
        return TRANSPORTS[spelt]
    return "auto" if url and not command else "stdio"


def _read_command(reader: EntryReader, field: Field, values: Values) -> None:
    values["command"] = command = reader.string(field)
    if command and " " in command.strip() and "/" not in command.partition(" ")[0]:
        reader.warn(field.line, field.path, "is one program's name and has spaces", 'arguments go into "args"')
    if command and _SHELL_VARIABLE.match(command):
        reader.warn(field.line, field.path, "is read by no shell: its $ stands for itself", "write ${NAME}")


def _read_env(reader: EntryReader, field: Field, values: Values) -> None:
    values["env"] = env = reader.pairs(field)
    if any(not name or "=" in name or "\0" in name for name in env):
        reader.error(field.line, field.path, 'a variable\'s name is not empty and holds no "="')


def _read_url(reader: EntryReader, field: Field, values: Values) -> None:
    # Blanks around it come with what is copied.
    values["url"] = url = (reader.string(field) or "").strip() or None
    if url is not None and split_url(url) is None:
        reader.error(field.node.line, field.path, "must be an http:// or https:// URL with a host")


def _read_headers(reader: EntryReader, field: Field, values: Values) -> None:
    headers = {name: value.strip() for name, value in reader.pairs(field).items()}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            reader.error(field.line, field.path, f"{name!a} is no valid header", "no spaces in names, no line breaks")
    values["headers"] = headers


def _one_authorization(reader: EntryReader, known: dict[str, Field], values: Values) -> None:
    """A user in the URL is sent as `Authorization` too, and a request has one."""
    field, names = known.get("headers"), cast("dict[str, str]", values.get("headers", {}))
    url = split_url(cast("str | None", values.get("url")) or "")
    if field and url and url.username is not None and "authorization" in map(str.lower, names):
        hint = "keep the header, and take user and password out of the URL"
        reader.error(field.line, field.path, "Authorization is given by the URL's user too", hint)


def _read_prefix(reader: EntryReader, field: Field, values: Values) -> None:
    prefix = reader.string(field, empty=True)
    if prefix is not None:
        values["prefix"] = clean(prefix)
        if values["prefix"] != prefix:
            hint = "names hold letters, digits, _ and - only"
            reader.warn(field.line, field.path, f'is read as "{values["prefix"]}"', hint)


def _read_tools(reader: EntryReader, field: Field, values: Values) -> None:
    if isinstance(field.node, Array):
        values["tools"] = _filter(reader.words(field), ())
        return
    globs: dict[str, tuple[str, ...] | None] = dict.fromkeys(FILTER_KEYS)
    for below in reader.members(field):
        if below.key in FILTER_KEYS:
            globs[below.key] = reader.words(below)
        else:
            _unknown(reader, below, FILTER_KEYS)
    values["tools"] = _filter(globs["allow"], globs["deny"] or ())


def _filter(allow: tuple[str, ...] | None, deny: tuple[str, ...]) -> ToolFilter:
    # An empty list that was written means none; `ToolFilter.allow` empty means all.
    return ToolFilter((), ("*",)) if allow == () else ToolFilter(allow or (), deny)


def _read_limits(reader: EntryReader, field: Field, values: Values) -> None:
    found: dict[str, int] = {}
    for below in reader.members(field):
        if below.key not in LIMIT_KEYS:
            hint = did_you_mean(below.key, LIMIT_KEYS) or f"there are {' and '.join(LIMIT_KEYS)}"
            reader.error(below.line, below.path, "is no limit of ours", hint)
            continue
        text = reader.word(below)
        try:
            if text is not None:
                found[below.key] = size(text) if below.key == "memory" else _count(text)
        except ValueError:
            wanted = "a size such as 512mb, at least 1mb" if below.key == "memory" else "a whole number above 0"
            reader.error(below.line, below.path, f"must be {wanted}")
    if found.get("memory", MEGABYTE) < MEGABYTE:
        reader.error(field.line, field.path, "memory must be a size such as 512mb, at least 1mb")
    values["limits"] = Limits(**found)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0 and len(text) < 9):
        raise ValueError
    return int(text)


def _read_timeout(reader: EntryReader, field: Field, values: Values) -> None:
    seconds = reader.seconds(field)
    if seconds is not None and seconds >= MILLISECONDS_FROM:
        reader.warn(field.line, field.path, f"is read as milliseconds: {seconds / 1000:g} s")
        seconds /= 1000
    values["timeout"] = seconds


def _put(key: str, read: Callable[[EntryReader, Field], object]) -> Callable[[EntryReader, Field, Values], None]:
    def put(reader: EntryReader, field: Field, values: Values) -> None:
        values[key] = read(reader, field)

    return put


_READERS: dict[str, Callable[[EntryReader, Field, Values], None]] = {
    "command": _read_command,
    "args": _put("args", EntryReader.words),
    "env": _read_env,
    "cwd": _put("cwd", EntryReader.string),
    "url": _read_url,
    "headers": _read_headers,
    "prefix": _read_prefix,
    "tools": _read_tools,
    "timeout": _read_timeout,
    "max_timeout": _put("max_timeout", EntryReader.seconds),
    "startup_timeout": _put("startup_timeout", EntryReader.seconds),
    "pool": _put("pool", lambda reader, field: reader.choice(field, POOLS)),
    "roots": _put("roots", EntryReader.boolean),
    "era": _put("era", lambda reader, field: reader.choice(field, ERAS)),
    "start": _put("start", lambda reader, field: reader.choice(field, STARTS)),
    "idle_timeout": _put("idle_timeout", EntryReader.seconds),
    "required": _put("required", EntryReader.boolean),
    "limits": _read_limits,
    "replace": _put("replace", lambda reader, field: reader.choice(field, REPLACE)),
}
