"""`Tags` into an MP4 file, by the table of fields.

Pure mutagen instead of mediafile: mediafile cuts a tempo of 127.98 to 127, keeps one artist of
several and loses the remixer, the version, all custom keys and Serato's data.
"""

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mutagen
from mutagen.mp4 import MP4, AtomDataType, MP4Cover, MP4FreeForm

from libsep import __version__
from libsep.errors import TagError, reason_of
from libsep.media.atoms import header
from libsep.media.tags.bounded import UNREADABLE
from libsep.media.tags.fingerprint import ATOM, Fingerprint
from libsep.media.tags.mapping import FIELDS, FREEFORM, Field, is_native_text
from libsep.media.tags.pictures import prepare_pictures
from libsep.media.tags.read_mp4 import is_ours
from libsep.media.tags.record import RawValue, Tags
from libsep.media.tags.serato import MEAN as SERATO
from libsep.media.tags.values import parse_bpm, parse_flag, parse_position

_FORMATS = {"JPEG": MP4Cover.FORMAT_JPEG, "PNG": MP4Cover.FORMAT_PNG}


def write_tags(
    path: Path, tags: Tags, *, fingerprint: Fingerprint | None = None
) -> tuple[str, ...]:
    """Give an MP4 file these tags and no others, in place and with one save.

    It serves a fresh file and a finished stem file alike: only the list of tags changes, and with
    it the offsets of the audio if that has to move. Atoms of other programs (their own free-form
    names) stay, Serato's too unless ``tags`` bring such data. Without ``fingerprint`` the one in
    the file stays.

    Parameters
    ----------
    path
        A file that may be lost when the machine stops in the middle: never the only copy.
    tags
        What `read_tags` found in the source.
    fingerprint
        Where the file comes from.

    Returns
    -------
    Sentences about what could not be carried over, those of ``tags.problems`` first.

    Raises
    ------
    TagError
        The file cannot be read as MP4, or not be written.
    """
    by_name, losses = to_atoms(tags)
    atoms = {_to_key(name): value for name, value in by_name.items()}
    if fingerprint is not None:
        atoms[ATOM] = _freeform([fingerprint.to_json()])
    try:
        file = MP4(path)
        if file.tags is None:
            file.add_tags()
        _remove_old(file.tags, has_serato=bool(tags.serato))
        losses += _put_atoms(file.tags, atoms)
        losses += _put_raw(file.tags, tags.atoms)
        file.save()
    except (mutagen.MutagenError, OSError) as exc:
        raise TagError(path, f"tags cannot be written: {reason_of(exc)}") from exc
    return (*tags.problems, *losses)


def _remove_old(atoms: Any, *, has_serato: bool) -> None:
    """Take out what will be written anew."""
    for key in list(atoms):
        if (is_ours(key) and key != ATOM) or (has_serato and key.startswith(SERATO)):
            del atoms[key]
    for key in list(_raw_atoms(atoms)):
        if is_ours(key):
            del _raw_atoms(atoms)[key]


def _raw_atoms(atoms: Any) -> dict[str, list[bytes]]:
    """Return the atoms that mutagen does not know, and that it writes as they were read.

    There is no public way to it; a new version that has another is found out by the tests.
    """
    raw: dict[str, list[bytes]] = atoms._failed_atoms
    return raw


def _put_atoms(atoms: Any, new: Mapping[str, Any]) -> list[str]:
    """Put in each atom that can be written; return a sentence about each that cannot."""
    losses = []
    for key, value in new.items():
        try:
            atoms[key] = value
        except (*UNREADABLE, AssertionError) as exc:
            losses.append(f"{key} cannot be written: {exc or type(exc).__name__}: dropped")
    return losses


def _put_raw(atoms: Any, new: Mapping[str, tuple[RawValue, ...]]) -> list[str]:
    """Put in the numbers and data of an MP4 source, with their types."""
    losses = []
    for key, values in new.items():
        name = _to_key(key)
        if name in atoms:
            losses.append(f"{key} is there twice: the numbers or data in it were dropped")
        elif name.startswith("----:"):
            atoms[name] = [MP4FreeForm(value.data, value.kind) for value in values]
        else:
            bodies = (struct.pack(">II", value.kind, 0) + value.data for value in values)
            _raw_atoms(atoms)[name] = [b"".join(header(b"data", len(b)) + b for b in bodies)]
    return losses


def to_atoms(tags: Tags) -> tuple[dict[str, Any], list[str]]:
    """Return the atoms for ``tags`` in mutagen's terms, and sentences about what is lost."""
    atoms: dict[str, Any] = {}
    losses: list[str] = []
    for field in FIELDS:
        if field.name in tags.fields:
            _put_field(field, tags, atoms, losses)
    taken = {key.casefold() for key in atoms}
    for key, values in tags.extras.items():
        _put_extra(key, values, atoms, taken)
    if tags.rating is not None:
        atoms["rate"] = [str(tags.rating)]
    covers, lost = prepare_pictures(tags.pictures)
    if covers:
        atoms["covr"] = [MP4Cover(data, _FORMATS[name]) for data, name in covers]
    for name, data in tags.serato.items():
        atoms[f"{SERATO}:{name}"] = [MP4FreeForm(data, AtomDataType.UTF8)]
    atoms["©too"] = [f"libsep {__version__}"]
    return atoms, [*losses, *lost]


def _put_field(field: Field, tags: Tags, atoms: dict[str, Any], losses: list[str]) -> None:
    values = tags.fields[field.name]
    if field.name in _NUMBERS:
        loss = _NUMBERS[field.name](field, tags, atoms)
        if loss:
            losses.append(loss)
        return
    atom = field.mp4[0]
    if atom.startswith("----:"):
        atoms[atom] = _freeform(values)
    else:
        atoms[atom] = [field.join.join(values)] if field.join else list(values)
    if field.name == "artist" and len(values) > 1:
        atoms.setdefault(f"{FREEFORM}ARTISTS", _freeform(values))


def _put_extra(key: str, values: tuple[str, ...], atoms: dict[str, Any], taken: set[str]) -> None:
    """Carry a key without a field, unless a field or another key has taken its atom."""
    if is_native_text(key):
        atoms.setdefault(key, list(values))
        return
    atom = key if key.startswith("----:") and key.count(":") >= 2 else FREEFORM + key
    if atom.casefold() not in taken:
        taken.add(atom.casefold())
        atoms[atom] = _freeform(values)


def _to_key(name: str) -> str:
    """Return the name of an atom as mutagen wants it: a letter for each byte.

    Names of free-form atoms are UTF-8, those of the others are four bytes of Latin-1.
    """
    return name.encode().decode("latin-1") if name.startswith("----:") else name


def _freeform(values: tuple[str, ...] | list[str]) -> list[Any]:
    return [MP4FreeForm(value.encode("utf-8"), AtomDataType.UTF8) for value in values]


def _put_bpm(field: Field, tags: Tags, atoms: dict[str, Any]) -> str:
    """Write the tempo twice: rounded for everyone, and exactly for those who look."""
    text = tags.fields[field.name][0]
    bpm = parse_bpm(text)
    if bpm is None:
        is_unset = not text.strip(" 0.,")
        return "" if is_unset else f'BPM "{text[:40]}" is no tempo: dropped'
    atoms["tmpo"] = [round(float(bpm))]
    atoms[field.mp4[0]] = _freeform([bpm])
    return ""


def _put_position(field: Field, tags: Tags, atoms: dict[str, Any]) -> str:
    """Write number and total of a track or disc; text that is none stays text."""
    name = field.name.removesuffix("_total")
    number, total = (_count(tags, name), _count(tags, f"{name}_total"))
    if number or total:
        atoms[field.mp4[0].partition("/")[0]] = [(number or 0, total or 0)]
    text = tags.fields[field.name][0]
    if parse_position(text) is not None:
        return ""
    key = field.name.replace("_", "").upper() if field.name != name else f"{name.upper()}NUMBER"
    atoms[FREEFORM + key] = _freeform([text])
    return f'{key} "{text[:40]}" is no number: kept as text only'


def _count(tags: Tags, name: str) -> int | None:
    position = parse_position(tags.fields[name][0]) if name in tags.fields else None
    return position[0] if position else None


def _put_movement(field: Field, tags: Tags, atoms: dict[str, Any]) -> str:
    """Write number or count of the movements of a work, which iTunes has as two numbers."""
    text = tags.fields[field.name][0]
    number, _ = parse_position(text) or (None, None)
    if number is None:
        return f'{field.vorbis[0]} "{text[:40]}" is no number: dropped'
    atoms[field.mp4[0]] = [number]
    return ""


def _put_compilation(field: Field, tags: Tags, atoms: dict[str, Any]) -> str:
    atoms[field.mp4[0]] = parse_flag(tags.fields[field.name][0])
    return ""


def _put_advisory(field: Field, tags: Tags, atoms: dict[str, Any]) -> str:
    text = tags.fields[field.name][0].strip()
    if text in ("0", "1", "2", "4"):
        atoms[field.mp4[0]] = [int(text)]
        return ""
    return f'ITUNESADVISORY "{text[:40]}" is no advisory: dropped'


_NUMBERS: dict[str, Callable[[Field, Tags, dict[str, Any]], str]] = {
    "bpm": _put_bpm,
    "track": _put_position,
    "track_total": _put_position,
    "disc": _put_position,
    "disc_total": _put_position,
    "movement": _put_movement,
    "movement_total": _put_movement,
    "compilation": _put_compilation,
    "advisory": _put_advisory,
}
