import numpy as np
import pytest
import torch

from libsep.dsp.stft import istft, n_frames, stft, stft_parts


def noise(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("n_samples", [1, 63, 64, 257, 1000])
@pytest.mark.parametrize(("n_fft", "hop_length"), [(256, 64), (256, 128), (512, 64)])
def test_transform_and_inverse_return_every_sample(
    rng: np.random.Generator, n_samples: int, n_fft: int, hop_length: int
) -> None:
    signal = noise(rng, 2, 3, n_samples)
    spectrum = stft(signal, n_fft, hop_length)
    assert spectrum.shape == (2, 3, n_fft // 2 + 1, n_frames(n_samples, n_fft, hop_length))
    torch.testing.assert_close(istft(spectrum, n_fft, hop_length, n_samples), signal)


def test_frames_are_those_of_torch_in_the_middle_of_a_signal(rng: np.random.Generator) -> None:
    signal = noise(rng, 2000)
    ours = stft(signal, 256, 64)
    theirs = torch.stft(
        signal, 256, 64, window=torch.hann_window(256), center=False, return_complex=True
    )
    torch.testing.assert_close(ours[:, 3 : 3 + theirs.shape[1]], theirs, rtol=1e-4, atol=1e-4)


def test_a_sine_on_a_bin_lies_in_three_bins() -> None:
    time = torch.arange(4096, dtype=torch.float32)
    spectrum = stft(torch.sin(2 * torch.pi * 16 / 256 * time), 256, 64)[:, 20].abs()
    # A Hann window of 256 samples: half its sum in the bin of the tone, a quarter beside it.
    assert spectrum[16].item() == pytest.approx(64, rel=1e-3)
    assert spectrum[15].item() == pytest.approx(32, rel=1e-3)
    assert spectrum[17].item() == pytest.approx(32, rel=1e-3)
    assert spectrum[torch.arange(129).sub(16).abs() > 1].max() < 1e-2


def test_nothing_gives_nothing() -> None:
    spectrum = stft(torch.zeros(2, 0), 256, 64)
    assert spectrum.shape == (2, 129, 0)
    assert istft(spectrum, 256, 64, 0).shape == (2, 0)


def test_the_inverse_is_the_closest_signal(rng: np.random.Generator) -> None:
    spectrum = torch.complex(noise(rng, 129, 20), noise(rng, 129, 20))
    n_samples = 17 * 64
    signal = istft(spectrum, 256, 64, n_samples)

    def distance(candidate: torch.Tensor) -> float:
        difference = stft(candidate, 256, 64) - spectrum
        halves = torch.ones(129, 1)
        halves[0] = halves[-1] = 0.5  # the other bins also stand for their mirror images
        return float((difference.abs().square() * halves).sum())

    best = distance(signal)
    for _ in range(5):
        assert distance(signal + 0.01 * noise(rng, n_samples)) > best


@pytest.mark.parametrize("hop_length", [256, 100])
def test_a_hop_that_does_not_divide_the_window_twice_is_refused(hop_length: int) -> None:
    with pytest.raises(ValueError, match="must divide n_fft 256 at least twice"):
        stft(torch.zeros(1000), 256, hop_length)


def test_a_spectrogram_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="expected"):
        istft(torch.zeros(129, 10, dtype=torch.complex64), 256, 64, 64)


@pytest.mark.parametrize("n_samples", [1, 63, 64, 1000, 4096])
def test_parts_hold_the_frames_of_the_whole(n_samples: int) -> None:
    signal = torch.randn(2, n_samples, generator=torch.Generator().manual_seed(20261120))
    parts = list(stft_parts(signal, 64, 16, frames_per_part=7))
    assert all(part.shape[-1] <= 7 for part in parts)
    torch.testing.assert_close(torch.cat(parts, -1), stft(signal, 64, 16), rtol=0, atol=0)
    assert list(stft_parts(signal[:, :0], 64, 16)) == []
