"""``libsep run`` that is interrupted, killed or doubled: the next run does the rest."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libsep.ledger import FOLDER, Ledger
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.verify import verify_stems

from ..processes import wait_until
from .conftest import BAD, GOOD, stems_in

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def wait_for_rows(stems: Path, count: int, timeout_s: float = 1500) -> None:
    wait_until(
        lambda: stems.exists() and len(list(Ledger(stems / FOLDER).rows())) >= count, timeout_s
    )


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
    processes = Path("/proc")
    wait_until(
        lambda: not any(is_worker_in(each, folder) for each in processes.glob("[0-9]*")), timeout_s
    )


def is_worker_in(process: Path, folder: Path) -> bool:
    try:
        if (process / "cwd").readlink() != folder:
            return False
        # Two helpers of Ray notice the death of their raylet only after minutes; they do nothing.
        return b"Agent" not in (process / "cmdline").read_bytes().split(b"\0")[0]
    except OSError:  # it has just ended, or it is another user's
        return False


def test_a_killed_run_loses_nothing(
    libsep: Callable[..., Any],
    start_libsep: Callable[..., "subprocess.Popen[str]"],
    library: Path,
    config_file: Path,
    tmp_path: Path,
) -> None:
    stems = tmp_path / "stems"
    running = start_libsep("run", library, stems, "--config", config_file)
    wait_for_rows(stems, 2)
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
    while not lock.exists():  # it appears whole
        assert first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGSTOP)  # it may not end before the second one looks
    second = libsep("run", library, stems, "--config", config_file)
    assert second.code == 2
    assert str(first.pid) in second.err


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
    assert (ended.json["n_converted"], ended.json["n_failed"]) == (3, 4)
    others = [row for row in ended.json["failures"] if row["source"] != "One.mp3"]
    assert {row["source"] for row in others} == BAD
    assert all(row["stage"] and row["message"] for row in others)
