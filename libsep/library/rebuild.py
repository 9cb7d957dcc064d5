"""Outcomes read back from stem files, for a ledger that is lost or damaged."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from libsep.errors import TagError
from libsep.library.names import why_not_any
from libsep.media.stems import EXTENSIONS
from libsep.media.tags import Fingerprint, read_fingerprint
from libsep.track import Outcome, path_to_text

logger = logging.getLogger(__name__)


def outcomes_from_files(output_root: Path) -> Iterator[Outcome]:
    """Yield an outcome for each stem file that libsep made, for `libsep.ledger.Ledger.rebuild`.

    Levels, timings, warnings and why a track has its genre are lost; all that decides whether it is
    up to date is not.
    Files without a fingerprint are left out: others made them.

    Parameters
    ----------
    output_root
        Folder of the stem files; folders of systems and of libsep itself are not walked.
    """
    for folder, names, files in os.walk(output_root):
        names[:] = sorted(name for name in names if not why_not_any(name, ()))
        for name in sorted(files):
            if why_not_any(name, ()) or not name.casefold().endswith(EXTENSIONS):
                continue
            path = Path(folder, name)
            try:
                fingerprint = read_fingerprint(path)
            except TagError as exc:
                logger.warning("%s: left out: %s", path, exc)
                continue
            if fingerprint is None:
                logger.info("%s: left out, no fingerprint of libsep", path)
                continue
            status = path.stat()
            yield outcome_of(
                fingerprint,
                path.relative_to(output_root),
                size_bytes=status.st_size,
                mtime_ns=status.st_mtime_ns,
            )


def outcome_of(
    fingerprint: Fingerprint, output: Path, *, size_bytes: int, mtime_ns: int
) -> Outcome:
    """Return what a stem file tells of the track it was made from.

    Parameters
    ----------
    fingerprint
        The stem file's.
    output
        Its path, relative to the output folder.
    size_bytes, mtime_ns
        Its size and time.
    """
    return Outcome(
        source=fingerprint.source,
        output=path_to_text(output),
        status="done",
        message="rebuilt from the fingerprint in the stem file",
        genre=fingerprint.genre,
        model=fingerprint.model,
        model_sha256=fingerprint.model_sha256,
        config_sha256=fingerprint.config_sha256,
        audio_sha256=fingerprint.audio_sha256,
        tags_sha256=fingerprint.tags_sha256,
        size_bytes=fingerprint.size_bytes,
        mtime_ns=fingerprint.mtime_ns,
        output_size_bytes=size_bytes,
        output_mtime_ns=mtime_ns,
        duration_s=fingerprint.duration_s,
        run=fingerprint.run,
        ended_at=mtime_ns / 1e9,
        version=fingerprint.version,
        classifier_sha256=fingerprint.classifier_sha256,
        genre_probabilities=dict(fingerprint.genre_probabilities),
        heard_tags=fingerprint.heard_tags,
    )
