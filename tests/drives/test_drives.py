"""Drives for which names differ less than for Linux: Macs', and USB drives of Windows."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from libsep.config import Config, StorageConfig
from libsep.errors import ConfigError
from libsep.extraction.extract import Job
from libsep.extraction.selection import Selection
from libsep.extraction.tree import extract_all
from libsep.ledger import FOLDER, Ledger, RunLock
from libsep.library.audit import audit
from libsep.library.gone import has_gone
from libsep.library.naming import Namer
from libsep.library.noted import remember_library
from libsep.library.survey import track_of_file
from libsep.media.drives import Drive, Names
from libsep.media.ffmpeg import find_ffmpeg
from libsep.pipeline import process
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.storage.ends import Ends
from libsep.track import FoundFile, Move, Outcome

from ..conftest import assignment, tone, write_wave
from ..extraction.conftest import sources, stem_file
from ..pipeline.conftest import settings_of

__all__ = ["sources", "stem_file"]

CONFIG = Config().replaced(separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"})
ODD = "AC:DC/Who?.flac"


def is_usb(drive: Path) -> bool:
    return drive.name == "usb"


def test_what_a_drive_does_to_names_is_found_out_and_nothing_is_left(drive: Path) -> None:
    expected = Names(takes_marks=not is_usb(drive), takes_bytes=False, tells_case=False)
    assert Drive(drive / "not/there/yet").names == expected
    assert list(drive.iterdir()) == []


def test_a_name_that_the_drive_refuses_gets_a_substitute_that_can_be_made(drive: Path) -> None:
    output = Namer(drive=Drive(drive)).output_for(ODD)
    (drive / output).parent.mkdir()
    (drive / output).touch()
    assert output == ("AC_DC/Who_.stem.mp4" if is_usb(drive) else "AC:DC/Who?.stem.mp4")


def test_a_library_is_refused_as_its_own_output_in_any_spelling(drive: Path) -> None:
    library = drive / "Köln"
    library.mkdir()
    for spelling in ("KÖLN", "Ko\u0308ln", "köln/../köln"):
        with pytest.raises(ConfigError, match="are the same"):
            Ends.of(str(library), str(drive / spelling), StorageConfig()).check()
    assert list(library.iterdir()) == []


def test_a_library_in_another_spelling_is_no_other_library(drive: Path) -> None:
    (drive / "Köln").mkdir()
    (drive / "other").mkdir()
    note = drive / "stems" / FOLDER / "library"
    for spelling in ("Köln", "KO\u0308LN"):
        remember_library(note, drive / spelling)
    with pytest.raises(ConfigError, match="holds the stems of"):
        remember_library(note, drive / "other")


def test_a_run_holds_its_lock(drive: Path) -> None:
    with RunLock(drive / FOLDER, run="first") as lock:
        lock.check()
        assert (drive / FOLDER / "lock").is_file()
    assert list((drive / FOLDER).iterdir()) == []


def test_a_track_that_changed_case_or_form_has_gone_from_its_old_name(drive: Path) -> None:
    path = drive / "Album/JÓGA.mp3"
    path.parent.mkdir()
    path.write_bytes(b"x")
    found = found_file(drive, "Album/" + next(path.parent.iterdir()).name)
    for source in ("album/Jóga.mp3", "ALBUM/Jo\u0301ga.MP3"):
        assert has_gone(row(source), drive, found)
    assert not has_gone(row(found.source_name), drive, found)


def found_file(library: Path, source: str) -> FoundFile:
    return FoundFile(
        path_name=str(library / source), source_name=source, size_bytes=1, mtime_ns=10**18
    )


def row(source: str) -> Outcome:
    return Outcome(source=source, output="", status="done", size_bytes=1, mtime_ns=10**18)


def test_two_stem_files_whose_files_would_be_one_on_the_drive_do_not_replace_each_other(
    drive: Path, stem_file: Path, tmp_path: Path
) -> None:
    for name in ("a/One?", "a/Two", "a/ONE_"):
        (tmp_path / "stems" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(stem_file, tmp_path / "stems" / f"{name}.stem.mp4")
    shutil.copyfile(stem_file, tmp_path / "stems/a/two.stem.mp4")
    job = Job(
        selection=Selection(only=("vocals",)),
        format_name="wav",
        output=drive / "out",
        ffmpeg=find_ffmpeg(),
    )
    ended = extract_all([str(tmp_path / "stems")], job, StorageConfig())
    failed = {Path(each.source).name for each in ended if each.status == "failed"}
    assert failed == ({"One?.stem.mp4", "two.stem.mp4"} if is_usb(drive) else {"two.stem.mp4"})
    assert len({file for each in ended for file in each.files}) == 4 - len(failed)


@pytest.mark.slow
def test_a_stem_file_follows_a_track_of_another_case_and_an_audit_is_clean(
    drive: Path, tiny_model: Model
) -> None:
    library, stems = drive / "music", drive / "stems"
    write_wave(library / "Björk/Jóga.wav", tone(330.0, 2.0))
    settings = dataclasses.replace(settings_of(CONFIG, tiny_model, drive), output_root=stems)
    separator = Separator(tiny_model, device="cpu", precision="float32")

    def converted(source: str, move: Move | None = None) -> Outcome:
        track, _ = track_of_file(library / source, None)
        output = Namer().output_for(source)
        track = dataclasses.replace(track, source_name=source, output_name=output)
        return process(track, None, separator, settings, assignment(tiny_model), move=move)

    first = converted("Björk/Jóga.wav")
    (library / "Björk").rename(library / "BJÖRK")
    (library / "BJÖRK/Jóga.wav").rename(library / "BJÖRK/JÓGA.wav")
    source = next(library.iterdir()).name + "/" + next((library / "BJÖRK").iterdir()).name
    move = Move(was=first, library_name=str(library), output_name=Namer().output_for(source))
    second = converted(source, move)
    assert (first.status, second.status, second.action) == ("done", "done", "move")
    assert len([path for path in stems.rglob("*") if path.is_file()]) == 1
    ledger = Ledger(stems / FOLDER)
    ledger.begin("first")
    ledger.append(first)
    ledger.append(second)
    ledger.end()
    (stems / second.output).with_name("._x.stem.mp4").write_bytes(b"\0\5\x16\7")  # of macOS
    found = audit(library, stems, CONFIG.scan, ffmpeg=find_ffmpeg())
    assert (found.findings, found.n_verified) == ((), 1)
