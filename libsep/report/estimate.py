"""How long a run will take and how much disk it needs, before it starts."""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from typing import Literal

from libsep.track import TARGETS, Outcome, Track

ALAC_BYTES_PER_S = 900_000
"""Five 24-bit ALAC streams of separated music, per second of audio; measured, rounded up."""

CPU_S_PER_AUDIO_S = {"aac": 0.18, "alac": 0.11}
"""CPU seconds of a whole conversion per second of audio, as `benchmarks/stages.py` measures."""


LISTEN_CPU_S = 0.3
"""CPU seconds that it takes to hear the genre of a track, as `benchmarks/listening.py` measures."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a run is expected to take; ``is_measured``: the speed is that of earlier runs here."""

    n_tracks: int
    audio_s: float
    wall_s: float
    output_bytes: float
    is_measured: bool


def estimate(
    tracks: Iterable[Track],
    history: Iterable[Outcome],
    *,
    codec: Literal["aac", "alac"],
    bitrate_kbps: int,
    n_cores: int,
) -> Estimate:
    """Return what converting ``tracks`` is expected to take on this machine.

    Parameters
    ----------
    tracks
        The tracks to convert.
    history
        Outcomes of earlier runs; the speed of the last run that converted something is used.
    codec, bitrate_kbps
        As in the configuration; AAC's rate is that of one stream, in kbit/s.
    n_cores
        CPU cores; used where there is no history.
    """
    lengths_s = [track.expected_s for track in tracks]
    audio_s = sum(lengths_s, 0.0)
    measured = measured_speed(history)
    times_real_time = measured or n_cores / CPU_S_PER_AUDIO_S[codec]
    aac_bytes_per_s = (1 + len(TARGETS)) * bitrate_kbps * 1000 / 8
    bytes_per_s = aac_bytes_per_s if codec == "aac" else ALAC_BYTES_PER_S
    return Estimate(
        n_tracks=len(lengths_s),
        audio_s=audio_s,
        wall_s=audio_s / times_real_time,
        output_bytes=audio_s * bytes_per_s,
        is_measured=measured is not None,
    )


def n_within(limit_s: float, tracks: Iterable[Track], expected: Estimate) -> int:
    """Return how many of ``tracks``, in their order, are expected to be converted in time.

    Parameters
    ----------
    limit_s
        Seconds that there are.
    tracks, expected
        The tracks, and the estimate for all of them.
    """
    if expected.wall_s <= limit_s:
        return expected.n_tracks
    ends_s = itertools.accumulate(track.expected_s for track in tracks)
    audio_s = expected.audio_s * limit_s / expected.wall_s
    return sum(1 for _ in itertools.takewhile(lambda end_s: end_s <= audio_s, ends_s))


def measured_speed(history: Iterable[Outcome]) -> float | None:
    """Return seconds of audio per second of wall clock in the last run that converted a track."""
    runs: dict[str, _Run] = {}
    for outcome in history:
        if outcome.status == "done" and outcome.action == "convert" and outcome.started_at:
            runs.setdefault(outcome.run, _Run()).add(outcome)
    if not runs:
        return None
    last = max(runs.values(), key=lambda run: run.ended_at)
    return last.audio_s / max(last.ended_at - last.started_at, 1e-3)


@dataclasses.dataclass(slots=True)
class _Run:
    """When the conversions of a run began and ended, and how much audio they were."""

    audio_s: float = 0.0
    started_at: float = math.inf
    ended_at: float = -math.inf

    def add(self, outcome: Outcome) -> None:
        self.audio_s += outcome.duration_s
        self.started_at = min(self.started_at, outcome.started_at)
        self.ended_at = max(self.ended_at, outcome.ended_at)
