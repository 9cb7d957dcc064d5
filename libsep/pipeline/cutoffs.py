"""What the cut-off of a track means for it: whether it is restored, and what it is made with."""

from libsep.config import Config
from libsep.restoration.model import RestorationModel, find_restoration_model
from libsep.track import Outcome


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


def is_restored(known: Outcome, config: Config, model: RestorationModel | None) -> bool:
    """Return whether a track is restored whose cut-off has been looked for."""
    if model is None or known.cutoff_hz is None:
        return False
    is_in_reach = model.lowest_cutoff_hz <= known.cutoff_hz <= model.highest_cutoff_hz
    return is_in_reach and config.restoration.applies(
        known.cutoff_hz, known.cutoff_confidence or 0.0
    )


def config_sha256(config: Config, model: RestorationModel | None, known: Outcome | None) -> str:
    """Return the SHA-256 of the settings that a track is converted with.

    Super-resolution counts for the tracks that it changes, so that switching it on or off, or
    moving its limits, converts these again and leaves the others.

    Parameters
    ----------
    config
        The configuration.
    model
        What tracks are restored with; None: none is.
    known
        What is known of the track. As long as nobody has looked for its cut-off, it counts as
        restored: looking will tell.
    """
    is_known = known is not None and known.cutoff_confidence is not None
    if model is None or (is_known and known is not None and not is_restored(known, config, model)):
        return config.fingerprint()
    return config.fingerprint(restored_by=model.sha256)
