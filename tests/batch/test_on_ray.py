"""Separators and track tasks on a real embedded Ray."""

import inspect
import logging
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import ray
from ray._private.node import Node

from libsep.batch.cluster.connection import (
    HELPERS,
    NUMBERS,
    PREFIX,
    _remove_folders_of_the_dead,
    embedded_ray,
)
from libsep.batch.cluster.machines import Place
from libsep.batch.separators.actors import start_separator
from libsep.batch.separators.loading import Separators
from libsep.batch.tasks import RemoteSeparator, Seat, warm_up
from libsep.config import Config
from libsep.errors import ClusterError, ConfigError, ModelError, SeparationError
from libsep.media.atomic import NOBODYS_S
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.stem_maker import StemMaker

from ..faults.causes import can_mount
from ..processes import COMMAND

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CONFIG = Config().replaced(
    separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32", "device": "cpu"},
    run={"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with embedded_ray(n_track_slots=2, object_store_bytes=150_000_000, n_gpus=0):
        yield


def seats(count: int) -> list[Seat]:
    """Start separators on this node."""
    here = ray.get_runtime_context().get_node_id()
    return [Seat(start_separator(CONFIG.separation, Place(here)), here) for _ in range(count)]


def started(config: Config, *models: Model) -> Separators:
    """Start a separator in slot 0."""
    separators = Separators(config.separation, {model.name: model for model in models})
    separators.start(0, Place(ray.get_runtime_context().get_node_id()))
    return separators


def load(separators: Separators, model: Model) -> str | None:
    """Let the separator load a model, and return what it says."""
    separators.load(0, model.name)
    (reference,) = separators.pending
    return separators.collect(reference)


@pytest.fixture
def segments(rng: np.random.Generator) -> list[np.ndarray]:
    return [(0.1 * rng.standard_normal((2, 20000))).astype(np.float32) for _ in range(9)]


def test_folders_of_ray_go_when_nothing_runs_under_their_number(tmp_path: Path) -> None:
    mine, dead = f"{os.getpid()}-x", "99999999999"
    here = str(Path("/proc/self/ns/pid").readlink())
    notes = {
        mine: here,
        "²-x": here,
        f"{dead}-x": here,
        f"{dead}-of-another-container": "pid:[1]",
        f"{dead}-new": None,
        f"{dead}-old": None,
    }
    for name, note in notes.items():
        folder = tmp_path / f"{PREFIX}{name}"
        folder.mkdir()
        if note is not None:
            (folder / NUMBERS).write_text(note)
    yesterday = time.time() - NOBODYS_S - 60
    os.utime(tmp_path / f"{PREFIX}{dead}-old", (yesterday, yesterday))
    _remove_folders_of_the_dead(tmp_path)
    left = {path.name.removeprefix(PREFIX) for path in tmp_path.iterdir()}
    assert left == {mine, "²-x", f"{dead}-of-another-container", f"{dead}-new"}


def test_a_machine_without_loopback_is_told_at_once(tmp_path: Path) -> None:
    if not can_mount():
        pytest.skip("no network of its own can be had here")
    command = [
        "unshare",
        "--net",
        *COMMAND,
        "run",
        tmp_path,
        tmp_path / "stems",
        "--model",
        "small",
    ]
    (tmp_path / "track.flac").write_bytes(b"fLaC")
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stderr
    assert "no connection at 127.0.0.1, at which Ray's processes talk" in ended.stderr
    assert "Network is unreachable" in ended.stderr


def test_ray_keeps_nothing_of_tasks_that_have_ended(cluster: None) -> None:
    """By default its control store grows by 3.6 KB with each, up to 400 MB."""
    task = ray.remote(warm_up)
    assert ray.get([task.remote() for _ in range(20)]) == [None] * 20
    time.sleep(2.5)  # it would be told after a second
    assert ray.timeline() == []


def test_ray_listens_on_loopback_only(cluster: None) -> None:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    port = int(ray.get_runtime_context().gcs_address.rpartition(":")[2])
    local = [line.split()[1] for line in listening.splitlines() if f":{port:04X} " in line]
    assert local
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert all(address.rpartition(":")[0].endswith(loopback) for address in local)


def test_ray_runs_without_the_helpers_that_nobody_asks(cluster: None) -> None:
    family = psutil.Process().children(recursive=True)
    programs = {Path(word).name for process in family for word in process.cmdline()}
    assert "raylet" in programs
    assert not programs & {"monitor.py", "log_monitor.py", "dashboard.py"}
    for name in HELPERS:
        assert name in inspect.getsource(vars(Node)[name]), "it is Ray's own again"


@pytest.mark.parametrize("kind", ["tiny_model", "tiny_cascade"])
def test_remote_estimates_are_those_of_this_process_in_order(
    cluster: None, kind: str, segments: list[np.ndarray], request: pytest.FixtureRequest
) -> None:
    model: Model = request.getfixturevalue(kind)
    remote = RemoteSeparator(Path("x"), model, seats(2), first=1)
    local = Separator(model, device="cpu", precision="float32")
    for found, segment in zip(remote.map(iter(segments)), segments, strict=True):
        np.testing.assert_allclose(found, local.separate(segment[None])[0], atol=1e-6)


def test_a_separator_restores_the_tracks_that_were_cut_off_and_no_others(
    cluster: None,
    tiny_model: Model,
    tiny_restoration_model: RestorationModel,
    segments: list[np.ndarray],
) -> None:
    here = ray.get_runtime_context().get_node_id()
    actor = start_separator(CONFIG.separation, Place(here), None, tiny_restoration_model)
    whole = RemoteSeparator(Path("x"), tiny_model, [Seat(actor, here)])
    separator = Separator(tiny_model, device="cpu", precision="float32")
    maker = StemMaker.loaded(separator, tiny_restoration_model)
    for remote, cutoff_hz in (
        (whole.restoring(12e3), 12e3),
        (whole, None),
        (whole.restoring(8e3), 8e3),
    ):
        (found,) = remote.map(iter(segments[:1]))
        (expected,) = maker.separate(segments[0][None], [cutoff_hz])
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_separator_that_is_killed_loses_no_segment(
    cluster: None,
    tiny_model: Model,
    segments: list[np.ndarray],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (seat,) = seats(1)
    actor = seat.actor
    expected = [ray.get(actor.separate.remote(segment, tiny_model)) for segment in segments]

    def killing() -> Iterator[np.ndarray]:
        for index, segment in enumerate(segments):
            if index == 4:
                os.kill(ray.get(actor.process_id.remote()), signal.SIGKILL)
            yield segment

    with caplog.at_level(logging.WARNING):
        found = list(RemoteSeparator(Path("x"), tiny_model, [seat]).map(killing()))
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


def test_an_error_of_the_network_is_an_error_of_the_track(cluster: None, tiny_model: Model) -> None:
    remote = RemoteSeparator(Path("song.mp3"), tiny_model, seats(1))
    with pytest.raises(SeparationError, match=r"song\.mp3: the separator failed"):
        list(remote.map(iter([np.zeros((3, 100, 7), np.float32)])))


def test_a_damaged_model_stops_the_run_before_it_begins(
    cluster: None, tiny_model: Model, tmp_path: Path
) -> None:
    damaged = tiny_model.model_copy(update={"folder": tmp_path})
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        load(started(CONFIG, damaged), damaged)


def test_a_gpu_that_is_not_there_stops_the_run(cluster: None, tiny_model: Model) -> None:
    config = CONFIG.replaced(separation={"device": "cuda"})
    with pytest.raises(ConfigError, match="GPU"):
        load(started(config, tiny_model), tiny_model)


def test_a_separator_takes_another_model_and_refuses_segments_for_the_former_one(
    cluster: None, tiny_model: Model, other_model: Model, segments: list[np.ndarray]
) -> None:
    separators = started(CONFIG, tiny_model, other_model)
    seat = Seat(*separators.of([0]), ray.get_runtime_context().get_node_id())
    for model in (tiny_model, other_model):
        assert (load(separators, model) or "").startswith(f"{model.name} on CPU")
        local = Separator(model, device="cpu", precision="float32")
        (found,) = RemoteSeparator(Path("x"), model, [seat]).map(iter(segments[:1]))
        np.testing.assert_allclose(found, local.separate(segments[0][None])[0], atol=1e-6)
    with pytest.raises(SeparationError, match="holds other now, asked for tiny"):
        list(RemoteSeparator(Path("x"), tiny_model, [seat]).map(iter(segments[:1])))
    stints = ray.get(seat.actor.stints.remote())
    assert [(stint.model, stint.n_segments) for stint in stints] == [("tiny", 1), ("other", 1)]
    assert all(s.began_s <= s.ready_s <= s.first_s <= s.last_s for s in stints)


@ray.remote(num_cpus=0)
class _Unlucky:
    """A separator whose device answers with an error that is none of libsep's."""

    def load(self, model: Model) -> str:
        raise RuntimeError("cuDNN error: CUDNN_STATUS_NOT_INITIALIZED")


def test_an_error_at_load_that_is_not_ours_is_tried_again_and_then_ends_the_run_with_a_reason(
    cluster: None, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("libsep.batch.separators.loading.RELOAD_PAUSES_S", (0.0, 0.0))
    separators = started(CONFIG, tiny_model)
    separators.stop(0)
    here = ray.get_runtime_context().get_node_id()
    separators._seats[0] = Seat(_Unlucky.remote(), here)
    assert load(separators, tiny_model) is None
    for is_last in (False, True):
        separators.try_again()
        (reference,) = separators.pending
        if not is_last:
            assert separators.collect(reference) is None
    with pytest.raises(ClusterError, match=r"do not start: .*CUDNN_STATUS_NOT_INITIALIZED"):
        separators.collect(reference)
