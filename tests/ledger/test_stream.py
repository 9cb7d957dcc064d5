"""What is read and written part by part says the same as what is read as a whole."""

import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from libsep.errors import LedgerError
from libsep.ledger import Ledger, compaction, latest, store, stream, table

from .conftest import outcome, record


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BATCH_ROWS", 3)
    monkeypatch.setattr(compaction, "ROW_GROUP_BATCHES", 2)
    monkeypatch.setattr(latest, "_BLOCK_ROWS", 3)
    monkeypatch.setattr(latest, "_MOST_BLOCKS", 2)


def _cut(rows: Any) -> list[Any]:
    return [rows.slice(start, 3) for start in range(0, len(rows), 3)]


def test_merging_files_part_by_part_gives_every_row_once_and_in_order() -> None:
    rng = random.Random(3)
    for _ in range(12):
        keys = sorted({(rng.randrange(12), rng.choice("abc")) for _ in range(20)})
        rows = table.from_rows(
            {"sequence": sequence, "run": run, "source": f"{sequence}{run}"}
            for sequence, run in keys
        )
        files = [
            rows.take(pa.array(sorted(rng.sample(range(len(rows)), rng.randrange(9))), pa.int64()))
            for _ in range(rng.randrange(4))
        ]
        merged = list(stream.merged(map(_cut, [*files, rows])))
        assert len(merged) > 1
        assert [row for part in merged for row in part.to_pylist()] == rows.to_pylist()


def test_a_ledger_of_many_parts_answers_as_a_small_one(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    names = [f"{number:02d}" for number in range(20)]
    shuffled = random.Random(5).sample(names, len(names))
    record(ledger, "r1", *(outcome(name, message="first") for name in shuffled))
    record(ledger, "r2", *(outcome(name, message="again") for name in shuffled[:7]))
    assert pq.ParquetFile(tmp_path / "ledger" / "r1.parquet").num_row_groups == 4
    rows = list(ledger.rows())
    assert [row.source for row in rows] == shuffled + shuffled[:7]
    assert list(ledger.rows(last=5)) == rows[-5:]
    known = ledger.latest()
    assert list(known) == names
    assert [known[name].source for name in shuffled] == shuffled
    assert len(known._blocks) == 2, "not all outcomes of a large ledger are in memory"
    again = {name for name in names if known[name].message == "again"}
    assert again == set(shuffled[:7])


def test_files_that_are_one_afterwards_hold_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_MAX_FILES", 2)
    ledger = Ledger(tmp_path)
    for run in range(3):
        record(ledger, f"r{run}", *(outcome(f"{run}-{number}") for number in range(8)))
    assert [path.name for path in (tmp_path / "ledger").iterdir()] == ["merged-50.parquet"]
    assert [row.source for row in ledger.rows()] == [f"{r}-{n}" for r in range(3) for n in range(8)]


def test_a_damaged_row_late_in_a_journal_leaves_no_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.begin("r1")
    for number in range(9):
        ledger.append(outcome(str(number)))
    ledger.close()
    path = tmp_path / "journal" / "r1.jsonl"
    path.write_bytes(path.read_bytes() + b'{"source":"x","size_bytes":"many"}\n')
    with pytest.raises(LedgerError, match=r"r1\.jsonl: rows of the ledger"):
        ledger.begin("r2")
    assert path.exists()
    assert list((tmp_path / "ledger").iterdir()) == []


def test_a_reader_sees_all_rows_though_files_are_merged_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_MAX_FILES", 2)
    ledger = Ledger(tmp_path)
    for run in range(2):
        record(ledger, f"r{run}", *(outcome(f"{run}-{number}") for number in range(8)))
    rows = ledger.rows()
    read = [next(rows).source]
    record(Ledger(tmp_path), "r2", outcome("later"))
    assert [path.name for path in (tmp_path / "ledger").iterdir()] == ["merged-36.parquet"]
    read += [row.source for row in rows]
    assert read == [f"{run}-{number}" for run in range(2) for number in range(8)]


def test_a_track_that_moved_parts_later_has_its_new_name_only_unless_that_failed(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path)
    moved = outcome("new", moved_from="7")
    unknown = outcome("old", moved_from="of a ledger that was lost")
    failed = outcome("other", moved_from="6", status="failed")
    record(ledger, "r", *(outcome(f"{number}") for number in range(8)), moved, unknown, failed)
    assert list(ledger.latest()) == ["0", "1", "2", "3", "4", "5", "6", "new", "old", "other"]
