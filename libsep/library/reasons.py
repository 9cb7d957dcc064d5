"""Why something in a library is no track."""

import dataclasses
import enum
from pathlib import Path


class Reason(enum.StrEnum):
    """Why a file or folder of a library is no track, in words for the user."""

    SYSTEM = "of the system or of a program"
    EXCLUDED = "excluded by the configuration"
    NOT_CHOSEN = "audio with an extension that the configuration does not name"
    OTHER_AUDIO = "audio of a kind that is not converted"
    UNFINISHED = "download or copy that is not finished"
    BACKUP = "backup copy"
    STEMS = "stem file"
    LINK = "link, and links are not followed"
    NOT_AUDIO = "no audio"
    UNREADABLE = "cannot be read"
    NOT_THERE = "named by a list, but not there"
    NOT_WANTED = "on a list, but of another genre, rating, tempo or date"


@dataclasses.dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is no track: where, why, and what it is by extension or name.

    Of a folder that is left out, nothing that lies in it is looked at.
    """

    path: Path
    reason: Reason
    what: str = ""
