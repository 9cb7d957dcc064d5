"""Which checkpoint of an adversarial stage is the best: one that sounds better and is no worse."""

import dataclasses

from libsep.training.state import State

DB_PER_DISTANCE = 10.0
"""Log-spectral distances are in tens of dB."""

AT_SHARE = "_at_"
"""What stands between a measure and the share of starting weights that it was taken with."""

Means = dict[str, dict[str, float]]
"""Name of a measure, then target or ``mean``, then value."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a checkpoint is the best so far, and why or why not.

    ``start_share`` is how much of the weights before the stage is kept in it.
    """

    is_best: bool
    reason: str
    start_share: float = 0.0


def judge_sdr(state: State, means: Means) -> Verdict:
    """Prefer the highest mean SDR, of the weights and of those nearer to the start.

    ``state`` remembers it.
    """
    found = {
        share: each["sdr_db"].get("mean", float("-inf")) for share, each in apart(means).items()
    }
    share = max(found, key=lambda share: found[share])
    sdr_db, best_sdr_db = found[share], state.best_sdr_db
    reached = f"SDR {sdr_db:.2f} dB{_kept(share)}"
    if sdr_db > best_sdr_db:
        state.best_sdr_db = sdr_db
        return Verdict(is_best=True, reason=f"{reached}, the highest", start_share=share)
    reason = f"{reached}, the best has {best_sdr_db:.2f}"
    return Verdict(is_best=False, reason=reason, start_share=share)


def judge_sound(state: State, means: Means, max_sdr_loss_db: float) -> Verdict:
    """Prefer the smallest distance in what one hears of the drums, of weights that keep the SDR.

    The distance is the log-spectral one at the onsets and, in the same unit, how much too loud or
    too quiet they are above 8 kHz. The first weights that are judged are those that the stage
    starts from: they set the SDR that may be lost by ``max_sdr_loss_db`` at most, and the distance
    that is to be beaten. Where weights between these and the present ones were measured too
    (`libsep.training.interpolation`), the best of all counts. Without drums in the validation the
    SDR alone decides.
    """
    sdr_db = means["sdr_db"].get("mean", float("-inf"))
    if state.start_sdr_db is None:
        state.start_sdr_db = sdr_db
    if drum_distance(means) is None:
        return judge_sdr(state, means)
    verdicts = [
        (drum_distance(found), _sound_of(state, found, max_sdr_loss_db, share))
        for share, found in apart(means).items()
    ]
    passed = [pair for pair in verdicts if pair[1].is_best and pair[0] is not None]
    if not passed:
        return verdicts[0][1]
    distance, verdict = min(passed, key=lambda pair: (pair[0], pair[1].start_share))
    assert distance is not None
    found = apart(means)[verdict.start_share]
    state.best_distance, state.best_sdr_db = distance, found["sdr_db"]["mean"]
    return verdict


def with_share(name: str, start_share: float) -> str:
    """Return what a measure is called that was taken with a share of the starting weights."""
    return f"{name}{AT_SHARE}{start_share:g}" if start_share else name


def apart(means: Means) -> dict[float, Means]:
    """Return measures by the share of the starting weights that they were taken with, 0 first."""
    found: dict[float, Means] = {0.0: {}}
    for full_name, values in means.items():
        name, _, share = full_name.partition(AT_SHARE)
        found.setdefault(float(share or 0), {})[name] = values
    return found


def drum_distance(means: Means) -> float | None:
    """Return how far the drums are from the source in what one hears; None if it is not known."""
    onsets = means.get("onset_lsd", {}).get("drums")
    if onsets is None:
        return None
    return onsets + abs(means.get("high_band_db", {}).get("drums", 0.0)) / DB_PER_DISTANCE


def _kept(share: float) -> str:
    return f", {share:g} of the start kept" if share else ""


def _sound_of(state: State, means: Means, max_sdr_loss_db: float, share: float) -> Verdict:
    """Return whether weights are better than the best so far, by themselves."""
    sdr_db = means["sdr_db"].get("mean", float("-inf"))
    loss_db = (state.start_sdr_db or 0.0) - sdr_db
    of_start = _kept(share)
    if loss_db > max_sdr_loss_db:
        reason = f"refused: SDR {sdr_db:.2f} dB, {loss_db:.2f} less than the start"
        reason = f"{reason}, at most {max_sdr_loss_db:g} allowed{of_start}"
        return Verdict(is_best=False, reason=reason, start_share=share)
    distance = drum_distance(means)
    assert distance is not None
    heard = f"onset LSD {means['onset_lsd']['drums']:.4f}"
    if (high_db := means.get("high_band_db", {}).get("drums")) is not None:
        heard += f" and high band {high_db:+.2f} dB are a distance of {distance:.4f}"
    if distance >= state.best_distance:
        reason = f"{heard}, the best has {state.best_distance:.4f}{of_start}"
        return Verdict(is_best=False, reason=reason, start_share=share)
    reason = f"{heard}, the lowest, at SDR {sdr_db:.2f} dB{of_start}"
    return Verdict(is_best=True, reason=reason, start_share=share)
