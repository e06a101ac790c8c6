"""Results for clients of older revisions, which refuse a content type that they do not know.

Pure. Nothing is lost that the older revision can carry: audio becomes an embedded blob, a link its text, and what no
revision of theirs has a word for its JSON (PROTOCOL.md section 4).
"""

from collections.abc import Callable

import msgspec

from app.protocol.jsonrpc import members_of, text_of
from app.relay.catalog import Members

# The content types of each revision; what is not in this table has those of the newest.
_FIRST = frozenset({"text", "image", "resource"})
KNOWN = {"2024-11-05": _FIRST, "2025-03-26": _FIRST | {"audio"}}
KNOWN_NEWEST = _FIRST | {"audio", "resource_link"}
# What a server may say that one of them has no word for.
_LATER = (b'"audio"', b'"resource_link"')

_blocks = msgspec.json.Decoder(list[Members]).decode


def may_be_foreign(raw: bytes, version: str) -> bool:
    """Whether a legacy server's result could hold content that a client of `version` does not know. Cheap."""
    return version in KNOWN and any(kind in raw for kind in _LATER)


def to_version(method: str, members: Members, version: str) -> Members:
    """The result of `tools/call` or `prompts/get` in the words of `version`; the same object where nothing differs."""
    known = KNOWN.get(version, KNOWN_NEWEST)
    if method == "tools/call":
        return _replaced(members, "content", lambda block, index: _block(block, index, known))
    if method == "prompts/get":
        return _replaced(members, "messages", lambda message, index: _message(message, index, known))
    return members


def without_array(members: Members) -> Members:
    """A result whose `structuredContent` is no object, without it; its JSON is in the text, put there if it is not."""
    structured = members.get("structuredContent")
    if structured is None or bytes(structured)[:1] == b"{":
        return members
    others = {name: value for name, value in members.items() if name != "structuredContent"}
    blocks = _list(members.get("content"))
    if blocks is None or any(text_of(block.get("type")) == "text" for block in blocks):
        return others
    return {**others, "content": _raw([*blocks, _text(bytes(structured).decode())])}


def _replaced(members: Members, name: str, change: Callable[[Members, int], Members]) -> Members:
    items = _list(members.get(name))
    if items is None:
        return members
    changed = [change(item, index) for index, item in enumerate(items)]
    if all(new is old for new, old in zip(changed, items, strict=True)):
        return members
    return {**members, name: _raw(changed)}


def _message(message: Members, index: int, known: frozenset[str]) -> Members:
    block = members_of(message.get("content", b""))
    if block is None:
        return message
    changed = _block(block, index, known)
    return message if changed is block else {**message, "content": _raw(changed)}


def _block(block: Members, index: int, known: frozenset[str]) -> Members:
    kind = text_of(block.get("type"))
    if kind is None or kind in known:
        return block
    kept = {name: block[name] for name in ("annotations", "_meta") if name in block}
    if kind == "audio" and "data" in block:
        resource = {"uri": f"audio://content/{index}", "blob": block["data"]}
        if "mimeType" in block:
            resource["mimeType"] = block["mimeType"]
        return {"type": _raw("resource"), "resource": _raw(resource), **kept}
    uri = text_of(block.get("uri"))
    if kind == "resource_link" and uri is not None:
        name = text_of(block.get("title")) or text_of(block.get("name")) or ""
        return {**_text(f"{name}: {uri}" if name else uri), **kept}
    return {**_text(msgspec.json.encode(block).decode()), **kept}


def _text(text: str) -> Members:
    return {"type": _raw("text"), "text": _raw(text)}


def _list(raw: msgspec.Raw | None) -> list[Members] | None:
    if raw is None:
        return None
    try:
        return _blocks(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))
