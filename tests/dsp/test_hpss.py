from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from libsep.dsp.hpss import _median, harmonic_share, harmonic_share_by_means, separate_by_rules
from libsep.dsp.stft import istft, stft
from libsep.separation.segments import SegmentGrid
from libsep.separation.stream import separate_blocks

SAMPLE_RATE = 22050


def test_lines_along_time_are_harmonic_and_lines_along_frequency_are_not() -> None:
    power = torch.zeros(64, 64)
    power[20, :] = 1.0
    power[:, 40] = 1.0
    share = harmonic_share(power)
    assert share[20, 10] > 0.99
    assert share[50, 40] < 0.01


def test_running_medians_are_those_of_each_window(rng: np.random.Generator) -> None:
    values = torch.from_numpy(rng.choice([0.0, 0.5, 1.0, 2.0, 5.0], (2, 9, 70)).astype(np.float32))
    for power in (values, values.mT, values[..., :5], rng.random((3, 40)).astype(np.float32)):
        power = torch.as_tensor(power)
        padded = np.pad(power, [(0, 0)] * (power.ndim - 1) + [(8, 8)], mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 17, axis=-1)
        np.testing.assert_array_equal(_median(power), np.median(windows, axis=-1))


def test_silence_is_half_harmonic_and_stays_silent() -> None:
    assert torch.equal(harmonic_share(torch.zeros(32, 40)), torch.full((32, 40), 0.5))
    assert torch.equal(
        separate_by_rules(torch.zeros(2, 8000), SAMPLE_RATE), torch.zeros(4, 2, 8000)
    )


def test_the_four_add_up_to_the_mixture(rng: np.random.Generator) -> None:
    mixture = torch.from_numpy(rng.uniform(-1, 1, (2, 20000)).astype(np.float32))
    estimates = separate_by_rules(mixture, SAMPLE_RATE)
    torch.testing.assert_close(estimates.sum(0), mixture, rtol=0, atol=1e-5)


def test_clicks_are_drums_and_a_low_tone_is_bass() -> None:
    time_s = torch.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.3 * torch.sin(2 * torch.pi * 80 * time_s)
    clicks = torch.zeros_like(tone)
    clicks[2205::4410] = 1.0
    drums, bass, _, _ = separate_by_rules((tone + clicks).expand(2, -1), SAMPLE_RATE)
    middle = slice(SAMPLE_RATE // 2, 3 * SAMPLE_RATE // 2)
    assert (bass[0, middle] - tone[middle]).square().mean() < 0.02 * tone.square().mean()
    assert (drums[0, middle] - clicks[middle]).square().mean() < 0.2 * clicks.square().mean()


def test_running_means_are_those_of_another_implementation(rng: np.random.Generator) -> None:
    magnitude = torch.from_numpy(rng.uniform(0, 1, (2, 40, 30)).astype(np.float32))

    def mean(x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool1d(F.pad(x, (8, 8), mode="replicate"), 17, stride=1)

    lasting, broad = mean(magnitude).square(), mean(magnitude.mT).mT.square()
    found = harmonic_share_by_means(magnitude)
    torch.testing.assert_close(found, lasting / (lasting + broad), rtol=0, atol=1e-5)


def test_means_tell_a_tone_from_clicks() -> None:
    magnitude = torch.zeros(64, 64)
    magnitude[20, :] = 1.0
    magnitude[:, 40] = 1.0
    share = harmonic_share_by_means(magnitude)
    assert share[20, 10] > 0.99
    assert share[50, 40] < 0.01
    silence = harmonic_share_by_means(torch.zeros(32, 40))
    assert torch.equal(silence, torch.full((32, 40), 0.5))
    assert harmonic_share_by_means(torch.zeros(32, 0)).shape == (32, 0)


class Parts:
    """Harmonic and percussive part of each segment, as the networks compute them."""

    def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for segment in segments:
            spectrum = stft(torch.from_numpy(segment), 1024, 256)
            harmonic = spectrum * harmonic_share_by_means(spectrum.abs())
            n_samples = segment.shape[-1]
            yield istft(torch.stack([harmonic, spectrum - harmonic]), 1024, 256, n_samples).numpy()


def test_blocks_have_no_seams(rng: np.random.Generator) -> None:
    mixture = rng.normal(0, 0.1, (2, 256 * 700)).astype(np.float32)
    mixture[:, ::9000] = 1.0
    # Segments begin at a frame, and the quarter of an overlap that does not count is 17 frames.
    grid = SegmentGrid(segment_samples=256 * 200, hop_samples=256 * 120)
    blocks = (mixture[:, start : start + 5000] for start in range(0, mixture.shape[1], 5000))
    joined = [stems for _, stems in separate_blocks(blocks, Parts(), grid, path=Path("a"))]
    whole = next(Parts().map(iter([mixture])))
    np.testing.assert_allclose(np.concatenate(joined, axis=-1), whole, rtol=0, atol=1e-5)
