"""A super-resolution network from a folder of music: material, examples, steps and the gate."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.config import RestorationTrainingConfig, parse
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.restoration.band import first_bin
from libsep.restoration.model import find_restoration_model
from libsep.restoration.weights import load_network
from libsep.training.records.curve import read_curve
from libsep.training.restoration.examples import Examples, draw_response
from libsep.training.restoration.export import export_restoration
from libsep.training.restoration.material import (
    Copy,
    Recording,
    find_files,
    load_recordings,
    with_copies,
)
from libsep.training.restoration.run import RestorationJob, judge_distance, train_restoration
from libsep.training.restoration.step import begin, restoration_step
from libsep.training.weights.checkpoint import save_checkpoint

from ...conftest import SAMPLE_RATE, write_wave

QUICK = {
    "kind": "super_resolution",
    "threads": 1,
    "precision": "float32",
    "log_interval": 2,
    "validation_s": 1.0,
    "network": {"n_features": 8, "n_blocks": 1, "expansion": 2},
    "material": {"segment_s": 0.5, "n_coded": 1},
    "optimiser": {"n_steps": 4, "n_batch": 2, "n_warmup_steps": 0, "learning_rate": 0.002},
}


def config(**values: object) -> RestorationTrainingConfig:
    return parse(RestorationTrainingConfig, QUICK | values, origin="test")


def noise(duration_s: float, seed: int = 0, cutoff_hz: float = SAMPLE_RATE / 2) -> np.ndarray:
    n_samples = int(duration_s * SAMPLE_RATE)
    samples = np.random.default_rng(seed).normal(0, 0.1, (2, n_samples))
    spectrum = np.fft.rfft(samples)
    spectrum[:, int(cutoff_hz / SAMPLE_RATE * n_samples) :] = 0
    return np.fft.irfft(spectrum, n_samples)


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """Return a folder of two full-band recordings, a dull one, a silent one and a broken one."""
    folder = tmp_path / "music"
    write_wave(folder / "a.wav", noise(3.0, seed=1))
    write_wave(folder / "deep" / "b.wav", noise(2.0, seed=2))
    write_wave(folder / "dull.wav", noise(3.0, seed=3, cutoff_hz=12_000))
    write_wave(folder / "silent.wav", np.zeros((2, SAMPLE_RATE)))
    (folder / "broken.mp3").write_bytes(b"no audio")
    (folder / "notes.txt").write_text("no audio")
    return folder


def test_only_full_band_recordings_are_learned_from(
    music: Path, cache: AudioCache, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    files = find_files([music])
    assert [path.name for path in files] == [
        "a.wav",
        "broken.mp3",
        "b.wav",
        "dull.wav",
        "silent.wav",
    ]
    kept = load_recordings(files, cache, 18_000.0, told.append)
    assert [recording.name for _, recording in kept] == ["a", "b"]
    assert kept[0][1].bandwidth_hz == SAMPLE_RATE / 2
    assert "1 that end below 18000 Hz, 1 silent, 1 broken" in told[-1]
    assert [p.name for p in find_files([music], ["b*", "*.mp3"])] == [
        "a.wav",
        "dull.wav",
        "silent.wav",
    ]
    assert find_files([music / "a.wav"]) == [music / "a.wav"]
    with pytest.raises(ConfigError, match="none of 1 files is full-band"):
        load_recordings([music / "dull.wav"], cache, 18_000.0)
    with pytest.raises(ConfigError, match="not found"):
        find_files([music / "nowhere"])
    with pytest.raises(ConfigError, match="no audio files"):
        find_files([music], ["*"])


def test_encoded_copies_end_where_the_encoder_ended(music: Path, cache: AudioCache) -> None:
    found = load_recordings([music / "a.wav"], cache, 18_000.0)
    (recording,) = with_copies(found, cache, config().material, seed=0)
    assert recording.copy is not None
    assert 10_000 < recording.copy.cutoff_hz < 19_500
    again = with_copies(found, cache, config().material, seed=0)[0]
    assert again.copy is not None
    np.testing.assert_array_equal(again.copy.samples, recording.copy.samples)
    none = with_copies(found, cache, config(material={"n_coded": 0}).material, seed=0)
    assert none[0].copy is None


@pytest.fixture
def recording() -> Recording:
    samples = np.rint(noise(4.0) * 32767).astype(np.int16)
    return Recording("noise", samples, SAMPLE_RATE / 2, np.arange(4))


def test_examples_lack_their_band_and_are_the_same_for_the_same_step(recording: Recording) -> None:
    values = {"segment_s": 0.5, "cutoff_error_hz": 0, "highest_cutoff_hz": 12_000}
    examples = Examples([recording], config(material=values).material, SAMPLE_RATE, 2048)
    batch, again, other = (examples.batch(7, step, 12) for step in (3, 3, 4))
    assert torch.equal(batch.degraded, again.degraded)
    assert not torch.equal(batch.degraded, other.degraded)
    assert batch.degraded.shape == batch.sources.shape == (12, SAMPLE_RATE // 2)
    assert (batch.last_bins == 1024).all()
    window = torch.hann_window(batch.sources.shape[1])
    power = [torch.fft.rfft(s * window).abs().square() for s in (batch.degraded, batch.sources)]
    per_bin = batch.sources.shape[1] / 2048
    for row, first in enumerate(batch.first_bins.tolist()):
        above = slice(int(1.4 * first * per_bin), None)
        below = slice(100, int(0.8 * first * per_bin))
        assert power[0][row, above].mean() < 0.1 * power[1][row, above].mean()
        ratio = power[0][row, below].mean() / power[1][row, below].mean()
        assert 0.7 < ratio < 1.3


def test_examples_of_copies_tell_where_the_copy_ends(recording: Recording) -> None:
    copied = dataclasses.replace(recording, copy=Copy(recording.samples, 9000.0))
    material = config(material={"segment_s": 0.5, "coded": 1.0, "cutoff_error_hz": 0}).material
    batch = Examples([copied], material, SAMPLE_RATE, 2048).batch(0, 0, 4)
    assert torch.equal(batch.degraded, batch.sources)
    assert (batch.first_bins == first_bin(9000.0, SAMPLE_RATE, 2048)).all()


def test_filters_of_every_kind_end_at_the_cut_off() -> None:
    hertz = np.linspace(0, 22_050, 2000)
    rng = np.random.default_rng(0)
    for _ in range(40):
        size = np.abs(draw_response(hertz, 6000.0, rng))
        assert size[hertz < 5000].min() > 0.7
        assert size[hertz > 9000].max() < 0.15


def test_a_step_moves_the_network_and_discriminators_come_later(recording: Recording) -> None:
    settings = config(adversarial={"from_step": 1, "n_warmup_steps": 1, "n_items": 1})
    state = begin(settings)
    examples = Examples([recording], settings.material, SAMPLE_RATE, state.network.n_fft)
    names = []
    for step in range(3):
        before = state.network.gain_out.weight.clone()
        batch = examples.batch(0, step, 2)
        metrics = restoration_step(state, batch, settings, is_bfloat16=False)
        assert all(math.isfinite(value) for value in metrics.values())
        assert not torch.equal(before, state.network.gain_out.weight)
        names.append(set(metrics))
    assert {"loss/distance", "loss/amplitude", "loss/resolutions", "loss/phase"} < names[0]
    assert "discriminator/high_band" not in names[0]
    assert "discriminator/high_band" in names[1]
    assert "adversarial/generator" not in names[1]
    assert {"adversarial/generator", "adversarial/features"} < names[2]
    assert state.n_examples == 6


def test_a_training_begins_with_a_model_or_a_checkpoint(tmp_path: Path) -> None:
    model = find_restoration_model("super_resolution")
    whole = parse(RestorationTrainingConfig, {"kind": "super_resolution"}, origin="test")
    state = begin(whole, "super_resolution")
    trained = load_network(model).state_dict()
    for weights in (state.network.state_dict(), state.average.state_dict()):
        for name, tensor in trained.items():
            assert torch.equal(weights[name], tensor), name
    small = begin(config())
    save_checkpoint(tmp_path / "small.pt", small)
    again = begin(config(seed=1), str(tmp_path / "small.pt"))
    assert torch.equal(again.network.gain_out.weight, small.average.gain_out.weight)
    with pytest.raises(ConfigError, match="super_resolution: a network of another size"):
        begin(config(), "super_resolution")
    with pytest.raises(ConfigError, match="nothing: cannot be started from: no super-resolution"):
        begin(config(), "nothing")
    with pytest.raises(ConfigError, match=r"no\.pt: cannot be started from"):
        begin(config(), str(tmp_path / "no.pt"))


def test_the_gate_takes_adversarial_weights_only_if_the_distance_is_kept() -> None:
    settings = config(adversarial={"from_step": 10, "n_warmup_steps": 2})
    state = begin(settings)
    state.step = 5
    assert judge_distance(state, 1.0, settings).is_best
    assert not judge_distance(state, 1.1, settings).is_best
    state.step = 20
    assert judge_distance(state, 0.9, settings).is_best
    assert judge_distance(state, 1.0, settings).is_best
    verdict = judge_distance(state, 1.01, settings)
    assert not verdict.is_best
    assert verdict.reason == "refused: distance 1.0100, at most 1.0000 allowed"
    assert state.best_distance == 1.0


@pytest.mark.slow
def test_a_training_that_was_stopped_ends_with_the_same_weights(
    music: Path, tmp_path: Path
) -> None:
    settings = config(checkpoint_interval_s=1e-6)

    def job(name: str) -> RestorationJob:
        folders = (music,), (music / "deep",), tmp_path / name, tmp_path / "cache"
        return RestorationJob(settings, *folders)

    def stop(text: str) -> None:
        if text.startswith("step 4 of 4"):
            raise InterruptedError

    about = tmp_path / "about.yaml"
    about.write_text("{name: air, licence: MIT}")
    train_restoration(job("whole"))
    model = export_restoration(tmp_path / "whole", "checkpoint.pt", about, tmp_path / "model")
    assert model.arguments == QUICK["network"]
    rows = read_curve(tmp_path / "whole" / "curve.jsonl")
    assert rows[-1]["lsd_high/mean"] > 0
    assert (tmp_path / "whole" / "best.pt").is_file()
    assert (tmp_path / "model" / "curve.csv").is_file()
    with pytest.raises(InterruptedError):
        train_restoration(job("parts"), stop)
    told: list[str] = []
    train_restoration(job("parts"), told.append)
    assert "goes on after step 2" in told
    again = export_restoration(tmp_path / "parts", "checkpoint.pt", about, tmp_path / "again")
    assert again.sha256 == model.sha256
    later = dataclasses.replace(job("later"), start=str(tmp_path / "model"))
    told.clear()
    train_restoration(later, told.append)
    first = read_curve(tmp_path / "later" / "curve.jsonl")[0]
    assert first["step"] == 0, "the start is measured before the first step"
    assert first["lsd_high/mean"] == pytest.approx(rows[-1]["lsd_high/mean"], rel=0.01)
