import dataclasses
import json
import os
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libsep.errors import LedgerError
from libsep.ledger import Ledger, failed_outcomes, outputs_of, store, table
from libsep.track import Outcome

from .conftest import outcome, record

FULL = outcome(
    "a/Träck \\xff.flac",
    message="two\nlines",
    genre="jazz",
    genre_probabilities={"jazz": 0.75, "rock": 0.25},
    tag_genres=("Blues", "Jazz/Swing"),
    size_bytes=2**40,
    null_db=-float("inf"),
    peak_db=-0.5,
    cutoff_hz=16_000.0,
    cutoff_confidence=0.75,
    loudness_lufs={"drums": -12.5, "bass": -float("inf")},
    warnings=("one", "zwei"),
    ended_at=1.5,
)


def test_an_outcome_comes_back_as_it_was_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(FULL)
    expected = dataclasses.replace(FULL, run="r1")
    assert ledger.latest() == {FULL.source: expected}  # from the journal
    ledger.end("all done")
    assert ledger.latest() == {FULL.source: expected}  # from Parquet
    assert outputs_of(ledger.latest()) == {FULL.source: FULL.output}
    assert list((tmp_path / "journal").iterdir()) == []


def test_no_genres_in_the_tags_are_not_the_same_as_not_knowing_them(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    known, unknown = outcome("x", tag_genres=()), outcome("y", tag_genres=None)
    record(ledger, "r1", known, unknown)
    rows = pq.read_table(tmp_path / "ledger" / "r1.parquet")
    older = rows.drop_columns(["tag_genres", "genre_source", "genre_probabilities"])
    assert [ledger.latest()[name].tag_genres for name in "xy"] == [(), None]
    pq.write_table(older, tmp_path / "ledger" / "r1.parquet")
    assert [ledger.latest()[name].tag_genres for name in "xy"] == [None, None]
    assert ledger.latest()["x"].genre_probabilities == {}


def test_the_columns_are_the_fields_of_an_outcome() -> None:
    fields = [field.name for field in dataclasses.fields(Outcome)]
    assert table.SCHEMA.names == ["event", "sequence", *fields]
    assert {
        "event": "outcome",
        "sequence": 0,
        **Outcome(source="s", output="o", status="done").as_row(),
    } == table.DEFAULTS | {"source": "s", "output": "o", "status": "done"}


def test_the_last_outcome_of_a_source_counts_and_the_others_stay_in_the_history(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path)
    record(ledger, "b", outcome("x", status="failed", message="first"), outcome("y"))
    record(ledger, "a", outcome("x", message="second"))
    assert ledger.latest()["x"].message == "second"
    assert [row.message for row in ledger.rows() if row.source == "x"] == ["first", "second"]


def test_the_failures_are_those_of_last_outcomes(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert failed_outcomes(ledger.latest()) == []
    record(ledger, "r1", outcome("a", status="failed"), outcome("b"), outcome("c", status="failed"))
    record(ledger, "r2", outcome("c"))
    assert [row.source for row in failed_outcomes(ledger.latest())] == ["a"]


def test_other_programs_read_the_parquet_files(tmp_path: Path) -> None:
    record(Ledger(tmp_path), "r1", FULL)
    (row,) = pyarrow.dataset.dataset(tmp_path / "ledger").to_table().to_pylist()
    assert row["source"] == FULL.source
    assert row["loudness_lufs"] == [("drums", -12.5), ("bass", -float("inf"))]
    assert row["warnings"] == ["one", "zwei"]


def test_the_folder_of_the_ledger_holds_outcomes_only(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    record(ledger, "r1", outcome("x"), outcome("y", status="failed"))
    ledger.begin("r2")
    ledger.started("z")
    ledger.process_died("z", attempt=1)
    ledger.end("interrupted")
    rows = pyarrow.dataset.dataset(tmp_path / "ledger").to_table().to_pylist()
    assert [(row["source"], row["status"]) for row in rows] == [("x", "done"), ("y", "failed")]
    events = pyarrow.dataset.dataset(tmp_path / "events").to_table().to_pylist()
    assert [row["event"] for row in events] == ["end", "started", "crashed", "end"]
    assert [row["message"] for row in events] == ["", "", "", "interrupted"]


def test_an_unfinished_last_row_is_no_row(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(outcome("x"))
    ledger.append(outcome("y"))
    ledger.close()
    journal = tmp_path / "journal" / "r1.jsonl"
    whole = journal.read_bytes()
    second = whole.index(b"\n") + 1
    for size in range(second, len(whole)):
        journal.write_bytes(whole[:size])
        assert set(ledger.latest()) == {"x"}
    journal.write_bytes(whole + bytes(4096))  # a power failure on ext4 leaves zeros
    assert set(ledger.latest()) == {"x", "y"}


def test_a_damaged_row_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(outcome("x"))
    ledger.close()
    journal = tmp_path / "journal" / "r1.jsonl"
    journal.write_bytes(b'{"event": "outc\n' + journal.read_bytes())
    with pytest.raises(LedgerError, match=r"r1\.jsonl: line 1: expected a row"):
        ledger.latest()
    with pytest.raises(LedgerError, match=r"r1\.jsonl: line 1"):
        ledger.begin("r2")
    assert journal.exists()


def test_a_row_of_the_wrong_type_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "r1.jsonl").write_text('{"source": "x", "size_bytes": "many"}\n')
    with pytest.raises(LedgerError, match=r"r1\.jsonl: rows of the ledger"):
        Ledger(tmp_path).latest()


def test_damaged_parquet_is_an_error_until_it_is_rebuilt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    record(ledger, "r1", outcome("x", message="lost"))
    record(ledger, "r2", outcome("y", message="kept"))
    damaged = tmp_path / "ledger" / "r1.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    with pytest.raises(LedgerError, match=r"r1\.parquet: expected a Parquet file"):
        ledger.begin("r3")
    found = [outcome("x", message="from the file"), outcome("y", message="from the file")]
    assert ledger.rebuild(found, run="rebuild") == 1
    assert {row.source: row.message for row in ledger.latest().values()} == {
        "x": "from the file",
        "y": "kept",
    }
    assert len(list((tmp_path / "damaged").iterdir())) == 1
    assert "r1.parquet" in caplog.text


def test_a_file_of_an_older_version_is_read_with_defaults(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    record(ledger, "r1", FULL)
    path = tmp_path / "ledger" / "r1.parquet"
    pq.write_table(
        pq.read_table(path).drop_columns(["peak_db", "warnings", "node", "cutoff_hz"]), path
    )
    expected = dataclasses.replace(FULL, run="r1", peak_db=None, warnings=(), cutoff_hz=None)
    assert ledger.latest() == {FULL.source: expected}


def test_many_runs_leave_few_files_and_every_row(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number in range(40):
        record(ledger, f"r{number:02d}", outcome("x", message=str(number)))
    assert len(list((tmp_path / "ledger").iterdir())) <= store._MAX_FILES
    assert [row.message for row in ledger.rows()] == [str(number) for number in range(40)]
    assert [row.message for row in ledger.rows(last=2)] == ["38", "39"]
    assert len(list(ledger.rows(last=99))) == 40


def test_rows_that_stand_in_two_files_count_once(tmp_path: Path) -> None:
    """A crash between writing Parquet and removing the journal leaves both."""
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(outcome("x"))
    ledger.append(outcome("x", status="failed"))
    ledger.close()
    journal = (tmp_path / "journal" / "r1.jsonl").read_bytes()
    record(ledger, "r2", outcome("y"))
    (tmp_path / "journal" / "r1.jsonl").write_bytes(journal)
    assert [row.source for row in ledger.rows()] == ["x", "x", "y"]
    record(ledger, "r3")
    assert [row.source for row in ledger.rows()] == ["x", "x", "y"]


def test_a_message_with_a_name_that_is_no_unicode_is_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    name = os.fsdecode(b"\xff.mp3")
    record(ledger, "r1", outcome("x", message=name, warnings=(name,)))
    assert ledger.latest()["x"].message == "\\udcff.mp3"
    assert ledger.latest()["x"].warnings == ("\\udcff.mp3",)


def test_a_full_disk_is_an_error_and_the_row_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.append(outcome("x"))
    write = os.write

    def full_disk(handle: int, data: bytes) -> int:
        if len(data) < 20:
            raise OSError(28, "No space left on device")
        return write(handle, data[: len(data) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_disk)
        with pytest.raises(LedgerError, match=r"r1\.jsonl: cannot be written: .*No space"):
            ledger.append(outcome("y"))
    ledger.append(outcome("z"))
    ledger.end()
    assert set(ledger.latest()) == {"x", "z"}


@pytest.mark.usefixtures("waits_by_fsync")
def test_a_thousand_rows_wait_for_the_disk_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes 10 ms each time: a quarter of an hour for a library of 100,000 tracks."""
    synced: list[int] = []
    fsync = os.fsync
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(handle) or fsync(handle))
    ledger.append(outcome("first"))
    assert ledger.append_all(outcome(f"{number:04d}") for number in range(2500)) == 2500
    ledger.append(outcome("last"))
    assert len(synced) == 5
    rows = ledger.history()
    assert rows["sequence"].to_pylist() == list(range(1, 2503))
    assert rows["source"].to_pylist()[::2501] == ["first", "last"]
    ledger.end()
    assert len(ledger.latest()) == 2502


@pytest.mark.usefixtures("waits_by_fsync")
def test_the_name_of_a_journal_is_on_the_disk_before_its_first_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power cut would take the whole journal, whose rows are all on the disk."""
    synced: list[tuple[int, bool]] = []
    fsync, ledger, journal = os.fsync, Ledger(tmp_path), tmp_path / "journal" / "r1.jsonl"

    def noted(handle: int) -> None:
        synced.append((os.fstat(handle).st_ino, journal.exists()))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    ledger.begin("r1")
    assert synced == [(journal.parent.stat().st_ino, True)]
    ledger.append(outcome("x"))
    assert synced[1:] == [(journal.stat().st_ino, True)]
    ledger.close()


def test_writing_needs_an_open_run_with_a_new_and_plain_name(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(ValueError, match="begin"):
        ledger.append(outcome("x"))
    with pytest.raises(ValueError, match="name of a run"):
        ledger.begin("../r1")
    record(ledger, "r1", outcome("x"))
    with pytest.raises(LedgerError, match="a run r1 is in the ledger already"):
        ledger.begin("r1")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LedgerError, match="cannot be created"):
        Ledger(tmp_path / "file").begin("r1")


def test_a_ledger_that_does_not_exist_is_empty(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "nowhere")
    assert ledger.latest() == {}
    assert ledger.crashed() == {}
    assert list(ledger.rows()) == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=12))
def test_compaction_changes_no_answer(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bool]]
) -> None:
    ledger = Ledger(tmp_path_factory.mktemp("ledger"))
    ledger.begin("r1")
    for source, ends in steps:
        ledger.started(source)
        if ends:
            ledger.append(outcome(source))
    ledger.close()
    before = (list(ledger.rows()), ledger.latest(), ledger.crashed())
    ledger.begin("r2")
    ledger.close()
    assert (list(ledger.rows()), ledger.latest(), ledger.crashed()) == before


def test_a_journal_is_made_of_json_lines(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    ledger.started("x", attempt=2)
    ledger.append(outcome("x"))
    ledger.close()
    lines = (tmp_path / "journal" / "r1.jsonl").read_text().splitlines()
    started, ended = (json.loads(line) for line in lines)
    assert started["event"] == "started"
    assert (started["source"], started["attempt"], started["sequence"]) == ("x", 2, 1)
    assert ended == {
        "source": "x",
        "output": "x.stem.mp4",
        "status": "done",
        "run": "r1",
        "sequence": 2,
    }


def test_what_a_mac_leaves_beside_a_journal_is_none(tmp_path: Path) -> None:
    """On disks for all systems macOS keeps attributes of a file in a second one, ``._NAME``."""
    ledger = Ledger(tmp_path)
    record(ledger, "r1", outcome("x"))
    (tmp_path / "journal" / "._r1.jsonl").write_bytes(b"\0\5\26\7\0\2\0\0Mac OS X\n\0\0")
    record(ledger, "r2", outcome("y"))
    assert [row.source for row in ledger.rows()] == ["x", "y"]
    for name in ("ledger", "journal"):
        for path in (tmp_path / name).iterdir():
            path.rename(path.with_name(f"._{path.name.lstrip('._')}"))
    assert ledger.has_no_outcomes()
