"""What a stem file says about itself, and whether it holds."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from libsep.errors import ProbeError, StemsError, TagError, reason_of
from libsep.media.atoms import MalformedAtomError
from libsep.media.decode import hash_audio
from libsep.media.sheet import Sheet, read_sheet
from libsep.media.stems import read_manifest
from libsep.media.tags import Fingerprint, read_fingerprint, tags_digest
from libsep.media.verify import Report, verify_stems
from libsep.media.verify.container import TrackFacts, read_container
from libsep.units import samples_to_seconds


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One audio stream: bit rate in kbit/s, length in samples of ``sample_rate`` (Hz)."""

    name: str
    color: str
    codec: str
    sample_rate: int
    n_channels: int
    n_samples: int
    bitrate_kbps: float
    is_enabled: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """A stem file: what its streams, its stem atom and its tags say, and what the checks found.

    ``manifest`` is the stem atom, None if there is none; ``fingerprint`` that of libsep, None in
    files of other programs. ``mixture_sha256`` is that of the packets of the first stream.
    """

    path: Path
    size_bytes: int
    duration_s: float
    sheet: Sheet
    streams: tuple[Stream, ...]
    manifest: dict[str, Any] | None
    fingerprint: Fingerprint | None
    mixture_sha256: str
    report: Report

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values; pictures as their kinds, sizes and hashes."""
        tags = self.sheet.tags
        return {
            "path": str(self.path).encode(errors="backslashreplace").decode(),
            "size_bytes": self.size_bytes,
            "duration_s": self.duration_s,
            "streams": [dataclasses.asdict(stream) for stream in self.streams],
            "manifest": self.manifest,
            "fingerprint": self.fingerprint and dataclasses.asdict(self.fingerprint),
            "mixture_sha256": self.mixture_sha256,
            "tags": {name: list(values) for name, values in tags.fields.items()},
            "extras": {name: list(values) for name, values in tags.extras.items()},
            "rating": tags.rating,
            "pictures": [
                {
                    "kind": picture.kind,
                    "size_bytes": len(picture.data),
                    "sha256": hashlib.sha256(picture.data).hexdigest(),
                }
                for picture in tags.pictures
            ],
            "serato": sorted(tags.serato),
            "tags_sha256": tags_digest(tags),
            "verification": self.report.as_json(),
        }


def inspect(path: Path, *, ffmpeg: Path) -> Findings:
    """Look at all of a stem file; its streams are decoded once, to verify them.

    Raises
    ------
    ProbeError
        It is no stem file that can be read.
    """
    sheet = read_sheet(path)
    try:
        container = read_container(path)
        manifest = read_manifest(path)
        fingerprint = read_fingerprint(path)
        size_bytes = path.stat().st_size
    except (MalformedAtomError, StemsError, TagError, OSError) as exc:
        raise ProbeError(path, f"cannot be read: {reason_of(exc)}") from exc
    tracks = [track for track in container.tracks if track.handler == "soun"]
    labels = [("Mixture", ""), *zip(sheet.names, sheet.colors, strict=True)]
    return Findings(
        path=path,
        size_bytes=size_bytes,
        duration_s=container.duration_s,
        sheet=sheet,
        streams=tuple(
            _stream(track, *label, container.duration_s)
            for track, label in zip(tracks, labels, strict=True)
        ),
        manifest=manifest,
        fingerprint=fingerprint,
        mixture_sha256=hash_audio(path, ffmpeg=ffmpeg),
        report=verify_stems(path, ffmpeg=ffmpeg),
    )


def _stream(track: TrackFacts, name: str, color: str, duration_s: float) -> Stream:
    n_bytes = int((track.chunks[:, 1] - track.chunks[:, 0]).sum())
    length_s = samples_to_seconds(track.duration, track.timescale) if track.timescale else 0.0
    return Stream(
        name=name,
        color=color,
        codec="aac" if track.codec == "mp4a" else track.codec,
        sample_rate=track.sample_rate,
        n_channels=track.n_channels,
        n_samples=round(min(length_s, duration_s or length_s) * track.sample_rate),
        bitrate_kbps=n_bytes * 8 / 1000 / length_s if length_s else 0.0,
        is_enabled=bool(track.flags & 1),
    )
