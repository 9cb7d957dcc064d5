"""Names that a drive refuses, and what stands for them; on real drives in ``tests/drives``."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libsep.library.naming import Namer
from libsep.media.atomic import remove_stale
from libsep.media.drives import Drive, Names
from libsep.media.file_names import portable

REFUSED = set(':?*"<>|\\')


@pytest.fixture
def windows_drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that refuses names as exFAT and NTFS do, with the error seen there."""
    really_open = os.open

    def refusing(path: Any, *args: Any, **options: Any) -> int:
        name = os.fsdecode(path).rpartition("/")[2]
        if REFUSED & set(name) or not name.isprintable() or name[-1:] in (".", " "):
            raise OSError(errno.EINVAL, "Invalid argument")
        return really_open(path, *args, **options)

    monkeypatch.setattr(os, "open", refusing)
    return tmp_path


def test_only_what_windows_refuses_is_replaced() -> None:
    kept = "Größe 夏 🌊 [a] & 'b' #1 ...x.flac", ".hidden", "Console.mp3", "com.mp3", "a\u0308"
    assert [portable(name) for name in kept] == list(kept)
    assert {name: portable(name) for name in (
        "AC:DC", "Who?*.mp3", 'A "b" <c>|d\\e', "Etc...", "blank ", "a\n", "con", "Nul.tar.mp3",
        "LPT1 .mp3", os.fsdecode(b"caf\xe9"),
    )} == {
        "AC:DC": "AC_DC", "Who?*.mp3": "Who__.mp3", 'A "b" <c>|d\\e': "A _b_ _c__d_e",
        "Etc...": "Etc.._", "blank ": "blank_", "a\n": "a_", "con": "con_",
        "Nul.tar.mp3": "Nul_.tar.mp3", "LPT1 .mp3": "LPT1_ .mp3", os.fsdecode(b"caf\xe9"): "caf_",
    }  # fmt: skip


def test_a_drive_of_linux_takes_all_names_and_is_not_tried_without_need(tmp_path: Path) -> None:
    drive = Drive(tmp_path)
    assert drive.fitting("Größe/a.mp3") == "Größe/a.mp3"
    assert "names" not in vars(drive)
    odd = os.fsdecode(b"Etc.../Who? \xff")
    assert (drive.fitting(odd), drive.names) == (odd, Names())
    assert list(tmp_path.iterdir()) == []


def test_sources_whose_names_are_refused_get_others_each_its_own(windows_drive: Path) -> None:
    sources = "Etc.../Who?.mp3", "Etc.../Who*.mp3", "Etc.._/Who_.mp3", "plain/Track.mp3"
    namer = Namer(drive=Drive(windows_drive))
    outputs = {source: namer.output_for(source) for source in sources}
    assert outputs == {
        "Etc.../Who?.mp3": "Etc.._/Who_.stem.mp4",
        "Etc.../Who*.mp3": "Etc.._/Who_.mp3.stem.mp4",
        "Etc.._/Who_.mp3": "Etc.._/Who_.mp3~5d11129b.stem.mp4",
        "plain/Track.mp3": "plain/Track.stem.mp4",
    }
    for output in outputs.values():
        (windows_drive / output).parent.mkdir(exist_ok=True)
        os.close(os.open(windows_drive / output, os.O_CREAT | os.O_EXCL))
    later = Namer(outputs, Drive(windows_drive))
    assert {source: later.output_for(source) for source in reversed(sources)} == outputs


def test_an_output_that_another_disk_took_gets_a_new_name(windows_drive: Path) -> None:
    namer = Namer({"Who?.mp3": "Who?.stem.mp4", "b.mp3": "b.stem.mp4"}, Drive(windows_drive))
    assert namer.output_for("Who?.mp3") == "Who_.stem.mp4"


def test_bytes_alone_are_replaced_where_only_they_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Drive, "names", Names(takes_bytes=False))
    assert Drive(tmp_path).fitting(os.fsdecode(b"Who?/caf\xe9.mp3")) == "Who?/caf_.mp3"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.ETIMEDOUT])
def test_a_drive_that_fails_meanwhile_has_refused_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Else a stem file that is there would get another name, and be made again beside it."""
    failing_with(number, monkeypatch)
    known = Namer({"Who?.mp3": "Who?.stem.mp4"}, Drive(tmp_path))
    assert known.output_for("Who?.mp3") == "Who?.stem.mp4"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EILSEQ, errno.ENOENT, errno.EPERM])
def test_a_refusal_counts_only_if_other_names_are_taken_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    failing_with(number, monkeypatch)
    assert Drive(tmp_path).fitting("Who?") == "Who_"
    folder = tmp_path / "gone"
    folder.mkdir()
    failing_with(number, monkeypatch, then=lambda: folder.rmdir() if folder.exists() else None)
    assert Drive(folder).fitting("Who?") == "Who?"


def failing_with(
    number: int, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None
) -> None:
    """Let files whose names have marks fail, and then something happen."""
    really_open = os.open

    def failing(path: Any, *args: Any, **options: Any) -> int:
        if "?" in os.fsdecode(path):
            then()
            raise OSError(number, os.strerror(number))
        return really_open(path, *args, **options)

    monkeypatch.setattr(os, "open", failing)


def test_what_a_killed_trial_leaves_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "unlink", lambda _: None)  # as if killed before it
    assert Drive(tmp_path).names == Names()
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) >= 3
    remove_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_takes_all_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    assert Drive(tmp_path).fitting("Who?") == "Who?"
