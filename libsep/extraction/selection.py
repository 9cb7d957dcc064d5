"""Which files are made of a stem file, what they are called and what adds up to each."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from libsep.errors import ConfigError, ProbeError
from libsep.media.file_names import fitting
from libsep.media.stems import EXTENSIONS

Layout = Literal["folders", "files"]

MIXTURE = "mixture"

MAX_STEM_NAME = 40
"""Letters of a stem's name that are kept: programs show fewer, and a file's name has to fit."""

SHORT: Mapping[tuple[str, ...], str] = {("vocals",): "instrumental", ("drums",): "drumless"}
"""What people call a track without these stems."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What to make of each stem file: all stems, some of them, or one sum without some.

    ``only`` and ``without`` are names of stems, in lower case. ``layout`` says whether a track is a
    folder of files (``Track/vocals.wav``) or each file carries its name (``Track - vocals.wav``).

    Raises
    ------
    ConfigError
        Both ``only`` and ``without`` are given.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    with_mixture: bool = False
    layout: Layout = "folders"

    def __post_init__(self) -> None:
        if self.only and self.without:
            raise ConfigError("--only and --without together: choose some stems, or leave some out")


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One file to make: its name, and the streams of the stem file that add up to it."""

    name: str
    streams: tuple[int, ...]


def parts_of(path: Path, names: Sequence[str], selection: Selection) -> list[Part]:
    """Return the files to make of a stem file.

    Parameters
    ----------
    path
        The stem file, for errors.
    names
        Its stems, which are its streams from 1 on.
    selection
        What is wanted.

    Raises
    ------
    ProbeError
        A stem that is named is not there.
    """
    plain = plain_names(names)
    for wanted in (*selection.only, *selection.without):
        if wanted not in plain:
            raise ProbeError(path, f"has no stem {wanted!r}; it has {', '.join(plain)}")
    stems = [Part(name, (stream,)) for stream, name in enumerate(plain, start=1)]
    if selection.only:
        parts = [part for part in stems if part.name in selection.only]
    elif selection.without:
        left = tuple(part.streams[0] for part in stems if part.name not in selection.without)
        if not left:
            raise ProbeError(path, "without all of its stems nothing is left")
        left_out = tuple(name for name in plain if name in selection.without)
        parts = [Part(SHORT.get(left_out, f"without {', '.join(left_out)}"), left)]
    else:
        parts = stems
    return [*parts, *([Part(MIXTURE, (0,))] if selection.with_mixture else [])]


def plain_names(names: Sequence[str]) -> list[str]:
    """Return names as they may stand in a file's name, short, in lower case and each once."""
    found: list[str] = []
    for name in names:
        text = "".join(char if char.isprintable() and char not in '/\\:*?"<>|' else "_"
                       for char in name.lower())  # fmt: skip
        text = text[:MAX_STEM_NAME].strip(". ") or "stem"
        others = itertools.count(1 if text == MIXTURE else 2)
        free = itertools.chain([text], (f"{text} {number}" for number in others))
        found.append(next(each for each in free if each not in (MIXTURE, *found)))
    return found


def goal_of(source: Path, part: Part, selection: Selection, extension: str) -> Path:
    """Return where a file goes, relative to the output folder.

    Parameters
    ----------
    source
        The stem file, relative to the folder that was given.
    part, selection
        What it is.
    extension
        With the dot.
    """
    track = track_path(source)
    if selection.layout == "files":
        return track.with_name(fitting(track.name, f" - {part.name}{extension}"))
    return track / f"{part.name}{extension}"


def track_path(source: Path) -> Path:
    """Return the path of a stem file without the end that says that it is one."""
    suffix = next((end for end in EXTENSIONS if source.name.lower().endswith(end)), "")
    return source.with_name(source.name[: len(source.name) - len(suffix)] or source.name)
