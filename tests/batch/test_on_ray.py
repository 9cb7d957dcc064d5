"""Separators and track tasks on a real embedded Ray."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

from libsep.batch.actors import count_separators, start_separators
from libsep.batch.cluster import embedded_ray
from libsep.batch.loading import Separators
from libsep.batch.tasks import RemoteSeparator
from libsep.config import Config
from libsep.errors import ConfigError, ModelError, SeparationError
from libsep.machine import n_cores
from libsep.separation.registry import Model
from libsep.separation.separator import Separator

pytestmark = [pytest.mark.ray, pytest.mark.slow]

CONFIG = Config().replaced(
    separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32", "device": "cpu"},
    run={"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with embedded_ray(n_track_slots=2, object_store_bytes=150_000_000, n_gpus=0):
        yield


def loaded(model: Model, config: Config) -> str:
    """Start a separator, let it load a model, and return what it says."""
    actors = start_separators(config.separation, n_separators=1, n_gpus=0)
    separators = Separators(actors, {model.name: model})
    separators.load(0, model.name)
    (reference,) = separators.pending
    _, description = separators.collect(reference) or (0, "")
    return description


@pytest.fixture
def segments(rng: np.random.Generator) -> list[np.ndarray]:
    return [(0.1 * rng.standard_normal((2, 20000))).astype(np.float32) for _ in range(9)]


def test_ray_listens_on_loopback_only(cluster: None) -> None:
    listening = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    port = int(ray.get_runtime_context().gcs_address.rpartition(":")[2])
    local = [line.split()[1] for line in listening.splitlines() if f":{port:04X} " in line]
    assert local
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert all(address.rpartition(":")[0].endswith(loopback) for address in local)


def test_remote_estimates_are_those_of_this_process_in_order(
    cluster: None, tiny_model: Model, segments: list[np.ndarray]
) -> None:
    actors = start_separators(CONFIG.separation, n_separators=2, n_gpus=0)
    remote = RemoteSeparator(Path("x"), tiny_model, actors, first=1)
    local = Separator(tiny_model, device="cpu", precision="float32")
    for found, segment in zip(remote.map(iter(segments)), segments, strict=True):
        np.testing.assert_allclose(found, local.separate(segment[None])[0], atol=1e-6)


def test_a_separator_that_is_killed_loses_no_segment(
    cluster: None,
    tiny_model: Model,
    segments: list[np.ndarray],
    caplog: pytest.LogCaptureFixture,
) -> None:
    (actor,) = start_separators(CONFIG.separation, n_separators=1, n_gpus=0)
    expected = [ray.get(actor.separate.remote(segment, tiny_model)) for segment in segments]

    def killing() -> Iterator[np.ndarray]:
        for index, segment in enumerate(segments):
            if index == 4:
                os.kill(ray.get(actor.process_id.remote()), signal.SIGKILL)
            yield segment

    with caplog.at_level(logging.WARNING):
        found = list(RemoteSeparator(Path("x"), tiny_model, [actor]).map(killing()))
    np.testing.assert_array_equal(np.stack(found), np.stack(expected))


def test_an_error_of_the_network_is_an_error_of_the_track(cluster: None, tiny_model: Model) -> None:
    actors = start_separators(CONFIG.separation, n_separators=1, n_gpus=0)
    remote = RemoteSeparator(Path("song.mp3"), tiny_model, actors)
    with pytest.raises(SeparationError, match=r"song\.mp3: the separator failed"):
        list(remote.map(iter([np.zeros((3, 100, 7), np.float32)])))


def test_a_damaged_model_stops_the_run_before_it_begins(
    cluster: None, tiny_model: Model, tmp_path: Path
) -> None:
    damaged = tiny_model.model_copy(update={"folder": tmp_path})
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        loaded(damaged, CONFIG)


def test_a_gpu_that_is_not_there_stops_the_run(cluster: None, tiny_model: Model) -> None:
    config = CONFIG.replaced(separation={"device": "cuda"})
    with pytest.raises(ConfigError, match="GPU"):
        loaded(tiny_model, config)


def test_a_separator_takes_another_model_and_refuses_segments_for_the_former_one(
    cluster: None, tiny_model: Model, other_model: Model, segments: list[np.ndarray]
) -> None:
    actors = start_separators(CONFIG.separation, n_separators=1, n_gpus=0)
    separators = Separators(actors, {"tiny": tiny_model, "other": other_model})
    for model in (tiny_model, other_model):
        separators.load(0, model.name)
        (reference,) = separators.pending
        assert (separators.collect(reference) or (9, ""))[1].startswith(f"{model.name} on CPU")
        local = Separator(model, device="cpu", precision="float32")
        (found,) = RemoteSeparator(Path("x"), model, actors).map(iter(segments[:1]))
        np.testing.assert_allclose(found, local.separate(segments[0][None])[0], atol=1e-6)
    with pytest.raises(SeparationError, match="holds other now, asked for tiny"):
        list(RemoteSeparator(Path("x"), tiny_model, actors).map(iter(segments[:1])))
    stints = ray.get(actors[0].stints.remote())
    assert [(stint.model, stint.n_segments) for stint in stints] == [("tiny", 1), ("other", 1)]
    assert all(s.began_s <= s.ready_s <= s.first_s <= s.last_s for s in stints)


@pytest.mark.parametrize(
    ("n_gpus", "costs", "expected"),
    [
        (2, [1.0], 2),
        (2, [1.0, 1.0, 1.0], 3),
        (2, [1.0] * 7, 4),
        (2, [1.0, 1.0, 40.0], 2),
        (2, [1.0, 1.0, None], 2),
        (0, [1.0, 1.0, 1.0], n_cores()),
    ],
)
def test_small_models_share_a_gpu_when_there_are_more_than_gpus(
    tiny_model: Model, n_gpus: int, costs: list[float | None], expected: int
) -> None:
    models = {
        str(index): tiny_model.model_copy(update={"cost": cost}) for index, cost in enumerate(costs)
    }
    assert count_separators(0, models, n_gpus) == expected
    assert count_separators(5, models, n_gpus) == 5
