"""What libsep knows about a track's tags, and one hash for all of it."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping

FRONT_COVER = 3
"""Number that ID3, FLAC and ASF give to the picture of the front cover."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it lay in the source: ``mime`` is a claim, the bytes decide.

    ``kind`` is the picture type of ID3 (3 is the front cover, 0 is unspecified).
    """

    data: bytes
    mime: str = ""
    kind: int = FRONT_COVER
    description: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RawValue:
    """A value of an MP4 atom as its bytes, with the number that says how to read them.

    ``kind`` is the type of ISO 14496-12's well-known types, as QuickTime lists them: 0 is
    unspecified, 21 an integer with sign, 22 one without, 23 and 24 are floating point.
    """

    data: bytes
    kind: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """The tags of one track, free of the format they came from.

    ``fields`` holds the values of the fields of `mapping.FIELDS` by their name, each with all its
    values in order. ``extras`` holds what has no field, under the source's own key. ``serato``
    holds Serato's data by the name of its MP4 atom, as the text of that atom. ``atoms`` holds the
    numbers and data of an MP4 source that have no field, by the name of their atom. ``rating`` runs
    from 0 to 100; None means not rated. ``problems`` are sentences about what could not be read.
    """

    fields: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    extras: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()
    serato: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    atoms: Mapping[str, tuple[RawValue, ...]] = dataclasses.field(default_factory=dict)
    rating: int | None = None
    problems: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the scan of a library needs of a file: length in seconds, rate in Hz, few tags.

    A length or rate that the header does not tell is None; a tag that is missing is empty.
    ``is_known`` is False if it could not be read, for no fault of the file.
    """

    duration_s: float | None = None
    sample_rate: int | None = None
    genres: tuple[str, ...] = ()
    title: str = ""
    artist: str = ""
    is_known: bool = True


def tags_digest(tags: Tags) -> str:
    """Return the SHA-256 of the content of ``tags``, in hexadecimal.

    Equal content gives equal hashes, whatever the order in which fields were found and however
    the file pads them. The order of the values of a field and of the pictures counts; `problems`
    do not.
    """
    content: dict[str, object] = {
        "fields": {name: list(values) for name, values in tags.fields.items()},
        "extras": {key: list(values) for key, values in tags.extras.items()},
        "pictures": [
            [hashlib.sha256(picture.data).hexdigest(), picture.kind, picture.description]
            for picture in tags.pictures
        ],
        "serato": {name: data.hex() for name, data in tags.serato.items()},
        "rating": tags.rating,
    }
    if tags.atoms:  # only then: files without them keep the hash that older versions gave them
        content["atoms"] = {
            key: [[value.kind, value.data.hex()] for value in values]
            for key, values in tags.atoms.items()
        }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
