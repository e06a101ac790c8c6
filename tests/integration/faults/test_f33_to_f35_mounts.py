"""Configs as containers mount them, and kernels that tell nothing (RELIABILITY.md F33 to F35)."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.pace import within
from tests.support.place import KEYS, placed, text_of
from tests.support.processes import eventually
from tests.support.programs import workbench

ONE = {"one": workbench("one")}
TWO = {**ONE, "two": workbench("two")}
# In a mount namespace of its own: the file is mounted alone, as `-v /etc/mcp.json:/app/mcp.json` does.
MOUNTED = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" mcp_config.json && exec "$@"']
# In a user namespace of its own, which may have no inotify instance at all.
DEAF = ["unshare", "-Ur", "sh", "-c", 'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', "sh"]


def can(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_f33_two_swaps_of_a_config_map_are_two_edits_taken(tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    for name, servers in (("..0", ONE), ("..1", TWO), ("..2", ONE)):
        (mount / name).mkdir(parents=True)
        (mount / name / "config.json").write_text(text_of(servers))
    (mount / "..data").symlink_to("..0")
    (mount / "config.json").symlink_to("..data/config.json")
    with placed({}, tmp_path, env={"MCP_CONFIG_PATH": str(mount / "config.json")}) as place:
        place.reaches("one", "ready", 60)
        for number, servers in ((1, TWO), (2, ONE)):
            (mount / "..data_tmp").symlink_to(f"..{number}")
            os.replace(mount / "..data_tmp", mount / "..data")
            with within(5):
                eventually(lambda count=number: place.reloads() == count, what="the swap is taken")
            assert set(place.health()["details"]) == set(servers)


@pytest.mark.skipif(not can("unshare", "-m", "true"), reason="no mount namespaces here")
def test_f34_a_mounted_file_that_was_replaced_outside_is_said_loudly_within_5_s(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(text_of(ONE))
    with placed({}, tmp_path, wrap=[*MOUNTED, str(outside)]) as place:
        place.reaches("one", "ready", 60)
        outside.write_text(text_of(TWO))
        eventually(lambda: "two" in place.health()["details"], what="an edit in place is seen through the mount")
        assert "reload" not in place.health()
        fresh = tmp_path / "fresh.json"
        fresh.write_text(text_of(ONE))
        os.replace(fresh, outside)
        with within(5):
            told = eventually(lambda: place.health().get("reload"), what="health says it")
        assert told["config"]["state"] == "stale"
        assert "mount the directory instead of the file" in told["config"]["reason"]
        assert place.health()["status"] == "degraded"
        assert "mount the directory instead of the file" in place.gateway.log()
        assert place.state("one") == "ready", "what was serves on"


@pytest.mark.skipif(
    not can("unshare", "-Ur", "sh", "-c", "echo 0 >/proc/sys/user/max_inotify_instances"),
    reason="no user namespaces here",
)
def test_f35_f40_without_inotify_edits_are_found_within_5_s_and_a_revoked_key_is_refused_within_2(
    tmp_path: Path,
) -> None:
    with placed(ONE, tmp_path, wrap=DEAF) as place:
        place.reaches("one", "ready", 60)
        assert "it cannot be watched" in place.gateway.log()
        for servers in (TWO, ONE):
            place.rename(servers)
            with within(5):
                eventually(lambda wanted=servers: set(place.health()["details"]) == set(wanted), what="it is taken")
        for _ in range(3):
            place.write_keys("ann", "bob")
            with within(2):
                eventually(lambda: place.refuses("cut"), what="401")
            place.write_keys(*KEYS)
            eventually(lambda: not place.refuses("cut"), what="the key is good again")
