"""A gateway that had nothing when its clients came: they hear of what an edit brings."""

from pathlib import Path

from tests.support.listeners import listening
from tests.support.place import placed
from tests.support.programs import workbench
from tests.support.wire import names


async def test_whoever_listened_before_there_was_a_server_hears_of_its_tools_and_prompts(tmp_path: Path) -> None:
    with placed({}, tmp_path) as place:
        async with listening(place.caller("modern")) as modern, listening(place.caller("legacy")) as legacy:
            place.rename({"first": workbench("first")})
            for listener in (modern, legacy):
                for kind in ("tools", "prompts", "resources"):
                    await listener.hears(f"{kind}/list_changed")
            assert "first__whoami" in names((await place.caller().ask("tools/list")).result["tools"])
