"""The networks of one process: what makes the stems, and what hears the genre."""

from libsep.config import Config
from libsep.pipeline.listen import Ear
from libsep.restoration.model import RestorationModel
from libsep.separation.cpu import tune_allocator, use_one_thread
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.stem_maker import StemMaker
from libsep.track import Heard, Track


class Networks:
    """Networks that are loaded when they are needed, one separator at a time.

    Parameters
    ----------
    config
        Device, precision and classifier.
    restoration_model
        What restores tracks that were cut off; None if nothing does.
    """

    def __init__(self, config: Config, restoration_model: RestorationModel | None) -> None:
        tune_allocator()
        use_one_thread()
        self._config = config
        self._restoration_model = restoration_model
        self._ear: Ear | None = None
        self._maker: StemMaker | None = None

    def describe(self) -> str:
        """Return the model that is loaded, device and precision in one line; empty before that."""
        return self._maker.separator.describe() if self._maker is not None else ""

    def hear(self, track: Track) -> Heard:
        """Return what a track tells by its sound; see `Ear.hear`.

        Raises
        ------
        ModelError, ConfigError
            The classifier cannot be loaded.
        TrackError
            The track cannot be decoded.
        """
        if self._ear is None:
            self._ear = Ear(self._config)
        return self._ear.hear(track)

    def maker_of(self, model: Model) -> StemMaker:
        """Return what makes the stems of a model; the one before is let go first.

        Raises
        ------
        ModelError
            The model cannot be loaded.
        ConfigError
            The device is not there.
        """
        if self._maker is None or self._maker.separator.model != model:
            self._maker = None
            config = self._config.separation
            separator = Separator(
                model,
                device=config.device,
                precision=config.precision,
                reconstruct=config.reconstruct,
            )
            self._maker = StemMaker.loaded(separator, self._restoration_model)
        return self._maker
