"""Tracks of another name than when they were converted are found again, with their stem files."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from libsep.config import ScanConfig
from libsep.ledger import Ledger
from libsep.library.moves import move_stem_files
from libsep.library.plan import PlannedTrack
from libsep.library.survey import Survey, survey
from libsep.track import Assignment, Outcome, Track


class Shelf:
    """A library whose tracks were all converted, each into ten bytes."""

    def __init__(self, folder: Path) -> None:
        self.library, self.stems = folder / "music", folder / "stems"
        self.rows: dict[str, Outcome] = {}

    def add(self, source: str, mtime_ns: int, **fields: object) -> None:
        """Make a track of a byte and its stem file."""
        track, output = self.library / source, Path(source).with_suffix(".stem.mp4")
        for path, content in ((track, b"x"), (self.stems / output, bytes(10))):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        os.utime(track, ns=(mtime_ns, mtime_ns))
        values = {
            "status": "done",
            "model_sha256": "model",
            "config_sha256": "config",
            "size_bytes": 1,
            "mtime_ns": mtime_ns,
            "output_size_bytes": 10,
            "null_db": -91.0,
        }
        self.rows[source] = Outcome(source=source, output=str(output), **(values | fields))

    def move(self, before: str, after: str) -> None:
        """Rename a track as a user does."""
        (self.library / after).parent.mkdir(parents=True, exist_ok=True)
        (self.library / before).rename(self.library / after)

    def look(self, latest: Mapping[str, Outcome] | None = None, model: str = "model") -> Survey:
        """Survey the library."""

        def assign(_track: Track, _previous: Outcome | None) -> Assignment:
            return Assignment(
                model="generic",
                model_sha256=model,
                genre="rock",
                genre_reason="a rule of this test",
                genre_source="tag",
            )

        rows = self.rows if latest is None else latest
        options = {"assign": assign, "config_sha256": "config"}
        return survey(self.library, self.stems, rows, ScanConfig(), **options)

    def moved(self) -> dict[str, str]:
        """Return the old source of each track that the survey has followed."""
        work = self.look().work
        return {p.track.source_name: p.was.source for p in work if p.was is not None}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    for number, name in enumerate(("One", "Two", "Three")):
        shelf.add(f"a/{name}.mp3", 10**18 + number)
    return shelf


def of(work: list[PlannedTrack], source: str) -> PlannedTrack:
    return next(planned for planned in work if planned.track.source_name == source)


def test_a_track_in_another_folder_or_of_another_name_is_looked_at_not_converted(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.move("a/One.mp3", "b/c/One.mp3")
    shelf.move("a/Two.mp3", "a/02 Two.mp3")
    ledger = Ledger(tmp_path / "ledger")
    ledger.begin("first")
    for row in shelf.rows.values():
        ledger.append(row)
    ledger.end()
    work = shelf.look(ledger.latest()).work
    assert [planned.track.source_name for planned in work] == ["a/02 Two.mp3", "b/c/One.mp3"]
    one = of(work, "b/c/One.mp3")
    assert one.decision.action == "check"
    assert one.decision.reason == "was a/One.mp3; its stem file goes with it"
    assert one.previous is not None
    assert (one.previous.source, one.previous.output) == ("b/c/One.mp3", "b/c/One.stem.mp4")
    assert one.previous.null_db == -91.0  # what the conversion measured is not lost

    rows = list(move_stem_files(shelf.stems, work, "second"))
    assert {row.source: (row.status, row.message) for row in rows} == {
        "a/One.mp3": ("moved", "is b/c/One.mp3 now"),
        "a/Two.mp3": ("moved", "is a/02 Two.mp3 now"),
    }
    stems = {str(path.relative_to(shelf.stems)) for path in shelf.stems.rglob("*.mp4")}
    assert stems == {"b/c/One.stem.mp4", "a/02 Two.stem.mp4", "a/Three.stem.mp4"}
    # Another file at the old place is a new track, and one that comes back is found again.
    shelf.rows |= {row.source: row for row in rows}
    (shelf.library / "a/One.mp3").write_bytes(b"another")
    shelf.rows["a/02 Two.mp3"] = of(work, "a/02 Two.mp3").previous
    shelf.move("a/02 Two.mp3", "a/Two.mp3")
    work = shelf.look().work
    assert of(work, "a/One.mp3").decision.reason == "not in the ledger"
    assert of(work, "a/Two.mp3").decision.reason == "was a/02 Two.mp3; its stem file goes with it"


def test_with_another_model_it_is_converted_at_its_new_place(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    work = shelf.look(model="better").work
    moved = of(work, "b/One.mp3")
    assert moved.decision.action == "convert"
    list(move_stem_files(shelf.stems, work, "second"))
    assert (shelf.stems / "b/One.stem.mp4").exists()
    assert not (shelf.stems / "a/One.stem.mp4").exists()


def _copied(shelf: Shelf) -> None:
    (shelf.library / "b").mkdir()
    (shelf.library / "b/One.mp3").write_bytes(b"x")
    os.utime(shelf.library / "b/One.mp3", ns=(10**18, 10**18))


def _edited(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    os.utime(shelf.library / "b/One.mp3", ns=(5, 5))


def _without_stem_file(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    (shelf.stems / "a/One.stem.mp4").unlink()


def _with_another_stem_file(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    (shelf.stems / "a/One.stem.mp4").write_bytes(bytes(11))


def _onto_a_stem_file(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    (shelf.stems / "b").mkdir()
    (shelf.stems / "b/One.stem.mp4").write_bytes(b"of somebody")


def _failed(shelf: Shelf) -> None:
    shelf.add("a/One.mp3", 10**18, status="failed", kind="file")
    shelf.move("a/One.mp3", "b/One.mp3")


def _from_outside(shelf: Shelf) -> None:
    shelf.add("Outside the library/x/Far.mp3", 77)
    shelf.move("Outside the library/x/Far.mp3", "b/Far.mp3")


def _two_that_may_be_either(shelf: Shelf) -> None:
    shelf.add("a/Other.mp3", 10**18)
    shelf.move("a/One.mp3", "b/X.mp3")
    shelf.move("a/Other.mp3", "b/Y.mp3")


@pytest.mark.parametrize(
    "change",
    [
        _copied,
        _edited,
        _without_stem_file,
        _with_another_stem_file,
        _onto_a_stem_file,
        _failed,
        _from_outside,
        _two_that_may_be_either,
    ],
)
def test_what_may_be_something_else_is_a_new_track(
    shelf: Shelf, change: Callable[[Shelf], None]
) -> None:
    change(shelf)
    assert shelf.moved() == {}
    assert [planned.decision.action for planned in shelf.look().work]  # and is not forgotten


def test_of_several_with_one_size_and_time_names_tell(shelf: Shelf) -> None:
    shelf.add("a/Other.mp3", 10**18)
    shelf.move("a/One.mp3", "b/One.mp3")
    shelf.move("a/Other.mp3", "b/Other.mp3")
    assert shelf.moved() == {"b/One.mp3": "a/One.mp3", "b/Other.mp3": "a/Other.mp3"}


def test_a_stem_file_that_cannot_be_moved_stays(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    work = shelf.look().work
    (shelf.stems / "b").write_bytes(b"a file where a folder should be")
    assert list(move_stem_files(shelf.stems, work, "second")) == []
    assert (shelf.stems / "a/One.stem.mp4").exists()
