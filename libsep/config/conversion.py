"""The knobs of ``libsep run`` and ``libsep convert``."""

import functools
import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import yaml
from pydantic import Field

from libsep.config.library import LibraryConfig
from libsep.config.night import NightConfig
from libsep.config.restoration import RestorationConfig
from libsep.config.routing import RoutingConfig
from libsep.config.section import Place, Section, UserPath, parse
from libsep.config.storage import StorageConfig
from libsep.config.transients import TransientsConfig

STEM_FORMAT = 1
"""Number of the way in which stem files are made; another one converts the library again."""


class ScanConfig(Section):
    """Which files of the library are tracks."""

    extensions: tuple[str, ...] = (
        "3ga", "3gp", "3gpp", "3g2", "aac", "ac3", "adts", "aif", "aifc", "aiff", "alac", "amr",
        "ape", "asf", "au", "avi", "awb", "bw64", "bwf", "caf", "dff", "divx", "dsf", "dts",
        "dtshd", "eac3", "ec3", "f4a", "f4v", "flac", "flv", "m2a", "m2ts", "m4a", "m4b", "m4p",
        "m4r", "m4v", "mka", "mkv", "mlp", "mov", "mp+", "mp1", "mp2", "mp3", "mp4", "mpa", "mpc",
        "mpeg", "mpg", "mts", "oga", "ogg", "ogm", "ogv", "ogx", "oma", "opus", "qt", "ra",
        "rf64", "rm", "rmvb", "shn", "snd", "spx", "tak", "thd", "tta", "vob", "voc", "w64", "wav",
        "wave", "weba", "webm", "wma", "wmv", "wv",
    )  # fmt: skip
    """Extensions of tracks, lower case, without the dot; compared without case."""

    exclude: tuple[str, ...] = ()
    """Glob patterns, relative to the library, of files and folders that are left out."""

    follow_symlinks: bool = True
    """Whether linked folders and files are walked; a loop of links is visited once."""


class DecodeConfig(Section):
    """How a track becomes samples."""

    ffmpeg: UserPath | None = None
    """The ffmpeg program; without it LIBSEP_FFMPEG, else the one of imageio-ffmpeg."""

    stall_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds without a byte from ffmpeg after which the track is given up."""

    max_duration_h: Annotated[float, Field(gt=0)] = 24.0
    """Longest track that is converted, in hours of audio."""


class SeparationConfig(Section):
    """Which model separates, and where."""

    model: Place = "generic"
    """Name of a model in models/, or the path of a model folder."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs; ``auto`` takes CUDA if there is any. ``cuda`` without a GPU fails."""

    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Arithmetic of the network; ``auto`` is bfloat16 where the hardware has it, else float32."""

    reconstruct: Literal["mixture-phase", "griffin-lim"] | None = None
    """Where the phase of estimates comes from, for models that estimate magnitudes; by default as
    the model says. Other models refuse it."""

    segment_s: Annotated[float, Field(ge=2, le=60)] = 12.0
    """Length of the network's window, in seconds."""

    overlap_s: Annotated[float, Field(ge=0.1, le=10)] | None = None
    """Length over which neighbouring windows are cross-faded, in seconds; at most half of
    ``segment_s``. By default as the model says, else one second."""

    @pydantic.model_validator(mode="after")
    def _overlap_two_segments(self) -> "SeparationConfig":
        if 2 * (self.overlap_s or 0) > self.segment_s:
            raise ValueError(f"overlap_s must be at most {self.segment_s / 2:g}, half of segment_s")
        return self


class EncodeConfig(Section):
    """What the stem file looks like."""

    codec: Literal["aac", "alac"] = "aac"
    """``aac`` plays everywhere; ``alac`` is lossless, and does not load in Traktor on Windows."""

    bitrate_kbps: Annotated[int, Field(ge=64, le=512)] = 256
    """Constant bit rate of each of the five AAC streams, in kbit/s."""

    aac_coder: Literal["twoloop", "fast"] = "fast"
    """How ffmpeg's AAC encoder searches; ``twoloop`` takes longer and is seldom better."""

    gain_db: Annotated[float, Field(ge=-24, le=0)] = 0.0
    """One gain for the mixture and all stems, in dB."""


class RunConfig(Section):
    """How a run uses the machine."""

    tracks_in_flight: Annotated[int, Field(ge=0)] = 0
    """Tracks that are converted at once; 0 means one per CPU core and one more."""

    separators: Annotated[int, Field(ge=0)] = 0
    """Separator actors; 0 means one per GPU, or one per CPU core where there is no GPU."""

    max_wait_s: Annotated[float, Field(ge=10)] = 1800.0
    """Seconds that the tracks of a model wait while others have all separators; then they get one,
    as soon as the tracks in flight on it have ended."""

    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """How often a track whose process dies is tried before it is failed."""

    wait_for_nodes_s: Annotated[float, Field(gt=0)] = 300.0
    """Seconds that a run waits for a node that can work, after a cluster has lost all of them."""

    track_timeout_s: Annotated[float, Field(gt=0)] = 6 * 3600.0
    """Seconds after which a track that has not ended is stopped and failed."""

    keep_awake: bool = True
    """Whether the machine is kept from going to sleep meanwhile, where the system can be asked to:
    macOS, and Linux with systemd."""

    report: UserPath | None = None
    """HTML file in which each run that ends in order tells what the output holds."""

    min_free_bytes: Annotated[int, Field(ge=0)] = 2_000_000_000
    """Free space on the disk of the output, or of ``storage.state`` where that is in a store, below
    which no further track is started."""


class Config(Section):
    """Everything that ``libsep run`` and ``libsep convert`` can be told."""

    scan: ScanConfig = ScanConfig()
    library: LibraryConfig = LibraryConfig()
    decode: DecodeConfig = DecodeConfig()
    routing: RoutingConfig = RoutingConfig()
    separation: SeparationConfig = SeparationConfig()
    restoration: RestorationConfig = RestorationConfig()
    transients: TransientsConfig = TransientsConfig()
    encode: EncodeConfig = EncodeConfig()
    run: RunConfig = RunConfig()
    storage: StorageConfig = StorageConfig()
    night: NightConfig = NightConfig()

    def replaced(self, **sections: dict[str, Any]) -> "Config":
        """Return a copy in which the named fields of the named sections have other values.

        Raises
        ------
        ConfigError
            A field does not exist or its value is out of range.
        """
        values = self.model_dump()
        for section, changes in sections.items():
            values[section] |= {key: value for key, value in changes.items() if value is not None}
        return parse(type(self), values, origin="command line")

    def anchored(self) -> "Config":
        """Return a copy that means the same in other working folders: its paths are absolute.

        A model is a path if it has a slash in its name, as everywhere.
        """
        routing = self.routing.model_dump()
        return self.replaced(
            decode={"ffmpeg": _anchored(self.decode.ffmpeg)},
            routing={
                "table": _anchored(self.routing.table),
                "playlists": {_anchored(path): g for path, g in routing["playlists"].items()},
                "classifier": _anchored(self.routing.classifier),
                "models": {genre: _anchored(model) for genre, model in routing["models"].items()},
            },
            separation={"model": _anchored(self.separation.model)},
            restoration={"model": _anchored(self.restoration.model)},
            transients={
                "hits_model": _anchored(self.transients.hits_model),
                "sounds_model": _anchored(self.transients.sounds_model),
            },
            run={"report": _anchored(self.run.report)},
            storage={
                "scratch": _anchored(self.storage.scratch),
                "state": _anchored(self.storage.state),
            },
            night={"order": [_anchored_rule(rule) for rule in self.night.order]},
        )

    def fingerprint(self, restored_by: str = "", drums_by: str = "") -> str:
        """Return the SHA-256 of what changes a stem file: separation and encoding, not speed.

        Only what differs from the defaults counts, so that a new option converts nothing again; a
        release that changes a default, or what it means, raises `STEM_FORMAT`.

        Parameters
        ----------
        restored_by
            SHA-256 of the weights that restore the track; empty if it is not restored. How that is
            decided (`RestorationConfig`) does not count, only what comes of it.
        drums_by
            What replaces attacks of drums, with the SHA-256 of the weights that hear them; empty
            if nothing is replaced.
        """
        return _fingerprint(self.separation, self.encode, restored_by, drums_by)


@functools.lru_cache(maxsize=64)  # asked for each track
def _fingerprint(
    separation: SeparationConfig, encode: EncodeConfig, restored_by: str, drums_by: str
) -> str:
    unused = {"bitrate_kbps", "aac_coder"} if encode.codec == "alac" else set()
    # A second was the default until models said how far segments overlap; settings of older runs
    # name it.
    usual = {"overlap_s"} if separation.overlap_s == 1.0 else set()
    relevant = {
        "format": STEM_FORMAT,
        "separation": separation.model_dump(
            mode="json", exclude={"model", "device"} | usual, exclude_defaults=True
        ),
        "encode": encode.model_dump(mode="json", exclude=unused, exclude_defaults=True),
    }
    if restored_by:
        relevant["restored_by"] = restored_by
    if drums_by:
        relevant["drums_by"] = drums_by
    return hashlib.sha256(yaml.safe_dump(relevant, sort_keys=True).encode()).hexdigest()


def _anchored(place: Path | str | None) -> Path | str | None:
    """Return a path as an absolute one; the name of a model as it is."""
    if place is None:
        return place
    if isinstance(place, Path):
        return place.absolute()
    return str(Path(place).absolute()) if re.search(r"[/\\]", place) else place


def _anchored_rule(rule: str) -> str:
    """Return a rule of the order with an absolute path, if it names a playlist."""
    kind, separator, name = rule.partition(":")
    return f"{kind}:{_anchored(Path(name))}" if separator else rule
