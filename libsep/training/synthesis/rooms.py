"""Rooms: impulse responses, recorded or synthetic, that the sources of a song stand in."""

import dataclasses
import functools

import numpy as np
import torch
from jaxtyping import Complex64, Float32
from torch import Tensor

from libsep.datasets.audio_cache import FULL_SCALE
from libsep.training.synthesis import effects
from libsep.training.synthesis.effects import Stereo


@dataclasses.dataclass(frozen=True, eq=False)
class Room:
    """A room around loops; it is heard at half the sample rate, since reverberation is dark.

    ``response``: impulse response at half the sample rate.
    """

    response: Float32[np.ndarray, "2 R"]

    def around(self, dry: Stereo, wet: float) -> Stereo:
        """Add ``wet`` of the room to a loop, relative to its energy."""
        n_half = dry.shape[1] // 2
        send = (dry[0] + dry[1]).reshape(n_half, 2).sum(axis=1)
        spectrum = torch.fft.rfft(torch.from_numpy(send)) * self._transfer(n_half)
        echo = torch.fft.irfft(spectrum, n=n_half).numpy()
        level = effects.rms(echo)
        if level == 0:
            return dry
        echo *= np.float32(wet * effects.rms(dry) / level)
        doubled = np.empty((2, n_half, 2), np.float32)
        doubled[..., 0] = echo
        doubled[:, :-1, 1] = echo[:, :-1] + echo[:, 1:]
        doubled[:, -1, 1] = echo[:, -1] + echo[:, 0]
        doubled[..., 1] *= np.float32(0.5)
        doubled = doubled.reshape(2, -1)
        doubled += dry
        return doubled

    @functools.lru_cache(maxsize=4)  # noqa: B019 # a room lives as long as its song
    def _transfer(self, n_samples: int) -> Complex64[Tensor, "2 F"]:
        """Return the spectrum of the response, folded into a loop of ``n_samples``."""
        n_loops = -(-self.response.shape[1] // n_samples)
        folded = np.zeros((2, n_loops * n_samples), np.float32)
        folded[:, : self.response.shape[1]] = self.response
        folded = folded.reshape(2, n_loops, n_samples).sum(axis=1)
        spectrum: Tensor = torch.fft.rfft(torch.from_numpy(folded))
        return spectrum


def synthetic_room(decay_s: float, rng: np.random.Generator, sample_rate: int) -> Room:
    """Return a random room: coloured noise that falls by 60 dB in ``decay_s``."""
    rate = sample_rate // 2
    n_samples = effects.loop_length(max(int(decay_s * rate), 4 * effects.BLOCK))
    delay = int(rng.uniform(0, 0.03) * rate)
    decay = 10 ** (-3 * np.arange(n_samples) / (decay_s * rate))
    noise = rng.standard_normal((2, n_samples), np.float32) * decay.astype(np.float32)
    colour = effects.low_pass(rng.uniform(2000, 9000), rate, order=1)
    noise = effects.filtered(noise, colour * effects.high_pass(rng.uniform(80, 400), rate, order=1))
    return Room(np.pad(noise, ((0, 0), (delay, 0))))


def recorded_room(samples: np.ndarray) -> Room:
    """Return the room of a recorded 16-bit impulse response ``(2, R)``."""
    response = samples[:, : samples.shape[1] // 2 * 2].astype(np.float32) / FULL_SCALE
    return Room(response.reshape(2, -1, 2).mean(axis=2))
