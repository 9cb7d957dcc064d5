"""A stem file that follows its track, and every step at which that may end otherwise."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ffmpeg as graphs
import mutagen
import pytest
from mutagen.mp4 import MP4, MP4FreeForm

from libsep.errors import StemsError
from libsep.library.survey import track_of_file
from libsep.media import atomic
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import read_fingerprint, write_fingerprint
from libsep.media.verify import verify_stems
from libsep.pipeline import process
from libsep.pipeline.moved import stem_file_of
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Move, Outcome, Track

from ..conftest import assignment
from .conftest import CONFIG, settings_of

CUE = "----:com.a-dj-program:cue"


class Shelf:
    """A library of one track, ``old.flac``, that was converted, and then renamed."""

    def __init__(self, folder: Path, model: Model, was: Outcome) -> None:
        self.folder, self.library, self.stems = folder, folder / "music", folder / "stems"
        self.model, self.was = model, was
        self.old, self.new = self.stems / "old.stem.mp4", self.stems / "b/new.stem.mp4"
        self.path = self.library / "b/new.flac"
        self.path.parent.mkdir()
        (self.library / "old.flac").rename(self.path)

    def process(self, **changes: Any) -> Outcome:
        """Take the renamed track through the pipeline."""
        status = self.path.stat()
        track = Track(
            path_name=str(self.path),
            source_name="b/new.flac",
            output_name="b/new.stem.mp4",
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )
        output = changes.pop("output_name", track.output_name)
        was = dataclasses.replace(self.was, **changes)
        move = Move(was=was, library_name=str(self.library), output_name=output)
        settings = settings_of(CONFIG, self.model, self.folder)
        separator = Separator(self.model, device="cpu", precision="float32")
        return process(track, None, separator, settings, assignment(self.model), move=move)

    def stem_files(self) -> set[str]:
        """Return all that lies in the output, temporary files too."""
        return {str(p.relative_to(self.stems)) for p in self.stems.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_model: Model) -> tuple[Path, Outcome]:
    """Return a folder with a library and its stem file, and how that was made."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "music").mkdir()
    path = folder / "music/old.flac"
    tone = graphs.input("sine=duration=1", f="lavfi").output(str(path), ac=2)
    tone.run(cmd=str(find_ffmpeg()), quiet=True)
    track, _ = track_of_file(path, None)
    settings = settings_of(CONFIG, tiny_model, folder)
    separator = Separator(tiny_model, device="cpu", precision="float32")
    outcome = process(track, None, separator, settings, assignment(tiny_model))
    assert outcome.status == "done", outcome.message
    return folder, outcome


@pytest.fixture
def shelf(made: tuple[Path, Outcome], tiny_model: Model, tmp_path: Path) -> Shelf:
    folder, outcome = made
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return Shelf(tmp_path, tiny_model, outcome)


def test_the_stem_file_goes_with_its_track_and_what_was_measured_and_edited_too(
    shelf: Shelf,
) -> None:
    file = MP4(shelf.old)
    file[CUE] = [MP4FreeForm(b"at 1.2 s")]
    file.save()
    outcome = shelf.process()
    assert (outcome.status, outcome.action, outcome.message) == ("done", "move", "")
    assert (outcome.source, outcome.moved_from) == ("b/new.flac", "old.flac")
    assert outcome.output == "b/new.stem.mp4"
    assert outcome.separate_s == 0.0
    for name in ("null_db", "peak_db", "loudness_lufs", "duration_s", "cutoff_confidence"):
        assert getattr(outcome, name) == getattr(shelf.was, name), name
    assert shelf.stem_files() == {"b/new.stem.mp4"}
    assert outcome.output_size_bytes == shelf.new.stat().st_size
    assert bytes(mutagen.File(shelf.new)[CUE][0]) == b"at 1.2 s"
    fingerprint = read_fingerprint(shelf.new)
    assert fingerprint is not None
    assert fingerprint.source == "b/new.flac"
    assert verify_stems(shelf.new).is_conformant


def _is_there_again(shelf: Shelf) -> None:
    shutil.copy2(shelf.path, shelf.library / "old.flac")


def _was_made_from_another_track(shelf: Shelf) -> None:
    made = read_fingerprint(shelf.old)
    assert made is not None
    write_fingerprint(shelf.old, dataclasses.replace(made, source="other.flac"))


def _was_made_with_another_model(shelf: Shelf) -> None:
    made = read_fingerprint(shelf.old)
    assert made is not None
    write_fingerprint(shelf.old, dataclasses.replace(made, model_sha256="0" * 64))


def _is_damaged(shelf: Shelf) -> None:
    shelf.old.write_bytes(bytes(shelf.old.stat().st_size))


def _has_no_list_of_stems(shelf: Shelf) -> None:
    shelf.old.write_bytes(shelf.old.read_bytes().replace(b"stem", b"mets", 1))


@pytest.mark.parametrize(
    "spoil",
    [
        _is_there_again,
        _was_made_from_another_track,
        _was_made_with_another_model,
        _is_damaged,
        _has_no_list_of_stems,
    ],
)
def test_what_does_not_fit_is_converted_and_the_old_file_stays_as_it_is(
    shelf: Shelf, spoil: Callable[[Shelf], None]
) -> None:
    spoil(shelf)
    old = shelf.old.read_bytes()
    outcome = shelf.process()
    assert (outcome.status, outcome.action, outcome.moved_from) == ("done", "convert", "")
    assert shelf.old.read_bytes() == old
    assert shelf.stem_files() == {"old.stem.mp4", "b/new.stem.mp4"}


def test_other_audio_of_the_same_size_and_time_is_converted_to_its_own_name(shelf: Shelf) -> None:
    outcome = shelf.process(audio_sha256="0" * 64, output_name="b/NEW.stem.mp4")
    assert (outcome.action, outcome.moved_from) == ("convert", "")
    assert shelf.stem_files() == {"old.stem.mp4", "b/new.stem.mp4"}


def test_a_file_in_the_way_is_not_overwritten(shelf: Shelf) -> None:
    shelf.new.parent.mkdir()
    shelf.new.write_bytes(b"of somebody else")
    outcome = shelf.process()
    assert (outcome.status, outcome.error) == ("failed", "StemsError")
    assert shelf.new.read_bytes() == b"of somebody else"
    assert shelf.old.exists()


def test_other_letters_of_the_name(shelf: Shelf) -> None:
    outcome = shelf.process(output_name="OLD.stem.mp4")
    assert (outcome.action, outcome.output) == ("move", "OLD.stem.mp4")
    assert shelf.stem_files() == {"OLD.stem.mp4"}


def test_an_edit_while_it_is_copied_is_kept(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    copyfile = shutil.copyfile

    def copied(source: Path, goal: Path) -> None:
        copyfile(source, goal)
        os.utime(source, (1, 1))

    monkeypatch.setattr("libsep.pipeline.stages.shutil.copyfile", copied)
    outcome = shelf.process()
    assert outcome.action == "convert"
    assert shelf.old.exists()


def _touch_the_track(shelf: Shelf) -> None:
    os.utime(shelf.path, (1, 1))


def _fail_in_ourselves(shelf: Shelf) -> None:
    raise RuntimeError(str(shelf.path))


@pytest.mark.parametrize(
    ("happen", "error"),
    [(_touch_the_track, "DecodeError"), (_fail_in_ourselves, "RuntimeError")],
)
def test_a_failure_on_the_way_takes_nothing_from_the_old_track(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, happen: Callable[[Shelf], None], error: str
) -> None:
    def verified(*args: Any, **kwargs: Any) -> Any:
        happen(shelf)
        return verify_stems(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr("libsep.pipeline.stages.verify_stems", verified)
        outcome = shelf.process()
    assert (outcome.status, outcome.error) == ("failed", error)
    assert (outcome.moved_from, outcome.output) == ("", "b/new.stem.mp4")
    assert outcome.action != "move"
    assert shelf.stem_files() == {"old.stem.mp4"}
    assert shelf.process().action == "move"


def test_a_failure_after_the_rename_is_taken_up_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        outcome = shelf.process()
    assert (outcome.status, outcome.moved_from) == ("failed", "")
    assert shelf.stem_files() == {"b/new.stem.mp4"}
    assert shelf.process().action == "move"


def test_a_file_that_appears_where_it_goes_is_kept(shelf: Shelf) -> None:
    stem_file = stem_file_of(
        Move(was=shelf.was, library_name=str(shelf.library), output_name="b/new.stem.mp4"),
        shelf.was,
        shelf.stems,
    )
    assert stem_file is not None
    shelf.new.parent.mkdir()
    shelf.new.write_bytes(b"of somebody else")
    with pytest.raises(StemsError, match="has appeared where it goes"):
        stem_file.rename(shelf.new)
    assert shelf.new.read_bytes() == b"of somebody else"
    assert shelf.old.exists()


class Killed(BaseException):
    """The process dies here: nothing after it is done."""


@pytest.mark.parametrize("step", ["before the rename", "after the rename", "before the row"])
def test_a_run_that_is_killed_is_taken_up_where_it_stood(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with monkeypatch.context() as patch:
        if step == "before the row":
            shelf.process()
        else:
            name = {"before the rename": "rename", "after the rename": "replace"}[step]

            def die(*_: object) -> None:
                raise Killed

            patch.setattr(Path, name, die)
            patch.setattr(Path, "unlink", lambda *_, **__: None)
            with pytest.raises(Killed):
                shelf.process()
    if step == "after the rename":
        made = read_fingerprint(shelf.new)
        assert made is not None
        assert (made.source, shelf.old.exists()) == ("old.flac", False)
    atomic.remove_stale(shelf.new.parent)
    outcome = shelf.process()
    assert (outcome.status, outcome.action, outcome.moved_from) == ("done", "move", "old.flac")
    assert outcome.null_db == shelf.was.null_db
    assert shelf.stem_files() == {"b/new.stem.mp4"}
    made = read_fingerprint(shelf.new)
    assert made is not None
    assert made.source == "b/new.flac"
