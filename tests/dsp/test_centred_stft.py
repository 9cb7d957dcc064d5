import pytest
import torch

from libsep.dsp.centred_stft import centred_istft, centred_stft

SIGNAL = torch.randn(3, 2, 5000, generator=torch.Generator().manual_seed(1))
WINDOWS = [torch.hann_window(512), torch.ones(512)]


@pytest.mark.parametrize("window", WINDOWS, ids=["hann", "rectangular"])
def test_it_is_the_transform_of_torch(window: torch.Tensor) -> None:
    expected = torch.stft(
        SIGNAL.flatten(0, 1), 512, 128, window=window, center=True, return_complex=True
    )
    found = centred_stft(SIGNAL, window, 128)
    torch.testing.assert_close(found.flatten(0, 1), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("window", WINDOWS, ids=["hann", "rectangular"])
def test_the_inverse_is_that_of_torch_for_any_spectrum(window: torch.Tensor) -> None:
    spectrum = centred_stft(SIGNAL, window, 128)
    spectrum = spectrum * torch.linspace(0, 1, spectrum.shape[-1])
    expected = torch.istft(spectrum.flatten(0, 1), 512, 128, window=window, length=4900)
    found = centred_istft(spectrum, window, 128, 4900)
    torch.testing.assert_close(found.flatten(0, 1), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_samples", [257, 512, 4864, 5000])
def test_there_and_back_changes_nothing(n_samples: int) -> None:
    signal = SIGNAL[..., :n_samples]
    spectrum = centred_stft(signal, WINDOWS[0], 128)
    assert spectrum.shape[-1] == n_samples // 128 + 1
    back = centred_istft(spectrum, WINDOWS[0], 128, n_samples)
    torch.testing.assert_close(back, signal, rtol=0, atol=1e-5)


def test_what_cannot_be_transformed_is_refused() -> None:
    with pytest.raises(ValueError, match="signal of 256 samples, expected more than 256"):
        centred_stft(SIGNAL[..., :256], WINDOWS[0], 128)
    spectrum = centred_stft(SIGNAL, WINDOWS[0], 128)
    with pytest.raises(ValueError, match="40 frames"):
        centred_istft(spectrum, WINDOWS[0], 128, 9000)
    with pytest.raises(ValueError, match="frames of 512/100"):
        centred_istft(spectrum, WINDOWS[0], 100, 100)
