"""A missing band is added above the cut-off, and nothing else changes."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.errors import ConfigError, ModelError
from libsep.nets.super_resolution import AmplitudePhaseNet
from libsep.restoration.model import RestorationModel, find_restoration_model
from libsep.restoration.super_resolver import SuperResolver
from libsep.restoration.weights import load_network, save_network

SAMPLE_RATE = 44100


@pytest.fixture(scope="module")
def resolver(tiny_restoration_model: RestorationModel) -> SuperResolver:
    return SuperResolver(tiny_restoration_model, device="cpu", precision="float32")


def dull_noise(cutoff_hz: float, n_samples: int, seed: int = 0) -> np.ndarray:
    """Return stems ``(1, 2, 2, T)`` of noise that ends at a cut-off."""
    noise = np.random.default_rng(seed).normal(0, 0.1, (1, 2, 2, n_samples))
    spectrum = np.fft.rfft(noise)
    spectrum[..., int(cutoff_hz / SAMPLE_RATE * n_samples) :] = 0
    return np.fft.irfft(spectrum, n_samples).astype(np.float32)


def band_level_db(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    """Return the level of a band, without the ends, which a window fades."""
    inner = samples[..., 4096:-4096]
    power = np.abs(np.fft.rfft(inner * np.hanning(inner.shape[-1]))) ** 2
    low, high = (int(hertz / SAMPLE_RATE * inner.shape[-1]) for hertz in (low_hz, high_hz))
    return float(10 * np.log10(power[..., low:high].mean()))


@pytest.mark.parametrize("cutoff_hz", [4000.0, 8000.0, 11000.0, 16000.0])
def test_a_band_appears_above_the_cut_and_nothing_changes_below(
    resolver: SuperResolver, cutoff_hz: float
) -> None:
    stems = dull_noise(cutoff_hz, 40_000)
    restored = resolver.restore(stems, cutoff_hz)
    assert restored.shape == stems.shape
    assert restored.dtype == np.float32
    added = restored - stems
    above = band_level_db(added, cutoff_hz + 400, 20_000)
    assert above > band_level_db(stems, cutoff_hz + 400, 20_000) + 40
    assert band_level_db(added, 20, cutoff_hz - 700) < above - 60
    assert np.isfinite(restored).all()


def test_silence_stays_silent_and_other_stems_do_not_matter(resolver: SuperResolver) -> None:
    stems = dull_noise(8000, 20_000)
    stems[:, 1] = 0
    restored = resolver.restore(stems, 8000.0)
    assert not restored[:, 1].any()
    assert restored[:, 0].any()
    alone = resolver.restore(stems[:, :1], 8000.0)
    np.testing.assert_array_equal(restored[:, :1], alone)
    many = resolver.restore(np.concatenate([dull_noise(8000, 20_000, seed=1), stems]), 8000.0)
    np.testing.assert_array_equal(many[1:], restored)
    np.testing.assert_array_equal(resolver.restore(stems, 8000.0), restored)


def test_what_is_louder_is_restored_as_much_louder(resolver: SuperResolver) -> None:
    stems = dull_noise(8000, 20_000)
    twice = resolver.restore(2 * stems, 8000.0)
    np.testing.assert_allclose(twice, 2 * resolver.restore(stems, 8000.0), atol=1e-5)


def test_a_mono_stem_stays_mono(resolver: SuperResolver) -> None:
    stems = dull_noise(8000, 20_000)
    stems[:, :, 1] = stems[:, :, 0]
    restored = resolver.restore(stems, 8000.0)
    # To the bit only where the processor computes all rows of a matrix in the same way.
    np.testing.assert_allclose(restored[:, :, 0], restored[:, :, 1], atol=1e-6)


@pytest.mark.parametrize("n_samples", [0, 1, 127, 5000])
def test_any_length_comes_back_as_long(resolver: SuperResolver, n_samples: int) -> None:
    stems = np.full((1, 1, 2, n_samples), 0.1, dtype=np.float32)
    restored = resolver.restore(stems, 9000.0)
    assert restored.shape == stems.shape
    assert np.isfinite(restored).all()


def test_silent_stretches_get_nothing(resolver: SuperResolver) -> None:
    stems = dull_noise(8000, 40_000)
    stems[..., 10_000:] = 0
    restored = resolver.restore(stems, 8000.0)
    assert not restored[..., 10_000 + 1024 :].any()


@pytest.mark.parametrize("cutoff_hz", [1000.0, 3000.0, 20_500.0, 22_050.0])
def test_a_cut_that_the_network_does_not_reach_changes_nothing(
    resolver: SuperResolver, cutoff_hz: float
) -> None:
    assert not resolver.reaches(cutoff_hz)
    stems = dull_noise(8000, 5000)
    restored = resolver.restore(stems, cutoff_hz)
    np.testing.assert_array_equal(restored, stems)
    assert restored is not stems


def test_what_a_filter_left_above_the_cut_is_replaced_and_not_doubled(
    tiny_restoration_model: RestorationModel, resolver: SuperResolver
) -> None:
    stems = dull_noise(8000, 20_000)
    residue = 0.5 * (dull_noise(22_000, 20_000, seed=3) - dull_noise(9000, 20_000, seed=3))
    plain, with_residue = (resolver.restore(each, 8000.0) for each in (stems, stems + residue))
    difference = band_level_db(with_residue - plain, 9500, 20_000)
    assert difference < band_level_db(residue, 9500, 20_000) - 40


def test_segments_with_a_cross_fade_have_no_seams(resolver: SuperResolver) -> None:
    stems = dull_noise(8000, 60_000)
    whole = resolver.restore(stems, 8000.0)
    overlap, half = 8192, 30_000
    first = resolver.restore(stems[..., : half + overlap], 8000.0)
    second = resolver.restore(stems[..., half:], 8000.0)
    fade = np.linspace(0, 1, overlap, dtype=np.float32)
    joined = np.concatenate(
        [
            first[..., :half],
            (1 - fade) * first[..., half:] + fade * second[..., :overlap],
            second[..., overlap:],
        ],
        axis=-1,
    )
    steps, usual = (np.abs(np.diff(each, axis=-1)).max() for each in (joined, whole))
    assert steps < 1.5 * usual


def test_bfloat16_hardly_differs(tiny_restoration_model: RestorationModel) -> None:
    stems = dull_noise(8000, 20_000)
    precise, coarse = (
        SuperResolver(tiny_restoration_model, device="cpu", precision=name).restore(stems, 8000.0)
        for name in ("float32", "bfloat16")
    )
    added = precise - stems
    assert np.square(coarse - precise).sum() < 1e-2 * np.square(added).sum()
    with pytest.raises(ValueError, match="float64"):
        SuperResolver(tiny_restoration_model, device="cpu", precision="float64")


def test_a_model_travels_and_is_found_by_its_folder(
    tiny_restoration_model: RestorationModel,
) -> None:
    assert find_restoration_model(tiny_restoration_model.folder) == tiny_restoration_model
    assert pickle.loads(pickle.dumps(tiny_restoration_model)) == tiny_restoration_model
    with pytest.raises(ModelError, match="no super-resolution model is called 'x'"):
        find_restoration_model("x")


def test_a_relative_path_names_the_same_folder_in_processes_elsewhere(
    tiny_restoration_model: RestorationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_restoration_model.folder)
    assert find_restoration_model("./").folder == tiny_restoration_model.folder


def test_other_weights_and_other_networks_are_refused(
    tiny_restoration_model: RestorationModel, tmp_path: Path
) -> None:
    network = load_network(tiny_restoration_model)
    with pytest.raises(ModelError, match="the network is no"):
        save_network(tmp_path, tiny_restoration_model, AmplitudePhaseNet(n_features=4))
    changed = tiny_restoration_model.model_copy(update={"architecture": "other"})
    with pytest.raises(ModelError, match="'other', expected 'amplitude_phase_net'"):
        save_network(tmp_path, changed, network)
    changed = tiny_restoration_model.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(ModelError, match="sha256"):
        load_network(changed)
    saved = save_network(tmp_path / "copy", tiny_restoration_model, network)
    assert saved.sha256 == tiny_restoration_model.sha256
    assert torch.equal(load_network(saved).place.weight, network.place.weight)


def test_a_device_without_memory_for_both_channels_gets_one_at_a_time(
    tiny_restoration_model: RestorationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolver = SuperResolver(tiny_restoration_model, device="cpu", precision="float32")
    stems = dull_noise(8000.0, 30000)
    expected = resolver.restore(stems, 8000.0)
    forward, room = AmplitudePhaseNet.forward, 1

    def with_little_memory(
        self: AmplitudePhaseNet, spectrum: torch.Tensor, first_bins: torch.Tensor
    ) -> torch.Tensor:
        if len(spectrum) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        return forward(self, spectrum, first_bins)

    monkeypatch.setattr(AmplitudePhaseNet, "forward", with_little_memory)
    np.testing.assert_allclose(resolver.restore(stems, 8000.0), expected, atol=1e-6)
    room = 0
    with pytest.raises(ConfigError, match="out of memory even for one channel"):
        resolver.restore(stems, 8000.0)
