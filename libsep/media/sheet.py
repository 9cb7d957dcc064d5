"""What a stem file says of itself, for whoever plays, shows or extracts its streams."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from libsep.errors import ProbeError, StemsError, TagError, reason_of
from libsep.media.atoms import MalformedAtomError
from libsep.media.stems import COLORS, STEM_NAMES, read_manifest
from libsep.media.tags import Tags, read_tags
from libsep.media.verify.container import Container, read_container
from libsep.units import seconds_to_samples

MAX_STREAMS = 9
"""Most streams that are played at once: a mixture and eight stems."""

SHOWN = ("title", "artist", "album", "genre", "bpm", "key", "date", "label")
"""Fields of the tags that the page shows."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A stem file as it is heard: stream 0 is the mixture, the others are the stems.

    ``names`` and ``colors`` (``#RRGGBB``) are those of the stem atom, and belong to the streams
    from 1 on. All streams have ``sample_rate`` (Hz).
    """

    path: Path
    sample_rate: int
    n_samples: int
    codec: str
    names: tuple[str, ...]
    colors: tuple[str, ...]
    tags: Tags

    @property
    def n_streams(self) -> int:
        """The mixture and its stems."""
        return 1 + len(self.names)

    @property
    def cover(self) -> bytes | None:
        """The first picture, if there is one."""
        return self.tags.pictures[0].data if self.tags.pictures else None

    def as_json(self) -> dict[str, Any]:
        """Return it as the page reads it."""
        shown = {name: ", ".join(self.tags.fields.get(name, ())) for name in SHOWN}
        return {
            "tags": shown,
            "hasCover": self.cover is not None,
            "sampleRate": self.sample_rate,
            "samples": self.n_samples,
            "codec": self.codec,
            "stems": [
                {"name": name, "color": color}
                for name, color in zip(self.names, self.colors, strict=True)
            ],
        }


def read_sheet(path: Path) -> Sheet:
    """Return what a stem file says about itself.

    Raises
    ------
    ProbeError
        It is no MP4, or its streams cannot be played beside each other.
    """
    try:
        whole = read_container(path)
        manifest = read_manifest(path)
    except (MalformedAtomError, StemsError) as exc:
        raise ProbeError(path, f"is no whole stem file: {reason_of(exc)}") from exc
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    tracks = [track for track in whole.tracks if track.handler == "soun"]
    container = dataclasses.replace(whole, tracks=tracks)  # a picture may be the first one
    n_stems = _check_streams(path, container)
    names, colors = _labels(manifest or {}, n_stems)
    first = container.tracks[0]
    return Sheet(
        path=path,
        sample_rate=first.sample_rate,
        n_samples=seconds_to_samples(container.duration_s, first.sample_rate),
        codec="aac" if first.codec == "mp4a" else first.codec,
        names=names,
        colors=colors,
        tags=_tags(path),
    )


def _check_streams(path: Path, container: Container) -> int:
    """Return the number of stems."""
    rates = {track.sample_rate for track in container.tracks}
    if not 2 <= len(container.tracks) <= MAX_STREAMS:
        found = f"{len(container.tracks)} audio streams"
        raise ProbeError(path, f"{found}, expected a mixture and 1 to {MAX_STREAMS - 1} stems")
    if len(rates) > 1 or not all(rates):
        found = ", ".join(f"{rate} Hz" for rate in sorted(rates))
        raise ProbeError(path, f"streams of {found}, expected one rate for all")
    if container.duration_s <= 0:
        raise ProbeError(path, "its header says no length; was it never finished?")
    return len(container.tracks) - 1


def _labels(manifest: dict[str, Any], n_stems: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names and colours; where the atom has none that can be shown, the usual ones."""
    stems = manifest.get("stems")
    said = [stem for stem in stems if isinstance(stem, dict)] if isinstance(stems, list) else []
    said = (said + [{}] * n_stems)[:n_stems]
    names, colors = [], []
    for index, stem in enumerate(said):
        usual = STEM_NAMES[index] if index < len(STEM_NAMES) else f"Stem {index + 1}"
        name, color = str(stem.get("name") or usual)[:100], str(stem.get("color"))
        names.append(name)
        is_color = re.fullmatch(r"#[0-9a-fA-F]{6}", color) is not None
        colors.append(color if is_color else COLORS[index % len(COLORS)])
    return tuple(names), tuple(colors)


def _tags(path: Path) -> Tags:
    try:
        return read_tags(path)
    except TagError:
        return Tags()  # one can listen without them
