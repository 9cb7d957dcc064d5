"""Which streams of a stem file are the sources of which target."""

from pathlib import Path

from libsep.errors import ConfigError, StemsError
from libsep.media.stems import read_manifest
from libsep.track import TARGETS

NAMES = {
    "drums": ("drums", "drum", "beat", "beats", "percussion", "perc", "kick"),
    "bass": ("bass", "sub", "bassline"),
    "other": ("other", "others", "melody", "melodies", "synth", "synths", "lead", "leads", "chords",
              "keys", "piano", "guitar", "guitars", "harmony", "instruments", "music", "fx"),
    "vocals": ("vocals", "vocal", "vox", "voice", "voices"),
}  # fmt: skip
"""What producers call the stems of each target, lower case."""


def target_streams(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the audio streams of each target of a stem file; stream 0 is the mixture.

    A file without a manifest holds the targets in the usual order, as MUSDB18 does. Otherwise the
    names of its manifest decide, whatever their order: streams of one target add up to it.

    Raises
    ------
    ConfigError
        The manifest cannot be read, or a stem's name says no target.
    """
    try:
        manifest = read_manifest(path)
    except StemsError as exc:
        raise ConfigError(f"{path}: {exc.message}") from exc
    if manifest is None:
        return {target: (i,) for i, target in enumerate(TARGETS, start=1)}
    try:
        names = [str(stem["name"]) for stem in manifest["stems"]]
    except (KeyError, TypeError) as exc:
        raise ConfigError(f"{path}: its stem atom names no stems") from exc
    found: dict[str, tuple[int, ...]] = {}
    for stream, name in enumerate(names, start=1):
        target = _target(name)
        if target is None:
            listed = ", ".join(names)
            raise ConfigError(
                f"{path}: stems {listed}: {name!r} is no target of {TARGETS} (a song list can say "
                "which recordings are what)"
            )
        found[target] = (*found.get(target, ()), stream)
    return {target: found[target] for target in TARGETS if target in found}


def _target(name: str) -> str | None:
    """Return the target that a stem's name says, without numbers: ``Synth 2`` is ``other``."""
    plain = name.casefold().strip(" 0123456789_-.")
    return next((target for target, names in NAMES.items() if plain in names), None)
