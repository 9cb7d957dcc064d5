import numpy as np
import pytest
import torch

from libsep.evaluation.spectral import log_spectral_distances
from libsep.metrics import lsd

SAMPLE_RATE = 44100


@pytest.mark.parametrize("n_samples", [100, 5000, 2 * 524288 + 777])
def test_parts_give_the_distance_of_the_whole(n_samples: int, rng: np.random.Generator) -> None:
    source = rng.standard_normal((2, n_samples)).astype(np.float32)
    estimate = source * np.linspace(0.1, 1, n_samples, dtype=np.float32)
    full, _ = log_spectral_distances(source, estimate, SAMPLE_RATE)
    expected = lsd(torch.from_numpy(source), torch.from_numpy(estimate))
    assert full == pytest.approx(expected, rel=1e-5)


def test_the_high_band_hears_nothing_of_what_is_below(rng: np.random.Generator) -> None:
    source = rng.standard_normal((2, 44100)).astype(np.float32)
    spectrum = np.fft.rfft(source)
    spectrum[:, :7800] *= 10  # one bin is one hertz
    estimate = np.fft.irfft(spectrum).astype(np.float32)
    full, high = log_spectral_distances(source, estimate, SAMPLE_RATE)
    assert full > 1
    assert high < 0.1
    assert log_spectral_distances(source, source, SAMPLE_RATE) == (0, 0)
