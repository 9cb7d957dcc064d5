"""Separate segments, and restore the stems of those whose track was cut off."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float32

from libsep.errors import ModelError
from libsep.restoration.model import RestorationModel
from libsep.restoration.super_resolver import SuperResolver
from libsep.separation.separator import Separator


@dataclasses.dataclass(frozen=True)
class StemMaker:
    """A separator, and the super-resolution network for tracks that were cut off, if there is one.

    ``cutoff_hz`` is where the track ends whose segments `map` is given; None: it is not restored.
    """

    separator: Separator
    resolver: SuperResolver | None = None
    cutoff_hz: float | None = None

    @classmethod
    def loaded(cls, separator: Separator, model: RestorationModel | None) -> "StemMaker":
        """Return ``separator`` with the network of ``model`` beside it, in the same arithmetic.

        Raises
        ------
        ModelError
            The network cannot be loaded, or is one for another sample rate.
        """
        if model is None:
            return cls(separator)
        if model.sample_rate != separator.model.sample_rate:
            raise ModelError(
                f"{model.name}: restores {model.sample_rate} Hz, and {separator.model.name} "
                f"separates {separator.model.sample_rate} Hz"
            )
        device, precision = separator.device, separator.precision
        return cls(separator, SuperResolver(model, device=device, precision=precision))

    def restoring(self, cutoff_hz: float) -> "StemMaker":
        """Return the same for a track that ends at ``cutoff_hz``, in Hz."""
        return dataclasses.replace(self, cutoff_hz=cutoff_hz)

    def map(
        self, segments: Iterator[Float32[np.ndarray, "C T"]]
    ) -> Iterator[Float32[np.ndarray, "S C T"]]:
        """Yield the estimates of each segment in order; one batch is taken at a time."""
        while batch := list(itertools.islice(segments, self.separator.segments_per_batch)):
            yield from self.separate(np.stack(batch), [self.cutoff_hz] * len(batch))

    def separate(
        self, segments: Float32[np.ndarray, "B C T"], cutoffs_hz: Sequence[float | None]
    ) -> Float32[np.ndarray, "B S C T"]:
        """Return the estimates of segments of several tracks, each restored above its cut-off.

        All go through the separator at once, then those with the same cut-off through the
        super-resolution network. In float32 no segment depends on the others.

        Parameters
        ----------
        segments
            Stretches of mixtures, full scale ±1.0.
        cutoffs_hz
            Where the track of each segment ends, in Hz; None: it is not restored.

        Raises
        ------
        ValueError
            A track is to be restored, and there is no network for it.
        """
        estimates = self.separator.separate(segments)
        for cutoff_hz in sorted({hz for hz in cutoffs_hz if hz is not None}):
            if self.resolver is None:
                raise ValueError(f"cut-off at {cutoff_hz} Hz, but no network that restores")
            rows = [index for index, hz in enumerate(cutoffs_hz) if hz == cutoff_hz]
            estimates[rows] = self.resolver.restore(estimates[rows], cutoff_hz)
        return estimates
