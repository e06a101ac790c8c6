"""JSON as people write it, with the line of everything that is wrong."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.load import load
from app.config.snapshot import Notice
from app.config.tree import Array, Document, Member, Node, Object, Scalar


def plain(node: Node) -> object:
    match node:
        case Scalar():
            return node.value
        case Array():
            return [plain(item) for item in node.items]
        case Object():
            return {member.key: plain(member.node) for member in node.members}


def read(text: str) -> object:
    document = load(text.encode(), "f.json")
    assert isinstance(document, Document), document
    return plain(document.root)


def refused(data: bytes | str) -> Notice:
    notice = load(data.encode() if isinstance(data, str) else data, "f.json")
    assert isinstance(notice, Notice)
    assert notice.error
    return notice


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"a": [1, -2.5e3, true, false, null, "x", [], {}]}',
        ' {"\\u00e9\\n\\ud83d\\ude00": "\\/\\"\\\\\\b\\f\\r\\t"} ',
        '{"big": 12345678901234567890123}',
        '{"a": "// no comment /* at all */"}',
    ],
)
def test_json_is_read_as_json(text: str) -> None:
    assert read(text) == json.loads(text)


def test_comments_trailing_commas_and_a_bom_are_read() -> None:
    text = '\ufeff// head\n{ /* a\n b */ "a": [1, 2,], // tail\n "b": {"c": 1,}, }\n// end'
    assert read(text) == {"a": [1, 2], "b": {"c": 1}}


def test_every_part_knows_its_line_and_repeated_keys_are_all_there() -> None:
    document = load(b'{\n"a": 1,\n"a":\n [\n2]}', "f.json")
    assert isinstance(document, Document)
    assert document.root == Object(
        (Member("a", 2, Scalar(1, "1", 2)), Member("a", 3, Array((Scalar(2, "2", 5),), 4))), 1
    )


def test_a_number_keeps_how_it_was_written() -> None:
    document = load(b'{"a": 1.50}', "f.json")
    assert isinstance(document, Document)
    assert document.root.members[0].node == Scalar(1.5, "1.50", 1)


@pytest.mark.parametrize(
    ("text", "where", "path", "message"),
    [
        ("", "f.json:1", "", "the file is empty"),
        (" \n// nothing\n", "f.json:3", "", "the file is empty"),
        ("[]", "f.json:1", "", "holds a list, not an object"),
        ('{"a": 1} {', "f.json:1", "", "something follows"),
        ('{\n"a": 1\n"b": 2}', "f.json:2", "", 'expected "," or "}" after this value'),
        ('{\n"a": {"b": [1 2]}}', "f.json:2", "a.b", 'expected "," or "]"'),
        ('{"a" 1}', "f.json:1", "a", 'expected ":"'),
        ("{a: 1}", "f.json:1", "", "expected a key in double quotes"),
        ('{"a": tru}', "f.json:1", "a", "expected a value"),
        ('{"a": 01}', "f.json:1", "a", "expected a value"),
        ('{"a": 1.}', "f.json:1", "a", "expected a value"),
        ('{"a": NaN}', "f.json:1", "a", "expected a value"),
        ('{"a": ,}', "f.json:1", "a", "expected a value"),
        ('{"a":', "f.json:1", "a", "ends where a value should be"),
        ('{\n"a": [\n1,', "f.json:3", "a", "what line 2 opens is never closed"),
        ('{\n"a": 1\n', "f.json:3", "", "what line 1 opens is never closed"),
        ('{"a": "x\ny"}', "f.json:1", "a", "not closed on its line"),
        ('{"a": "C:\\Users"}', "f.json:1", "a", "an escape JSON does not have"),
        ('{"a": "\\ud800"}', "f.json:1", "a", "half a surrogate pair"),
        ('{"a": /* x', "f.json:1", "a", "never ends"),
        ('{"a": 1 /* x', "f.json:1", "", "never ends"),
        ('{"a":' * 100, "f.json:1", ".".join("a" * 65), "nested deeper than 64"),
    ],
)
def test_what_cannot_be_read_is_said_with_line_and_path(text: str, where: str, path: str, message: str) -> None:
    notice = refused(text)
    assert (notice.where, notice.path) == (where, path)
    assert message in notice.message


def test_single_quotes_and_bare_words_get_a_hint() -> None:
    for text in ("{'a': 1}", "{\"a\": 'x'}", '{"a": word}'):
        assert refused(text).hint == "strings go in double quotes"


def test_what_is_no_json_at_all_is_told_what_json_begins_with() -> None:
    for text in ("mcpServers:\n  a:\n", "\n[mcp_servers.a]\ncommand = 1\n", "'a'", ""):
        assert refused(text).hint == "the file is JSON, and begins with {"


def test_other_encodings_are_named_as_such() -> None:
    notice = refused(b'{\n"a": "\xff"}')
    assert (notice.where, notice.message, notice.hint) == ("f.json:2", "not UTF-8", "save the file as UTF-8")
    assert refused('{"a": 1}'.encode("utf-16")).message == "not UTF-8"


def test_no_message_quotes_the_text() -> None:
    for text in ('{"a": s3cret}', "{s3cret: 1}", '{"a": "s3cret\n"}', '{"a": "b" s3cret}', "{} s3cret"):
        notice = refused(text)
        assert "s3cret" not in notice.message + notice.hint


@given(st.binary(max_size=200) | st.text('{}[]",:\\/*au01.-e \n', max_size=60).map(str.encode))
def test_never_raises_on_any_bytes(data: bytes) -> None:
    assert isinstance(load(data, "f.json"), Document | Notice)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_reads_whatever_json_writes(value: object, indent: int | None, ascii_only: bool) -> None:
    assert read(json.dumps(value, indent=indent, ensure_ascii=ascii_only)) == value
