"""A document to the `Snapshot` the gateway runs on: which servers there are, and what is wrong with the others.

Pure: text, file name and environment are arguments. Never raises: a bad entry disables its server by name and leaves
the others alone (INTERFACE, Config).
"""

from collections.abc import Mapping

from app.config.entry import clean, read_entry
from app.config.load import load
from app.config.schema import ROOTS
from app.config.snapshot import DisabledServer, Notice, ServerSpec, Snapshot
from app.config.spelling import near
from app.config.tree import Document, Member, Object, kind, step


def read_snapshot(data: bytes, file: str, env: Mapping[str, str]) -> Snapshot | Notice:
    """`load` and `compile_config` in one; a `Notice` says why the text cannot be read at all."""
    document = load(data, file)
    return document if isinstance(document, Notice) else compile_config(document, env)


def compile_config(document: Document, env: Mapping[str, str]) -> Snapshot:
    """Every server in file order. Names are unique over `servers` and `disabled` together."""
    notices: list[Notice] = []
    servers: list[ServerSpec] = []
    disabled: list[DisabledServer] = []
    taken: dict[str, Member] = {}
    for member, path in _entries(document, notices):
        name = clean(member.key)
        if name in taken:
            notices.append(_clash(document, member, path, taken[name], name))
            continue
        taken[name] = member
        entry, found = read_entry(member, path, document.file, env)
        notices += found
        if isinstance(entry, ServerSpec):
            servers.append(entry)
        else:
            disabled.append(entry)
    return Snapshot(tuple(servers), tuple(disabled), tuple(notices), tuple(taken))


def _clash(document: Document, member: Member, path: str, first: Member, name: str) -> Notice:
    both = "is there twice" if member.key == first.key else f'and "{first.key}" are both "{name}" in tool names'
    message = f'"{member.key}" {both}: the one in line {first.line} counts, this one does not run'
    return Notice(f"{document.file}:{member.line}", path, message, "rename one of them", error=True)


def _entries(document: Document, notices: list[Notice]) -> list[tuple[Member, str]]:
    """The entries below every root we read, with their JSON paths."""
    found: list[tuple[Member, str]] = []
    seen = False
    for root in document.root.members:
        if root.key not in ROOTS:
            if hint := near(root.key, ROOTS):
                message, seen = f'"{root.key}" is not read', True
                notices.append(_at(document, root, message, f'did you mean "{hint[0]}"?', error=True))
            continue
        seen = True
        if isinstance(root.node, Object):
            found += [(member, step(root.key, member.key)) for member in root.node.members]
        else:
            notices.append(_at(document, root, f"must be an object in {{ }}, not {kind(root.node)}", "", error=True))
    if not seen:
        where = f"{document.file}:{document.root.line}"
        notices.append(Notice(where, "", 'there is no "mcpServers" here', '{"mcpServers": {"NAME": {…}}}', error=True))
    elif not found and not notices:
        notices.append(Notice(f"{document.file}:{document.root.line}", "", "there is no server in this file"))
    return found


def _at(document: Document, member: Member, message: str, hint: str, *, error: bool) -> Notice:
    return Notice(f"{document.file}:{member.line}", member.key, message, hint, error)
