"""What all tracks of a run share."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from libsep import log
from libsep.config import Config
from libsep.pipeline.cutoffs import config_sha256, is_restored
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model
from libsep.storage.staging import Staging
from libsep.track import Outcome
from libsep.transients.model import DrumModels


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What all tracks of a run share.

    ``models`` are the models that a track may be assigned to, by name; ``restoration_model`` is
    what tracks are restored with that were cut off, None if none is; ``drum_models`` are what
    attacks of drums are replaced with, None if none are. Worker processes write their
    logs into ``log_folder``, if there is one. ``staging`` says how tracks get from and to object
    stores; None where library and output are folders.
    """

    config: Config
    models: Mapping[str, Model]
    output_root: Path
    run: str
    restoration_model: RestorationModel | None = None
    drum_models: DrumModels | None = None
    log_folder: log.Folder | None = None
    staging: Staging | None = None

    def config_sha256(self, known: Outcome | None) -> str:
        """Return the SHA-256 of the settings that a track is converted with.

        It depends on whether the track is restored, and whether attacks of its drums are replaced,
        and so on what is ``known`` of it.
        """
        return config_sha256(self.config, self.restoration_model, known, drums=self.drum_models)

    def restores(self, known: Outcome) -> bool:
        """Return whether a track is restored whose cut-off has been looked for."""
        return is_restored(known, self.config, self.restoration_model)
