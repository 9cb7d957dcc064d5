"""Clean sounds of drums from a generative network instead of from the track."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from libsep.nets.drum_hits import DRUMS
from libsep.transients.model import SoundModel, check_rate
from libsep.transients.strokes import StrokeGrid
from libsep.transients.templates import ALIKE, Template, band_mean
from libsep.transients.weights import load_sound_network

N_CODES = 256
"""Random sounds of each drum among which the most similar one is looked for."""

N_STEPS = 20
"""Steps in which the code of that one is improved."""

STEP = 0.1
"""Learning rate of these steps (Adam)."""

SILENT = 1e-12


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Sounds of the network, with the codes and drums that they were made of."""

    codes: Float32[Tensor, "N code"]
    drums: Int64[Tensor, " N"]
    sounds: Float32[Tensor, "N T"]


class DrumSounds:
    """A network that makes the attacks of drums, on the CPU; the same for the same questions.

    Parameters
    ----------
    model
        Which weights.
    sample_rate
        Of the stems, in Hz.

    Raises
    ------
    ModelError
        The model cannot be loaded, or is one for another sample rate.
    """

    def __init__(self, model: SoundModel, sample_rate: int) -> None:
        check_rate(model, sample_rate)
        self._network = load_sound_network(model)
        grid = StrokeGrid.of_rate(sample_rate)
        self._n_silent = grid.before + grid.lag
        random = torch.Generator().manual_seed(0)
        self._codes = torch.randn(N_CODES, self._network.n_code, generator=random)
        self._of_drum: dict[str, Made] = {}

    def in_place_of(
        self, own: Template, kind: tuple[str, ...], before: Iterable[Made] = ()
    ) -> tuple[Template, Made] | None:
        """Return the generated sound that is most like the track's own one; None if none is.

        Gains of the channels and lag are those of least squares. Where in frequency the sound is
        another one than the track's, it counts as a poor witness: the agreement there is
        multiplied by the squared coherence of both.

        Parameters
        ----------
        own
            What the cleanest strokes of the track have in common.
        kind
            The drums that are hit at once; sounds of each are tried.
        before
            What was found for this kind of hit before, which is tried too, so that steps add up.

        Returns
        -------
        The sound as a template, and as the network made it.
        """
        clean = torch.from_numpy(own.sound)
        found = self._improved(_nearest([*map(self._random, kind), *before], clean), clean)
        likeness = fitted(found.sounds, clean)[0]
        lag = int(likeness.argmax())
        if not likeness[lag] >= ALIKE:  # nor if it is not a number
            return None
        placed = found.sounds[0, lag : lag + own.sound.shape[1]].numpy()
        made = np.outer(own.sound @ placed, placed)
        made /= np.sqrt(np.square(made).sum())
        return Template(made, own.agreement * _coherence(made, own.sound)), found

    def _random(self, drum: str) -> Made:
        if drum not in self._of_drum:
            self._of_drum[drum] = self._made(self._codes, torch.full((N_CODES,), DRUMS.index(drum)))
        return self._of_drum[drum]

    def _improved(self, made: Made, clean: Float32[Tensor, "C L"]) -> Made:
        """Return a sound whose code was moved to where it is more like a clean one."""
        with torch.inference_mode(mode=False), torch.enable_grad():
            codes = made.codes.clone().requires_grad_()
            optimiser = torch.optim.Adam([codes], lr=STEP)
            for _ in range(N_STEPS):
                optimiser.zero_grad()
                loss = -fitted(self._strokes(codes, made.drums), clean).amax()
                loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
                optimiser.step()
        return self._made(codes.detach(), made.drums)

    def _made(self, codes: Float32[Tensor, "N code"], drums: Int64[Tensor, " N"]) -> Made:
        with torch.no_grad():
            return Made(codes, drums, self._strokes(codes, drums))

    def _strokes(
        self, codes: Float32[Tensor, "N code"], drums: Int64[Tensor, " N"]
    ) -> Float32[Tensor, "N T"]:
        """Return sounds of the network behind silence, for a stroke shows what is before it."""
        return F.pad(self._network(codes, drums), (self._n_silent, 0))


def fitted(sounds: Float[Tensor, "N T"], clean: Float[Tensor, "C L"]) -> Float[Tensor, "N lags"]:
    """Return the correlation of sounds in one channel with a clean one, at each place of it.

    From 0 to 1, with the best gain in each channel. It has a gradient.
    """
    length = clean.shape[1]
    n_lags = sounds.shape[1] - length + 1
    n_fft = 1 << (sounds.shape[1] - 1).bit_length()
    spectra = torch.fft.rfft(sounds, n_fft)[:, None] * torch.fft.rfft(clean, n_fft).conj()
    products = torch.fft.irfft(spectra, n_fft)[..., :n_lags]
    total = F.pad(sounds.double().square().cumsum(dim=1), (1, 0))
    energies = (total[:, length:] - total[:, :n_lags]) * clean.double().square().sum()
    alike = products.square().sum(dim=1) / energies.clamp(min=SILENT).to(products.dtype)
    likeness: Tensor = alike.clamp(min=SILENT).sqrt()
    return likeness


def _nearest(tried: Sequence[Made], clean: Float32[Tensor, "C L"]) -> Made:
    """Return the sound that is most like a clean one."""
    alike = [fitted(made.sounds, clean).amax(dim=1) for made in tried]
    best = max(range(len(tried)), key=lambda index: float(alike[index].max()))
    first, made = int(alike[best].argmax()), tried[best]
    row = slice(first, first + 1)
    return Made(made.codes[row], made.drums[row], made.sounds[row])


def _coherence(
    first: Float32[np.ndarray, "C T"], second: Float32[np.ndarray, "C T"]
) -> Float[np.ndarray, " F"]:
    """Return the squared coherence of two sounds in bands; 0 where they are in opposite phase."""
    one, two = np.fft.rfft(first), np.fft.rfft(second)
    common = np.maximum(band_mean((one * two.conj()).real.sum(axis=0)), 0)
    powers = [band_mean(np.square(np.abs(each)).sum(axis=0)) for each in (one, two)]
    # Sums of bands with hardly any power are inexact, and may say more than all.
    alike: np.ndarray = np.square(common) / np.maximum(powers[0] * powers[1], SILENT**2)
    return alike.clip(0, 1)
