"""One file, in this process: what ``libsep convert`` and other programs call."""

from pathlib import Path

from libsep.config import Config
from libsep.errors import TrackError
from libsep.library.survey import track_of_file
from libsep.pipeline.cutoffs import restoration_model_of
from libsep.pipeline.listen import Ear
from libsep.pipeline.process import process
from libsep.pipeline.restoring import StemMaker
from libsep.pipeline.routing import Assigner
from libsep.pipeline.settings import Settings
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Assignment, Outcome, Track


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
        tune_allocator()
        use_one_thread()
        self._config = config
        self._assigner = Assigner(config)
        self._ear: Ear | None = None
        self._restoration_model = restoration_model_of(config)
        self._maker: StemMaker | None = None

    def describe(self) -> str:
        """Return the model that is loaded, device and precision in one line; empty before that."""
        return self._maker.separator.describe() if self._maker is not None else ""

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
        assignment = self._assigner.assign(track, None) or self._listen(track)
        models = self._assigner.models_of([assignment])
        settings = Settings(
            config=self._config,
            models=models,
            output_root=output_root,
            run="single",
            restoration_model=self._restoration_model,
        )
        maker = self._load(models[assignment.model])
        return process(track, None, maker, settings, assignment)

    def _listen(self, track: Track) -> Assignment:
        if self._ear is None:
            self._ear = Ear(self._config)
        try:
            return self._assigner.by_sound(track, self._ear.hear(track))
        except TrackError as exc:
            return self._assigner.unheard(str(exc), is_settled=True)

    def _load(self, model: Model) -> StemMaker:
        """Return what makes the stems of a model; the one before is let go first."""
        if self._maker is None or self._maker.separator.model != model:
            self._maker = None
            config = self._config.separation
            separator = Separator(model, device=config.device, precision=config.precision)
            self._maker = StemMaker.loaded(separator, self._restoration_model)
        return self._maker
