"""What follows from what is known of a track: whether it is restored, what it is made with."""

from libsep.config import Config
from libsep.restoration.model import RestorationModel, find_restoration_model
from libsep.track import Outcome
from libsep.transients.model import DrumModels, find_hit_model, find_sound_model


def restoration_model_of(config: Config) -> RestorationModel | None:
    """Return what a configuration restores tracks with, or None if it restores none.

    Raises
    ------
    ModelError
        There is no such model.
    """
    if config.restoration.super_resolution == "off":
        return None
    return find_restoration_model(config.restoration.model)


def drum_models_of(config: Config) -> DrumModels | None:
    """Return what attacks of drums are replaced with, or None if none is.

    Raises
    ------
    ModelError
        There is no such model.
    """
    chosen = config.transients
    if chosen.drum_transients == "off":
        return None
    is_generated = chosen.drum_transients == "generated"
    return DrumModels(
        hits=find_hit_model(chosen.hits_model),
        sounds=find_sound_model(chosen.sounds_model) if is_generated else None,
    )


def is_restored(known: Outcome, config: Config, model: RestorationModel | None) -> bool:
    """Return whether a track is restored whose cut-off has been looked for."""
    if model is None or known.cutoff_hz is None:
        return False
    is_in_reach = model.lowest_cutoff_hz <= known.cutoff_hz <= model.highest_cutoff_hz
    return is_in_reach and config.restoration.applies(
        known.cutoff_hz, known.cutoff_confidence or 0.0
    )


def config_sha256(
    config: Config,
    model: RestorationModel | None,
    known: Outcome | None,
    *,
    drums: DrumModels | None = None,
) -> str:
    """Return the SHA-256 of the settings that a track is converted with.

    Super-resolution counts for the tracks that it changes, so that switching it on or off, or
    moving its limits, converts these again and leaves the others. So does the replacement of drum
    transients.

    Parameters
    ----------
    config
        The configuration.
    model
        What tracks are restored with; None: none is.
    known
        What is known of the track. As long as nobody has looked for its cut-off, it counts as
        restored: looking will tell. So it is with its drums.
    drums
        What attacks of drums are replaced with; None: none are.
    """
    drums_by = _drums_by(config, drums, known)
    is_known = known is not None and known.cutoff_confidence is not None
    if model is None or (is_known and known is not None and not is_restored(known, config, model)):
        return config.fingerprint(drums_by=drums_by)
    return config.fingerprint(restored_by=model.sha256, drums_by=drums_by)


def _drums_by(config: Config, drums: DrumModels | None, known: Outcome | None) -> str:
    """Return what replaces attacks of a track's drums; empty if it has none to be replaced."""
    mode = config.transients.drum_transients
    if drums is None:
        return ""
    if known is not None and known.drum_transients == mode and known.n_hits_replaced == 0:
        return ""
    return f"{mode} {drums.sha256}"
