"""Instruments in the SFZ format, and folders of notes whose names tell the pitch.

Read are the opcodes that say what is recorded: ``sample``, ``default_path``, ``key``, ``lokey``,
``hikey``, ``pitch_keycenter``, ``transpose``, ``tune``, ``lovel``, ``hivel``, ``trigger``; and the
directives ``#include`` and ``#define``. Envelopes, filters and controllers are the sampler's own.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import AUDIO_EXTENSIONS
from libsep.errors import ConfigError, reason_of
from libsep.training.synthesis.clips import Clip, from_onset

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_DIRECTIVE = re.compile(r'#include\s+"(?P<file>[^"]+)"|#define\s+(?P<name>\$\w+)\s+(?P<value>\S+)')
_TOKEN = re.compile(r"<(?P<header>\w+)>|(?P<opcode>\w+)=(?P<value>.*?)(?=\s+\w+=|\s*<\w+>|\s*$)")
_LEVELS = ("global", "master", "group", "region")
_NOTE = re.compile(r"(?:^|[_\- ])([A-Ga-g])(#|s|b)?(-?\d)(?=$|[_\- .])")
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_DEPTH = 12
"""So many files may include each other."""

TAKES = 3
"""Recordings of the same note at the same velocity that are kept; libraries have up to ten."""


@dataclasses.dataclass(frozen=True)
class Region:
    """A recording and what it stands for, in MIDI notes and velocities."""

    path: Path
    pitch: float
    velocities: tuple[int, int]


def read_sfz(path: Path, samples: Path | None = None) -> list[Region]:
    """Return the regions of an SFZ file that sound when a key is pressed.

    Parameters
    ----------
    path
        The SFZ file.
    samples
        Folder that the names of recordings are relative to; without it what the file says.

    Raises
    ------
    ConfigError
        A file is missing or cannot be read, or there is no such region.
    """
    text = _expanded(path, {}, _DEPTH)
    opcodes: dict[str, dict[str, str]] = {level: {} for level in (*_LEVELS, "control")}
    regions: list[Region] = []
    header = "global"
    for line in [*text.splitlines(), "<global>"]:
        for token in _TOKEN.finditer(line):
            if token["header"] is None:
                opcodes.setdefault(header, {})[token["opcode"]] = token["value"].strip()
                continue
            if header == "region":
                regions += _region(opcodes, path, samples)
            header = token["header"]
            below = _LEVELS[_LEVELS.index(header) :] if header in _LEVELS else (header,)
            for level in below:
                if level != "control":
                    opcodes[level] = {}
    if not regions:
        raise ConfigError(f"{path}: no region with a sample; is it made of other SFZ files?")
    return regions


def notes_by_name(folder: Path) -> list[Region]:
    """Return the recordings of a folder whose names hold a note, as in ``twang_gb3_f.wav``.

    Middle C is ``c4``. Velocities are not told apart.

    Raises
    ------
    ConfigError
        The folder does not exist, or no name in it holds a note.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: not found, expected a folder of notes")
    regions = []
    for path in sorted(folder.iterdir()):
        note = _NOTE.search(path.stem)
        if path.suffix.lower() in AUDIO_EXTENSIONS and note:
            regions.append(Region(path, float(_pitch(note)), (0, 127)))
    if not regions:
        raise ConfigError(f"{folder}: no file whose name holds a note, such as c4.wav")
    return regions


def clips_of(
    regions: list[Region], cache: AudioCache, *, transpose: int, keys: tuple[int, int]
) -> list[Clip]:
    """Return clips of the regions whose pitch, ``transpose`` semitones moved, is within ``keys``.

    Of many recordings of the same note and velocity the first `TAKES` are taken.
    """
    counts: dict[tuple[float, tuple[int, int]], int] = {}
    clips = []
    for region in regions:
        pitch = region.pitch + transpose
        count = counts.get((pitch, region.velocities), 0)
        if keys[0] <= pitch <= keys[1] and count < TAKES:
            counts[pitch, region.velocities] = count + 1
            clips.append(Clip(from_onset(region.path, cache), pitch, region.velocities))
    return clips


def _expanded(path: Path, defined: dict[str, str], depth: int) -> str:
    """Return the text of a file with includes and definitions replaced, without comments."""
    if depth == 0:
        raise ConfigError(f"{path}: SFZ files include each other more than {_DEPTH} deep")
    try:
        text = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
    except OSError as exc:
        raise ConfigError(f"{path}: SFZ file cannot be read: {reason_of(exc)}") from exc
    parts, position = [], 0
    for directive in _DIRECTIVE.finditer(text):
        parts.append(_substituted(text[position : directive.start()], defined))
        position = directive.end()
        if directive["name"]:
            defined[directive["name"]] = directive["value"]
        else:
            included = path.parent / _substituted(directive["file"], defined).replace("\\", "/")
            parts.append("\n" + _expanded(included, defined, depth - 1) + "\n")
    parts.append(_substituted(text[position:], defined))
    return "".join(parts)


def _substituted(text: str, defined: dict[str, str]) -> str:
    for name in sorted(defined, key=len, reverse=True):
        text = text.replace(name, defined[name])
    return text


def _region(
    opcodes: dict[str, dict[str, str]], path: Path, samples: Path | None
) -> Iterator[Region]:
    """Return the region that the opcodes describe, if it is heard when a key is pressed."""
    merged: dict[str, str] = {}
    for level in _LEVELS:
        merged |= opcodes[level]
    sample = merged.get("sample", "")
    if not sample or sample.startswith("*") or merged.get("trigger", "attack") != "attack":
        return
    if samples is None:
        name = path.parent / (opcodes["control"].get("default_path", "") + sample).replace(
            "\\", "/"
        )
    else:
        name = samples / sample.replace("\\", "/")
    key = merged.get("pitch_keycenter") or merged.get("key") or merged.get("lokey") or "60"
    try:
        semitones = float(merged.get("transpose", 0)) + float(merged.get("tune", 0)) / 100
        velocities = (int(merged.get("lovel", 0)), int(merged.get("hivel", 127)))
    except ValueError as exc:
        raise ConfigError(f"{path}: region of {sample}: {exc}") from exc
    yield Region(name, _key(key, path) - semitones, velocities)


def _key(text: str, path: Path) -> int:
    """Return a MIDI note, which is written as a number or by name."""
    if text.lstrip("-").isdigit():
        return int(text)
    note = _NOTE.search(text)
    if note is None:
        raise ConfigError(f"{path}: key {text!r}, expected a MIDI note such as 60 or c4")
    return _pitch(note)


def _pitch(note: re.Match[str]) -> int:
    letter, accidental, octave = note.groups()
    semitone = _SEMITONES[letter.lower()] + {"#": 1, "s": 1, "b": -1}.get(accidental, 0)
    return 12 * (int(octave) + 1) + semitone
