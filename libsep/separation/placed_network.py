"""A network on a device that may have too little memory: segments in, estimates out."""

import contextlib
import logging
import math
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from libsep.errors import ConfigError
from libsep.nets.folding import folded
from libsep.nets.magnitude import MagnitudeNetwork, Reconstruction
from libsep.separation.channels import separate_channels
from libsep.separation.cpu import has_native_bfloat16, processor_name
from libsep.separation.registry import OTHER, Model
from libsep.separation.segments import SegmentGrid, cut_segments, join_segments
from libsep.separation.weights import load_network
from libsep.units import samples_to_seconds, seconds_to_samples

logger = logging.getLogger(__name__)

Reconstruct = Reconstruction | None
"""Where the phase comes from; None: where the model says."""

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]

_SEGMENTS_PER_BATCH = {"cpu": 1, "cuda": 16}

LEAST_WINDOW_S = 1.0
"""Shortest stretch, in seconds, that a network gets when memory is too small for a segment."""

_OVERLAP_SHARE = 8
"""Two windows that share a segment overlap by one part in this many."""


class PlacedNetwork:
    """The network of a model, folded and placed for inference.

    Where the device's memory is too small, it gets half as many segments at once; where it is too
    small for one, that is cut into two overlapping windows, whose estimates are cross-faded. The
    size that works is kept, so this is found out once. In the same way, segments are cut that are
    longer than the model wants them.

    Parameters
    ----------
    model
        Which weights; no cascade.
    device
        ``auto`` takes CUDA if there is any.
    precision
        ``bfloat16`` concerns the network only, transforms and masks are float32; ``auto`` is
        bfloat16 where the device has it.
    reconstruct
        Replaces what a network that estimates magnitudes says; of no meaning for others.

    Raises
    ------
    ConfigError
        There is no such device, or it has no bfloat16.
    ModelError
        The model cannot be loaded.
    """

    def __init__(
        self, model: Model, *, device: Device, precision: Precision, reconstruct: Reconstruct
    ) -> None:
        self.model = model
        self._device = find_device(device)
        self._dtype = _find_precision(self._device, precision)
        self.network = folded(load_network(model), self._dtype).to(self._device)
        if reconstruct is not None and isinstance(self.network, MagnitudeNetwork):
            self.network.reconstruction = reconstruct
        targets = model.targets
        self._rest = targets.index(OTHER) if OTHER in targets else len(targets) - 1
        self._max_batch: int | None = None
        self._max_samples: int | None = None
        self._wanted_samples = (
            None
            if model.segment_s is None
            else seconds_to_samples(model.segment_s, model.sample_rate)
        )

    @property
    def segments_per_batch(self) -> int:
        """How many segments the device should get at once."""
        usual = _SEGMENTS_PER_BATCH[self._device.type]
        return usual if self._max_batch is None else min(usual, self._max_batch)

    @property
    def window_samples(self) -> int | None:
        """Longest stretch that memory has turned out to have room for; None if all fitted."""
        return self._max_samples

    @property
    def device(self) -> str:
        """Where it computes, as torch names it."""
        return self._device.type

    @property
    def precision(self) -> Literal["float32", "bfloat16"]:
        """Arithmetic of the network."""
        return "bfloat16" if self._dtype is torch.bfloat16 else "float32"

    @property
    def place(self) -> str:
        """Device and precision, in one line for logs and reports."""
        if self._device.type == "cuda":
            place = f"CUDA ({torch.cuda.get_device_name(self._device)})"
        else:
            place = f"CPU ({processor_name()}), threads: {torch.get_num_threads()}"
        return f"{place}, {str(self._dtype).removeprefix('torch.')}"

    def separate(self, segments: Float32[np.ndarray, "B C T"]) -> Float32[np.ndarray, "B S C T"]:
        """Return the estimates of ``segments``, full scale ±1.0; they add up to the mixture.

        A segment of silence is not computed: its estimates are exactly zero. In float32 the
        estimates of a segment do not depend on the others.

        Raises
        ------
        ConfigError
            The device's memory is too small even for `LEAST_WINDOW_S`.
        """
        heard = np.flatnonzero(segments.any(axis=(1, 2)))
        if len(heard) == len(segments) > 0:
            return self._compute_within_memory(segments.copy())  # they may be read-only
        n_batch, n_channels, n_samples = segments.shape
        estimates = np.zeros(
            (n_batch, len(self.model.targets), n_channels, n_samples), dtype=np.float32
        )
        if len(heard):
            estimates[heard] = self._compute_within_memory(segments[heard])
        return estimates

    def _compute_within_memory(
        self, segments: Float32[np.ndarray, "B C T"]
    ) -> Float32[np.ndarray, "B S C T"]:
        n_batch, _, n_samples = segments.shape
        limits = [limit for limit in (self._wanted_samples, self._max_samples) if limit]
        if limits and n_samples > min(limits):
            return np.stack([self._compute_in_windows(each, min(limits)) for each in segments])
        if self._max_batch is not None and n_batch > self._max_batch:
            parts = np.split(segments, range(self._max_batch, n_batch, self._max_batch))
            return np.concatenate([self._compute_within_memory(part) for part in parts])
        try:
            return self._compute(segments)
        except torch.OutOfMemoryError as exc:
            problem = str(exc)
        # After the block, because the error holds what the device must be rid of.
        self._shrink(n_batch, n_samples, problem)
        return self._compute_within_memory(segments)

    def _compute_in_windows(
        self, segment: Float32[np.ndarray, "C T"], window_samples: int
    ) -> Float32[np.ndarray, "S C T"]:
        """Return the estimates of a segment that is longer than the network gets at once."""
        hop_samples = window_samples - window_samples // _OVERLAP_SHARE
        grid = SegmentGrid(segment_samples=window_samples, hop_samples=hop_samples)
        separated = (
            (window, self._compute_within_memory(window.mixture[None])[0])
            for window in cut_segments([segment], grid)
        )
        return np.concatenate([stems for _, stems in join_segments(separated, grid)], axis=-1)

    def _shrink(self, n_batch: int, n_samples: int, problem: str) -> None:
        """Give the device less at once from now on than what it had no memory for."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        if n_batch > 1:
            self._max_batch = n_batch // 2
            logger.warning("%s: out of memory, %d segments at once", self.model.name, n_batch // 2)
            return
        # Two such windows, with their overlap, cover what was too long.
        window_samples = math.ceil(n_samples / (2 - 1 / _OVERLAP_SHARE)) + 1
        window_s = samples_to_seconds(window_samples, self.model.sample_rate)
        if window_s < LEAST_WINDOW_S:
            n_s = samples_to_seconds(n_samples, self.model.sample_rate)
            raise ConfigError(
                f"{self.model.name} on {self.place}: out of memory even for {n_s:.1f} s of one "
                f"track (does another program use the device?): {problem}"
            )
        self._max_samples = window_samples
        logger.warning("%s: out of memory, %.1f s at once", self.model.name, window_s)

    def _compute(self, segments: Float32[np.ndarray, "B C T"]) -> Float32[np.ndarray, "B S C T"]:
        mixture = torch.from_numpy(segments).to(self._device)
        return self.estimate(mixture).float().cpu().numpy()

    def estimate(self, mixture: Float[Tensor, "B C T"]) -> Float[Tensor, "B S C T"]:
        """Return the estimates of a mixture that lies on the device, and leave them there.

        What its channels are like does not matter, see `separate_channels`.
        """
        with torch.inference_mode(), self._arithmetic():
            return separate_channels(self.network, mixture, self._rest)

    def _arithmetic(self) -> contextlib.AbstractContextManager[None]:
        """Return the context in which the network computes in the precision that was asked for."""
        if self._dtype is torch.bfloat16:
            return torch.autocast(self._device.type, dtype=torch.bfloat16)
        return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def find_device(device: Device) -> torch.device:
    """Return where a network is placed; ``auto`` takes CUDA if there is any.

    Raises
    ------
    ConfigError
        There is no such device.
    """
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
