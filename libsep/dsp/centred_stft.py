"""Short-time Fourier transform with centred frames and reflected ends, as most networks expect it.

`libsep.dsp.stft` is what our own networks use: it pads with zeros. Public checkpoints were trained
on the transform of ``torch.stft(center=True)``; these two functions are it, and its inverse without
a scatter, for any window.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Complex, Float
from torch import Tensor


def centred_stft(
    signal: Float[Tensor, "*lead T"], window: Float[Tensor, " n_fft"], hop_length: int
) -> Complex[Tensor, "*lead F N"]:
    """Return the spectrogram of ``signal``, not normalised: ``T // hop_length + 1`` frames.

    Frame ``i`` is centred on sample ``i * hop_length``; the signal is reflected at both ends.

    Parameters
    ----------
    signal
        Longer than half a window.
    window
        Its length is that of the transform.
    hop_length
        Distance between two frames in samples.

    Raises
    ------
    ValueError
        The signal is too short to be reflected.
    """
    half = len(window) // 2
    if signal.shape[-1] <= half:
        raise ValueError(f"signal of {signal.shape[-1]} samples, expected more than {half}")
    lead = signal.shape[:-1]
    padded = F.pad(signal.reshape(-1, 1, signal.shape[-1]), (half, half), mode="reflect")
    frames = padded.view(*lead, -1).unfold(-1, len(window), hop_length)  # (*lead, N, n_fft)
    spectrum: Tensor = torch.fft.rfft(frames * window, dim=-1)
    return spectrum.transpose(-1, -2)


def centred_istft(
    spectrum: Complex[Tensor, "*lead F N"],
    window: Float[Tensor, " n_fft"],
    hop_length: int,
    n_samples: int,
) -> Float[Tensor, "*lead T"]:
    """Return the signal of ``n_samples`` whose `centred_stft` is closest to ``spectrum``.

    Raises
    ------
    ValueError
        ``hop_length`` does not divide the window, or the frames do not reach to the last sample.

    References
    ----------
    Griffin and Lim, "Signal estimation from modified short-time Fourier
    transform", IEEE Trans. ASSP 32(2), 1984, equation 6.
    """
    n_fft, count = len(window), spectrum.shape[-1]
    n_overlaps, remainder = divmod(n_fft, hop_length)
    if remainder or n_samples > (count - 1) * hop_length + n_fft // 2:
        raise ValueError(f"{count} frames of {n_fft}/{hop_length} for {n_samples} samples")
    frames = torch.fft.irfft(spectrum.transpose(-1, -2), n=n_fft, dim=-1) * window
    blocks = frames.view(*frames.shape[:-1], n_overlaps, hop_length)
    weights = window.square().view(n_overlaps, hop_length)
    total = frames.new_zeros((*frames.shape[:-2], count + n_overlaps - 1, hop_length))
    weight = frames.new_zeros((count + n_overlaps - 1, hop_length))
    for index, block in enumerate(blocks.unbind(-2)):
        total[..., index : index + count, :] += block
        weight[index : index + count] += weights[index]
    here = slice(n_fft // 2, n_fft // 2 + n_samples)
    signal: Tensor = total.flatten(-2)[..., here] / weight.flatten()[here]
    return signal
