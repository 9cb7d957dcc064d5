"""An audit is clean after a conversion, and finds whatever is then lost, doubled or half."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import mutagen
import numpy as np
import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.config import Config
from libsep.errors import ConfigError, LedgerError
from libsep.ledger import FOLDER, Ledger, RunLock
from libsep.library.audit import Audit, audit
from libsep.library.last_run import Told, keep, told_last
from libsep.library.survey import ListFiles, track_of_file
from libsep.media.atomic import temporary
from libsep.pipeline import Settings, process
from libsep.pipeline.listed import OUTSIDE, ListedTracks
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Outcome

from ..conftest import assignment, write_wave

CONFIG = Config().replaced(separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"})


@dataclasses.dataclass(frozen=True)
class Converted:
    """A library of two tracks, of which one is converted and one has failed."""

    library: Path
    stems: Path
    ffmpeg: Path

    @property
    def stem_file(self) -> Path:
        return self.stems / "song.stem.mp4"

    def audit(self, *, is_quick: bool = False, listed: ListFiles | None = None) -> Audit:
        return audit(
            self.library,
            self.stems,
            CONFIG.scan,
            ffmpeg=self.ffmpeg,
            is_quick=is_quick,
            listed=listed,
        )

    def errors(self, *, is_quick: bool = True) -> list[str]:
        findings = self.audit(is_quick=is_quick).findings
        return [f"{f.path}: {f.message}" for f in findings if f.severity == "error"]

    def remarks(self) -> list[str]:
        findings = self.audit(is_quick=True).findings
        return [f"{f.path}: {f.message}" for f in findings if f.severity == "remark"]

    def append(self, *outcomes: Outcome, run: str = "another") -> None:
        ledger = Ledger(self.stems / FOLDER)
        ledger.begin(run)
        for outcome in outcomes:
            ledger.append(outcome)
        ledger.end()


@pytest.fixture(scope="module")
def template(
    tmp_path_factory: pytest.TempPathFactory, tiny_model: Model, ffmpeg: Path
) -> Converted:
    """Convert once for all tests."""
    folder: Path = tmp_path_factory.mktemp("audit")
    library, stems = folder / "music", folder / "stems"
    noise = np.random.default_rng(20261120).standard_normal((2, 3 * 44100)).astype(np.float32)
    made = Settings(
        config=CONFIG, models={tiny_model.name: tiny_model}, output_root=stems, run="first"
    )
    separator = Separator(tiny_model, device="cpu", precision="float32")
    write_wave(library / "song.wav", 0.1 * noise)
    (library / "text.mp3").write_text("no song")
    ledger = Ledger(stems / FOLDER)
    ledger.begin("first")
    for name in ("song.wav", "text.mp3"):
        track, _ = track_of_file(library / name, stems)
        ledger.append(process(track, None, separator, made, assignment(tiny_model)))
    ledger.end()
    return Converted(library, stems, ffmpeg)


@pytest.fixture
def converted(template: Converted, tmp_path: Path) -> Converted:
    """Return a copy that a test may spoil."""
    for folder in (template.library, template.stems):
        shutil.copytree(folder, tmp_path / folder.name)
    return Converted(tmp_path / "music", tmp_path / "stems", template.ffmpeg)


def test_what_was_converted_is_clean_and_every_stem_file_was_decoded(converted: Converted) -> None:
    found = converted.audit()
    assert (found.is_clean, found.findings) == (True, ())
    assert (found.n_tracks, found.n_done, found.n_failed, found.n_verified) == (2, 1, 1, 1)
    assert converted.audit(is_quick=True).n_verified == 0


def test_a_track_without_a_row_is_found(converted: Converted) -> None:
    shutil.copy(converted.library / "song.wav", converted.library / "new.wav")
    assert converted.errors() == ["new.wav: has no row in the ledger; the next run converts it"]


def test_a_track_that_has_changed_since_is_a_remark(converted: Converted) -> None:
    os.utime(converted.library / "song.wav", (1, 1))
    assert converted.errors() == []
    assert converted.remarks() == ["song.wav: has changed since; the next run looks at it"]


def test_a_lost_stem_file_is_found_unless_its_track_is_gone_too(converted: Converted) -> None:
    converted.stem_file.unlink()
    (error,) = converted.errors()
    assert error.startswith("song.stem.mp4: its row says done, but it cannot be read")
    (converted.library / "song.wav").unlink()
    assert converted.errors() == []


def test_a_stem_file_whose_track_is_gone_is_a_remark(converted: Converted) -> None:
    (converted.library / "song.wav").unlink()
    assert converted.errors() == []
    assert converted.remarks() == ["song.stem.mp4: its track is gone: song.wav"]


def test_a_stem_file_of_another_size_is_found(converted: Converted) -> None:
    with converted.stem_file.open("ab") as file:
        file.write(b"\0\0\0\x08free")
    (error,) = converted.errors()
    assert "bytes, its row says" in error


def test_a_stem_file_whose_sound_is_damaged_is_found_by_decoding_it(converted: Converted) -> None:
    data = bytearray(converted.stem_file.read_bytes())
    start = data.index(b"mdat") + 4
    data[start + 2000 : start + 40000] = bytes(38000)
    converted.stem_file.write_bytes(data)
    assert converted.errors(is_quick=True) == []
    assert converted.errors(is_quick=False) != []


def test_a_stem_file_that_is_shorter_than_its_row_says_is_found(converted: Converted) -> None:
    row = Ledger(converted.stems / FOLDER).latest()["song.wav"]
    converted.append(dataclasses.replace(row, duration_s=row.duration_s + 1))
    assert converted.errors(is_quick=False) == [
        "song.stem.mp4: lasts 3.000 s, its row says 4.000 s"
    ]


def test_a_stem_file_of_something_else_is_found(converted: Converted) -> None:
    row = Ledger(converted.stems / FOLDER).latest()["song.wav"]
    converted.append(dataclasses.replace(row, audio_sha256="0" * 64, model_sha256="1" * 64))
    (error,) = converted.errors()
    assert error.endswith("is not that of its row: audio_sha256, model_sha256")


def test_a_stem_file_that_lost_its_fingerprint_is_found(converted: Converted) -> None:
    file = mutagen.File(converted.stem_file)
    file.delete()
    (error,) = converted.errors()
    assert error.endswith("it has no fingerprint of libsep")


def test_temporary_files_are_found(converted: Converted) -> None:
    with temporary(converted.stem_file) as part:
        part.write_bytes(b"half")
        (converted.stems / FOLDER / "ledger" / ".x.parquet.partial").write_bytes(b"half")
        errors = converted.errors()
    assert len(errors) == 2
    assert all(error.endswith("is the temporary file of a run that was killed") for error in errors)


def test_a_stem_file_that_no_row_knows_is_an_error_and_other_files_are_remarks(
    converted: Converted,
) -> None:
    shutil.copy(converted.stem_file, converted.stems / "other.stem.mp4")
    (converted.stems / "mine.stem.mp4").write_text("not of libsep")
    (converted.stems / "cover.jpg").write_text("a picture")
    (converted.stems / "stems.m3u8").write_text("#EXTM3U\n# written by libsep\n")
    assert converted.errors() == ["other.stem.mp4: no row knows this stem file (of song.wav)"]
    assert len(converted.remarks()) == 2


def test_two_runs_that_wrote_at_once_are_found(converted: Converted) -> None:
    row = Ledger(converted.stems / FOLDER).latest()["text.mp3"]
    first, second = (Ledger(converted.stems / FOLDER) for _ in range(2))
    first.begin("one")
    second._make_folders()
    second._sequence, second._run = first._sequence, "two"
    second._journal = type(first._journal).create(converted.stems / FOLDER / "journal/two.jsonl")
    for ledger in (first, second):
        ledger.append(row)
        ledger.close()
    assert converted.errors() == [f"{FOLDER}: 1 rows of two runs that wrote at the same time"]
    assert len(converted.remarks()) == 2, "and both were killed"


def test_a_track_that_ended_twice_in_a_run_is_found(converted: Converted) -> None:
    row = Ledger(converted.stems / FOLDER).latest()["text.mp3"]
    converted.append(row, row)
    assert converted.errors() == ["text.mp3: ended 2 times in run another"]


def test_two_tracks_with_one_stem_file_are_found(converted: Converted) -> None:
    row = Ledger(converted.stems / FOLDER).latest()["song.wav"]
    converted.append(dataclasses.replace(row, source="text.mp3"))
    assert "song.stem.mp4: is the stem file of song.wav and text.mp3" in converted.errors()


def test_a_damaged_ledger_is_found(converted: Converted) -> None:
    (parquet,) = (converted.stems / FOLDER / "ledger").glob("*.parquet")
    parquet.write_bytes(b"PAR1")
    errors = converted.errors()
    assert "--rebuild-ledger" in errors[0]
    assert told_last(converted.stems) == Told()


def test_an_audit_waits_for_the_end_of_a_run(converted: Converted) -> None:
    with (
        RunLock(converted.stems / FOLDER, run="night"),
        pytest.raises(LedgerError, match="run night is in work"),
    ):
        converted.audit()


def test_a_folder_without_a_ledger_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no ledger of libsep"):
        audit(tmp_path, tmp_path / "stems", CONFIG.scan, ffmpeg=Path("ffmpeg"))
    assert not (tmp_path / "stems").exists()


def test_the_last_run_says_which_files_are_tracks(converted: Converted) -> None:
    folder = converted.stems / FOLDER / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text('scan: {exclude: ["*.mp3"]}')
    assert told_last(converted.stems).config().scan.exclude == ("*.mp3",)


def test_tracks_on_no_list_are_counted_and_are_no_error(converted: Converted) -> None:
    for name in ("listed.wav", "other.wav"):
        shutil.copy(converted.library / "song.wav", converted.library / name)
    playlist = converted.library.parent / "set.m3u"
    playlist.write_text("music/song.wav\nmusic/listed.wav\n")
    listed = ListedTracks(converted.library, [str(playlist)], CONFIG.library)
    found = converted.audit(is_quick=True, listed=listed)
    errors = [each.path for each in found.findings if each.severity == "error"]
    assert (errors, found.n_tracks, found.n_unlisted) == (["listed.wav"], 3, 1)
    playlist.unlink()
    found = converted.audit(is_quick=True, listed=listed)
    assert (found.is_clean, found.n_tracks, found.n_unlisted) == (True, 2, 2)
    assert "which tracks were listed is not known" in found.findings[0].message


def test_what_the_last_run_was_told_is_known(
    converted: Converted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told_last(converted.stems) == Told()
    run = converted.stems / FOLDER / "runs" / "first"
    run.mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    config = CONFIG.replaced(separation={"model": "mine/model"}, run={"report": Path("x.html")})
    config = config.replaced(night={"order": ("new", "playlist:set.m3u")})
    keep(run, config, (), with_library=False)
    told = told_last(converted.stems)
    assert (told.playlists, told.with_library, told.is_default) == ((), False, False)
    keep(run, config, ["rb.xml#friday / late"], with_library=True)
    monkeypatch.chdir("/")
    told = told_last(converted.stems)
    assert told.config_path == run / "config.yaml"
    assert (told.playlists, told.with_library) == ((f"{tmp_path}/rb.xml#friday / late",), True)
    kept = told.config()
    assert kept.separation == CONFIG.separation.model_copy(
        update={"model": f"{tmp_path}/mine/model"}
    )
    assert kept.run.report == tmp_path / "x.html"
    assert kept.night.order == ("new", f"playlist:{tmp_path}/set.m3u")
    (run / "playlists.json").write_text('["/lists/set.m3u"]')  # of an earlier version
    told = told_last(converted.stems)
    assert (told.playlists, told.with_library) == (("/lists/set.m3u",), False)
    (run / "playlists.json").write_text('{"playlists": ["/li')  # cut off by a power failure
    assert told_last(converted.stems).playlists == ()


def test_all_of_the_library_is_expected_beside_lists_if_the_run_took_it(
    converted: Converted, tmp_path: Path
) -> None:
    for place in (converted.library / "new.wav", tmp_path / "guest.wav"):
        shutil.copy(converted.library / "song.wav", place)
    playlist = tmp_path / "set.m3u"
    playlist.write_text("music/song.wav\nguest.wav\n")
    run = converted.stems / FOLDER / "runs" / "first"
    run.mkdir(parents=True)
    keep(run, CONFIG, [str(playlist)], with_library=True)
    command = ["audit", str(converted.library), str(converted.stems), "--quick", "--json"]
    found = json.loads(CliRunner().invoke(app, command).stdout)
    guest = str(Path(OUTSIDE, *(tmp_path / "guest.wav").resolve().parts[1:]))
    assert {each["path"] for each in found["findings"]} == {"new.wav", guest}
    assert (found["is_clean"], found["n_tracks"], found["n_unlisted"]) == (False, 4, 0)
    ended = CliRunner().invoke(app, [*command, "--with-library"])
    assert "--with-library is for --playlist" in str(ended.exception)
    keep(run, CONFIG, [str(playlist)], with_library=False)
    found = json.loads(CliRunner().invoke(app, command).stdout)
    assert ({each["path"] for each in found["findings"]}, found["n_unlisted"]) == ({guest}, 1)
