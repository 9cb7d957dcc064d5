"""A device without memory for what it is given gets less at once, and the stems stay whole."""

from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.errors import ConfigError
from libsep.separation.placed_network import LEAST_WINDOW_S
from libsep.separation.registry import Model
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import separate_blocks

SEGMENT_SAMPLES = 4 * 44100


class SmallDevice:
    """Runs a network, and has no memory for more than so many samples of all segments together.

    The error is the one that torch raises for a GPU.
    """

    def __init__(self, separator: Separator, n_samples: int) -> None:
        (placed,) = separator.networks
        self._separate = placed.network.separate
        self._n_samples = n_samples
        self.n_refused = 0
        self.shapes: list[tuple[int, int]] = []
        placed.network.separate = self.separate  # type: ignore[method-assign]

    def separate(self, mixture: torch.Tensor) -> torch.Tensor:
        n_batch, _, n_samples = mixture.shape
        if n_batch * n_samples > self._n_samples:
            self.n_refused += 1
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
        self.shapes.append((n_batch, n_samples))
        return self._separate(mixture)


@pytest.fixture
def separator(tiny_model: Model) -> Separator:
    return Separator(tiny_model, device="cpu", precision="float32")


@pytest.fixture
def segments(rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal((5, 2, SEGMENT_SAMPLES)).astype(np.float32)
    noise[..., 1:] += 0.9 * noise[..., :-1]
    return 0.05 * noise


def test_first_the_batch_is_halved_until_it_fits(
    separator: Separator, segments: np.ndarray
) -> None:
    expected = separator.separate(segments)
    device = SmallDevice(separator, 2 * SEGMENT_SAMPLES)
    np.testing.assert_allclose(separator.separate(segments), expected, atol=1e-5)
    assert {n_samples for _, n_samples in device.shapes} == {SEGMENT_SAMPLES}
    assert separator.segments_per_batch <= 2
    assert separator.window_samples is None


def test_the_size_that_works_is_kept(separator: Separator, segments: np.ndarray) -> None:
    device = SmallDevice(separator, SEGMENT_SAMPLES // 3)
    separator.separate(segments)
    n_refused = device.n_refused
    assert n_refused > 2
    separator.separate(segments)
    separator.separate(segments[:1])
    assert device.n_refused == n_refused


@pytest.mark.parametrize("share", [0.9, 0.5, 0.3])
def test_then_the_window_is_halved_and_the_stems_are_as_long_and_add_up(
    separator: Separator, segments: np.ndarray, share: float
) -> None:
    device = SmallDevice(separator, int(share * SEGMENT_SAMPLES))
    estimates = separator.separate(segments[:2])
    assert estimates.shape == (2, 4, 2, SEGMENT_SAMPLES)
    np.testing.assert_allclose(estimates.sum(axis=1), segments[:2], atol=1e-5)
    assert {n_batch for n_batch, _ in device.shapes} == {1}
    assert separator.window_samples is not None
    assert max(n_samples for _, n_samples in device.shapes) <= share * SEGMENT_SAMPLES


def test_where_windows_meet_nothing_is_heard(separator: Separator, segments: np.ndarray) -> None:
    """A network that looks at single samples only makes the same of a window as of the whole."""
    device = SmallDevice(separator, int(0.3 * SEGMENT_SAMPLES))
    shares = torch.tensor([0.1, 0.2, 0.3, 0.4])[None, :, None, None]
    device._separate = lambda mixture: shares * mixture[:, None]
    expected = shares.numpy() * segments[:2, None]
    np.testing.assert_allclose(separator.separate(segments[:2]), expected, atol=1e-6)


def test_a_track_goes_on_where_memory_became_too_small(
    separator: Separator, segments: np.ndarray
) -> None:
    grid = SegmentGrid(segment_samples=SEGMENT_SAMPLES, hop_samples=SEGMENT_SAMPLES - 44100)
    track = np.concatenate(segments, axis=-1)[:, :-12345]
    device = SmallDevice(separator, 10 * SEGMENT_SAMPLES)
    n_samples = 0
    for mixture, stems in separate_blocks([track], separator, grid, path=Path("x.flac")):
        device._n_samples = SEGMENT_SAMPLES // 2
        np.testing.assert_allclose(stems.sum(axis=0), mixture, atol=1e-5)
        n_samples += mixture.shape[-1]
    assert n_samples == track.shape[-1]
    assert device.n_refused > 0


def test_memory_for_nothing_at_all_stops_the_run(
    separator: Separator, segments: np.ndarray
) -> None:
    device = SmallDevice(separator, 0)
    with pytest.raises(ConfigError, match=r"out of memory even for .* s of one track"):
        separator.separate(segments)
    assert device.n_refused < 10
    assert separator.window_samples is not None
    assert separator.window_samples >= LEAST_WINDOW_S * 44100


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_that_is_full_gives_the_same_stems(
    tiny_model: Model, separator: Separator, segments: np.ndarray
) -> None:
    on_gpu = Separator(tiny_model, device="cuda", precision="float32")
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    on_gpu.separate(segments)
    peak_bytes = torch.cuda.max_memory_allocated()
    total_bytes = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(0.6 * peak_bytes / total_bytes)
    try:
        found = on_gpu.separate(segments)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert on_gpu.segments_per_batch < len(segments)
    np.testing.assert_allclose(found.sum(axis=1), segments, atol=1e-4)
