"""What a training on kits of drums is told, and what it leaves beside its weights."""

import dataclasses
import fnmatch
from pathlib import Path
from typing import Generic, TypeVar

from libsep.config.section import parse, read_values
from libsep.config.transients_training import DrumTrainingConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.media.decode import SAMPLE_RATE
from libsep.model_folder.description import Description
from libsep.training.records import plot
from libsep.training.records.curve import CURVE, TABLE, read_curve, write_table
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.material import open_collection

ConfigType = TypeVar("ConfigType", bound=DrumTrainingConfig)
InfoType = TypeVar("InfoType", bound=Description)


@dataclasses.dataclass(frozen=True)
class DrumJob(Generic[ConfigType]):
    """What a training on kits of drums is told, and where its files are.

    ``data`` are packs and lists of samples. ``out`` keeps the curve and what was rendered, so that
    a training that was stopped need not render it again; ``cache`` keeps what was decoded.
    """

    config: ConfigType
    data: tuple[Path, ...]
    out: Path
    cache: Path
    model: Path
    about: Path | None = None

    def collection(self) -> Collection:
        """Return what the data hold; only kits need be among it.

        Raises
        ------
        ConfigError
            They are damaged.
        """
        return open_collection(self.data, AudioCache(self.cache, SAMPLE_RATE))

    def part(self, collection: Collection, *, is_judged: bool) -> Collection:
        """Return a collection with those kits only that are held out, to judge by; or the others.

        Raises
        ------
        ConfigError
            None is left.
        """
        patterns = self.config.held_out_kits
        kits = {
            name: kit
            for name, kit in collection.kits.items()
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns) == is_judged
        }
        if not kits:
            use = "judged" if is_judged else "learned"
            raise ConfigError(f"held_out_kits: no kits are left to be {use}")
        return dataclasses.replace(collection, kits=kits)

    def describe(self, section: type[InfoType], architecture: str) -> InfoType:
        """Return the description of the model that a training makes, without its scores.

        The user's YAML file says what a training cannot know; without it, the model is called
        after its kind, and its licence is not known.

        Raises
        ------
        ConfigError
            The file cannot be read, or names the field that is missing, unknown or wrong.
        """
        kind = self.config.kind
        default = {"name": f"{kind.replace('_', '-')}-own", "licence": "unknown"}
        told = read_values(self.about) if self.about else default
        known = {"architecture": architecture, "arguments": {}, "sample_rate": SAMPLE_RATE}
        return parse(section, told | known, origin=str(self.about or kind))

    def write_curve(self) -> None:
        """Write the curve of the run into the model's folder, as a table and as a picture."""
        rows = read_curve(self.out / CURVE)
        write_table(rows, self.model / TABLE)
        if plot.IS_INSTALLED:
            plot.plot_curve(rows, self.model / plot.PICTURE)
