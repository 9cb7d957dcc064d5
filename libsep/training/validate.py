"""Quality of a network in training on whole real songs, by measure, song and target."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32

from libsep.datasets.songs import Song
from libsep.evaluation.scores import Scores, score_song
from libsep.metrics import Reference, lsd
from libsep.nets.folding import folded
from libsep.nets.network import SeparationNetwork

SEGMENT_S = 12.0
CONTEXT_S = 1.0

HEARD_TARGETS = ("drums", "bass")
"""Targets whose spectrum and transients are measured: those of the adversarial stage."""

PIECE_S = 10.0
"""Spectra and transients are measured in pieces of this length, for the sake of memory."""

Measures = dict[str, Scores]
"""Name of a measure, then song, then target, then value; ``sdr_db`` is always there."""


def validate(
    network: SeparationNetwork, songs: Sequence[Song], sample_rate: int, *, is_bfloat16: bool
) -> Measures:
    """Return the measures of each song, for the targets whose source is known.

    ``sdr_db`` is the SDR over the whole song; targets that are silent throughout are left out.
    Of `HEARD_TARGETS` come ``lsd``, ``onset_lsd``, ``sharpness_db`` and ``high_band_db`` (see
    `libsep.metrics`), as means over the pieces in which they are defined.
    """
    inference = folded(network, torch.bfloat16 if is_bfloat16 else torch.float32)
    measures: Measures = {"sdr_db": {}}
    for song in songs:
        separated = separate_in_segments(
            inference, song.mixture(), sample_rate, is_bfloat16=is_bfloat16
        )
        estimates = dict(zip(network.targets, separated, strict=True))
        measures["sdr_db"][song.name] = score_song(song, estimates)
        for target in HEARD_TARGETS:
            if target in measures["sdr_db"][song.name]:
                values = heard(song.source(target), estimates[target], sample_rate)
                for name, value in values.items():
                    measures.setdefault(name, {}).setdefault(song.name, {})[target] = value
    return measures


def heard(
    source: Float32[np.ndarray, "2 T"], estimate: Float32[np.ndarray, "2 T"], sample_rate: int
) -> dict[str, float]:
    """Return what one hears of spectrum and transients, without what is not defined anywhere."""
    values: dict[str, list[float]] = {}
    length = int(PIECE_S * sample_rate)
    for start in range(0, source.shape[1], length):
        s, e = (torch.from_numpy(x[:, start : start + length]) for x in (source, estimate))
        reference = Reference(s, sample_rate)
        piece = {
            "lsd": lsd(s, e),
            "onset_lsd": reference.onset_lsd(e),
            "sharpness_db": reference.sharpness_db(e),
            "high_band_db": reference.high_band_db(e),
        }
        for name, value in piece.items():
            if np.isfinite(value):
                values.setdefault(name, []).append(value)
    return {name: float(np.mean(numbers)) for name, numbers in values.items()}


def separate_in_segments(
    network: SeparationNetwork,
    mixture: Float32[np.ndarray, "2 T"],
    sample_rate: int,
    *,
    is_bfloat16: bool,
) -> Float32[np.ndarray, "S 2 T"]:
    """Return the estimates of a long mixture, with context on both sides of each segment."""
    context = int(CONTEXT_S * sample_rate)
    hop = int(SEGMENT_S * sample_rate) - 2 * context
    n_samples = mixture.shape[1]
    padded = np.pad(mixture, ((0, 0), (context, context + hop)))
    estimates = np.zeros((len(network.targets), 2, n_samples), np.float32)
    device = next(network.parameters()).device
    for start in range(0, n_samples, hop):
        segment = torch.from_numpy(padded[None, :, start : start + hop + 2 * context])
        with (
            torch.inference_mode(),
            torch.autocast(device.type, torch.bfloat16, enabled=is_bfloat16),
        ):
            separated = network.separate(segment.to(device))[0].float().cpu().numpy()
        kept = min(hop, n_samples - start)
        estimates[:, :, start : start + kept] = separated[:, :, context : context + kept]
    return estimates
