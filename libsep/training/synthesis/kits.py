"""Drum kits in folders: one-shots whose names tell the drum, and kits of many microphones."""

import functools
import re
from collections import defaultdict
from pathlib import Path

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import AUDIO_EXTENSIONS
from libsep.errors import ConfigError
from libsep.training.synthesis.clips import Clip, Kit, Strokes, from_onset, one_shot

CLASS_WORDS = (
    ("clap", r"clap|handclap|(?:^|\W)cp(?:\d|\W|$)"),
    ("rim", r"rim|side.?stick"),
    ("hat_open", r"open.?hat|hat.?open|hh.?open|hho|cymbal_open|hihat.?open|ohh|(?:^|\W)oh\d"),
    ("hat_closed", r"hat|hh|(?:^|\W)ch\d|cymbal_closed|cymbal_pedal"),
    ("snare", r"snare|(?:^|\W|_)sn_|(?:^|\W)sd\d"),
    ("kick", r"kick|kdrum|bass.?drum|drum_bass|(?:^|\W|_)bd"),
    ("tom", r"tom"),
    ("ride", r"ride"),
    ("crash", r"crash|splash|china|cymbal"),
    ("perc", r"perc|conga|bongo|cowbell|clave|tamb|cabasa|maraca|shaker|tabla|wood|elec_|stick"),
)
"""Class of drum, and the words in a file's name that tell it; the first that fits counts."""

MOST_STROKES = 8
"""Strengths of a stroke that are kept, from the softest to the hardest."""

_STROKE = re.compile(r"(?P<number>\d+)-(?P<drum>\w+)-(?P<microphone>\w+)")
_DISTANT = {"OHL": "overhead L", "OHR": "overhead R", "AmbL": "room L", "AmbR": "room R"}


def class_of(name: str) -> str | None:
    """Return the class of drum that a file or folder is called like, if any."""
    lowered = name.lower()
    return next((word for word, pattern in CLASS_WORDS if re.search(pattern, lowered)), None)


def one_shot_kit(folder: Path, cache: AudioCache) -> Kit:
    """Return the kit of a folder, and those below it, of recordings called like their drum.

    Loops, and what is called like no drum, are left out.

    Raises
    ------
    ConfigError
        The folder does not exist, or nothing in it is called like a drum.
    """
    kit: dict[str, list[Strokes]] = defaultdict(list)
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.suffix.lower() in AUDIO_EXTENSIONS and "loop" not in path.name.lower():
            name = class_of(str(path.relative_to(folder).with_suffix("")))
            if name:
                kit[name].append(one_shot(Clip(from_onset(path, cache))))
    if not kit:
        raise ConfigError(f"{folder}: no recordings called like drums, such as kick.wav")
    return dict(kit)


def drumgizmo_kit(folder: Path, cache: AudioCache) -> Kit:
    """Return a kit of ``DRUM/NUMBER-DRUM-MICROPHONE.*``, numbered from soft to hard.

    Kept are the microphones over the kit, in the room, and close to the drum that is hit; those of
    other drums hear it too, but hardly.

    Raises
    ------
    ConfigError
        The folder does not exist, or has no files that are called like this.
    """
    kit: dict[str, list[Strokes]] = defaultdict(list)
    for drum in (
        sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    ):
        name = class_of(_spaced(drum.name))
        strokes = _strokes(drum, cache)
        if name and strokes:
            kit[name].append(strokes)
    if not kit:
        raise ConfigError(f"{folder}: no drums, expected DRUM/NUMBER-DRUM-MICROPHONE.wav")
    return dict(kit)


def _strokes(folder: Path, cache: AudioCache) -> list[dict[str, Clip]]:
    by_number: dict[int, dict[str, Clip]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        stroke = _STROKE.fullmatch(path.stem)
        if stroke is None or path.suffix.lower() not in AUDIO_EXTENSIONS:
            continue
        microphone = _microphone(stroke["drum"], stroke["microphone"])
        if microphone:
            # All microphones keep their delays to each other, so nothing is cut from the front.
            by_number[int(stroke["number"])][microphone] = Clip(
                functools.partial(cache.samples, path)
            )
    numbers = sorted(by_number)
    n_kept = min(len(numbers), MOST_STROKES)
    kept = sorted({round(i * (len(numbers) - 1) / max(n_kept - 1, 1)) for i in range(n_kept)})
    return [by_number[numbers[index]] for index in kept]


def _microphone(drum: str, microphone: str) -> str | None:
    """Return what a microphone is called in a mix; nothing, if it belongs to another drum."""
    if microphone in _DISTANT:
        return _DISTANT[microphone]
    base, _, place = microphone.partition("_")
    return f"close {place}".strip() if drum.lower().startswith(base.lower()) else None


def _spaced(name: str) -> str:
    """Return a name like ``HihatOpen`` with its words apart."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
