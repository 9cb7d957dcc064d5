"""What of a converted track is worth a second look, from what the ledger says about it."""

import math
from collections.abc import Callable, Mapping

from libsep.track import TARGETS, Outcome

NEARLY_SILENT_LU = 30.0
"""How much quieter than the mixture, in LU, a stem is that hardly anybody will hear."""

LOW_CUTOFF_HZ = 17_000.0
"""A source that ends below this was made smaller at the price of its treble."""

MIN_CUTOFF_CONFIDENCE = 0.5
"""A cut-off that is less sure than this is no signal."""

SHALLOW_NULL_DB = -110.0
"""Stems miss the mixture by about -150 dB (float32); what is above this is worth a question."""

MANY_CLIPPED = 1e-5
"""Share of samples at full scale from which a mixture counts as clipped: one in 100,000."""

MIN_GENRE_CONFIDENCE = 0.6
"""A genre that was heard with less probability than this may be another one."""

SAMPLES_PER_S = 2 * 44_100
"""Of both channels of a stem file."""


def shares(loudness_lufs: Mapping[str, float]) -> dict[str, float] | None:
    """Return how much of the power of all stems each has, from 0 to 1.

    Parameters
    ----------
    loudness_lufs
        Of ``mixture`` and each target.

    Returns
    -------
    Shares that add up to one; None where nothing was measured, or all stems are silent.
    """
    powers = {target: 10 ** (loudness_lufs.get(target, -math.inf) / 10) for target in TARGETS}
    total = sum(powers.values())
    return {target: power / total for target, power in powers.items()} if total else None


def silent_stems(loudness_lufs: Mapping[str, float]) -> tuple[str, ...]:
    """Return the stems that are silent, or nearly so beside the mixture."""
    mixture = loudness_lufs.get("mixture", -math.inf)
    if mixture == -math.inf:
        return ()
    return tuple(
        target
        for target in TARGETS
        if mixture - loudness_lufs.get(target, mixture) > NEARLY_SILENT_LU
    )


def clipped_share(outcome: Outcome) -> float | None:
    """Return which share of the mixture's samples reaches full scale; None if nobody counted."""
    if outcome.clipped_samples is None or not outcome.duration_s:
        return None
    return outcome.clipped_samples / (outcome.duration_s * SAMPLES_PER_S)


def genre_confidence(outcome: Outcome) -> float | None:
    """Return how probable the genre is that was heard; None where it was not heard but read."""
    if outcome.genre_source != "sound" or not outcome.genre_probabilities:
        return None
    return max(outcome.genre_probabilities.values())


def _is_cut_off(outcome: Outcome) -> bool:
    is_sure = (outcome.cutoff_confidence or 0.0) >= MIN_CUTOFF_CONFIDENCE
    return is_sure and outcome.cutoff_hz is not None and outcome.cutoff_hz < LOW_CUTOFF_HZ


def _is_unsure(outcome: Outcome) -> bool:
    confidence = genre_confidence(outcome)
    return confidence is not None and confidence < MIN_GENRE_CONFIDENCE


SIGNALS: Mapping[str, tuple[str, Callable[[Outcome], bool]]] = {
    "silent stem": (
        f"A stem is more than {NEARLY_SILENT_LU:.0f} LU quieter than the mixture.",
        lambda outcome: bool(silent_stems(outcome.loudness_lufs)),
    ),
    "clipped": (
        "More than one sample of the mixture in 100,000 is at full scale.",
        lambda outcome: (clipped_share(outcome) or 0.0) > MANY_CLIPPED,
    ),
    "cut off": (
        f"The source ends below {LOW_CUTOFF_HZ / 1000:.0f} kHz, as low bit rates do.",
        _is_cut_off,
    ),
    "restored": (
        "The band above the cut-off was made by super-resolution.",
        lambda outcome: outcome.restored_from_hz is not None,
    ),
    "drums": (
        "Attacks of its drums were replaced.",
        lambda outcome: bool(outcome.n_hits_replaced),
    ),
    "unsure genre": (
        f"The genre was heard, with less than {MIN_GENRE_CONFIDENCE:.0%}.",
        _is_unsure,
    ),
    "shallow null": (
        f"The stems miss the mixture by more than {SHALLOW_NULL_DB:.0f} dB.",
        lambda outcome: outcome.null_db is not None and outcome.null_db > SHALLOW_NULL_DB,
    ),
    "remark": (
        "A tag was lost, or the source was odd.",
        lambda outcome: bool(outcome.warnings),
    ),
}
"""Each signal by its name: what it means, and whether a converted track gives it."""


def signals_of(outcome: Outcome) -> tuple[str, ...]:
    """Return the names of the signals that a track gives; a failed one gives none."""
    if outcome.status == "failed":
        return ()
    return tuple(name for name, (_, is_given) in SIGNALS.items() if is_given(outcome))
