"""A model on a device: segments of the mixture in, estimates of all targets out."""

import contextlib
import itertools
import logging
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from libsep.errors import ConfigError
from libsep.separation.cpu import has_native_bfloat16, processor_name
from libsep.separation.registry import Model
from libsep.separation.weights import load_network

logger = logging.getLogger(__name__)

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]

_SEGMENTS_PER_BATCH = {"cpu": 1, "cuda": 16}


class Separator:
    """The network of a model, folded and placed for inference.

    Parameters
    ----------
    model
        Which weights.
    device
        ``auto`` takes CUDA if there is any.
    precision
        ``bfloat16`` concerns the network only, transforms and masks are float32; ``auto`` is
        bfloat16 where the device has it.

    Raises
    ------
    ConfigError
        There is no such device, or it has no bfloat16.
    ModelError
        The model cannot be loaded.
    """

    def __init__(
        self,
        model: Model,
        *,
        device: Device = "auto",
        precision: Precision = "auto",
    ) -> None:
        self.model = model
        self._device = _find_device(device)
        self._dtype = _find_precision(self._device, precision)
        self._network = load_network(model).folded().to(self._device)

    @property
    def segments_per_batch(self) -> int:
        """How many segments the device should get at once."""
        return _SEGMENTS_PER_BATCH[self._device.type]

    def describe(self) -> str:
        """Return model, device and precision in one line for logs and reports."""
        if self._device.type == "cuda":
            place = f"CUDA ({torch.cuda.get_device_name(self._device)})"
        else:
            place = f"CPU ({processor_name()}), threads: {torch.get_num_threads()}"
        return f"{self.model.name} on {place}, {str(self._dtype).removeprefix('torch.')}"

    def separate(self, segments: Float32[np.ndarray, "B C T"]) -> Float32[np.ndarray, "B S C T"]:
        """Return the estimates of ``segments``, full scale ±1.0; they add up to the mixture.

        A segment of silence is not computed: its estimates are exactly zero. In float32 the
        estimates of a segment do not depend on the others. Where a GPU's memory is too small,
        the segments are taken in two halves.

        Raises
        ------
        ConfigError
            The GPU's memory is too small for one segment.
        """
        n_batch, n_channels, n_samples = segments.shape
        estimates = np.zeros(
            (n_batch, len(self.model.targets), n_channels, n_samples), dtype=np.float32
        )
        heard = np.flatnonzero(segments.any(axis=(1, 2)))
        if len(heard):
            estimates[heard] = self._compute(segments[heard])
        return estimates

    def map(
        self, segments: Iterator[Float32[np.ndarray, "C T"]]
    ) -> Iterator[Float32[np.ndarray, "S C T"]]:
        """Yield the estimates of each segment in order; one batch is taken at a time."""
        while batch := list(itertools.islice(segments, self.segments_per_batch)):
            yield from self.separate(np.stack(batch))

    def _compute(self, segments: Float32[np.ndarray, "B C T"]) -> Float32[np.ndarray, "B S C T"]:
        try:
            with torch.inference_mode(), self._arithmetic():
                mixture = torch.from_numpy(segments).to(self._device)
                estimates: Float[Tensor, "B S C T"] = self._network.separate(mixture)
                return estimates.float().cpu().numpy()
        except torch.OutOfMemoryError as exc:
            if len(segments) == 1:
                raise ConfigError(
                    f"{self.describe()}: out of memory for one segment of {segments.shape[-1]} "
                    "samples (does another program use the GPU? else shorten segment_s)"
                ) from exc
        half = len(segments) // 2
        logger.warning("GPU memory is too small for %d segments: halving", len(segments))
        torch.cuda.empty_cache()
        return np.concatenate([self._compute(segments[:half]), self._compute(segments[half:])])

    def _arithmetic(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which the network computes in the precision that was asked for."""
        if self._dtype is torch.bfloat16:
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def _find_device(device: Device) -> torch.device:
    available = torch.cuda.is_available()
    if device == "cuda" and not available:
        raise ConfigError(
            "device cuda: torch finds no GPU (is the driver loaded? auto or cpu works without)"
        )
    return torch.device("cpu" if device == "cpu" or not available else "cuda")


def _find_precision(device: torch.device, precision: Precision) -> torch.dtype:
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bfloat16 = has_native_bfloat16()
    if precision == "bfloat16" and not has_bfloat16:
        raise ConfigError(
            f"precision bfloat16: {device.type} here only emulates it, slower than float32 "
            "(auto takes what is fastest)"
        )
    return torch.bfloat16 if precision != "float32" and has_bfloat16 else torch.float32
