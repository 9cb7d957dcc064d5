"""Where the stem file of a track goes: one name for each source, the same in every run."""

from collections.abc import Iterator, Mapping

from libsep.library.names import without_extension
from libsep.media.drives import Drive
from libsep.media.file_names import cut, digest_of, file_key, fitting
from libsep.media.stems import EXTENSION
from libsep.track import path_to_text, unescaped

OUTSIDE = "Outside the library"
"""Folder of the output for tracks that do not lie in the library, below it with their whole path.

A library that has a folder of this name gets another one, with ``~`` behind."""


class Namer:
    """Gives each source of a library its path in the output folder.

    ``a/b/Track.flac`` becomes ``a/b/Track.stem.mp4``; of a name without the extension of a track,
    all is kept. If that is taken, also by a name that
    differs only in case or in the form of its accents, it becomes ``a/b/Track.flac.stem.mp4``, and
    if that is taken too, a hash of the source follows the name. Names too long are cut, and have
    the hash as well. All else is kept byte for byte, but for what the drive refuses, which ``_``
    stands for (`Drive.fitting`).

    Parameters
    ----------
    known
        Paths that were given in earlier runs, as texts (`libsep.track.path_to_text`): output by
        source. They are kept, and stay reserved when their source has gone; but for those that
        the drive refuses, of a run elsewhere.
    drive
        Where the files go; by default one that takes all names.
    """

    def __init__(self, known: Mapping[str, str] | None = None, drive: Drive | None = None) -> None:
        self._drive = drive or Drive()
        self._taken: set[str] = set()
        self._known: dict[str, str] = {}  # as texts, which take less memory than paths
        for source, output_text in (known or {}).items():
            output = unescaped(output_text)
            is_ours = _is_inside(output) and self._drive.fitting(output) == output
            if is_ours and self._reserve(output):
                self._known[source] = output_text

    def output_for(self, source: str) -> str:
        """Return the output of a source; both are relative, to library and output folder.

        They are paths as the operating system takes them, with ``/`` between folders.

        Raises
        ------
        ValueError
            ``source`` is absolute or leads out of the library.
        """
        if not _is_inside(source):
            raise ValueError(f"source: {source!r}, expected a path inside the library")
        source_text = path_to_text(source)
        if source_text in self._known:
            return unescaped(self._known[source_text])
        for output in self._outputs(source):
            if self._reserve(output):
                self._known[source_text] = path_to_text(output)
                return output
        raise ValueError(f"source: {source_text}: all its names are taken")

    def output_instead_of(self, gone: str, source: str) -> str:
        """Return what a source's output is if that of another one is free; nothing is reserved.

        Parameters
        ----------
        gone
            A source of an earlier run, as a text.
        source
            A source that has its output already.
        """
        own = self.output_for(source)
        freed = file_key(unescaped(self._known[gone])) if gone in self._known else None
        better = (each for each in self._outputs(source) if each == own or file_key(each) == freed)
        return next(better, own)  # its own may be another that the ledger knows

    def _reserve(self, output: str) -> bool:
        """Take a path; False if it, or one that some file systems take for it, is taken."""
        key = file_key(output)
        if key in self._taken:
            return False
        self._taken.add(key)
        return True

    def _outputs(self, source: str) -> Iterator[str]:
        return map(self._drive.fitting, _outputs(source))


def _outputs(source: str) -> Iterator[str]:
    """Yield the paths that a source may be given, the best first."""
    *folders, name = source.split("/")
    # A folder that is named like a stem file would collide with the stem file of that name.
    parents = [f"{part}~" if part.casefold().endswith(EXTENSION) else part for part in folders]
    digest = digest_of(source)
    for stem_name in (
        fitting(without_extension(name), EXTENSION, digest),
        fitting(name, EXTENSION, digest),
        cut(name, f"~{digest}{EXTENSION}"),
    ):
        yield "/".join((*parents, stem_name))


def _is_inside(path: str) -> bool:
    return not path.startswith("/") and ".." not in path.split("/") and path != ""
