"""New tracks that may be others under another name, and those that must not be taken for any."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from libsep.config import ScanConfig
from libsep.ledger import Ledger
from libsep.library.gone import has_gone
from libsep.library.moves import remove_empty_folders
from libsep.library.plan import PlannedTrack
from libsep.library.survey import Survey, survey
from libsep.library.walk import Problem
from libsep.track import Assignment, FoundFile, Outcome, Track

CONVERTED_S = time.time() - 3600


class Shelf:
    """A library whose tracks were all converted an hour ago, each into ten bytes."""

    def __init__(self, folder: Path) -> None:
        self.library, self.stems = folder / "music", folder / "stems"
        self.rows: dict[str, Outcome] = {}
        self.model = "model"

    def add(self, source: str, mtime_ns: int, **fields: object) -> None:
        """Make a track of a byte and its stem file."""
        track, output = self.library / source, f"{Path(source).with_suffix('')}.stem.mp4"
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
            "ended_at": CONVERTED_S,
        }
        self.rows[source] = Outcome(source=source, output=output, **(values | fields))

    def move(self, before: str, after: str) -> None:
        """Rename a track as a user does."""
        (self.library / after).parent.mkdir(parents=True, exist_ok=True)
        (self.library / before).rename(self.library / after)

    def look(self, latest: Mapping[str, Outcome] | None = None, **options: object) -> Survey:
        """Survey the library."""

        def assign(_track: Track, _previous: Outcome | None) -> Assignment:
            return Assignment(
                model="generic",
                model_sha256=self.model,
                genre="rock",
                genre_reason="a rule of this test",
                genre_source="tag",
            )

        values = {"assign": assign, "config_sha256": "config"} | options
        library = values.pop("library", self.library)
        rows = self.rows if latest is None else latest
        return survey(library, self.stems, rows, ScanConfig(), **values)

    def moved(self, **options: object) -> dict[str, str]:
        """Return by source what each new track may have been."""
        work = self.look(**options).work
        return {p.track.source_name: p.move.was.source for p in work if p.move is not None}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf(tmp_path)
    for number, name in enumerate(("One", "Two", "Three")):
        shelf.add(f"a/{name}.mp3", 10**18 + number)
    return shelf


def of(work: list[PlannedTrack], source: str) -> PlannedTrack:
    return next(planned for planned in work if planned.track.source_name == source)


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_track_in_another_folder_or_of_another_name_is_looked_at_and_nothing_is_moved_yet(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.move("a/One.mp3", "b/c/One.mp3")
    shelf.move("a/Two.mp3", "a/02 Two.mp3")
    ledger = Ledger(tmp_path / "ledger")
    ledger.begin("first")
    for row in shelf.rows.values():
        ledger.append(row)
    ledger.end()
    before = contents(shelf.stems)
    work = shelf.look(ledger.latest()).work
    assert [planned.track.source_name for planned in work] == ["a/02 Two.mp3", "b/c/One.mp3"]
    one = of(work, "b/c/One.mp3")
    assert (one.decision.action, one.previous) == ("check", None)
    assert one.decision.reason == "perhaps a/One.mp3, moved or renamed"
    assert one.move is not None
    assert (one.move.was.source, one.move.output_name) == ("a/One.mp3", "b/c/One.stem.mp4")
    assert contents(shelf.stems) == before
    assert len(shelf.look().limited(1).work) == 1


def test_a_stem_file_that_a_killed_run_has_renamed_already_is_found_again(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    (shelf.stems / "b").mkdir()
    (shelf.stems / "a/One.stem.mp4").rename(shelf.stems / "b/One.stem.mp4")
    assert shelf.moved() == {"b/One.mp3": "a/One.mp3"}
    output = "b/One.stem.mp4"
    failed = Outcome(source="b/One.mp3", output=output, status="failed", kind="fault")
    shelf.rows["b/One.mp3"] = failed
    assert shelf.moved() == {"b/One.mp3": "a/One.mp3"}


def _copied(shelf: Shelf) -> None:
    (shelf.library / "b").mkdir()
    shutil.copy2(shelf.library / "a/One.mp3", shelf.library / "b")


def _edited(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    os.utime(shelf.library / "b/One.mp3", ns=(5, 5))


def _without_stem_file(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    (shelf.stems / "a/One.stem.mp4").unlink()


def _failed(shelf: Shelf) -> None:
    shelf.add("a/One.mp3", 10**18, status="failed", kind="file")
    shelf.move("a/One.mp3", "b/One.mp3")


def _from_outside(shelf: Shelf) -> None:
    shelf.add("Outside the library/x/Far.mp3", 77)
    shelf.move("Outside the library/x/Far.mp3", "b/Far.mp3")


def _for_another_model(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")
    shelf.model = "better"


def _below_a_link_to_a_disk_that_is_away(shelf: Shelf) -> None:
    _copied(shelf)
    shutil.rmtree(shelf.library / "a")
    (shelf.library / "a").symlink_to("/of/a/disk/that/is/away")


def _below_a_folder_that_cannot_be_looked_into(shelf: Shelf) -> None:
    _copied(shelf)
    shutil.rmtree(shelf.library / "a")
    (shelf.library / "a").symlink_to("a")  # any error but that nothing is there: here, a loop


def _below_an_empty_mount_point(shelf: Shelf) -> None:
    _copied(shelf)
    shutil.rmtree(shelf.library / "a")
    (shelf.library / "a").mkdir()
    os.utime(shelf.library / "a", (CONVERTED_S - 60, CONVERTED_S - 60))


@pytest.mark.parametrize(
    "change",
    [
        _copied,
        _edited,
        _without_stem_file,
        _failed,
        _from_outside,
        _for_another_model,
        _below_a_link_to_a_disk_that_is_away,
        _below_a_folder_that_cannot_be_looked_into,
        _below_an_empty_mount_point,
    ],
)
def test_what_may_be_something_else_is_a_new_track(
    shelf: Shelf, change: Callable[[Shelf], None]
) -> None:
    change(shelf)
    assert shelf.moved() == {}
    sources = [planned.track.source_name for planned in shelf.look().work]
    assert "b/One.mp3" in sources or "b/Far.mp3" in sources


def test_two_tracks_that_swapped_their_names_are_both_looked_at_under_their_own(
    shelf: Shelf,
) -> None:
    shelf.move("a/One.mp3", "a/x.mp3")
    shelf.move("a/Two.mp3", "a/One.mp3")
    shelf.move("a/x.mp3", "a/Two.mp3")
    assert shelf.moved() == {}
    work = {planned.track.source_name: planned for planned in shelf.look().work}
    assert set(work) == {"a/One.mp3", "a/Two.mp3"}
    for source, planned in work.items():
        assert planned.decision.action == "check", "the audio decides, and is another"
        assert planned.previous == shelf.rows[source]
    (shelf.library / "a/One.mp3").unlink()
    assert shelf.moved() == {}, "the other has a stem file of its own"


def test_a_folder_that_was_emptied_or_removed_after_the_conversion_is_no_disk_that_is_away(
    shelf: Shelf,
) -> None:
    for name in ("One", "Two", "Three"):
        shelf.move(f"a/{name}.mp3", f"b/{name}.mp3")
    assert len(shelf.moved()) == 3
    (shelf.library / "a").rmdir()
    assert len(shelf.moved()) == 3


def test_the_folder_of_a_disk_that_has_vanished_is_not_taken_for_one_that_was_removed(
    shelf: Shelf,
) -> None:
    row = shelf.rows["a/One.mp3"]
    found = {"source_name": "b/One.mp3", "size_bytes": 1, "mtime_ns": 10**18}
    here = FoundFile(path_name=str(shelf.library), **found)
    elsewhere = FoundFile(path_name="/proc/self/status", **found)
    (shelf.library / "a/One.mp3").unlink()
    assert has_gone(row, shelf.library, elsewhere), "its disk is there: others lie beside it"
    shutil.rmtree(shelf.library / "a")
    assert has_gone(row, shelf.library, here)
    assert not has_gone(row, shelf.library, elsewhere)


def test_what_lay_below_a_folder_that_could_not_be_walked_has_not_gone(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "b/One.mp3")

    def listing(_config: object, _known: object, on_problem: object, _left_out: object) -> object:
        on_problem(Problem(shelf.library / closed, "folder cannot be read"))
        path = shelf.library / "b/One.mp3"
        yield FoundFile(path_name=str(path), source_name="b/One.mp3", size_bytes=1, mtime_ns=10**18)

    closed = "elsewhere"
    assert shelf.moved(library=listing, root=shelf.library) == {"b/One.mp3": "a/One.mp3"}
    assert shelf.moved(library=listing) == {}, "nobody knows where the tracks lie"
    closed = "a"
    assert shelf.moved(library=listing, root=shelf.library) == {}
    closed = "a/One.mp3"  # a list still has it
    assert shelf.moved(library=listing, root=shelf.library) == {"b/One.mp3": "a/One.mp3"}


def test_of_several_with_one_size_and_time_names_tell_and_each_is_followed_once(
    shelf: Shelf,
) -> None:
    shelf.add("a/Stays.mp3", 10**18)
    shelf.add("a/Other.mp3", 10**18)
    shelf.add("a/Third.mp3", 10**18)
    shelf.move("a/One.mp3", "b/One.mp3")
    shelf.move("a/Other.mp3", "b/A.mp3")
    shelf.move("a/Third.mp3", "b/Z.mp3")
    (shelf.library / "c").mkdir()
    shutil.copy2(shelf.library / "b/A.mp3", shelf.library / "c/Copy.mp3")
    followed = {"b/One.mp3": "a/One.mp3", "b/A.mp3": "a/Other.mp3", "b/Z.mp3": "a/Third.mp3"}
    assert shelf.moved() == followed


def test_other_letters_of_a_name_get_the_name_that_they_ask_for(shelf: Shelf) -> None:
    shelf.move("a/One.mp3", "a/ONE.mp3")
    (planned,) = shelf.look().work
    assert planned.move is not None
    assert planned.move.output_name == "a/ONE.stem.mp4"
    assert planned.track.output_name == "a/ONE.mp3.stem.mp4", "if its audio is another one"


def test_the_old_name_is_free_once_the_ledger_knows_the_new_one(
    shelf: Shelf, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.begin("first")
    for row in shelf.rows.values():
        ledger.append(row)
    shelf.move("a/One.mp3", "a/ONE.mp3")
    (shelf.stems / "a/One.stem.mp4").rename(shelf.stems / "a/ONE.stem.mp4")
    row = shelf.rows["a/One.mp3"]
    fields = {name: getattr(row, name) for name in ("model_sha256", "config_sha256", "mtime_ns")}
    moved = Outcome(
        source="a/ONE.mp3",
        output="a/ONE.stem.mp4",
        status="done",
        action="move",
        moved_from="a/One.mp3",
        size_bytes=1,
        output_size_bytes=10,
        **fields,
    )
    ledger.append(moved)
    assert sorted(ledger.latest()) == ["a/ONE.mp3", "a/Three.mp3", "a/Two.mp3"]
    found = shelf.look(ledger.latest())
    assert (found.work, found.n_up_to_date) == ([], 3)
    assert all(not row.moved_from for row in found.noted), "a row says it once"
    # Another track comes to the old place: it is a new one, and stays one.
    ledger.append(Outcome(source="a/One.mp3", output="a/One.mp3.stem.mp4", status="done"))
    ledger.end()
    assert len(ledger.latest()) == 4


def test_folders_that_moved_stem_files_leave_empty_are_removed(shelf: Shelf) -> None:
    shelf.add("x/y/Four.mp3", 4)
    for source in ("a/One.mp3", "x/y/Four.mp3"):
        shelf.move(source, f"b/{Path(source).name}")
    work = shelf.look().work
    (shelf.stems / "x/y/Four.stem.mp4").unlink()
    remove_empty_folders(shelf.stems, [planned.move for planned in work])
    assert not (shelf.stems / "x").exists()
    assert (shelf.stems / "a/One.stem.mp4").exists()
