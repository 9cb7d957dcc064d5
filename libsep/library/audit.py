"""Whether library, ledger and output folder agree: nothing lost, nothing twice, nothing half."""

import dataclasses
import functools
import itertools
import os
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from libsep.config import ScanConfig
from libsep.dj.m3u_lists import is_own_list
from libsep.errors import ConfigError, LedgerError, TagError, reason_of
from libsep.ledger import FOLDER, Ledger, ledger_of, run_in_work
from libsep.library.names import why_not_any
from libsep.library.naming import OUTSIDE
from libsep.library.omissions import Omission, Omissions
from libsep.library.on_disk import Disk, spelled
from libsep.library.reasons import Reason
from libsep.library.scan import scan
from libsep.library.survey import ListFiles
from libsep.machine import n_cores
from libsep.media.atomic import is_temporary
from libsep.media.stems import EXTENSIONS
from libsep.media.tags import read_fingerprint
from libsep.media.verify import verify_stems
from libsep.track import FoundFile, Outcome, path_to_text, text_to_path

Severity = Literal["error", "remark"]

IDENTITY = ("source", "audio_sha256", "tags_sha256", "model_sha256", "config_sha256")
"""What a row and the fingerprint in its stem file must say alike."""

MAX_DURATION_ERROR_S = 1 / 44100
"""By how much the length of a stem file may differ from what was measured while it was made."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not agree: an ``error``, or a ``remark`` that needs no action."""

    severity: Severity
    path: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What was compared, and what does not agree.

    ``n_done`` and ``n_failed`` count the tracks of the library by their last rows; ``n_verified``
    are the stem files that were decoded and hold. ``n_unlisted`` further tracks are on no list, and
    were never to be converted. ``left_out`` is what of the library is no track.
    """

    n_tracks: int
    n_done: int
    n_failed: int
    n_verified: int
    findings: tuple[Finding, ...]
    n_unlisted: int = 0
    left_out: tuple[Omission, ...] = ()

    @property
    def is_clean(self) -> bool:
        """Whether there is no error."""
        return not any(finding.severity == "error" for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """Return the audit as plain values."""
        left_out = [omission.as_json() for omission in self.left_out]
        return dataclasses.asdict(self) | {"is_clean": self.is_clean, "left_out": left_out}


def audit(
    library: Path,
    stems: Path,
    config: ScanConfig,
    *,
    ffmpeg: Path,
    is_quick: bool = False,
    listed: ListFiles | None = None,
    with_library: bool = False,
) -> Audit:
    """Compare a library, its ledger and its stem files; nothing is changed.

    Every track has a last row, every row that is no failure a stem file that is what it says.

    Parameters
    ----------
    library, stems, ffmpeg
        As for a run.
    config
        Which files are tracks.
    is_quick
        Whether stem files are only held against size and fingerprint, not decoded.
    listed
        Lists the tracks that were to be converted, if these are not all of ``library``.
    with_library
        Whether all of ``library`` was to be converted beside them.

    Raises
    ------
    ConfigError
        ``library`` is no folder, or ``stems`` has no ledger.
    LedgerError
        A run is in work.
    """
    library, stems = spelled(library), spelled(stems)
    latest, findings = _read(_ledger_at_rest(stems))
    left_out = Omissions()
    tracks = _tracks(library, stems, config, left_out)
    named = () if listed is None else listed(config, latest, lambda _: None, left_out)
    wanted = tracks.keys() if listed is None or with_library else latest.keys()
    tracks, n_unlisted, problems = _expected(tracks, wanted, named)
    findings += [*problems, *_check_tracks(tracks, latest), *_check_outputs(latest)]
    check = functools.partial(_check_stem_file, stems=stems, ffmpeg=ffmpeg, is_quick=is_quick)
    made = [row for row in latest.values() if row.status != "failed"]
    with ThreadPoolExecutor(max_workers=n_cores()) as pool:
        by_file = list(pool.map(check, (row for row in made if _is_wanted(row, tracks, stems))))
    findings += itertools.chain.from_iterable(by_file)
    findings += _check_sources(made, library, stems)
    findings += _check_folder(stems, {row.output for row in latest.values()}, library)
    ends = Counter(latest[source].status == "failed" for source in tracks if source in latest)
    return Audit(
        n_tracks=len(tracks),
        n_done=ends[False],
        n_failed=ends[True],
        n_verified=0 if is_quick else by_file.count([]),
        findings=tuple(findings),
        n_unlisted=n_unlisted,
        left_out=left_out.all(),
    )


def _ledger_at_rest(stems: Path) -> Ledger:
    ledger = ledger_of(stems)
    if run := run_in_work(ledger.folder):
        raise LedgerError(f"{stems}: run {run} is in work; audit it when it has ended")
    return ledger


def _read(ledger: Ledger) -> tuple[Mapping[str, Outcome], list[Finding]]:
    """Return the last rows, and what is wrong with the ledger; no rows if it is damaged."""
    try:
        return ledger.latest(), list(_check_history(ledger.history()))
    except LedgerError as exc:
        message = f"{exc} (libsep run --rebuild-ledger mends it)"
        return {}, [Finding("error", FOLDER, message)]


def _tracks(
    library: Path, stems: Path, config: ScanConfig, left_out: Omissions
) -> dict[str, FoundFile]:
    found = scan(
        library,
        stems,
        extensions=config.extensions,
        exclude=config.exclude,
        follow_symlinks=config.follow_symlinks,
        on_left_out=left_out,
    )
    return {path_to_text(track.source_name): track for track in found}


def _expected(
    tracks: dict[str, FoundFile], wanted: Container[str], listed: Iterable[FoundFile]
) -> tuple[dict[str, FoundFile], int, list[Finding]]:
    """Return the tracks that are wanted or listed, and how many others there are."""
    findings: list[Finding] = []
    named: dict[str, FoundFile] = {}
    try:
        named = {path_to_text(track.source_name): track for track in listed}
    except ConfigError as exc:
        findings.append(Finding("remark", FOLDER, f"which tracks were listed is not known: {exc}"))
    expected = {source: track for source, track in tracks.items() if source in wanted} | named
    return expected, len(tracks.keys() - expected.keys()), findings


def _check_tracks(
    tracks: Mapping[str, FoundFile], latest: Mapping[str, Outcome]
) -> Iterator[Finding]:
    for source, track in tracks.items():
        row = latest.get(source)
        if row is None:
            yield Finding("error", source, "has no row in the ledger; the next run converts it")
        elif (row.size_bytes, row.mtime_ns) != (track.size_bytes, track.mtime_ns):
            yield Finding("remark", source, "has changed since; the next run looks at it")


def _check_history(history: Any) -> Iterator[Finding]:
    """Check that no two processes wrote at once, and that each track ended once in each run."""
    numbers = Counter(history["sequence"].to_pylist())
    if doubles := sum(count > 1 for count in numbers.values()):
        yield Finding("error", FOLDER, f"{doubles} rows of two runs that wrote at the same time")
    names = ("event", "run", "source")
    listed = list(zip(*(history[name].to_pylist() for name in names), strict=True))
    ends = Counter((run, source) for event, run, source in listed if event == "outcome")
    for (run, source), count in ends.items():
        if count > 1:
            yield Finding("error", source, f"ended {count} times in run {run}")


def _check_outputs(latest: Mapping[str, Outcome]) -> Iterator[Finding]:
    by_output: dict[str, str] = {}
    for row in latest.values():
        if row.status != "failed":
            other = by_output.setdefault(row.output, row.source)
            if other != row.source:
                yield Finding("error", row.output, f"is the stem file of {other} and {row.source}")


def _is_wanted(row: Outcome, tracks: Mapping[str, FoundFile], stems: Path) -> bool:
    """Return whether a stem file has to be there: its track is, or it still lies there itself."""
    return row.source in tracks or (stems / text_to_path(row.output)).exists()


def _check_stem_file(row: Outcome, stems: Path, ffmpeg: Path, *, is_quick: bool) -> list[Finding]:
    """Return what is wrong with the stem file of a row that is no failure."""
    path = stems / text_to_path(row.output)

    def errors(*messages: str) -> list[Finding]:
        return [Finding("error", row.output, message) for message in messages]

    try:
        size_bytes = path.stat().st_size
        made = read_fingerprint(path)
    except (OSError, TagError) as exc:
        return errors(f"its row says {row.status}, but it cannot be read: {reason_of(exc)}")
    if made is None:
        return errors(f"its row says {row.status}, but it has no fingerprint of libsep")
    differing = [name for name in IDENTITY if getattr(made, name) != getattr(row, name)]
    if differing:
        return errors(f"its fingerprint is not that of its row: {', '.join(differing)}")
    if size_bytes != row.output_size_bytes:
        return errors(f"has {size_bytes} bytes, its row says {row.output_size_bytes}")
    if is_quick:
        return []
    report = verify_stems(path, ffmpeg=ffmpeg)
    found = errors(*(f"{broken.rule} {broken.message}" for broken in report.errors))
    # Only a row with levels has measured the length; others repeat what the track's header says.
    is_measured = row.null_db is not None
    if is_measured and abs(report.duration_s - row.duration_s) > MAX_DURATION_ERROR_S:
        found += errors(f"lasts {report.duration_s:.3f} s, its row says {row.duration_s:.3f} s")
    return found


def _check_folder(stems: Path, known: Iterable[str], library: Path) -> Iterator[Finding]:
    """Look for what runs left behind, and for what no row knows."""
    if (stems / FOLDER).is_dir():
        yield from _check_own_folder(stems / FOLDER, stems)
    outputs, unknown = set(known), list[Path]()
    for folder, names, files in os.walk(stems):
        if Path(folder).resolve() == library.resolve():
            names.clear()
            continue
        names[:] = sorted(name for name in names if not _is_of_system(name))
        for name in sorted(files):
            path = Path(folder, name)
            relative = path_to_text(path.relative_to(stems))
            if is_temporary(name):
                yield Finding("error", relative, "is the temporary file of a run that was killed")
            elif relative in outputs:
                outputs.remove(relative)
            elif not _is_of_system(name) and not is_own_list(path):
                unknown.append(path)
    # What is left has other names on the disk, where it has one file for several spellings.
    disk = Disk()
    there = (stems / text_to_path(output) for output in outputs)
    spellings = {disk.find(str(path)) for path in there if os.path.lexists(path)}
    for path in unknown:
        if path not in spellings:
            yield _unknown(path, path_to_text(path.relative_to(stems)))


def _check_sources(made: Iterable[Outcome], library: Path, stems: Path) -> Iterator[Finding]:
    """Tell of stem files whose tracks are not in the library any more."""
    for row in made:
        if _has_gone(row, library) and (stems / text_to_path(row.output)).exists():
            yield Finding("remark", row.output, f"its track is gone: {row.source}")


def _has_gone(row: Outcome, library: Path) -> bool:
    """Return whether a file that lay in the library does not lie there any more."""
    is_of_library = not row.source.startswith((f"{OUTSIDE}/", f"{OUTSIDE}~"))
    return is_of_library and not os.path.lexists(library / text_to_path(row.source))


def _is_of_system(name: str) -> bool:
    """Return whether a name is one of systems or of libsep, which say nothing of stem files."""
    why = why_not_any(name, ())
    return why is not None and why[0] is Reason.SYSTEM


def _unknown(path: Path, relative: str) -> Finding:
    if path.name.casefold().endswith(EXTENSIONS):
        try:
            made = read_fingerprint(path)
        except TagError:
            made = None
        if made is not None:
            return Finding("error", relative, f"no row knows this stem file (of {made.source})")
    return Finding("remark", relative, "no row knows this file")


def _check_own_folder(own: Path, stems: Path) -> Iterator[Finding]:
    """Look for half written files of the ledger and of the lock, and for runs that were killed."""
    halves = [*own.glob(".*.partial"), *own.glob("*/.*.partial"), *own.glob("lock.*")]
    for path in sorted(halves):
        relative = path_to_text(path.relative_to(stems))
        yield Finding("error", relative, "is the temporary file of a run that was killed")
    for path in sorted(own.glob("journal/[!.]*.jsonl")):
        yield Finding("remark", FOLDER, f"run {path.stem} was killed; the next run goes on")
