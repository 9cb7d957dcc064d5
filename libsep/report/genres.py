"""How a library falls apart into genres and models: what was converted, what is to be."""

import collections
import dataclasses
from collections.abc import Iterable
from typing import Any

from libsep.library.plan import PlannedTrack

UNHEARD = "(to be heard)"
"""In the place of genre and model of a track that is listened to first."""


@dataclasses.dataclass(slots=True, kw_only=True)
class GenreShare:
    """Tracks that are to be converted with one model for one genre; ``reasons`` are counted."""

    genre: str
    model: str
    n_tracks: int = 0
    audio_s: float = 0.0
    reasons: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def as_json(self) -> dict[str, Any]:
        """Return the share as plain values."""
        return dataclasses.asdict(self) | {"reasons": dict(self.reasons.most_common())}


def shares(work: Iterable[PlannedTrack]) -> list[GenreShare]:
    """Return what is to be done by genre and model, the most hours first."""
    found: dict[tuple[str, str], GenreShare] = {}
    for planned in work:
        assignment = planned.assignment
        if assignment is None:
            key, reason = (UNHEARD, UNHEARD), "no tag tells"
        else:
            key, reason = (assignment.genre, assignment.model), assignment.genre_reason
        share = found.setdefault(key, GenreShare(genre=key[0], model=key[1]))
        share.n_tracks += 1
        share.audio_s += planned.track.expected_s
        share.reasons[reason] += 1
    return sorted(found.values(), key=lambda share: -share.audio_s)
