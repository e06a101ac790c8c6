"""What clients of older revisions are given in place of what they do not know."""

import json
from typing import Any

import msgspec
import pytest

from app.protocol.versions import LEGACY_VERSIONS, Era
from app.relay.downstream_legacy import to_result
from app.relay.events import Result

AUDIO = {"type": "audio", "data": "AAAA", "mimeType": "audio/wav", "annotations": {"priority": 1.0}}
LINK = {"type": "resource_link", "uri": "file:///a", "name": "a", "title": "The A", "size": 7}
NOVEL = {"type": "hologram", "data": [1.0]}
PLAIN = [{"type": "text", "text": "t"}, {"type": "image", "data": "AA==", "mimeType": "image/png"},
         {"type": "resource", "resource": {"uri": "a:b", "text": "x"}}]  # fmt: skip
FIRST, SECOND, THIRD, FOURTH = LEGACY_VERSIONS


def given(content: list[Any], version: str, era: Era = Era.MODERN) -> list[Any]:
    raw = msgspec.json.encode({"content": content})
    return json.loads(to_result("tools/call", Result(msgspec.Raw(raw), era), version))["content"]


@pytest.mark.parametrize("era", list(Era))
def test_audio_is_an_embedded_blob_before_there_was_audio(era: Era) -> None:
    resource = {"uri": "audio://content/0", "blob": "AAAA", "mimeType": "audio/wav"}
    assert given([AUDIO], FIRST, era) == [{"type": "resource", "resource": resource, "annotations": {"priority": 1.0}}]
    assert given([AUDIO], SECOND, era) == [AUDIO]


@pytest.mark.parametrize("era", list(Era))
def test_a_link_is_its_text_before_there_were_links(era: Era) -> None:
    for version in (FIRST, SECOND):
        assert given([LINK], version, era) == [{"type": "text", "text": "The A: file:///a"}]
    assert given([{"type": "resource_link", "uri": "a:b"}], FIRST, era) == [{"type": "text", "text": "a:b"}]
    for version in (THIRD, FOURTH):
        assert given([LINK], version, era) == [LINK]


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_a_type_of_a_later_revision_is_its_json_as_text(version: str) -> None:
    told = given([*PLAIN, NOVEL], version)
    assert told[:-1] == PLAIN
    assert (told[-1]["type"], json.loads(told[-1]["text"])) == ("text", NOVEL)


def test_messages_of_a_prompt_are_told_in_the_same_words() -> None:
    raw = msgspec.json.encode({"messages": [{"role": "user", "content": AUDIO}, {"role": "user", "content": PLAIN[0]}]})
    told = json.loads(to_result("prompts/get", Result(msgspec.Raw(raw), Era.MODERN), FIRST))["messages"]
    assert [message["content"]["type"] for message in told] == ["resource", "text"]
    assert [message["role"] for message in told] == ["user", "user"]


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_a_legacy_servers_result_without_anything_younger_passes_byte_for_byte(version: str) -> None:
    raw = b'{ "content" : [{"type":"text","text":"t", "x":1.0}], "structuredContent":{} }'
    assert to_result("tools/call", Result(msgspec.Raw(raw), Era.LEGACY), version) == raw


@pytest.mark.parametrize("value", [[1, 2], "text", 7, None, True])
def test_structured_content_that_is_no_object_is_text_where_the_server_wrote_none(value: object) -> None:
    raw = msgspec.json.encode({"resultType": "complete", "content": [PLAIN[1]], "structuredContent": value})
    told = json.loads(to_result("tools/call", Result(msgspec.Raw(raw), Era.MODERN), FOURTH))
    assert set(told) == {"content"}
    assert told["content"][0] == PLAIN[1]
    assert json.loads(told["content"][1]["text"]) == value


@pytest.mark.parametrize(
    "raw",
    [b'{"content":5}', b'{"content":[5,"audio"]}', b'{"content":[{"type":5,"x":"audio"}]}', b'{"messages":"audio"}'],
)
def test_what_has_no_shape_at_all_passes(raw: bytes) -> None:
    for method in ("tools/call", "prompts/get"):
        assert json.loads(to_result(method, Result(msgspec.Raw(raw), Era.MODERN), FIRST)) == json.loads(raw)
