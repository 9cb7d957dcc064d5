"""The ledger of an output in a store: written here, copied there, found again anywhere."""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from libsep.config import StorageConfig
from libsep.errors import ConfigError, LedgerError
from libsep.ledger import FOLDER, Ledger, table
from libsep.storage import ledger as ledger_module
from libsep.storage.ends import opened_output
from libsep.storage.ledger import CopiedLedger, copied_ledger, state_folder
from libsep.storage.places import RemoteFolder
from libsep.storage.store import Store
from libsep.track import Outcome

from ..faults.causes import can_mount, read_only
from .conftest import BUCKET, S3Server

OUTPUT = RemoteFolder("s3", BUCKET, "stems")
LIBRARY = RemoteFolder("s3", BUCKET, "music")


def row(source: str, **changes: Any) -> Outcome:
    return Outcome(source=source, output=f"{source}.stem.mp4", status="done", **changes)


@pytest.fixture
def opened(storage: StorageConfig) -> Callable[..., Any]:
    """Return a function that opens the ledger as a run does, on this machine or another one."""

    def open_ledger(run: str, machine: str = "here", **options: Any) -> Any:
        assert storage.state is not None
        config = storage.model_copy(update={"state": storage.state / machine})
        return copied_ledger(LIBRARY, OUTPUT, config, run=run, **options)

    return open_ledger


def ended_run(opened: Callable[..., Any], run: str, *sources: str, machine: str = "here") -> None:
    with opened(run, machine) as ledger:
        ledger.begin(run)
        for source in sources:
            ledger.append(row(source))
        ledger.end("finished")


@pytest.mark.skipif(os.geteuid() == 0 and not can_mount(), reason="cannot make it read-only")
def test_a_local_disk_that_takes_no_copy_is_an_error_in_one_line(
    opened: Callable[..., Any],
) -> None:
    ended_run(opened, "one", "a", machine="elsewhere")
    with opened("two") as ledger:
        for path in (ledger.folder / "ledger").iterdir():
            path.unlink()
        with read_only(ledger.folder):
            reason = "(Read-only file system|Permission denied)"
            with pytest.raises(LedgerError, match=rf"\.libsep: cannot be written: {reason}$"):
                ledger.pull(tolerant=False)
        ledger.pull(tolerant=False)
        assert set(ledger.latest()) == {"a"}


def test_the_rows_of_a_run_are_known_on_another_machine(
    opened: Callable[..., Any], s3: S3Server
) -> None:
    ended_run(opened, "one", "a", "b")
    assert list(s3.sizes("stems/.libsep/ledger")) == ["stems/.libsep/ledger/one.parquet"]
    assert list(s3.sizes("stems/.libsep/events")) == ["stems/.libsep/events/one.parquet"]
    with opened("two", "elsewhere") as ledger:
        assert set(ledger.latest()) == {"a", "b"}


def test_a_run_that_lost_the_output_to_another_one_writes_no_row(
    opened: Callable[..., Any],
) -> None:
    with opened("slept") as ledger:
        ledger.begin("slept")
        ledger._store_lock._lost.set()
        with pytest.raises(LedgerError, match="went to another run"):
            ledger.started("a")
        with pytest.raises(LedgerError, match="went to another run"):
            ledger.append(row("a"))
        with pytest.raises(LedgerError, match="went to another run"):
            ledger.append_all([row("a"), row("b")])
        assert dict(ledger.latest()) == {}
        ledger._store_lock._lost.clear()
        ledger._lock._lost.set()  # on this machine
        with pytest.raises(LedgerError, match=f"^{ledger.folder}/lock: the lock went"):
            ledger.append(row("a"))


def test_runs_on_two_machines_add_up(opened: Callable[..., Any]) -> None:
    for number, machine in enumerate(("here", "elsewhere", "here", "elsewhere")):
        ended_run(opened, f"run{number}", f"track{number}", machine=machine)
    for machine in ("here", "elsewhere", "a third"):
        with opened("look", machine) as ledger:
            assert set(ledger.latest()) == {f"track{number}" for number in range(4)}


def test_many_runs_are_merged_here_and_there(
    opened: Callable[..., Any], s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libsep.ledger.store._MAX_FILES", 2)
    for number in range(4):
        ended_run(opened, f"run{number}", f"track{number}")
    assert len(s3.sizes("stems/.libsep/ledger")) <= 3
    assert len(s3.sizes("stems/.libsep/events")) <= 3
    with opened("look", "elsewhere") as ledger:
        assert set(ledger.latest()) == {f"track{number}" for number in range(4)}


def test_rows_of_a_run_that_lasts_are_copied_and_those_of_a_killed_one_are_not_lost(
    opened: Callable[..., Any], s3: S3Server, storage: StorageConfig
) -> None:
    with opened("killed") as ledger:
        ledger.begin("killed")
        ledger.append(row("a"))
        ledger.started("b")
        ledger.push()
        assert "stems/.libsep/ledger/killed.parquet" in s3.sizes()
        ledger.append(row("c"))
        with opened_output(OUTPUT.uri, storage) as (seen, in_work):
            assert in_work == "killed"
            assert set(seen.latest()) == {"a"}
    # no end: as after kill -9, but for the last copy
    with opened("next") as ledger:
        assert set(ledger.latest()) == {"a", "c"}
        assert ledger.crashed() == {"b": 1}
        ledger.begin("next")
        ledger.end()
    with opened("third", "elsewhere") as ledger:
        assert set(ledger.latest()) == {"a", "c"}
        assert ledger.crashed() == {"b": 1}


def test_the_copy_in_the_store_never_takes_rows_away_from_this_machine(
    opened: Callable[..., Any], s3: S3Server
) -> None:
    with opened("one") as ledger:
        ledger.begin("one")
        ledger.append(row("a"))
        ledger.push()
        early = s3.get("stems/.libsep/ledger/one.parquet")
        ledger.append(row("b"))
        ledger.end("finished")
    s3.put("stems/.libsep/ledger/one.parquet", early)
    ended_run(opened, "two", "c")
    with opened("three", "elsewhere") as ledger:
        assert set(ledger.latest()) == {"a", "b", "c"}


def test_a_ledger_of_0_1_in_the_store_is_moved_over(
    opened: Callable[..., Any], s3: S3Server, tmp_path: Path
) -> None:
    with opened("one") as ledger:
        ledger.begin("one")
        ledger.append(row("a"))
        ledger.started("b")
        table.write(ledger.history(), tmp_path / "old.parquet")
    old = (tmp_path / "old.parquet").read_bytes()
    s3.client.delete_object(Bucket=BUCKET, Key="stems/.libsep/events/one.parquet")
    s3.put("stems/.libsep/ledger/one.parquet", old)
    ended_run(opened, "two", "c", machine="elsewhere")
    for folder, names in (("ledger", ["a"]), ("events", ["b"])):
        stored = pq.read_table(io.BytesIO(s3.get(f"stems/.libsep/{folder}/one.parquet")))
        assert stored["source"].to_pylist() == names
    with opened("three", "a third") as ledger:
        assert set(ledger.latest()) == {"a", "c"}
        assert ledger.crashed() == {"b": 1}


def test_a_file_that_is_merged_while_the_ledger_is_read_is_no_error(
    opened: Callable[..., Any],
    s3: S3Server,
    storage: StorageConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended_run(opened, "one", "a")
    download = Store.download

    def merged_before(self: Store, name: str, path: Path) -> None:
        old = "stems/.libsep/ledger/one.parquet"
        if name.endswith("ledger/one.parquet"):
            s3.put("stems/.libsep/ledger/merged-2.parquet", s3.get(old))
            s3.client.delete_object(Bucket=BUCKET, Key=old)
        download(self, name, path)

    monkeypatch.setattr(Store, "download", merged_before)
    elsewhere = storage.model_copy(update={"state": Path("/nowhere")})
    with opened_output(OUTPUT.uri, elsewhere) as (ledger, _):
        assert set(ledger.latest()) == {"a"}


def test_the_ledger_is_copied_every_now_and_then(s3: S3Server, storage: StorageConfig) -> None:
    copied = threading.Event()
    original = CopiedLedger.push

    def push(self: CopiedLedger) -> None:
        original(self)
        if s3.sizes("stems/.libsep/ledger"):
            copied.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CopiedLedger, "push", push)
        frequent = storage.model_copy(update={"sync_ledger_s": 0.05})
        with copied_ledger(LIBRARY, OUTPUT, frequent, run="one") as ledger:
            ledger.begin("one")
            ledger.append(row("a"))
            assert copied.wait(120)
            ledger.end()


def test_a_store_that_goes_away_costs_no_rows(
    opened: Callable[..., Any], s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(self: CopiedLedger) -> None:
        raise ledger_module.TransferError(Path("x"), "no network")

    with monkeypatch.context() as patch, opened("one") as ledger:
        patch.setattr(CopiedLedger, "_push", fails)
        ledger.begin("one")
        ledger.append(row("a"))
        ledger.end("finished")
        ledger.push()
    ended_run(opened, "two", "b")
    with opened("three", "elsewhere") as ledger:
        assert set(ledger.latest()) == {"a", "b"}


def test_a_damaged_copy_stops_the_run_and_can_be_mended(
    opened: Callable[..., Any], s3: S3Server
) -> None:
    ended_run(opened, "one", "a")
    s3.put("stems/.libsep/ledger/one.parquet", b"PAR1 no more")
    match = r"^s3://bucket/stems/\.libsep/ledger/one\.parquet: expected a Parquet file"
    with pytest.raises(LedgerError, match=match), opened("two", "elsewhere"):
        pass
    with opened("three", "here", rebuild=True) as ledger:
        assert set(ledger.latest()) == {"a"}
    with opened("four", "elsewhere") as ledger:
        assert set(ledger.latest()) == {"a"}


def test_what_is_damaged_here_stops_the_run_and_can_be_mended_with_the_copy(
    opened: Callable[..., Any], storage: StorageConfig
) -> None:
    ended_run(opened, "one", "a")
    assert storage.state is not None
    (path,) = storage.state.rglob("ledger/one.parquet")
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(LedgerError, match=f"^{path}: expected a Parquet file"), opened("two"):
        pass
    with opened("three", rebuild=True) as ledger:
        assert set(ledger.latest()) == {"a"}


def test_an_output_remembers_its_library_as_long_as_that_exists(
    opened: Callable[..., Any], s3: S3Server, storage: StorageConfig, tmp_path: Path
) -> None:
    s3.put("music/a.mp3", b"no audio")
    ended_run(opened, "one", "a")
    for other in (RemoteFolder("s3", BUCKET, "other"), tmp_path):
        with (
            pytest.raises(ConfigError, match="holds the stems of s3://bucket/music"),
            copied_ledger(other, OUTPUT, storage, run="two"),
        ):
            pass
    s3.client.delete_object(Bucket=BUCKET, Key="music/a.mp3")
    with copied_ledger(tmp_path, OUTPUT, storage, run="three") as ledger:
        assert set(ledger.latest()) == {"a"}
    with (
        pytest.raises(ConfigError, match=f"holds the stems of {tmp_path}"),
        copied_ledger(LIBRARY, OUTPUT, storage, run="four"),
    ):
        pass


def test_outputs_have_states_of_their_own(storage: StorageConfig) -> None:
    there = storage.model_copy(update={"endpoint": "http://other:9000"})
    folders = {
        state_folder(OUTPUT, storage),
        state_folder(OUTPUT, there),
        state_folder(RemoteFolder("s3", BUCKET, "stems/x"), storage),
        state_folder(RemoteFolder("s3", BUCKET, "stems x"), storage),
        state_folder(RemoteFolder("gs", BUCKET, "stems"), storage),
    }
    assert len(folders) == 5
    assert all(folder.parent == storage.state for folder in folders)


def test_the_state_lies_where_the_desktop_keeps_states(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_folder(OUTPUT, StorageConfig()).parent == tmp_path / "libsep"


def test_an_output_without_a_ledger_has_no_status(storage: StorageConfig) -> None:
    with (
        pytest.raises(ConfigError, match="no ledger of libsep"),
        opened_output(OUTPUT.uri, storage),
    ):
        pass


def test_the_ledger_of_a_local_output_is_seen_as_before(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FOLDER)
    ledger.begin("one")
    ledger.append(row("a"))
    with opened_output(str(tmp_path), StorageConfig()) as (seen, in_work):
        assert set(seen.latest()) == {"a"}
        assert in_work == ""
    ledger.close()
