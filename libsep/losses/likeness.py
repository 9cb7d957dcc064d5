"""How alike two short sounds are, wherever in a small range one begins and whatever its level."""

import torch
from jaxtyping import Float
from torch import Tensor

SILENT = 1e-12


def likeness(
    sounds: Float[Tensor, "#B T"], others: Float[Tensor, "#B T"], max_lag: int
) -> Float[Tensor, " B"]:
    """Return the largest absolute value of the correlation of pairs of sounds, over all lags.

    From 0 to 1, where one is the same sound at another level, or upside down, up to ``max_lag``
    samples earlier or later. Silence is like nothing. It has a gradient.

    Parameters
    ----------
    sounds, others
        One of them may be a single sound, which is then compared with all the others.
    max_lag
        In samples.
    """
    n_fft = 1 << (sounds.shape[1] + max_lag - 1).bit_length()
    spectra = torch.fft.rfft(sounds, n_fft) * torch.fft.rfft(others, n_fft).conj()
    products = torch.fft.irfft(spectra, n_fft).abs()
    within = torch.cat([products[:, : max_lag + 1], products[:, n_fft - max_lag :]], dim=1)
    energies = sounds.square().sum(dim=1) * others.square().sum(dim=1)
    return within.amax(dim=1) / energies.clamp(min=SILENT).sqrt()
