"""Counts, hours and speed of a set of outcomes."""

import dataclasses
from collections.abc import Iterable
from typing import Any

from libsep.track import HIGHEST_CUTOFF_HZ, Outcome

STAGES = ("decode", "separate", "encode", "tag", "verify")
"""Stages of a conversion whose seconds the ledger holds, in order."""


@dataclasses.dataclass(slots=True)
class GenreTotal:
    """Tracks of one genre that were converted with one model; durations are in seconds."""

    n_converted: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0

    @property
    def times_real_time(self) -> float:
        """Seconds of audio per second that a track was in work, with others beside it."""
        return self.audio_s / self.wall_s if self.wall_s else 0.0


@dataclasses.dataclass(slots=True)
class Summary:
    """What outcomes add up to; durations are in seconds, sizes in bytes.

    ``audio_s`` and ``output_bytes`` count converted tracks only; ``n_with_warnings`` are tracks
    that lost a tag or had something odd about them. ``n_moved`` are tracks whose stem files have
    followed them to another place or name. ``n_cut_off`` are converted tracks that an
    encoder or a resampler had cut off below 20 kHz, ``n_restored`` those that were given the band
    above again, from ``lowest_restored_hz`` or higher up. ``genres`` are converted tracks by genre
    and model.
    """

    n_converted: int = 0
    n_retagged: int = 0
    n_moved: int = 0
    n_skipped: int = 0
    n_failed: int = 0
    audio_s: float = 0.0
    output_bytes: int = 0
    stage_s: dict[str, float] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(STAGES, 0.0)
    )
    failures: list[Outcome] = dataclasses.field(default_factory=list)
    n_with_warnings: int = 0
    n_cut_off: int = 0
    n_restored: int = 0
    lowest_restored_hz: float | None = None
    genres: dict[tuple[str, str], GenreTotal] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Summary":
        """Return the summary of ``outcomes``."""
        summary = cls()
        for outcome in outcomes:
            summary.add(outcome)
        return summary

    @property
    def n_ended(self) -> int:
        """How many tracks have an outcome."""
        n_done = self.n_converted + self.n_retagged + self.n_moved
        return n_done + self.n_skipped + self.n_failed

    def add(self, outcome: Outcome) -> None:
        """Count one more outcome."""
        if outcome.status == "failed":
            self.n_failed += 1
            self.failures.append(outcome)
        elif outcome.status == "skipped":
            self.n_skipped += 1
        elif outcome.action == "retag":
            self.n_retagged += 1
        elif outcome.action == "move":
            self.n_moved += 1
        else:
            self.n_converted += 1
            self.audio_s += outcome.duration_s
            self.output_bytes += outcome.output_size_bytes
            for stage in STAGES:
                self.stage_s[stage] += getattr(outcome, f"{stage}_s")
            self._add_spectrum(outcome)
            total = self.genres.setdefault((outcome.genre, outcome.model), GenreTotal())
            total.n_converted += 1
            total.audio_s += outcome.duration_s
            total.wall_s += outcome.wall_s
        self.n_with_warnings += bool(outcome.warnings)

    def _add_spectrum(self, outcome: Outcome) -> None:
        self.n_cut_off += outcome.cutoff_hz is not None and outcome.cutoff_hz <= HIGHEST_CUTOFF_HZ
        if outcome.restored_from_hz is not None:
            self.n_restored += 1
            lowest_hz = self.lowest_restored_hz or outcome.restored_from_hz
            self.lowest_restored_hz = min(lowest_hz, outcome.restored_from_hz)

    def by_hours(self) -> list[tuple[tuple[str, str], GenreTotal]]:
        """Return the totals by genre and model, the most hours first."""
        return sorted(self.genres.items(), key=lambda item: -item[1].audio_s)

    def as_json(self) -> dict[str, Any]:
        """Return the summary as plain values; failures as source, stage and reason."""
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name not in ("failures", "genres")
        }
        values["genres"] = [
            {
                "genre": genre,
                "model": model,
                **dataclasses.asdict(total),
                "times_real_time": total.times_real_time,
            }
            for (genre, model), total in self.by_hours()
        ]
        values["failures"] = [
            {"source": row.source, "stage": row.stage, "error": row.error, "message": row.message}
            for row in self.failures
        ]
        return values
