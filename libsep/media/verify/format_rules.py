"""Rules A1 to A20: the file is an MP4 with the manifest and the five streams of a stem file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from libsep.media.stems import ENABLED, EXTENSION, MANIFEST, STREAM_NAMES
from libsep.media.verify.container import Container
from libsep.media.verify.report import Finding

CODECS = ("mp4a", "alac")
SAMPLE_RATES = (44100, 48000)


def check_format(name: Path, container: Container) -> Iterator[Finding]:
    """Yield the broken rules of part A; A2 is broken where no `Container` could be read.

    Parameters
    ----------
    name
        Path under which players will see the file.
    container
        Its facts.
    """
    rules = (
        *_atom_rules(name, container),
        *_manifest_rules(container.manifests),
        *_track_rules(container),
    )
    for rule, is_kept, message in rules:
        if not is_kept:
            yield Finding(rule, "error", message)


def _atom_rules(name: Path, container: Container) -> Iterator[tuple[str, bool, str]]:
    kinds = [span.kind for span in container.top]
    found = b" ".join(kinds).decode("latin-1")
    inside = [child.kind for child in container.moov.children]
    yield "A1", name.name.endswith(EXTENSION), f"name does not end in {EXTENSION}"
    is_ordered = kinds[0] == b"ftyp" and kinds.count(b"moov") == kinds.count(b"mdat") == 1
    yield "A3", is_ordered, f"expected ftyp first, one moov and one mdat, found {found}"
    yield "A4", b"moof" not in kinds, "is fragmented (moof)"
    yield "A5", inside[:1] == [b"mvhd"], "mvhd is not the first atom of moov"
    is_after = b"udta" in inside and b"trak" not in inside[inside.index(b"udta") :]
    n_udta = inside.count(b"udta")
    yield "A6", n_udta == 1 and is_after, f"expected one udta after the tracks, found {n_udta}"
    n_tracks = len(container.tracks)
    yield "A7", n_tracks == len(STREAM_NAMES), f"{n_tracks} tracks, expected {len(STREAM_NAMES)}"
    n_manifests = len(container.manifests)
    yield "A8", n_manifests == 1, f"{n_manifests} atoms moov/udta/stem, expected one"


def _manifest_rules(manifests: list[bytes]) -> Iterator[tuple[str, bool, str]]:
    """Check the first manifest; where there is none, A8 has said so."""
    if not manifests:
        return
    payload = manifests[0]
    is_bare = payload.startswith(b"{") and b"\0" not in payload
    yield "A9", is_bare, "stem atom does not begin with '{', or holds a NUL"
    manifest = parse_manifest(payload)
    yield "A10", manifest is not None, "stem atom is no JSON object in UTF-8"
    if manifest is None:
        return
    version = manifest.get("version")
    yield "A11", version == 1 and version is not True, f"version is {version!r}, expected 1"
    stems = manifest.get("stems")
    is_whole = isinstance(stems, list) and len(stems) == 4 and all(map(_is_stem, stems))
    yield "A12", is_whole, "expected four stems, each with a name and a colour #RRGGBB"
    is_like = _is_like(manifest.get("mastering_dsp"), MANIFEST["mastering_dsp"])
    yield "A13", is_like, "mastering_dsp is not complete, or a value has the wrong type"


def parse_manifest(payload: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a stem atom holds; None if it holds something else."""
    try:
        manifest = json.loads(payload.decode())
    except (ValueError, RecursionError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _is_stem(stem: object) -> bool:
    if not isinstance(stem, dict):
        return False
    name, color = stem.get("name"), stem.get("color")
    is_color = isinstance(color, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", color) is not None
    return isinstance(name, str) and bool(name) and is_color


def _is_like(found: object, model: object) -> bool:
    """Return whether ``found`` has the fields of ``model``, with values of the same kind."""
    if isinstance(model, dict):
        return isinstance(found, dict) and all(
            _is_like(found.get(key), value) for key, value in model.items()
        )
    if isinstance(model, bool):
        return isinstance(found, bool)
    return isinstance(found, int | float) and not isinstance(found, bool)


def _track_rules(container: Container) -> Iterator[tuple[str, bool, str]]:
    tracks = container.tracks
    handlers = {track.handler for track in tracks}
    yield "A14", handlers == {"soun"}, f"tracks are {sorted(handlers)}, expected only sound"
    enabled = [track.flags & ENABLED for track in tracks]
    is_first = enabled == [1] + [0] * (len(tracks) - 1)
    yield "A15", is_first, f"enabled tracks are {enabled}, expected only the first"
    codecs = {track.codec for track in tracks}
    is_one = len(codecs) == 1 and codecs < {*CODECS, ""}
    yield "A16", is_one, f"codecs are {sorted(codecs)}, expected one of mp4a and alac"
    rates = {rate for track in tracks for rate in (track.sample_rate, track.timescale)}
    is_one = len(rates) == 1 and rates < {*SAMPLE_RATES, 0}
    yield "A17", is_one, f"rates and timescales are {sorted(rates)}, expected one of 44100, 48000"
    channels = {track.n_channels for track in tracks}
    yield "A18", channels == {2}, f"numbers of channels are {sorted(channels)}, expected 2"
    lengths = {(track.n_packets, track.duration) for track in tracks}
    yield "A19", len(lengths) == 1, f"packets and durations differ: {sorted(lengths)}"
    mdats = container.spans(b"mdat")
    is_inside = all(
        ((mdat.body <= track.chunks[:, 0]) & (track.chunks[:, 1] <= mdat.end)).all()
        for track in tracks
        for mdat in mdats[:1]
    )
    yield "A20", bool(mdats) and is_inside, "a chunk of samples lies outside mdat"
