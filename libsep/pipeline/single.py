"""One file, in this process: what ``libsep convert`` and other programs call."""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from libsep.config import Config
from libsep.errors import TagError, TrackError
from libsep.library.rebuild import outcome_of
from libsep.library.survey import track_of_file
from libsep.media.tags import read_fingerprint
from libsep.pipeline.cutoffs import config_sha256, drum_models_of, restoration_model_of
from libsep.pipeline.process import is_fault_of_the_file, process
from libsep.pipeline.routing import Assigner
from libsep.pipeline.settings import Settings
from libsep.separation.registry import Model
from libsep.separation.stream import SegmentSeparator
from libsep.track import Assignment, Outcome, Track, path_to_text


class Converter:
    """Converts one file after the other, each with the model of its genre.

    A model stays loaded until a file needs another one. On a CPU one core separates while another
    encodes, which costs about twice as much.

    Parameters
    ----------
    config
        Routing, model, device, codec and so on.

    Raises
    ------
    ModelError, ConfigError
        The routing is wrong, or a model that it names does not exist.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._assigner = Assigner(config)
        self._restoration_model = restoration_model_of(config)
        self._drum_models = drum_models_of(config)

    def describe(self) -> str:
        """Return the model that is loaded, device and precision in one line; empty before that."""
        return self._networks.describe() if "_networks" in vars(self) else ""

    def convert(self, file: Path, output: Path | None = None) -> Outcome:
        """Convert one file; see `libsep.pipeline.process`.

        Parameters
        ----------
        file
            The recording.
        output
            Its stem file, or the folder for it; by default it lies beside ``file``.

        Raises
        ------
        ProbeError
            There is no such file, or it is a stem file already.
        ConfigError
            ``output`` is neither a folder nor named like a stem file, or the device is not there.
        ModelError
            A model cannot be loaded.
        """
        track, output_root = track_of_file(file, output)
        assignment = (
            self._assigner.assign(track, None)
            or self._as_heard(track, output_root / track.output)
            or self._listen(track)
        )
        models = self._assigner.models_of([assignment])
        settings = Settings(
            config=self._config,
            models=models,
            output_root=output_root,
            run="single",
            restoration_model=self._restoration_model,
            drum_models=self._drum_models,
        )
        separator = _LoadedLater(self, models[assignment.model])
        return process(track, None, separator, settings, assignment)

    def maker_of(self, model: Model) -> Any:
        """Return what makes the stems of a model; one that was loaded before is let go."""
        return self._networks.maker_of(model)

    def _as_heard(self, track: Track, goal: Path) -> Assignment | None:
        """Return the model by what was heard of this very file when its stem file was made.

        Where the stem file does not tell what was heard, it is the model that made it if no other
        one may do now.
        """
        try:
            made = read_fingerprint(goal)
            status = goal.stat()
        except (TagError, OSError):
            return None
        now = path_to_text(track.source), track.size_bytes, track.mtime_ns
        if made is None or (made.source, made.size_bytes, made.mtime_ns) != now:
            return None
        previous = outcome_of(
            made, track.output, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns
        )
        if (assignment := self._assigner.assign(track, previous)) is not None:
            return assignment
        wanted = config_sha256(self._config, self._restoration_model, None, drums=self._drum_models)
        return self._assigner.as_made(made) if made.config_sha256 == wanted else None

    def _listen(self, track: Track) -> Assignment:
        try:
            return self._assigner.by_sound(track, self._networks.hear(track))
        except TrackError as exc:
            is_settled = is_fault_of_the_file(exc, track)
            return self._assigner.unheard(str(exc), is_settled=is_settled)

    @functools.cached_property
    def _networks(self) -> Any:
        # PyTorch takes seconds to import, and a track that is up to date needs none of it.
        from libsep.pipeline.networks import Networks

        return Networks(self._config, self._restoration_model)


@dataclasses.dataclass(frozen=True)
class _LoadedLater:
    """A separator whose network is loaded for the first segment."""

    converter: Converter
    model: Model
    cutoff_hz: float | None = None

    def restoring(self, cutoff_hz: float) -> SegmentSeparator:
        return dataclasses.replace(self, cutoff_hz=cutoff_hz)

    def map(
        self, segments: Iterator[Float32[np.ndarray, "C T"]]
    ) -> Iterator[Float32[np.ndarray, "S C T"]]:
        maker = self.converter.maker_of(self.model)
        yield from dataclasses.replace(maker, cutoff_hz=self.cutoff_hz).map(segments)
