"""The stem files that one may listen to, and nothing else."""

import os
from pathlib import Path

from libsep.errors import ConfigError, ProbeError
from libsep.media.stems import is_stem_file
from libsep.media.verify import find_stem_files


class Shelf:
    """The stem files of a folder, or a single one, each known by its number.

    Whoever asks for a track gives a number, never a path, and so reaches only what was found at the
    start.

    Parameters
    ----------
    place
        Stem file, or a folder of them.

    Attributes
    ----------
    root
        Folder that all of them lie in.
    is_folder
        Whether a folder was given.
    names
        Their paths below ``root``, in the order of names.

    Raises
    ------
    ConfigError
        There is no such file or folder, it is no stem file, or no stem file lies in it.
    """

    def __init__(self, place: Path) -> None:
        self.is_folder = os.path.isdir(place)  # noqa: PTH112 - may not raise
        if not self.is_folder and not os.path.isfile(place):  # noqa: PTH113 - may not raise
            raise ConfigError(f"{place}: expected a stem file or a folder of them, found nothing")
        if not self.is_folder and not is_stem_file(place):
            raise ConfigError(
                f"{place}: is no stem file; libsep convert makes one of it, or give the folder of "
                "stems"
            )
        self.root = (place if self.is_folder else place.parent).resolve()
        found = find_stem_files([self.root]) if self.is_folder else [self.root / place.name]
        self.names = tuple(str(path.relative_to(self.root)) for path in found)
        if not self.names:
            raise ConfigError(f"{place}: holds no stem files")

    def path(self, number: int) -> Path:
        """Return the path of a track.

        Raises
        ------
        IndexError
            There is no track of this number.
        ProbeError
            It is gone, or is a link that leads out of the folder.
        """
        if not 0 <= number < len(self.names):
            raise IndexError(number)
        path = self.root / self.names[number]
        try:
            real = path.resolve(strict=True)
        except OSError as exc:
            raise ProbeError(path, f"cannot be opened: {exc.strerror}") from exc
        if self.is_folder and not real.is_relative_to(self.root):
            raise ProbeError(path, "is a link that leads out of the folder")
        return path
