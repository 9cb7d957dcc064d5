"""Rules C1 to C10: every reader starts at the same sample and ends at the same sample."""

from collections.abc import Iterator

from libsep.media.encode import AAC_PRIMING_SAMPLES
from libsep.media.stems import IN_MOVIE
from libsep.media.verify.container import Container
from libsep.media.verify.format_rules import parse_manifest
from libsep.media.verify.report import Finding, Severity

GAPLESS_TAG = b"name\0\0\0\0iTunSMPB"


def check_accuracy(container: Container, n_samples: int | None) -> Iterator[Finding]:
    """Yield the broken rules of part C.

    Parameters
    ----------
    container
        Facts of the file.
    n_samples
        Length of the track that was encoded; None if it is not known.
    """
    rules = (*_order_rules(container), *_edit_rules(container, n_samples))
    for rule, severity, is_kept, message in rules:
        if not is_kept:
            yield Finding(rule, severity, message)


def _order_rules(container: Container) -> Iterator[tuple[str, Severity, bool, str]]:
    kinds = [span.kind for span in container.top]
    moov = kinds.index(b"moov")
    yield "C1", "warning", b"mdat" not in kinds[:moov], "moov comes after mdat: slow to open"
    has_wide = any(span.is_64_bit for span in container.top[: moov + 1])
    yield "C2", "error", not has_wide, "a 64-bit atom before moov: Mixxx finds no stems"
    manifest = parse_manifest(container.manifests[0]) if container.manifests else None
    dsp = (manifest or {}).get("mastering_dsp")
    effects = dsp.values() if isinstance(dsp, dict) else ()
    is_on = any(isinstance(effect, dict) and effect.get("enabled") is True for effect in effects)
    yield "C3", "warning", not is_on, "mastering_dsp is on: the stems sound different in Traktor"
    is_in_movie = all(track.flags & IN_MOVIE for track in container.tracks)
    yield "C4", "warning", is_in_movie, "a track is not part of the movie (flag 2)"
    has_gapless_tag = any(
        GAPLESS_TAG in meta.payload for meta in container.moov.all(b"udta", b"meta")
    )
    yield "C10", "error", not has_gapless_tag, "iTunSMPB moves the last stream only"


def _edit_rules(
    container: Container, n_samples: int | None
) -> Iterator[tuple[str, Severity, bool, str]]:
    tracks = container.tracks
    edits = {track.edits for track in tracks}
    edit_list = next(iter(edits), ())
    is_one = len(edits) == 1 and len(edit_list) == 1
    found = sorted(edits)
    yield "C5", "error", is_one, f"expected the same single edit in all tracks, found {found}"
    rates = {track.sample_rate for track in tracks}
    has_rate = {container.timescale} == rates
    yield "C6", "error", has_rate, f"movie timescale {container.timescale}, expected {rates}"
    if not is_one:
        return
    duration, media_time = edit_list[0]
    is_aac = tracks[0].codec == "mp4a"
    expected = AAC_PRIMING_SAMPLES if is_aac else 0
    severity: Severity = "warning" if is_aac else "error"
    yield "C7", severity, media_time == expected, f"media time {media_time}, expected {expected}"
    if not has_rate:
        return
    total = tracks[0].duration
    is_whole = duration + media_time == total
    yield "C8", "error", is_whole, f"edit of {duration} from {media_time}, but {total} samples"
    if n_samples is not None:
        yield "C9", "error", duration == n_samples, f"{duration} samples, expected {n_samples}"
