import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import ffmpeg as graphs
import pytest

from libsep.config import ScanConfig
from libsep.errors import ConfigError, LedgerError
from libsep.ledger import FOLDER
from libsep.library.plan import Action
from libsep.library.survey import locked_ledger, remove_all_leftovers, remove_leftovers, survey
from libsep.media import drives
from libsep.media.atomic import temporary, trial_in
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import Fingerprint, write_fingerprint
from libsep.track import Assignment, Outcome, Track

MUSIC = Path("/music")


def outcome(path: Path, output_size_bytes: int, **fields: object) -> Outcome:
    status = path.stat()
    values = {
        "status": "done",
        "model_sha256": "model",
        "config_sha256": "config",
        "size_bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "output_size_bytes": output_size_bytes,
        **fields,
    }
    return Outcome(source=path.name, output=f"{path.stem}.stem.mp4", **values)


def assign(track: Track, _previous: Outcome | None) -> Assignment:
    """Route by the first genre of the tags; one model for all."""
    return Assignment(
        model="generic",
        model_sha256="model",
        genre=track.genres[0] if track.genres else "generic",
        genre_reason="a rule of this test",
        genre_source="tag",
    )


def test_a_survey_parts_what_is_to_be_done_from_what_is_not(tmp_path: Path) -> None:
    library, stems = tmp_path / "music", tmp_path / "music" / "stems"
    stems.mkdir(parents=True)
    for name in ("done", "failed", "new", "gone"):
        (library / f"{name}.mp3").write_bytes(b"x")
    (library / "dangling.mp3").symlink_to("nowhere")
    (stems / "done.stem.mp4").write_bytes(bytes(30))
    latest = {
        "done.mp3": outcome(library / "done.mp3", 30),
        "gone.mp3": outcome(library / "gone.mp3", 30),
        "failed.mp3": outcome(library / "failed.mp3", 0, status="failed"),
    }
    options = {"assign": assign, "config_sha256": "config"}
    found = survey(library, stems, latest, ScanConfig(), **options)
    assert [planned.track.source.name for planned in found.work] == ["gone.mp3", "new.mp3"]
    reasons = {planned.decision.reason for planned in found.work}
    assert reasons == {"its stem file is missing", "not in the ledger"}
    first = found.limited(1)
    assert (first.work, first.n_beyond_limit) == (found.work[:1], 1)
    assert first.n_found == found.n_found
    assert (found.n_found, found.n_up_to_date, found.n_failed_before) == (4, 1, 1)
    assert [problem.path.name for problem in found.problems] == ["dangling.mp3"]
    again = survey(library, stems, latest, ScanConfig(), retry_failed=True, **options)
    names = [planned.track.source.name for planned in again.work]
    assert names == ["failed.mp3", "gone.mp3", "new.mp3"]


def test_a_new_source_does_not_take_the_name_of_a_stem_file_in_the_ledger(tmp_path: Path) -> None:
    for name in ("x.flac", "x.mp3"):
        (tmp_path / name).write_bytes(b"x")
    latest = {"x.mp3": outcome(tmp_path / "x.mp3", 30)}
    found = survey(tmp_path, tmp_path / "s", latest, ScanConfig(), assign=assign, config_sha256="")
    outputs = {planned.track.source.name: planned.track.output.name for planned in found.work}
    assert outputs == {"x.flac": "x.flac.stem.mp4", "x.mp3": "x.stem.mp4"}


def test_rows_of_an_older_version_convert_nothing_again_and_learn_the_genres_of_the_tags(
    tmp_path: Path,
) -> None:
    library, stems = tmp_path / "music", tmp_path / "stems"
    library.mkdir()
    stems.mkdir()
    for name in ("tagged.flac", "failed.mp3"):
        (library / name).write_bytes(b"x")
    graphs.input("sine=duration=0.2", f="lavfi").output(
        str(library / "tagged.flac"), metadata="genre=Jazz"
    ).overwrite_output().run(cmd=str(find_ffmpeg()), quiet=True)
    (stems / "tagged.stem.mp4").write_bytes(bytes(30))
    old = {"genre": "generic", "genre_reason": "no routing", "wall_s": 9.0}
    latest = {
        "tagged.flac": outcome(
            library / "tagged.flac", 30, action="convert", warnings=("odd",), **old
        ),
        "failed.mp3": outcome(library / "failed.mp3", 0, status="failed", kind="file", **old),
    }
    options = {"assign": assign, "config_sha256": "config"}
    found = survey(library, stems, latest, ScanConfig(), **options)
    assert found.work == []
    rows = {row.source: row for row in found.noted}
    noted = rows["tagged.flac"]
    assert (noted.tag_genres, noted.genre, noted.genre_source) == (("Jazz",), "Jazz", "tag")
    assert (noted.status, noted.action, noted.wall_s) == ("skipped", "skip", 0.0)
    assert noted.warnings == (), "they stay with the row of the conversion"
    assert rows["failed.mp3"].status == "failed"
    again = survey(library, stems, rows, ScanConfig(), **options)
    assert (again.work, again.noted) == ([], [])
    assert (again.n_up_to_date, again.n_failed_before) == (1, 1)
    rows["tagged.flac"] = dataclasses.replace(noted, tag_genres=None)
    learned = survey(library, stems, rows, ScanConfig(), **options).noted
    assert learned == [noted], "also where the model and the reason for it are the same"


def test_a_failure_ends_when_its_track_is_deleted_and_is_open_again_when_that_is_back(
    tmp_path: Path,
) -> None:
    library = tmp_path / "music"
    library.mkdir()
    for name in ("broken.mp3", "other.mp3"):
        (library / name).write_bytes(b"x")
    row = outcome(library / "broken.mp3", 0, status="failed", kind="file")
    other = outcome(library / "other.mp3", 0, status="failed", kind="file")
    latest = {"broken.mp3": row, "other.mp3": dataclasses.replace(other, tag_genres=())}
    options = {"assign": assign, "config_sha256": "config"}
    (library / "broken.mp3").rename(tmp_path / "broken.mp3")
    found = survey(library, tmp_path / "stems", latest, ScanConfig(), **options)
    gone = next(each for each in found.noted if each.source == "broken.mp3")
    assert (gone.status, gone.action, found.n_gone, found.n_failed_before) == (
        "failed", "gone", 1, 1,
    )  # fmt: skip
    (tmp_path / "broken.mp3").rename(library / "broken.mp3")
    latest["broken.mp3"] = gone
    found = survey(library, tmp_path / "stems", latest, ScanConfig(), **options)
    back = next(each for each in found.noted if each.source == "broken.mp3")
    assert (back.status, back.action, found.n_gone) == ("failed", "convert", 0)
    assert (found.work, found.n_failed_before) == ([], 2), "it is as broken as before"


def test_only_the_tracks_of_a_genre_whose_model_changed_are_converted_again(
    tmp_path: Path,
) -> None:
    library, stems = tmp_path / "music", tmp_path / "stems"
    library.mkdir()
    stems.mkdir()
    latest = {}
    for name, genre in (("a.mp3", "Jazz"), ("b.mp3", "Rock"), ("c.mp3", "Silence")):
        (library / name).write_bytes(b"x")
        (stems / name).with_suffix(".stem.mp4").write_bytes(bytes(30))
        latest[name] = outcome(library / name, 30, tag_genres=(genre,))

    def by_genre(track: Track, previous: Outcome | None) -> Assignment | None:
        if track.genres == ("Silence",):
            return None
        found = assign(track, previous)
        sha256 = "new" if found.genre == "Rock" else "model"
        return dataclasses.replace(found, model_sha256=sha256)

    found = survey(library, stems, latest, ScanConfig(), assign=by_genre, config_sha256="config")
    todo = {planned.track.source.name: planned for planned in found.work}
    assert sorted(todo) == ["b.mp3", "c.mp3"]
    assert todo["b.mp3"].decision.reason == "its stem file was made with another model"
    assert todo["c.mp3"].assignment is None
    assert todo["c.mp3"].decision.action is Action.CHECK
    assert [row.genre for row in found.noted] == ["Jazz"]


@pytest.fixture
def stems(tmp_path: Path) -> Path:
    """Return an output folder with one stem file that has a fingerprint, without a ledger."""
    path = tmp_path / "a.stem.mp4"
    graphs.input("sine=duration=0.2", f="lavfi").output(str(path), acodec="aac").run(
        cmd=str(find_ffmpeg()), quiet=True
    )
    fingerprint = Fingerprint(
        source="a.mp3",
        audio_sha256="audio",
        tags_sha256="tags",
        model="generic",
        model_sha256="model",
        config_sha256="config",
        size_bytes=10,
        mtime_ns=20,
        duration_s=0.2,
        genre="",
        run="r1",
    )
    write_fingerprint(path, fingerprint)
    return tmp_path


def test_stem_files_without_a_ledger_get_one(stems: Path) -> None:
    with locked_ledger(MUSIC, stems, "r2") as ledger:
        assert list(ledger.latest()) == ["a.mp3"]
        with (
            pytest.raises(LedgerError, match="in use by run r2"),
            locked_ledger(MUSIC, stems, "r3"),
        ):
            pass


def test_a_damaged_ledger_stops_the_run_until_a_rebuild_is_asked_for(stems: Path) -> None:
    with locked_ledger(MUSIC, stems, "r2"):
        pass
    (damaged,) = (stems / FOLDER / "ledger").iterdir()
    damaged.write_bytes(b"PAR1")
    with (
        locked_ledger(MUSIC, stems, "r3") as ledger,
        pytest.raises(LedgerError, match=damaged.name),
    ):
        ledger.begin("r3")
    with locked_ledger(MUSIC, stems, "r4", rebuild=True) as ledger:
        assert ledger.latest()["a.mp3"].audio_sha256 == "audio"
    for damaged in (stems / FOLDER / "ledger").iterdir():
        damaged.write_bytes(b"PAR1")
    (stems / "a.stem.mp4").unlink()
    with locked_ledger(MUSIC, stems, "r5", rebuild=True) as ledger:
        assert dict(ledger.latest()) == {}


def test_a_ledger_that_lost_its_rows_is_rebuilt_too(stems: Path) -> None:
    with locked_ledger(MUSIC, stems, "r2"):
        pass
    shutil.rmtree(stems / FOLDER / "ledger")
    with locked_ledger(MUSIC, stems, "r3") as ledger:
        assert list(ledger.latest()) == ["a.mp3"]


def test_the_stems_of_two_libraries_do_not_replace_each_other(tmp_path: Path) -> None:
    one, other, stems = tmp_path / "one", tmp_path / "other", tmp_path / "stems"
    one.mkdir()
    other.mkdir()
    with locked_ledger(one, stems, "r1"):
        pass
    with (
        pytest.raises(ConfigError, match=r"holds the stems of .*one"),
        locked_ledger(other, stems, "r2"),
    ):
        pass
    one.rmdir()  # the library has moved
    with locked_ledger(other, stems, "r3"):
        pass
    with locked_ledger("s3://studio/music", tmp_path / "more", "r4"):
        pass
    with (
        pytest.raises(ConfigError, match="holds the stems of s3://studio/music"),
        locked_ledger(other, tmp_path / "more", "r5"),
    ):
        pass


def test_no_name_is_tried_in_the_music_where_the_output_is_not_there_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Who?.mp3").touch()
    made = []
    monkeypatch.setattr(drives, "_tried", lambda trial: made.append(trial) or drives.Names())
    options = {"assign": assign, "config_sha256": "config"}
    survey(tmp_path, tmp_path / "Stems", {}, ScanConfig(), **options)
    assert made == []
    (tmp_path / "Stems").mkdir()
    survey(tmp_path, tmp_path / "Stems", {}, ScanConfig(), **options)
    assert [Path(trial).parent for trial in made] == [tmp_path / "Stems"]


def test_leftovers_of_killed_runs_go_and_all_else_stays(tmp_path: Path) -> None:
    track = Track(
        path_name="/x.mp3",
        source_name="x.mp3",
        output_name="a/x.stem.mp4",
        size_bytes=1,
        mtime_ns=1,
    )
    (tmp_path / "a").mkdir()
    for name in ("x.stem.mp4", ".hidden", "notes.part"):
        (tmp_path / "a" / name).touch()
    with temporary(tmp_path / "a" / "x.stem.mp4") as part:
        left = os.fspath(part)
    Path(left).touch()
    (tmp_path / FOLDER).mkdir()
    for folder in (tmp_path, tmp_path / FOLDER):
        Path(trial_in(folder) + "?. ").touch()
    assert remove_leftovers(tmp_path, [track]) == 3
    assert list((tmp_path / FOLDER).iterdir()) == []
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [".hidden", "notes.part", "x.stem.mp4"]


def test_a_closed_folder_does_not_keep_leftovers_elsewhere(tmp_path: Path) -> None:
    """Root can read everything, so they are removed by somebody else."""
    outputs = ("closed/x.stem.mp4", "closed/deep/y.stem.mp4", "open/z.stem.mp4")
    for output in outputs:
        (tmp_path / output).parent.mkdir(parents=True, exist_ok=True)
        with temporary(tmp_path / output) as part:
            pass
        part.touch()
    (tmp_path / "open").chmod(0o777)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    (tmp_path / "closed").chmod(0)
    script = (
        "import os, pathlib, sys\n"
        "from libsep.library.survey import remove_leftovers\n"
        "from libsep.track import Track\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "values = dict(path_name='/x', source_name='x', size_bytes=1, mtime_ns=1)\n"
        "tracks = [Track(output_name=name, **values) for name in sys.argv[2:]]\n"
        "print(remove_leftovers(pathlib.Path(sys.argv[1]), tracks))\n"
    )
    command = [sys.executable, "-c", script, tmp_path, *outputs]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (tmp_path / "closed").chmod(0o755)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_leftovers_beside_a_track_that_is_gone_are_removed_too(tmp_path: Path) -> None:
    (tmp_path / "gone" / "deep").mkdir(parents=True)
    goal = tmp_path / "gone" / "deep" / "song.stem.mp4"
    goal.write_bytes(b"whole")
    with temporary(goal) as part:
        part.write_bytes(b"half")
        assert remove_all_leftovers(tmp_path) == 1
        assert [path.name for path in goal.parent.iterdir()] == [goal.name]


def test_a_note_that_was_cut_by_a_power_failure_keeps_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "stems" / FOLDER).mkdir(parents=True)
    note = tmp_path / "stems" / FOLDER / "library"
    note.touch()
    with locked_ledger(tmp_path / "music", tmp_path / "stems", "run"):
        assert note.read_text() == str(tmp_path / "music")
