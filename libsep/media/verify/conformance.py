"""Check a stem file against the whole list."""

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
    """Yield the given files, and the stem files in the given folders, in the order of names."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                found
                for found in path.rglob("*")
                if found.name.lower().endswith(EXTENSIONS)
                and not found.name.startswith("._")
                and found.is_file()
            )
        else:
            yield path


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
