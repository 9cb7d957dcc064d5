"""The stem file of a track that was moved or renamed, and how it gets its new name."""

import dataclasses
from pathlib import Path

from libsep.errors import StemsError, TagError
from libsep.library.on_disk import is_same_file
from libsep.media.tags import read_fingerprint
from libsep.track import Move, Outcome, text_to_path

IDENTITY = ("audio_sha256", "model_sha256", "config_sha256")
"""What a stem file was made from and with, as its fingerprint and the track to be done say it."""


@dataclasses.dataclass
class MovedStemFile:
    """The stem file of a moved track where it lies, as it is now."""

    path: Path
    is_renamed: bool = False

    def __post_init__(self) -> None:
        self._state = self._look()

    def rename(self, goal: Path) -> None:
        """Give the file its new name, unless somebody has changed it or used the name since.

        Raises
        ------
        StemsError
            Somebody has, or it cannot be renamed; it lies where it lay.
        """
        try:
            if self._look() != self._state:
                raise StemsError(self.path, "was changed while it was copied")
            if goal.exists() and not is_same_file(goal, self.path):
                raise StemsError(self.path, f"{goal.name} has appeared where it goes")
            self.path.rename(goal)
        except OSError as exc:
            raise StemsError(self.path, f"cannot be moved: {exc.strerror}") from exc
        self.is_renamed = True

    def _look(self) -> tuple[int, int, int]:
        status = self.path.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns


def stem_file_of(move: Move, outcome: Outcome, stems: Path) -> MovedStemFile | None:
    """Return the stem file that a track has if it is the one that was moved; None if there is none.

    It lies where the ledger says, or already where it goes, if a run was killed after that. Its
    fingerprint must be that of the track, whatever else another program has written into it. A file
    that lies in its way is not touched.

    Parameters
    ----------
    move
        What the track may have been.
    outcome
        The track's hashes as they are now: audio, model, settings.
    stems
        The output folder.
    """
    before, after = stems / text_to_path(move.was.output), stems / move.output_name
    sources = {move.was.source}
    try:
        if not before.exists():
            sources.add(outcome.source)
            before = after
        elif after.exists() and not is_same_file(after, before):
            return None
        made = None if before.is_symlink() else read_fingerprint(before)
        if made is None or made.source not in sources:
            return None
        if any(getattr(made, name) != getattr(outcome, name) for name in IDENTITY):
            return None
        return MovedStemFile(before)
    except (OSError, TagError):
        return None
