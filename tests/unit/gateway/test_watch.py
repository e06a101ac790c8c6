"""Edits of every kind are noticed by what they leave in the file; nothing else is taken for one."""

import asyncio
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from app.gateway import watch as module
from app.gateway.watch import Bell, Watch, mounted_alone
from tests.support.pace import within


class Noted:
    """What a watch has told, and the contents at that moment."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files
        self.told: list[set[str]] = []
        self.read: list[str] = []
        self.stale: list[str] = []
        self.event = asyncio.Event()

    def changed(self, names: set[str]) -> None:
        self.told.append(names)
        for name in sorted(names):
            with suppress(FileNotFoundError):
                self.read.append(self.files[name].read_text())
        self.event.set()

    def note_stale(self, name: str, reason: str) -> None:
        self.stale.append(reason)
        self.event.set()

    async def reads(self, text: str, seconds: float = 30.0) -> None:
        async with asyncio.timeout(seconds):
            while self.read[-1:] != [text]:
                await self.event.wait()
                self.event.clear()


@asynccontextmanager
async def watching(**files: Path) -> AsyncIterator[Noted]:
    noted = Noted(files)
    watch = Watch(files, noted.changed, noted.note_stale)
    task = asyncio.get_running_loop().create_task(watch.run())
    try:
        yield noted
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def by_rename(path: Path, text: str) -> None:
    path.with_name("edited.tmp").write_text(text)
    os.replace(path.with_name("edited.tmp"), path)


def by_removal(path: Path, text: str) -> None:
    path.unlink()
    path.write_text(text)


def by_sed(path: Path, text: str) -> None:
    subprocess.run(["sed", "-i", f"s/.*/{text}/", str(path)], check=True)


@pytest.mark.parametrize("edit", [in_place, by_rename, by_removal, by_sed])
async def test_five_edits_are_five_changes(tmp_path: Path, edit: Callable[[Path, str], None]) -> None:
    path = tmp_path / "config"
    path.write_text("0")
    async with watching(config=path) as noted:
        for number in range(1, 6):
            edit(path, str(number))
            await noted.reads(str(number))
    assert [read.strip() for read in noted.read][-1] == "5"
    assert len(noted.told) == 5


async def test_a_swapped_symlink_of_a_config_map_is_an_edit(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "config").write_text(str(number))
    (tmp_path / "..data").symlink_to("..0")
    path = tmp_path / "config"
    path.symlink_to("..data/config")
    async with watching(config=path) as noted:
        for number in (1, 2):
            (tmp_path / "..next").symlink_to(f"..{number}")
            os.replace(tmp_path / "..next", tmp_path / "..data")
            await noted.reads(str(number))


async def test_the_file_that_changed_is_named(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("config", "keys")}
    for path in files.values():
        path.write_text("0")
    async with watching(**files) as noted:
        by_rename(files["keys"], "1")
        await noted.reads("1")
    assert noted.told == [{"keys"}]


async def test_the_same_content_again_is_no_edit_and_neither_is_what_else_is_in_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("same")
    async with watching(config=path) as noted:
        by_rename(path, "same")
        path.touch()
        (tmp_path / "other").write_text("x")
        # The next true edit is told alone: what came before it was seen, and was none.
        await asyncio.sleep(2 * module.DEBOUNCE)
        in_place(path, "another")
        await noted.reads("another")
    assert noted.told == [{"config"}]


async def test_fifty_edits_in_five_seconds_are_ten_reloads_at_most_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("")
    async with watching(config=path) as noted:
        began = time.monotonic()
        for number in range(50):
            by_rename(path, str(number))
            await asyncio.sleep(0.1)
        await noted.reads("49")
    assert len(noted.told) <= max(10, 2 * (time.monotonic() - began))


async def test_without_kernel_events_the_contents_are_compared_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_inotify(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("watchfiles.awatch", no_inotify)
    path = tmp_path / "config"
    path.write_text("0")
    async with watching(config=path) as noted:
        in_place(path, "1")
        with within(5):
            await noted.reads("1")
    assert any("cannot be watched" in record.getMessage() for record in caplog.records)


async def test_a_file_that_comes_later_and_goes_again_is_an_edit_each_time(tmp_path: Path) -> None:
    path = tmp_path / "not" / "yet"
    async with watching(keys=path) as noted:
        path.parent.mkdir()
        path.write_text("1")
        await noted.reads("1")
        path.unlink()
        async with asyncio.timeout(30):
            while len(noted.told) < 2:
                await noted.event.wait()
                noted.event.clear()


async def test_a_mounted_file_that_was_replaced_outside_is_said_once(tmp_path: Path) -> None:
    """As the kernel shows it: a path that opens, to a file that is in no directory any more."""
    (tmp_path / "mounted").write_text("0")
    held = os.open(tmp_path / "mounted", os.O_RDONLY)
    try:
        async with watching(config=Path(f"/proc/self/fd/{held}")) as noted:
            assert not noted.stale
            (tmp_path / "mounted").unlink()
            async with asyncio.timeout(30):
                while not noted.stale:
                    await noted.event.wait()
            await asyncio.sleep(0)
    finally:
        os.close(held)
    (reason,) = noted.stale
    assert "mount the directory instead of the file" in reason


def test_a_file_that_is_a_mount_of_its_own_is_known_and_no_other(tmp_path: Path) -> None:
    config = tmp_path / "with blank.json"
    other = tmp_path / "other.json"
    mounts = tmp_path / "mountinfo"
    fields = "36 35 98:0 /from {point} ro,noatime master:1 - ext4 /dev/root ro\n"
    points = ["/", str(tmp_path), str(config).replace(" ", "\\040")]
    mounts.write_text("".join(fields.format(point=point) for point in points))
    assert mounted_alone(config, mounts)
    assert not mounted_alone(other, mounts)
    assert not mounted_alone(config, tmp_path / "no such file")
    assert not mounted_alone(config)


def test_what_is_no_plain_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Watch({"config": tmp_path / "pipe"}, lambda _: None, lambda *_: None)._known == {"config": b"no file"}


async def test_rings_before_somebody_listens_are_heard_once(tasks: asyncio.TaskGroup) -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    async with asyncio.timeout(30):
        await bell.heard()
    waiting = tasks.create_task(bell.heard())
    await asyncio.sleep(0)
    assert not waiting.done()
    bell.ring()
    async with asyncio.timeout(30):
        await waiting
