import dataclasses
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import ConfigError
from libsep.ledger.holder import is_alive
from libsep.training.synthesis.pool import RenderPlan, RenderPool
from libsep.training.synthesis.rendering import rendering

from ...processes import wait_until

SAMPLE_RATE = 44100


@pytest.fixture
def plan(tmp_path: Path, pack_folder: Path) -> RenderPlan:
    return RenderPlan(
        materials=(pack_folder,),
        cache=tmp_path / "cache",
        folder=tmp_path / "renders",
        n_songs=4,
        duration_s=2.0,
        sample_rate=SAMPLE_RATE,
        seed=3,
        interval_s=0.0,
        styles={"rock": 1.0, "electronic": 1.0},
    )


def fill(plan: RenderPlan, n_workers: int) -> RenderPool:
    """Render every place once, as that many workers would, the last worker first."""
    collection, pool = plan.collection(), plan.pool()
    for worker in reversed(range(n_workers)):
        for _ in range(worker, len(pool), n_workers):
            number = pool.next_song(worker, n_workers)
            pool.put(number, plan.render(collection, number))
    return pool


def test_a_pool_keeps_the_newest_songs_each_in_its_place(tmp_path: Path) -> None:
    pool = RenderPool(tmp_path, 3, 100)
    assert pool.n_ready == 0
    with pytest.raises(TimeoutError, match="0 of 1 songs"):
        pool.wait(1, timeout_s=0.0)
    for number in range(5):
        assert pool.next_song(0, 1) == number
        pool.put(number, np.full((4, 2, 100), number, np.int16))
    again = RenderPool(tmp_path, 3, 100)
    assert again.n_ready == 3
    assert [int(again.song(index)[0, 0, 0]) for index in range(3)] == [3, 4, 2]


def test_songs_are_ready_from_the_first_on(tmp_path: Path) -> None:
    pool = RenderPool(tmp_path, 4, 10)
    song = np.zeros((4, 2, 10), np.int16)
    pool.put(2, song)
    assert pool.n_ready == 0
    pool.put(0, song)
    assert pool.n_ready == 1
    pool.put(1, song)
    assert pool.n_ready == 3


def test_a_pool_of_another_shape_begins_anew_even_if_it_was_there_before(tmp_path: Path) -> None:
    RenderPool(tmp_path, 2, 10).put(0, np.ones((4, 2, 10), np.int16))
    assert RenderPool(tmp_path, 2, 10).n_ready == 1
    assert RenderPool(tmp_path, 3, 10).n_ready == 0
    assert RenderPool(tmp_path, 2, 10).n_ready == 0
    (tmp_path / "songs.npy").write_bytes(b"\x93NUMPY\x01")
    assert RenderPool(tmp_path, 2, 10).n_ready == 0


def test_any_number_of_workers_renders_the_same_songs(plan: RenderPlan, tmp_path: Path) -> None:
    alone = fill(plan, 1)
    shared = fill(dataclasses.replace(plan, folder=tmp_path / "shared"), 3)
    for place in range(4):
        np.testing.assert_array_equal(alone.song(place), shared.song(place))
    assert not np.array_equal(alone.song(0), alone.song(1))


def test_a_song_depends_on_its_number_and_not_on_those_before(plan: RenderPlan) -> None:
    collection = plan.collection()
    first = plan.render(collection, 7)
    plan.render(collection, 8)
    np.testing.assert_array_equal(plan.render(collection, 7), first)


def test_a_pack_without_instruments_is_refused(plan: RenderPlan, pack_folder: Path) -> None:
    manifest = pack_folder / "manifest.csv"
    lines = [line for line in manifest.read_text().splitlines() if ",note,other," not in line]
    manifest.write_text("\n".join(lines) + "\n")
    with pytest.raises(ConfigError, match="no notes of instruments for the sampler"):
        plan.collection()


def test_another_song_takes_the_place_of_one_that_meets_a_damaged_recording(
    plan: RenderPlan, pack_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (pack_folder / "broken.wav").write_bytes((pack_folder / "kick.wav").read_bytes()[:40])
    with (pack_folder / "manifest.csv").open("a") as rows:
        for drum in ("kick", "snare", "hat_closed"):
            rows.write(f"broken.wav,0,1,oneshot,drums,{drum},,worn,,,\n")
    collection = plan.collection()
    songs = [plan.render(collection, number) for number in range(6)]
    assert caplog.text.count("broken.wav: training material cannot be decoded") == 1
    assert all(song.any() for song in songs)
    np.testing.assert_array_equal(plan.render(plan.collection(), 5), songs[5])


def test_what_stops_the_sampler_is_told_at_once(plan: RenderPlan, pack_folder: Path) -> None:
    guitar = pack_folder / "guitar.wav"
    whole = guitar.read_bytes()
    guitar.write_bytes(whole[:40])
    with rendering(plan), pytest.raises(ConfigError, match=r"guitar.wav: training material"):
        plan.pool().wait(1, timeout_s=60.0)
    guitar.write_bytes(whole)
    with rendering(plan):
        plan.pool().wait(1)


def test_a_disk_that_stops_the_sampler_is_told_too(plan: RenderPlan, pack_folder: Path) -> None:
    at_fault = dataclasses.replace(plan, cache=pack_folder / "kick.wav" / "cache")
    with rendering(at_fault), pytest.raises(ConfigError, match="Not a directory"):
        plan.pool().wait(1, timeout_s=60.0)


def test_each_process_that_is_killed_is_told_and_the_others_fill_its_places(
    plan: RenderPlan, caplog: pytest.LogCaptureFixture
) -> None:
    before = {*multiprocessing.active_children()}
    pool = plan.pool()
    with rendering(dataclasses.replace(plan, n_workers=2)):
        samplers = {*multiprocessing.active_children()} - before
        first, second = sorted(samplers, key=lambda process: process.pid or 0)
        os.kill(first.pid or 0, signal.SIGRTMIN + 1)
        pool.wait(4)
        assert pool.stop().endswith(
            " 1 of the sampler's 2 processes had stopped, "
            "whose songs stay as they are: it was ended by signal 35"
        )
        second.kill()
        wait_until(lambda: pool.stop().startswith("the sampler stopped at "))
    assert pool.stop().endswith(
        "only its 4 songs so far are heard: "
        "it was ended by signal 35; it was ended by SIGKILL, out of memory?"
    )
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "sampler: process 1 stopped: it was ended by signal 35",
        "sampler: process 2 stopped: it was ended by SIGKILL, out of memory?",
    ]


RENDER_AND_DIE = """
import multiprocessing, os, pathlib, pickle, signal, sys
from libsep.training.synthesis.rendering import rendering
with rendering(pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())):
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_sampler_ends_with_a_training_that_is_killed(plan: RenderPlan, tmp_path: Path) -> None:
    pickled = tmp_path / "plan"
    pickled.write_bytes(pickle.dumps(plan))
    command = [sys.executable, "-c", RENDER_AND_DIE, pickled]
    out = tmp_path / "out"  # no pipe, which the sampler would keep open
    with out.open("w") as stdout:
        ended = subprocess.run(command, stdout=stdout)
    assert ended.returncode == -signal.SIGKILL
    samplers = [int(pid) for pid in out.read_text().split()]
    assert samplers
    wait_until(lambda: not any(map(is_alive, samplers)), timeout_s=60)


def test_who_waits_hears_of_a_sampler_that_is_killed(plan: RenderPlan) -> None:
    before = {*multiprocessing.active_children()}
    with rendering(plan):
        (sampler,) = {*multiprocessing.active_children()} - before
        sampler.kill()
        with pytest.raises(ConfigError, match="SIGKILL, out of memory"):
            plan.pool().wait(4, timeout_s=60.0)


def test_places_of_a_worker_that_stopped_are_shared_until_all_are_filled(tmp_path: Path) -> None:
    pool = RenderPool(tmp_path, 2, 10)
    pool.failure.forget(3)
    assert pool.sharers(1, 3) == [0, 1, 2]
    pool.failure.tell(0, "kick.wav: damaged")
    assert pool.sharers(1, 3) == [1, 2]
    assert pool.sharers(0, 3) == [0, 1, 2]
    for number in range(2):
        pool.put(number, np.zeros((4, 2, 10), np.int16))
    assert pool.sharers(1, 3) == [0, 1, 2]


def test_a_reason_that_cannot_be_written_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pool = RenderPool(tmp_path, 1, 10)
    (tmp_path / "failure.txt").mkdir()
    pool.failure.tell(0, "kick.wav: damaged")
    assert [record.message for record in caplog.records] == [
        "sampler: process 1 stopped: kick.wav: damaged",
        f"{tmp_path / 'failure.txt'}: cannot be written: Is a directory",
    ]
    assert pool.stop() == ""


def test_the_first_reason_is_kept_in_room_that_a_full_disk_need_not_give(tmp_path: Path) -> None:
    pool = RenderPool(tmp_path, 1, 10)
    pool.failure.forget()
    n_bytes = (tmp_path / "failure.txt").stat().st_size
    assert pool.stop() == ""
    pool.failure.tell(0, "kick.wav: " + "ö" * n_bytes)
    pool.failure.tell(0, "another")
    assert (tmp_path / "failure.txt").stat().st_size == n_bytes
    assert "only its 0 songs so far are heard: kick.wav: öö" in pool.stop()
    pool.failure.forget()
    assert pool.stop() == ""


def test_a_reason_with_a_name_that_is_no_unicode_is_told(tmp_path: Path) -> None:
    pool = RenderPool(tmp_path, 1, 10)
    pool.failure.tell(0, "caf\udce9.wav: training material cannot be decoded")
    with pytest.raises(ConfigError, match=r"caf\\xe9\.wav"):
        pool.wait(1)
