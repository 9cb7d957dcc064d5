"""A track between the stores and the scratch: fetched, converted beside, delivered."""

import contextlib
import dataclasses
import functools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

from libsep.config import EncodeConfig, StorageConfig
from libsep.errors import SourceChangedError, TagError, TransferError
from libsep.media.file_names import MAX_NAME_BYTES, portable
from libsep.media.tags import read_fingerprint
from libsep.storage.partial import copy_header
from libsep.storage.places import RemoteFolder
from libsep.storage.scratch import Scratch
from libsep.storage.store import Store, StoredObject
from libsep.track import TARGETS, Track

logger = logging.getLogger(__name__)

LOSSLESS_BYTES_PER_S = 44_100 * 2 * 3
"""Largest rate of one ALAC stream, in bytes per second."""

N_COPIES = 2
"""Whole stem files that a conversion writes: the encoded one, and the one that is assembled."""

SLACK_BYTES = 64 << 20
"""Room for covers, tags and headers beside the audio."""

MARGIN_S = 60.0
"""Seconds for which there is room beyond what the header says, and a tenth of that."""

UNKNOWN_TIMES = 3.0
"""How often the length that is guessed there is room for: what is too short is converted twice."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """Which ends of a run are in a store, and how that is reached; goes to every track task."""

    library: RemoteFolder | None
    output: RemoteFolder | None
    config: StorageConfig


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A track as it lies on the local disk: ``track`` has a local path and, maybe, output name.

    ``output_root`` is where its stem file goes, ``existing`` the one that the store had before.
    """

    track: Track
    output_root: Path
    existing: StoredObject | None = None


class Stage:
    """Carries tracks between the stores of a run and the scratch of this machine.

    Parameters
    ----------
    staging
        The stores.
    encode
        What stem files will look like, for the room that they need.
    """

    def __init__(self, staging: Staging, encode: EncodeConfig) -> None:
        config = staging.config
        self._sources = None if staging.library is None else Store(staging.library, config)
        self._outputs = None if staging.output is None else Store(staging.output, config)
        self._scratch = Scratch(config)
        self._bytes_per_s = N_COPIES * _bytes_per_s(encode)

    def expected_s(self, track: Track, longest_s: float) -> float:
        """Return the seconds of stem file for which a track gets room at first.

        That is what its header says and some more, or several times what is guessed if it says
        nothing; at most ``longest_s``.
        """
        if self._outputs is None:
            return longest_s
        expected_s = track.duration_s or UNKNOWN_TIMES * track.expected_s
        return min(1.1 * expected_s + MARGIN_S, longest_s)

    def most_s(self, track: Track) -> float:
        """Return the longest stem file, in seconds, for which scratch and disk ever have room."""
        room_bytes = self._scratch.most_bytes() - SLACK_BYTES - track.size_bytes
        return max(room_bytes / self._bytes_per_s, 0.0)

    @contextlib.contextmanager
    def staged(
        self, track: Track, output_root: Path, model_sha256: str, longest_s: float
    ) -> Iterator[Staged]:
        """Yield the track on the local disk; what is in the scratch is gone afterwards.

        Parameters
        ----------
        track
            As the scan saw it.
        output_root
            Where its stem file goes if the output is a local folder.
        model_sha256
            The model. A stem file of the store that was made with it is fetched, because new tags
            may be all that it needs; of others the header says enough.
        longest_s
            Seconds of stem file that there is to be room for.

        Raises
        ------
        TransferError
            The object changed since the scan, a store does not answer, or there is no room.
        """
        self._check_source(track)
        existing = None
        n_bytes = track.size_bytes if self._sources is not None else 0
        if self._outputs is not None:
            existing = self._outputs.find(track.output.as_posix())
            old_bytes = existing.size_bytes if existing is not None else 0
            new_bytes = int(longest_s * self._bytes_per_s)
            n_bytes += SLACK_BYTES + old_bytes + max(old_bytes, new_bytes)
        with self._scratch.room(n_bytes, track.source) as folder:
            yield Staged(
                track=self._fetched(track, folder),
                output_root=output_root if self._outputs is None else folder / "stems",
                existing=self._fetch_existing(existing, folder / "stems", model_sha256),
            )

    @contextlib.contextmanager
    def staged_source(self, track: Track) -> Iterator[Track]:
        """Yield the track with a path at which it can be read, for as long as the block lasts.

        Raises
        ------
        TransferError
            The object changed since the scan, the store does not answer, or there is no room.
        """
        if self._sources is None:
            yield track
            return
        self._check_source(track)
        with self._scratch.room(track.size_bytes, track.source) as folder:
            path = self._fetched(track, folder).path
            yield dataclasses.replace(track, path_name=str(path))

    def deliver(self, track: Track, staged: Staged) -> StoredObject | None:
        """Upload the stem file of a track, if its output is in a store.

        Raises
        ------
        TransferError
            The track changed since the scan, or the store does not take the file.
        """
        self._check_source(track)
        if self._outputs is None:
            return None
        path = staged.output_root / staged.track.output
        return self._outputs.upload(path, track.output.as_posix())

    def _check_source(self, track: Track) -> None:
        if self._sources is None:
            return
        found = self._sources.find(track.source.as_posix())
        if found is None:
            raise SourceChangedError(track.source, "vanished since the scan")
        if (found.size_bytes, found.mtime_ns) != (track.size_bytes, track.mtime_ns):
            message = "changed since the scan; the next run converts it"
            raise SourceChangedError(track.source, message)

    def _fetched(self, track: Track, folder: Path) -> Track:
        """Return the track with local paths, after fetching it; size and time are the object's."""
        local = track
        if self._outputs is not None:
            local = dataclasses.replace(local, output_name=portable(track.output.name))
        if self._sources is None:
            return local
        path = folder / "source" / fitting_name(track.source)
        try:
            path.parent.mkdir()
            self._sources.download(track.source.as_posix(), path)
            os.utime(path, ns=(track.mtime_ns, track.mtime_ns))
        except OSError as exc:
            message = f"scratch cannot be written: {exc.strerror}"
            raise TransferError(track.source, message) from exc
        return dataclasses.replace(local, path_name=str(path))

    def _fetch_existing(
        self, existing: StoredObject | None, folder: Path, model_sha256: str
    ) -> StoredObject | None:
        """Put the stem file that the store has where the new one goes, whole if it may stay."""
        if self._outputs is None or existing is None:
            return None
        try:
            folder.mkdir()
        except OSError as exc:
            message = f"scratch cannot be written: {exc.strerror}"
            raise TransferError(Path(existing.name), message) from exc
        path = folder / portable(Path(existing.name).name)
        copy_header(self._outputs, existing, path)
        with contextlib.suppress(TagError):  # damaged: the header is enough to be told so
            made = read_fingerprint(path)
            if made is not None and made.model_sha256 == model_sha256:
                self._outputs.download(existing.name, path)
        return existing


@functools.cache
def stage_of(staging: Staging, encode: EncodeConfig) -> Stage:
    """Return the stage of a run in this process; its connections are kept from track to track."""
    return Stage(staging, encode)


def fitting_name(source: Path) -> str:
    """Return the name of a track as all local disks take it, cut where it is too long for them."""
    source = Path(portable(source.name))
    name, suffix = os.fsencode(source.name), os.fsencode(source.suffix)[-32:]
    if len(name) <= MAX_NAME_BYTES:
        return source.name
    return name[: MAX_NAME_BYTES - len(suffix)].decode(errors="ignore") + os.fsdecode(suffix)


def _bytes_per_s(encode: EncodeConfig) -> float:
    """Return the rate of a stem file, in bytes per second; of ALAC the largest that may be."""
    aac = encode.bitrate_kbps * 1000 / 8 * 1.02
    return (1 + len(TARGETS)) * (aac if encode.codec == "aac" else LOSSLESS_BYTES_PER_S)
