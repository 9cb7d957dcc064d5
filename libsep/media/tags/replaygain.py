"""ReplayGain of audio that was made quieter or louder than the recording it was measured on."""

import dataclasses
import re

from libsep.media.tags.record import Tags
from libsep.units import db_to_amplitude

KINDS = ("track", "album")

_GAIN = re.compile(r"\s*([+-]?\d+(?:[.,]\d+)?)\s*(?:dB)?\s*", re.IGNORECASE)


def with_level(tags: Tags, level_db: float, *, has_peaks: bool = True) -> Tags:
    """Return the tags of a recording for what was made of it, which is louder by ``level_db``.

    Players then play both equally loud. A text that is no number stays as it is.

    Parameters
    ----------
    tags
        Those of the recording.
    level_db
        Below 0 it was made quieter.
    has_peaks
        Whether it has the peaks of the recording, but for the level; else they are left out.
    """
    fields = dict(tags.fields)
    for kind in KINDS:
        gain, peak = f"replaygain_{kind}_gain", f"replaygain_{kind}_peak"
        if (gain_db := _number(fields.get(gain))) is not None and level_db:
            fields[gain] = (f"{gain_db - level_db:.2f} dB",)
        if not has_peaks:
            fields.pop(peak, None)
        elif (value := _number(fields.get(peak))) is not None and level_db:
            fields[peak] = (f"{value * db_to_amplitude(level_db):.6f}",)
    return dataclasses.replace(tags, fields=fields)


def _number(values: tuple[str, ...] | None) -> float | None:
    """Return the first of a field's values as a number; None if it is none."""
    match = _GAIN.fullmatch(values[0]) if values else None
    return float(match[1].replace(",", ".")) if match else None
