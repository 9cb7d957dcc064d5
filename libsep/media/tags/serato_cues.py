"""Cue points, loops and beat grid in Serato's atoms of a stem file, for other programs.

Layouts are those of `libsep.media.tags.serato_positions`, after docs/serato_markers2.md and
docs/serato_beatgrid.md of github.com/Holzhaus/serato-tags.
"""

import dataclasses
import struct
from typing import Literal

from libsep.media.tags.serato import unwrap
from libsep.media.tags.serato_positions import read_markers2

MIN_BPM, MAX_BPM = 1.0, 1000.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cue:
    """A marked place of a track; positions in seconds from its first sample.

    ``slot`` counts hot cues from 0; None is a place that no button calls up. ``color`` is red,
    green and blue from 0 to 255; None where the program gives none.
    """

    position_s: float
    kind: Literal["cue", "loop", "fade_in", "fade_out", "load"] = "cue"
    length_s: float = 0.0
    name: str = ""
    slot: int | None = None
    color: tuple[int, int, int] | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class GridMarker:
    """A beat, in seconds from the first sample, from which on the tempo is ``bpm``.

    ``beat`` is which one of its bar it is, from 1; ``meter`` is how many beats a bar has, and what
    note a beat is.
    """

    position_s: float
    bpm: float
    beat: int = 1
    meter: tuple[int, int] = (4, 4)

    @property
    def beat_s(self) -> float:
        """Seconds from a beat to the next one."""
        return 60 / self.bpm

    def later(self, n_beats: int) -> "GridMarker":
        """Return the beat that comes ``n_beats`` later in the same grid; below 0, earlier."""
        return dataclasses.replace(
            self,
            position_s=self.position_s + n_beats * self.beat_s,
            beat=(self.beat - 1 + n_beats) % self.meter[0] + 1,
        )


def read_cues(markers2: bytes) -> tuple[Cue, ...]:
    """Return the cue points and loops in the text of the atom ``markersv2``.

    Raises
    ------
    ValueError
        It is no such text.
    """
    cues = []
    try:
        for kind, entry in read_markers2(unwrap(markers2)[1]):
            if kind == "CUE":
                (first_ms,) = struct.unpack_from(">I", entry, 2)
                color = (entry[7], entry[8], entry[9])
                cues.append(
                    Cue(
                        position_s=first_ms / 1000,
                        slot=entry[1],
                        color=color,
                        name=_name(entry, 12),
                    )
                )
            elif kind == "LOOP":
                first_ms, last_ms = struct.unpack_from(">II", entry, 2)
                cues.append(
                    Cue(
                        kind="loop",
                        position_s=first_ms / 1000,
                        length_s=max(last_ms - first_ms, 0) / 1000,
                        name=_name(entry, 20),
                    )
                )
    except (LookupError, struct.error) as exc:
        raise ValueError(f"Serato Markers2 ends early: {exc}") from exc
    return tuple(cues)


def read_grid(beatgrid: bytes) -> tuple[GridMarker, ...]:
    """Return the markers in the text of the atom ``beatgrid``; those of no possible tempo are not.

    Raises
    ------
    ValueError
        It is no such text.
    """
    data = unwrap(beatgrid)[1]
    try:
        (n_markers,) = struct.unpack_from(">I", data, 2)
        if len(data) < 6 + 8 * n_markers:
            raise ValueError(f"{n_markers} markers in {len(data)} bytes")
        places = [struct.unpack_from(">f", data, 6 + 8 * index)[0] for index in range(n_markers)]
        markers = []
        for index, position_s in enumerate(places):
            code = ">f" if index == n_markers - 1 else ">I"
            (value,) = struct.unpack_from(code, data, 10 + 8 * index)
            if index < n_markers - 1:  # beats up to the next marker
                distance_s = places[index + 1] - position_s
                value = 60 * value / distance_s if distance_s > 0 else 0.0
            if MIN_BPM <= value <= MAX_BPM:
                markers.append(GridMarker(position_s=position_s, bpm=float(value)))
    except struct.error as exc:
        raise ValueError(f"Serato BeatGrid ends early: {exc}") from exc
    return tuple(markers)


def _name(entry: bytes, start: int) -> str:
    return entry[start:].partition(b"\0")[0].decode("utf-8", "replace")
