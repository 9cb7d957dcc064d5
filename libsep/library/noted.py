"""The library that an output folder was made from, as it remembers it."""

from pathlib import Path

from libsep.errors import ConfigError, LedgerError, StemsError
from libsep.library.on_disk import spelled
from libsep.media.atomic import write_text
from libsep.track import path_to_text, text_to_path


def remember_library(note: Path, library: Path | str) -> None:
    """Refuse a second library: tracks of the same relative path would replace each other.

    Parameters
    ----------
    note
        The file of the output folder that names the library.
    library
        A local folder, or a URI.

    Raises
    ------
    ConfigError
        The output holds the stems of another library that is there.
    LedgerError
        The note cannot be written.
    """
    ours = library if isinstance(library, str) else text_of(library)
    stored = note.read_text(encoding="utf-8") if note.is_file() else ""
    found = stored or ours
    if found != ours and ("://" in found or is_another(found, ours)):
        raise ConfigError(
            f"{note.parent.parent}: holds the stems of {found}; choose another output folder"
            f" (or delete {note} if the library has moved and this is a copy of it)"
        )
    if stored != ours:
        try:
            write_text(note, ours)
        except StemsError as exc:
            raise LedgerError(f"{note.parent}: {exc}") from exc


def text_of(library: Path) -> str:
    """Return how a local library is noted: without links, and spelled as its disk spells it."""
    return path_to_text(spelled(library.resolve()))


def is_another(noted: str, ours: str) -> bool:
    """Return whether a folder was noted that is there, and is not ours by another spelling."""
    folder = text_to_path(noted)
    return folder.is_dir() and text_of(folder) != ours
