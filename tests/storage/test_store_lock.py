"""One run per output in a store, whatever machines want it."""

import dataclasses
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libsep.config import StorageConfig
from libsep.errors import LedgerError, TransferError
from libsep.ledger import held_lock
from libsep.ledger.holder import describe_self
from libsep.storage import lock as lock_module
from libsep.storage.lock import FOLDER, StoreLock, run_in_store
from libsep.storage.places import RemoteFolder
from libsep.storage.store import Store, StoredObject

from .conftest import S3Server


@pytest.fixture
def store(store_of: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(lock_module, "PAUSE_S", (0.02, 0.1))
    return store_of("out")


def plant(s3: S3Server, token: str, **changes: Any) -> str:
    """Put the lock of another run into the store, of another machine unless it is said."""
    content = describe_self(token, "other") | {"machine": "elsewhere"} | changes
    s3.put(f"out/{FOLDER}/{token}", json.dumps(content).encode())
    return f"{FOLDER}/{token}"


def test_a_second_run_is_refused_while_the_first_one_lasts(store: Store, s3: S3Server) -> None:
    with StoreLock(store, run="first") as lock:
        assert run_in_store(store) == "first"
        with pytest.raises(LedgerError, match="in use by run first"), StoreLock(store, run="two"):
            pass
        lock.check()
    assert run_in_store(store) == ""
    assert s3.sizes() == {}
    with StoreLock(store, run="third"):
        pass


def test_of_runs_that_start_together_no_two_get_the_output(store: Store) -> None:
    inside: list[str] = []
    most: list[int] = []
    together = threading.Barrier(4)
    gate = threading.Lock()

    def run(name: str) -> None:
        together.wait(60)
        try:
            with StoreLock(store, run=name):
                with gate:
                    inside.append(name)
                    most.append(len(inside))
                store.objects()
                with gate:
                    inside.remove(name)
        except LedgerError:
            pass

    threads = [threading.Thread(target=run, args=(str(index),)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    assert max(most, default=0) <= 1


def test_the_lock_of_a_dead_process_of_this_machine_is_taken_over(
    store: Store, s3: S3Server
) -> None:
    ours = describe_self("x", "other")
    name = plant(s3, "dead", machine=ours["machine"], pid=2**22 + 5)
    with StoreLock(store, run="next") as lock:
        lock.check()
        assert f"out/{name}" not in s3.sizes()


def test_the_lock_of_another_machine_is_taken_over_when_it_is_stale_by_the_clock_of_the_store(
    store: Store, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = plant(s3, "silent")
    with pytest.raises(LedgerError, match="in use by run other"), StoreLock(store, run="next"):
        pass
    listed = store.objects

    def aged(below: str = "") -> list[StoredObject]:
        old_ns = int((lock_module.STALE_S + 1) * 1e9)
        return [
            dataclasses.replace(each, mtime_ns=each.mtime_ns - old_ns * (each.name == name))
            for each in listed(below)
        ]

    monkeypatch.setattr(store, "objects", aged)
    with StoreLock(store, run="next"):
        assert f"out/{name}" not in s3.sizes()


def test_a_lock_that_is_stale_names_no_run_that_is_in_work(
    store: Store, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(s3, "silent")
    assert run_in_store(store) == "other"
    monkeypatch.setattr(lock_module, "STALE_S", -1.0)
    assert run_in_store(store) == ""


def test_a_run_that_comes_back_to_life_while_its_stale_lock_is_deleted_keeps_the_output(
    store: Store, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = plant(s3, "slept")
    monkeypatch.setattr(lock_module, "STALE_S", -1.0)
    monkeypatch.setattr(lock_module, "JUST_BEGUN_S", -1.0)
    delete = store.delete

    def deleted(other: str) -> None:
        delete(other)
        if other == name:
            plant(s3, "slept")  # its sign of life

    monkeypatch.setattr(store, "delete", deleted)
    with pytest.raises(LedgerError, match="in use by run other"), StoreLock(store, run="next"):
        pass
    assert list(s3.sizes()) == [f"out/{name}"]


def test_a_store_that_does_not_answer_for_once_takes_no_lock_away(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(name: str) -> None:
        raise TransferError(Path(name), "no route to host")

    with StoreLock(store, run="ours") as lock:
        monkeypatch.setattr(store, "find", gone)
        assert lock._give_sign_of_life()
        assert "no sign of life" in caplog.text


def test_a_run_whose_lock_was_taken_over_may_not_write_any_more(
    store: Store, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_lock, "HEARTBEAT_S", 0.05)
    lock = StoreLock(store, run="slow")
    with lock:
        (key,) = s3.sizes()
        for _ in range(600):  # a sign of life may come just after
            s3.client.delete_object(Bucket="bucket", Key=key)
            if lock._lost.wait(0.2):
                break
        with pytest.raises(LedgerError, match="the lock went to another run"):
            lock.check()


def test_a_run_that_slept_gives_way_to_the_one_that_took_its_lock_over_meanwhile(
    store: Store, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_lock, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(lock_module, "STALE_S", -1.0)  # as if each sign of life came too late
    lock = StoreLock(store, run="slow")
    with lock:
        lock.check()
        name = plant(s3, "next")
        assert lock._lost.wait(120)
    assert list(s3.sizes()) == [f"out/{name}"]


def test_the_lock_gives_a_sign_of_life(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_lock, "HEARTBEAT_S", 0.05)
    written = threading.Semaphore(0)
    write = store.write

    def counted(name: str, content: bytes) -> StoredObject:
        written.release()
        return write(name, content)

    monkeypatch.setattr(store, "write", counted)
    with StoreLock(store, run="alive") as lock:
        for _ in range(3):
            assert written.acquire(timeout=120)
        lock.check()


def test_a_store_that_cannot_be_written_is_an_error_of_the_run(
    storage: StorageConfig,
) -> None:
    missing = Store(RemoteFolder("s3", "no-such-bucket", "out"), storage)
    with (
        pytest.raises(LedgerError, match="the lock cannot be written"),
        StoreLock(missing, run="x"),
    ):
        pass
