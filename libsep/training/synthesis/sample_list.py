"""Sample libraries on disk, for the sampler: a YAML file says where which of them are."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, model_validator

from libsep import config
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError, reason_of
from libsep.track import TARGETS
from libsep.training.synthesis.clips import Clip, Collection, Kit
from libsep.training.synthesis.kits import drumgizmo_kit, one_shot_kit
from libsep.training.synthesis.midi import Score, read_score
from libsep.training.synthesis.sfz import clips_of, notes_by_name, read_sfz
from libsep.training.synthesis.voicebank import load_singer

MidiNote = Annotated[int, Field(ge=0, le=127)]


class InstrumentSource(config.Section):
    """Where the notes of an instrument are: exactly one of ``sfz`` and ``notes``."""

    target: Literal["bass", "other"]
    """Which target it plays."""

    sfz: Path | None = None
    """SFZ file."""

    notes: Path | None = None
    """Folder of recordings whose names hold a note."""

    samples: Path | None = None
    """Folder that the recordings of ``sfz`` are relative to, where it is not the file's own."""

    transpose: Annotated[int, Field(ge=-48, le=48)] = 0
    """Semitones from what is written to what is heard; many basses are written an octave high."""

    keys: tuple[MidiNote, MidiNote] = (0, 127)
    """Lowest and highest note as heard; libraries keep noises beyond."""

    @model_validator(mode="after")
    def _has_one_source(self) -> "InstrumentSource":
        if (self.sfz is None) == (self.notes is None):
            raise ValueError("expected either sfz or notes")
        return self


class KitSource(config.Section):
    """Where a drum kit is: exactly one of its fields."""

    one_shots: Path | None = None
    """Folder of recordings called like drums."""

    drumgizmo: Path | None = None
    """Folder of ``DRUM/NUMBER-DRUM-MICROPHONE.*``."""

    @model_validator(mode="after")
    def _has_one_source(self) -> "KitSource":
        if (self.one_shots is None) == (self.drumgizmo is None):
            raise ValueError("expected either one_shots or drumgizmo")
        return self


class SampleList(config.Section):
    """A YAML file that lists sample libraries. Styles choose instruments and kits by their names.

    What is not on this machine is an error, so that a list says what is heard.
    """

    root: Path = Path()
    """Folder that all paths are relative to; itself relative to the YAML file."""

    instruments: dict[str, InstrumentSource] = Field(default_factory=dict)
    """Instruments by name, such as ``guitar-emily`` or ``bass-growly``."""

    kits: dict[str, KitSource] = Field(default_factory=dict)
    """Drum kits by name: ``live-…`` for recorded ones, ``machine-…`` for drum machines."""

    singers: dict[str, Annotated[tuple[Path, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Voice banks by singer: the folders with an ``oto.ini``."""

    arrangements: tuple[str, ...] = ()
    """Glob patterns of MIDI files in General MIDI."""


def is_sample_list(path: Path) -> bool:
    """Return whether a path is a YAML file with libraries for the sampler, and not with songs."""
    if path.suffix not in (".yaml", ".yml") or not path.is_file():
        return False
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    kinds = set(SampleList.model_fields) - {"root"}
    return isinstance(values, dict) and bool(kinds & set(values))


def load_samples(path: Path, cache: AudioCache) -> Collection:
    """Open the libraries of a list; recordings are decoded when they are first played.

    Raises
    ------
    ConfigError
        The list is wrong, or a library is missing or damaged.
    """
    listed = config.load(SampleList, path)
    root = path.parent / listed.root
    notes: dict[str, dict[str, list[Clip]]] = {target: {} for target in TARGETS}
    for name, source in listed.instruments.items():
        notes[source.target][name] = _clips(name, source, root, cache)
    return Collection(
        notes=notes,
        kits={name: _kit(source, root, cache) for name, source in listed.kits.items()},
        singers={
            name: load_singer([root / folder for folder in folders], cache)
            for name, folders in listed.singers.items()
        },
        arrangements=[
            _score(file) for pattern in listed.arrangements for file in _matching(root, pattern)
        ],
    )


def _clips(name: str, source: InstrumentSource, root: Path, cache: AudioCache) -> list[Clip]:
    if source.sfz is not None:
        samples = root / source.samples if source.samples is not None else None
        regions = read_sfz(root / source.sfz, samples)
    else:
        assert source.notes is not None
        regions = notes_by_name(root / source.notes)
    clips = clips_of(regions, cache, transpose=source.transpose, keys=source.keys)
    if not clips:
        raise ConfigError(f"instrument {name}: no notes within keys {source.keys}")
    missing = [region.path for region in regions if not region.path.is_file()]
    if missing:
        raise ConfigError(f"instrument {name}: {len(missing)} recordings missing: {missing[0]}")
    return clips


def _kit(source: KitSource, root: Path, cache: AudioCache) -> Kit:
    if source.one_shots is not None:
        return one_shot_kit(root / source.one_shots, cache)
    assert source.drumgizmo is not None
    return drumgizmo_kit(root / source.drumgizmo, cache)


def _matching(root: Path, pattern: str) -> list[Path]:
    found = sorted(root.glob(pattern))
    if not found:
        raise ConfigError(f"{root}: no file fits {pattern!r}")
    return found


def _score(path: Path) -> Score:
    try:
        return read_score(path.read_bytes())
    except (OSError, ValueError) as exc:
        raise ConfigError(f"{path}: arrangement cannot be read: {reason_of(exc)}") from exc
