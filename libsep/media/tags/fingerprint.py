"""Where a stem file came from, as one atom inside it: a lost ledger can be rebuilt from these."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import mutagen
from mutagen.mp4 import MP4

from libsep import __version__
from libsep.errors import TagError, reason_of
from libsep.media.tags.bounded import UNREADABLE, BoundedFile
from libsep.media.tags.read_mp4 import OWN_MEAN

ATOM = f"{OWN_MEAN}fingerprint"
"""Key of the free-form atom."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What made a stem file; field for field what the ledger says in the same words.

    ``source`` is the path relative to the library, as `track.path_to_text` writes it; hashes are
    hexadecimal, ``duration_s`` is in seconds. What was heard is empty if nobody has listened, and
    in files of older versions.
    """

    source: str
    audio_sha256: str
    tags_sha256: str
    model: str
    model_sha256: str
    config_sha256: str
    size_bytes: int
    mtime_ns: int
    duration_s: float
    genre: str
    run: str
    version: str = __version__
    classifier_sha256: str = ""
    genre_probabilities: dict[str, float] = dataclasses.field(default_factory=dict)
    heard_tags: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the fingerprint as one line of JSON in ASCII."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, separators=(",", ":"))


def read_fingerprint(path: Path) -> Fingerprint | None:
    """Return the fingerprint in a stem file; None if it has none that can be understood.

    Raises
    ------
    TagError
        The file is missing or no MP4 file.
    """
    try:
        with BoundedFile(path) as file:
            atoms = MP4(file).tags or {}
    except UNREADABLE as exc:
        raise TagError(path, f"cannot be read as MP4: {reason_of(exc)}") from exc
    values = atoms.get(ATOM)
    return _parse(bytes(values[0])) if values else None


def write_fingerprint(path: Path, fingerprint: Fingerprint) -> None:
    """Put a fingerprint into an MP4 file, in place, in the stead of the one it has.

    Raises
    ------
    TagError
        The file cannot be read or written.
    """
    try:
        file = MP4(path)
        if file.tags is None:
            file.add_tags()
        file.tags[ATOM] = [fingerprint.to_json().encode("ascii")]
        file.save()
    except (mutagen.MutagenError, OSError) as exc:
        raise TagError(path, f"the fingerprint cannot be written: {reason_of(exc)}") from exc


def _parse(data: bytes) -> Fingerprint | None:
    try:
        content: dict[str, Any] = json.loads(data)
        heard: dict[str, Any] = {
            "classifier_sha256": str(content.pop("classifier_sha256", "")),
            "genre_probabilities": {
                str(genre): float(probability)
                for genre, probability in content.pop("genre_probabilities", {}).items()
            },
            "heard_tags": tuple(map(str, content.pop("heard_tags", ()))),
        }
        fields = {
            field.name: field.type(content[field.name])
            for field in dataclasses.fields(Fingerprint)
            if isinstance(field.type, type) and field.name not in heard
        }
        return Fingerprint(**fields, **heard)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
