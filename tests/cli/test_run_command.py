"""``libsep run`` as a user runs it: a process of its own, real files, real Ray."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pyarrow.parquet as pq
import pytest

from libsep.ledger import FOLDER, Ledger
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.verify import verify_stems

pytestmark = [pytest.mark.ray, pytest.mark.slow]

GOOD = {
    "One.stem.mp4",
    "nested/deeper/Zwei Größen.stem.mp4",
    "三.stem.mp4",
    "nested/deeper/Four [live].stem.mp4",
}
BAD = {"empty.mp3", "letter.mp3", "broken.flac"}


def stems_in(folder: Path) -> set[str]:
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {str(path) for path in found if path.parts[0] != FOLDER}


def contents(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_library_is_converted_and_the_second_run_does_only_what_changed(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    before = contents(library)
    first = libsep("run", library, stems, "--config", config_file, "--json")
    assert first.code == 1, first.err
    assert (first.json["n_converted"], first.json["n_failed"]) == (4, 3)
    assert {row["source"] for row in first.json["failures"]} == BAD
    assert all(row["stage"] and row["message"] for row in first.json["failures"])
    assert stems_in(stems) == GOOD
    assert all(verify_stems(stems / name).is_conformant for name in GOOD)
    assert contents(library) == before, "inputs are never changed"

    written = contents(stems)
    second = libsep("run", library, stems, "--config", config_file)
    assert second.code == 0, second.err
    assert "nothing to do: 4 tracks are up to date" in second.out
    assert "3 failed before" in second.out
    for name in GOOD:
        assert contents(stems)[stems / name] == written[stems / name]

    song = mutagen.File(library / "One.mp3", easy=True)
    song["title"] = "Another title"
    song.save()
    (library / "三.ogg").unlink()
    shutil.copy(library / "nested/deeper/Zwei Größen.flac", library / "New.FLAC")
    third = libsep("run", library, stems, "--config", config_file, "--json")
    assert third.code == 0, third.err
    assert (third.json["n_retagged"], third.json["n_converted"]) == (1, 1)
    assert mutagen.File(stems / "One.stem.mp4")["\xa9nam"] == ["Another title"]
    assert stems_in(stems) == GOOD | {"New.stem.mp4"}


def test_ray_says_nothing_and_the_lines_name_every_track(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    ended = libsep("run", library, tmp_path / "stems", "--config", config_file)
    lines = ended.err.splitlines()
    assert lines[0].startswith("1 separator: tiny on CPU")
    assert len(lines) == 8, ended.err
    assert "failed letter.mp3: probe:" in ended.err
    assert "done nested/deeper/Four [live].m4a" in ended.err
    assert "converted" in ended.out
    logs = list((tmp_path / "stems" / FOLDER / "runs").glob("*/*.jsonl"))
    assert any('"track": "letter.mp3"' in log.read_text() for log in logs)


def test_a_lost_ledger_is_rebuilt_from_the_files(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    for name in BAD:
        (library / name).unlink()
    libsep("run", library, stems, "--config", config_file)
    shutil.rmtree(stems / FOLDER)
    again = libsep("run", library, stems, "--config", config_file, "--json")
    assert again.code == 0, again.err
    assert (again.json["n_converted"], again.json["n_up_to_date"]) == (0, 4)


def test_a_damaged_ledger_stops_the_run_and_can_be_mended(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    libsep("run", library, stems, "--config", config_file)
    damaged = next((stems / FOLDER / "ledger").glob("*.parquet"))
    damaged.write_bytes(b"PAR1 no more")
    stopped = libsep("run", library, stems, "--config", config_file)
    assert stopped.code == 2
    assert damaged.name in stopped.err
    mended = libsep("run", library, stems, "--config", config_file, "--rebuild-ledger", "--json")
    assert mended.json["n_up_to_date"] == 4
    assert mended.json["n_converted"] == 0


def wait_for_rows(stems: Path, count: int, timeout_s: float = 1500) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if stems.exists() and len(list(Ledger(stems / FOLDER).rows())) >= count:
            return
        time.sleep(0.02)
    raise TimeoutError("the run wrote no rows")


def test_ctrl_c_finishes_the_tracks_in_work_and_the_next_run_does_the_rest(
    libsep: Callable[..., Any],
    start_libsep: Callable[..., "subprocess.Popen[str]"],
    library: Path,
    config_file: Path,
    tmp_path: Path,
) -> None:
    stems = tmp_path / "stems"
    running = start_libsep("run", library, stems, "--config", config_file, "--json")
    wait_for_rows(stems, 1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=1500)
    assert running.returncode == 130, err
    assert "SIGINT received: finishing the tracks in work" in err
    assert json.loads(out)["n_left"] > 0
    assert json.loads(out)["reason"] == "SIGINT received"
    assert not list(stems.rglob(".*part*"))
    rest = libsep("run", library, stems, "--config", config_file, "--json")
    assert rest.code in (0, 1)
    assert stems_in(stems) == GOOD
    assert_every_track_ended_once(stems)


def assert_every_track_ended_once(stems: Path) -> None:
    latest = Ledger(stems / FOLDER).latest()
    assert len(latest) == 7
    # A stem file whose row was lost with the run is found by its fingerprint, and skipped.
    there = {row.output for row in latest.values() if row.status in ("done", "skipped")}
    assert there == GOOD
    assert all(verify_stems(stems / name).is_conformant for name in GOOD)


def wait_until_workers_are_gone(folder: Path, timeout_s: float = 300) -> None:
    """Wait for the end of all processes there that touch files of tracks."""
    deadline = time.monotonic() + timeout_s
    while any(is_worker_in(process, folder) for process in Path("/proc").glob("[0-9]*")):
        assert time.monotonic() < deadline, "a worker outlives its driver"
        time.sleep(0.1)


def is_worker_in(process: Path, folder: Path) -> bool:
    try:
        if (process / "cwd").readlink() != folder:
            return False
        # Two helpers of Ray notice the death of their raylet only after minutes; they do nothing.
        return b"Agent" not in (process / "cmdline").read_bytes().split(b"\0")[0]
    except OSError:  # it has just ended, or it is another user's
        return False


@pytest.mark.parametrize("after_rows", [0, 2, 4])
def test_a_killed_run_loses_nothing(
    libsep: Callable[..., Any],
    start_libsep: Callable[..., "subprocess.Popen[str]"],
    library: Path,
    config_file: Path,
    tmp_path: Path,
    after_rows: int,
) -> None:
    stems = tmp_path / "stems"
    running = start_libsep("run", library, stems, "--config", config_file)
    wait_for_rows(stems, after_rows)
    running.kill()
    running.communicate()
    wait_until_workers_are_gone(tmp_path)  # its workers live a few seconds longer
    rest = libsep("run", library, stems, "--config", config_file, "--json")
    assert rest.code in (0, 1), rest.err
    assert stems_in(stems) == GOOD
    assert not list(stems.rglob(".*part*"))
    assert_every_track_ended_once(stems)
    status = libsep("status", stems, "--json")
    assert (status.json["n_converted"], status.json["n_failed"]) == (4, 3)


def test_two_runs_on_one_output_folder_are_refused(
    libsep: Callable[..., Any],
    start_libsep: Callable[..., "subprocess.Popen[str]"],
    library: Path,
    config_file: Path,
    tmp_path: Path,
) -> None:
    stems = tmp_path / "stems"
    first = start_libsep("run", library, stems, "--config", config_file)
    wait_for_rows(stems, 0)
    lock = stems / FOLDER / "lock"
    while not (lock.exists() and lock.read_text().endswith("}")):
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # it may not end before the second one looks
    second = libsep("run", library, stems, "--config", config_file)
    first.send_signal(signal.SIGCONT)
    first.communicate(timeout=1500)
    assert second.code == 2
    assert str(first.pid) in second.err


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    told = libsep("run", library, stems, "--config", config_file, "--dry-run", "--json")
    assert told.code == 0, told.err
    assert {row["source"] for row in told.json["work"]} >= BAD
    assert told.json["n_tracks"] == 7
    assert told.json["output_bytes"] > 0
    assert not stems.exists()


def test_the_ledger_is_plain_parquet(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    libsep("run", library, stems, "--config", config_file)
    rows = pq.read_table(stems / FOLDER / "ledger").to_pylist()
    outcomes = [row for row in rows if row["event"] == "outcome"]
    assert len(outcomes) == 7
    done = [row for row in outcomes if row["status"] == "done"]
    assert {row["output"] for row in done} == GOOD
    assert all(row["null_db"] < -90 for row in done)
    assert all(row["separate_s"] > 0 and row["encode_s"] > 0 for row in done)
    status = libsep("status", stems, "--json")
    assert (status.json["n_converted"], status.json["n_failed"]) == (4, 3)


def test_a_track_that_kills_its_process_is_given_up_and_its_neighbours_are_not(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    killer = tmp_path / "ffmpeg"
    real = os.fspath(find_ffmpeg())
    killer.write_text(
        f'#!/bin/sh\ncase "$*" in *One.mp3*) kill -9 $PPID; sleep 1;; esac\nexec {real} "$@"\n'
    )
    killer.chmod(0o755)
    text = config_file.read_text() + f"decode:\n  ffmpeg: {killer}\n"
    config_file.write_text(text)
    ended = libsep("run", library, tmp_path / "stems", "--config", config_file, "--json")
    assert ended.code == 1, ended.err
    crashed = [row for row in ended.json["failures"] if row["source"] == "One.mp3"]
    assert "died 3 times" in crashed[0]["message"]
    assert ended.json["n_converted"] == 3
