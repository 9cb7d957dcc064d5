"""Which checkpoint of an adversarial stage is the best: one that sounds better and is no worse."""

import dataclasses

from libsep.training.state import State

Means = dict[str, dict[str, float]]
"""Name of a measure, then target or ``mean``, then value."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a checkpoint is the best so far, and why or why not."""

    is_best: bool
    reason: str


def judge_sdr(state: State, means: Means) -> Verdict:
    """Prefer the highest mean SDR; ``state`` remembers it."""
    sdr_db = means["sdr_db"].get("mean", float("-inf"))
    best_sdr_db = state.best_sdr_db
    if sdr_db > best_sdr_db:
        state.best_sdr_db = sdr_db
        return Verdict(is_best=True, reason=f"SDR {sdr_db:.2f} dB, the highest")
    return Verdict(is_best=False, reason=f"SDR {sdr_db:.2f} dB, the best has {best_sdr_db:.2f}")


def judge_sound(state: State, means: Means, max_sdr_loss_db: float) -> Verdict:
    """Prefer the smallest log-spectral distance at the drums' onsets, of those that keep the SDR.

    The first weights that are judged are those that the stage starts from: they set the SDR that
    may be lost by ``max_sdr_loss_db`` at most, and the distance that is to be beaten. Without
    drums in the validation the SDR alone decides.
    """
    sdr_db = means["sdr_db"].get("mean", float("-inf"))
    if state.start_sdr_db is None:
        state.start_sdr_db = sdr_db
    distance = means.get("onset_lsd", {}).get("drums")
    if distance is None:
        return judge_sdr(state, means)
    loss_db = state.start_sdr_db - sdr_db
    if loss_db > max_sdr_loss_db:
        reason = f"refused: SDR {sdr_db:.2f} dB, {loss_db:.2f} less than the start"
        return Verdict(is_best=False, reason=f"{reason}, at most {max_sdr_loss_db:g} allowed")
    best_distance = state.best_distance
    if distance >= best_distance:
        reason = f"onset LSD {distance:.4f}, the best has {best_distance:.4f}"
        return Verdict(is_best=False, reason=reason)
    state.best_distance, state.best_sdr_db = distance, sdr_db
    reason = f"onset LSD {distance:.4f}, the lowest, at SDR {sdr_db:.2f} dB"
    return Verdict(is_best=True, reason=reason)
