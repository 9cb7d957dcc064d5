"""Check a stem file against the whole list."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from libsep.media.atoms import MalformedAtomError
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.stems import EXTENSIONS
from libsep.media.verify.accuracy_rules import check_accuracy
from libsep.media.verify.container import Container, read_container
from libsep.media.verify.format_rules import check_format
from libsep.media.verify.mixxx import check_mixxx
from libsep.media.verify.reader_rules import check_readers
from libsep.media.verify.report import Finding, Report


def verify_stems(
    path: Path,
    *,
    ffmpeg: Path | None = None,
    goal: Path | None = None,
    n_samples: int | None = None,
) -> Report:
    """Check the format (A), how players read it (B) and its accuracy (C).

    All five streams are decoded once, which takes about a second for four minutes.

    Parameters
    ----------
    path
        Stem file.
    ffmpeg
        The ffmpeg program; by default the one that `find_ffmpeg` finds.
    goal
        Path under which the file will be seen, if it still has a temporary name.
    n_samples
        Length of the track that was encoded, if it is known.

    Returns
    -------
    Findings about the file. One that cannot be read or is no MP4 breaks rule A2 and is not
    examined further.
    """
    shown = goal or path
    try:
        container = read_container(path)
        findings = [
            *check_format(shown, container),
            *check_mixxx(path),
            *check_readers(path, ffmpeg or find_ffmpeg()),
            *check_accuracy(container, n_samples),
        ]
    except MalformedAtomError as exc:
        return Report(path=shown, findings=(Finding("A2", "error", f"is no whole MP4: {exc}"),))
    except OSError as exc:
        message = f"cannot be read: {exc.strerror}"
        return Report(path=shown, findings=(Finding("A2", "error", message),))
    return _report(shown, container, findings)


def find_stem_files(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the given files, and the stem files in the given folders, in the order of names.

    A folder that cannot be listed is yielded as well: whoever reads it says why it cannot be read.
    """
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - may not raise
            yield from _stem_files_in(path)
        else:
            yield path


def _stem_files_in(folder: Path) -> list[Path]:
    closed: list[str] = []
    walk = os.walk(folder, onerror=lambda error: closed.append(error.filename))
    found = (
        Path(place, name)
        for place, _, names in walk
        for name in names
        if name.lower().endswith(EXTENSIONS) and not name.startswith("._")
    )
    files = [each for each in found if not _is_pipe(each)]
    return sorted((*files, *map(Path, closed)))


def _is_pipe(path: Path) -> bool:
    """Return whether something is there that is no file, such as a pipe, which may never answer."""
    return os.path.exists(path) and not os.path.isfile(path)  # noqa: PTH110, PTH113 - may not raise


def _report(path: Path, container: Container, findings: list[Finding]) -> Report:
    if not container.tracks:
        return Report(path=path, findings=tuple(findings))
    first = container.tracks[0]
    return Report(
        path=path,
        findings=tuple(findings),
        codec="aac" if first.codec == "mp4a" else first.codec,
        sample_rate=first.sample_rate,
        duration_s=container.duration_s,
    )
