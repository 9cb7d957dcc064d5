"""Many stem files at once: where their files lie, and what is left behind."""

import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from libsep.config import StorageConfig
from libsep.errors import ConfigError
from libsep.extraction.extract import Extracted, Job, extract
from libsep.extraction.selection import Part, Selection, goal_of
from libsep.extraction.tree import extract_all
from libsep.track import TARGETS

from ..faults.causes import small_disk, unmount


def test_a_stem_file_that_is_given_by_two_spellings_is_extracted_once(
    stem_file: Path, job: Job, tmp_path: Path
) -> None:
    name = stem_file.name
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / name).symlink_to(stem_file)
    beside = Path(os.path.relpath(stem_file, Path.cwd()))
    places = [str(stem_file), str(tmp_path / "links" / name), str(beside)]
    (ended,) = extract_all(places, job, StorageConfig())
    assert ended.status == "done"


@pytest.mark.parametrize("is_turned", [False, True])
def test_a_stem_file_that_is_given_beside_its_folder_keeps_its_place_in_that(
    stem_file: Path, job: Job, tmp_path: Path, is_turned: bool
) -> None:
    path = tmp_path / "tree" / "a" / stem_file.name
    path.parent.mkdir(parents=True)
    path.write_bytes(stem_file.read_bytes())
    places = [str(tmp_path / "tree"), str(path), os.path.relpath(path, Path.cwd())]
    if is_turned:
        places.reverse()
    (ended,) = extract_all(places, job, StorageConfig())
    assert ended.status == "done"
    assert [each.name for each in job.output.iterdir()] == ["a"]


@pytest.mark.parametrize("below", ["", "deep/out"])
def test_nothing_goes_to_where_a_drive_was_that_is_taken_away_meanwhile(
    stem_file: Path, job: Job, tmp_path: Path, below: str
) -> None:
    tree, drive = tmp_path / "tree", tmp_path / "drive"
    tree.mkdir()
    for number in range(20):
        (tree / f"{number}.stem.mp4").write_bytes(stem_file.read_bytes())
    job = dataclasses.replace(job, output=drive / below, selection=Selection(layout="files"))
    with small_disk(drive, 200_000_000) as is_disk:
        if not is_disk:
            pytest.skip("nothing can be mounted here")
        with pytest.raises(ConfigError, match=r"is its drive there|its disk is gone"):
            extract_all([str(tree)], job, StorageConfig(), on_end=lambda _: unmount(drive))
    assert list(drive.iterdir()) == []


def test_files_lie_where_the_stem_file_lay(job: Job) -> None:
    part = Part("vocals", (4,))
    source = Path("a/b/Track.STEM.mp4")
    assert goal_of(source, part, Selection(), ".wav") == Path("a/b/Track/vocals.wav")
    flat = Selection(layout="files")
    assert goal_of(source, part, flat, ".wav") == Path("a/b/Track - vocals.wav")


def test_a_tree_is_extracted_and_one_bad_file_stops_nothing(
    stem_file: Path, job: Job, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    for name in ("a/One.stem.mp4", "b/Two.stem.mp4", "Three.stem.mp4"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(stem_file.read_bytes())
    (tree / "b" / "broken.stem.mp4").write_bytes(stem_file.read_bytes()[:500])
    (tree / os.fsdecode(b"caf\xe9.stem.mp4")).write_bytes(stem_file.read_bytes())
    told: list[Extracted] = []
    places = [str(tree), str(tree / "Three.stem.mp4"), str(stem_file), str(tmp_path / "none")]
    found = extract_all(places[:3], job, StorageConfig(), on_end=told.append)
    assert told == found
    by_name = {Path(each.source).name: each.status for each in found}
    assert by_name == {
        "One.stem.mp4": "done", "Two.stem.mp4": "done", "Three.stem.mp4": "done",
        "broken.stem.mp4": "failed", os.fsdecode(b"caf\xe9.stem.mp4"): "done",
        "Track.stem.mp4": "done",
    }  # fmt: skip
    for folder in ("a/One", "b/Two", "Three", os.fsdecode(b"caf\xe9"), "Track"):
        names = sorted(file.name for file in (job.output / folder).iterdir())
        assert names == sorted(f"{target}.wav" for target in TARGETS)
    other = tmp_path / "other" / "Three.stem.mp4"
    other.parent.mkdir()
    other.write_bytes(stem_file.read_bytes())
    in_the_way = extract_all([str(tree), str(other)], job, StorageConfig())
    assert [each.status for each in in_the_way].count("failed") == 2
    assert any("would replace those of" in each.message for each in in_the_way)


def test_what_is_in_work_when_the_user_stops_ends_without_files(
    stem_file: Path, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "Other.stem.mp4"
    other.parent.mkdir()
    other.write_bytes(stem_file.read_bytes())
    is_running, ended = threading.Event(), []

    def waiting(path: Path, *arguments: Any, stop: threading.Event, **options: Any) -> Extracted:
        if path == stem_file:
            is_running.wait()
        else:
            is_running.set()
            stop.wait(10)
        return extract(path, *arguments, stop=stop, **options)

    def interrupt(extracted: Extracted) -> None:
        ended.append(extracted)
        raise KeyboardInterrupt

    monkeypatch.setattr("libsep.extraction.tree.extract", waiting)
    monkeypatch.setattr("libsep.extraction.tree.n_cores", lambda: 2)
    with pytest.raises(KeyboardInterrupt):
        extract_all([str(stem_file), str(other)], job, StorageConfig(), on_end=interrupt)
    (done,) = ended
    files = [path for path in job.output.rglob("*") if path.is_file()]
    assert sorted(files) == sorted(done.files)


def test_what_a_run_that_was_killed_left_is_removed_later(stem_file: Path, job: Job) -> None:
    (extracted,) = extract_all([str(stem_file)], job, StorageConfig())
    left = extracted.files[0].with_name(".drums.wav.part-libsep-0123456789abcdef")
    left.write_bytes(b"half")
    assert extract_all([str(stem_file)], job, StorageConfig())[0].status == "up to date"
    assert left.exists(), "another process may be writing it"
    os.utime(left, (0, 0))
    extract_all([str(stem_file)], job, StorageConfig())
    assert not left.exists()
