"""Whatever channels are like, a network finds what it finds in channels that are alike."""

from collections.abc import Callable

import numpy as np
import pytest

from libsep.separation.registry import OTHER, Model
from libsep.separation.separator import Separator

N_SAMPLES = 48000

Separate = Callable[[np.ndarray], np.ndarray]


@pytest.fixture(scope="module")
def separate(tiny_model: Model) -> Separate:
    separator = Separator(tiny_model, device="cpu", precision="float32")
    return lambda segments: separator.separate(segments.astype(np.float32))


@pytest.fixture
def mono(rng: np.random.Generator) -> np.ndarray:
    return np.tile(0.1 * rng.normal(size=N_SAMPLES), (1, 2, 1))


@pytest.fixture
def stereo(mono: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return mono + 0.05 * rng.normal(size=(1, 2, N_SAMPLES))


@pytest.fixture
def apart(mono: np.ndarray) -> np.ndarray:
    """Return what is below 5 kHz left, and the rest right."""
    spectrum = np.fft.rfft(mono[0])
    n_low = int(5000 * N_SAMPLES / 44100)
    spectrum[0, n_low:] = spectrum[1, :n_low] = 0
    return np.fft.irfft(spectrum)[None]


@pytest.mark.parametrize("gains", [(1, -1), (1, 0.1), (0.001, 1), (0.3, -1), (1, 0.7)])
def test_a_quiet_or_inverted_channel_is_heard_like_the_other(
    separate: Separate, mono: np.ndarray, gains: tuple[float, float]
) -> None:
    factors = np.array(gains)[:, None]
    found = separate(factors * mono)
    np.testing.assert_allclose(found / factors, separate(mono), atol=2e-5)
    np.testing.assert_allclose(found.sum(axis=1), factors * mono, atol=1e-6)


def test_inverted_stereo_is_heard_as_what_it_was(separate: Separate, stereo: np.ndarray) -> None:
    signs = np.array([1, -1])[:, None]
    np.testing.assert_allclose(separate(signs * stereo), signs * separate(stereo), atol=1e-6)


@pytest.mark.parametrize("hiss", [0, 1e-4], ids=["silence", "hiss"])
def test_beside_a_dead_channel_the_other_is_heard_as_mono(
    separate: Separate, apart: np.ndarray, rng: np.random.Generator, hiss: float
) -> None:
    mixture = np.stack([apart[0, 0], hiss * rng.normal(size=N_SAMPLES)])[None]
    found = separate(mixture)
    expected = separate(apart[:, [0, 0]]).mean(axis=2)
    np.testing.assert_allclose(found[:, :, 0], expected, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), mixture, atol=1e-6)
    assert found[:, :, 1].any() == bool(hiss)


def test_channels_with_nothing_in_common_are_heard_one_by_one(
    separate: Separate, apart: np.ndarray
) -> None:
    found = separate(apart)
    for channel in range(2):
        alone = separate(apart[:, [channel, channel]]).mean(axis=2)
        np.testing.assert_allclose(found[:, :, channel], alone, atol=1e-6)


@pytest.mark.parametrize("offsets", [(0.1, 0.1), (-0.02, 0)])
def test_an_offset_is_not_heard_and_belongs_to_the_rest(
    separate: Separate, stereo: np.ndarray, tiny_model: Model, offsets: tuple[float, float]
) -> None:
    centred = stereo - stereo.mean(axis=2, keepdims=True)
    expected = separate(centred)
    expected[:, tiny_model.targets.index(OTHER)] += np.array(offsets)[:, None]
    found = separate(centred + np.array(offsets)[:, None])
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_segments_of_all_kinds_may_come_at_once(
    separate: Separate, mono: np.ndarray, stereo: np.ndarray, apart: np.ndarray
) -> None:
    one_sided = mono * np.array([1, 0])[:, None]
    segments = [apart, stereo, one_sided, np.zeros_like(mono), 0.2 + stereo, mono]
    together = separate(np.concatenate(segments))
    alone = np.concatenate([separate(segment) for segment in segments])
    np.testing.assert_allclose(together, alone, atol=2e-6)


@pytest.mark.parametrize("n_samples", [1, 2, 1000])
def test_the_shortest_track_may_have_one_channel(
    separate: Separate, mono: np.ndarray, n_samples: int
) -> None:
    mixture = mono[..., :n_samples] * np.array([1, 0])[:, None]
    found = separate(mixture)
    np.testing.assert_allclose(found.sum(axis=1), mixture, atol=1e-6)
