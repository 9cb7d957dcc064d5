"""SIR and SAR by museval, which takes longer than the separation itself.

Needs the optional dependencies of the extra ``evaluate``.
"""

import importlib.util
import logging
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
from jaxtyping import Float32

from libsep.errors import ConfigError, reason_of

logger = logging.getLogger(__name__)


def _load_metrics() -> ModuleType:
    """Return ``museval.metrics``, loaded alone.

    The package around it imports musdb, which imports stempeg, which raises where no ffmpeg and no
    ffprobe are on PATH; the metrics need none of them.
    """
    package = importlib.util.find_spec("museval")
    if package is None or package.origin is None:
        raise ConfigError("SIR and SAR need museval: pip install 'libsep[evaluate]'")
    path = Path(package.origin).with_name("metrics.py")
    spec = importlib.util.spec_from_file_location("museval.metrics", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (ImportError, OSError) as exc:
        raise ConfigError(f"SIR and SAR need museval 0.4 with scipy ({reason_of(exc)})") from exc
    return module


_museval_metrics = _load_metrics()


def bss_eval(
    sources: Mapping[str, Float32[np.ndarray, "2 T"]],
    estimates: Mapping[str, Float32[np.ndarray, "2 T"]],
    sample_rate: int,
) -> dict[str, tuple[float, float]]:
    """Return SIR and SAR of each source, in dB: medians of frames of one second.

    As museval (BSS Eval 4): filters of 512 taps, one set for the whole song. museval
    transforms a song as a whole, so one of five minutes takes several GB.

    Parameters
    ----------
    sources
        All of the mixture's sources; none may be silent throughout.
    estimates
        Of the same names.
    sample_rate
        In Hz.

    Returns
    -------
    SIR and SAR by name; nothing where there are fewer than two sources, or where an estimate is
    silent, because then there is no interference, or no answer.
    """
    is_heard = all(sources[name].any() and estimates[name].any() for name in sources)
    if len(sources) < 2 or not is_heard:
        return {}
    try:
        _, _, sir, sar, _ = _museval_metrics.bss_eval(
            np.stack([sources[name].T for name in sources]).astype(np.float64),
            np.stack([estimates[name].T for name in sources]).astype(np.float64),
            window=sample_rate,
            hop=sample_rate,
        )
    except (AttributeError, np.linalg.LinAlgError) as exc:
        # museval's own way out of a singular matrix names a module that numpy 2.4 has not.
        logger.warning("no SIR and SAR: the sources cannot be told apart (%s)", exc)
        return {}
    found = {}
    for index, name in enumerate(sources):
        if np.isfinite(sir[index]).any():
            found[name] = float(np.nanmedian(sir[index])), float(np.nanmedian(sar[index]))
    return found
