"""Give stems the upper band that their recording has lost."""

import contextlib
import logging

import numpy as np
import torch
from jaxtyping import Complex, Float, Float32
from torch import Tensor

from libsep.dsp.stft import istft, stft
from libsep.errors import ConfigError
from libsep.restoration.band import band_weights, first_bin, generated_band
from libsep.restoration.model import RestorationModel
from libsep.restoration.weights import load_network

logger = logging.getLogger(__name__)

PRECISIONS = ("float32", "bfloat16")


class SuperResolver:
    """A super-resolution network, placed for use.

    Parameters
    ----------
    model
        Which weights.
    device
        As torch names it: ``cpu``, ``cuda`` …
    precision
        ``float32`` or ``bfloat16``; the latter concerns the network only, not the transforms.

    Raises
    ------
    ModelError
        The model cannot be loaded.
    """

    def __init__(self, model: RestorationModel, *, device: str, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"precision {precision!r}, expected one of {PRECISIONS}")
        self.model = model
        self._device = torch.device(device)
        self._is_bfloat16 = precision == "bfloat16"
        self._network = load_network(model).to(self._device)
        self._channels_at_once = 2

    def reaches(self, cutoff_hz: float) -> bool:
        """Return whether the network was trained to restore what is missing above a cut-off."""
        return self.model.lowest_cutoff_hz <= cutoff_hz <= self.model.highest_cutoff_hz

    def restore(
        self, estimates: Float32[np.ndarray, "B S 2 T"], cutoff_hz: float
    ) -> Float32[np.ndarray, "B S 2 T"]:
        """Return ``estimates`` with the band above ``cutoff_hz`` added to every stem.

        Up to 200 Hz below the cut-off nothing changes; up to 200 Hz above it the two bands are
        cross-faded. The same input gives the same output, whatever else is in the batch. A silent
        stem stays exactly zero. A cut-off that the network does not reach changes nothing.

        Parameters
        ----------
        estimates
            Stems of one or more segments, full scale ±1.0; of any length.
        cutoff_hz
            Where the recording ends, in Hz.

        Raises
        ------
        ConfigError
            The device's memory is too small even for one channel.
        """
        restored = estimates.copy()
        if not self.reaches(cutoff_hz):
            return restored
        with torch.inference_mode():
            for index in np.ndindex(estimates.shape[:2]):
                if estimates[index].any():
                    stem = torch.from_numpy(estimates[index]).to(self._device)
                    restored[index] += self._within_memory(stem, cutoff_hz).cpu().numpy()
        return restored

    def _within_memory(self, stem: Float[Tensor, "2 T"], cutoff_hz: float) -> Float[Tensor, "2 T"]:
        """Return what is to be added to one stem: both channels at once, if memory has room."""
        parts = torch.split(stem, self._channels_at_once)
        try:
            return torch.cat([self._missing_band(part, cutoff_hz) for part in parts])
        except torch.OutOfMemoryError as exc:
            problem = str(exc)
        # After the block, because the error holds what the device must be rid of.
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if self._channels_at_once == 1:
            raise ConfigError(
                f"{self.model.name} on {self._device.type}: out of memory even for one channel of "
                f"a segment (does another program use the device?): {problem}"
            )
        self._channels_at_once = 1
        logger.warning("%s: out of memory, one channel at once", self.model.name)
        return self._within_memory(stem, cutoff_hz)

    def _missing_band(self, stem: Float[Tensor, "C T"], cutoff_hz: float) -> Float[Tensor, "C T"]:
        """Return what is to be added to one stem; its channels do not influence each other."""
        n_fft, hop_length = self._network.n_fft, self._network.hop_length
        first = first_bin(cutoff_hz, self.model.sample_rate, n_fft)
        weights = band_weights(cutoff_hz, self.model.sample_rate, n_fft).to(self._device)
        spectrum = stft(stem, n_fft, hop_length)
        first_bins = torch.full((len(stem),), first, device=self._device)
        with self._arithmetic():
            made: Complex[Tensor, "C F N"] = self._network(spectrum, first_bins)
        band = generated_band(spectrum, made, weights)
        return istft(band, n_fft, hop_length, stem.shape[-1])

    def _arithmetic(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which the network computes in the precision that was asked for."""
        if self._is_bfloat16:
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
