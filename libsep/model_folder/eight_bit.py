"""Weights in 8 bit: whole numbers from -127 to 127 and one scale for each output channel.

The weights file holds the numbers as int8 under the tensor's own name, and the scales as float32
under the name with `SCALE` behind it, in a shape that multiplies with the numbers. A weight is off
by at most half a scale, which is a 254th of its channel's largest. Vectors stay as they are.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SCALE = ":scale"
"""What stands behind the name of a tensor in the name of its scales."""

LARGEST = 127

_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def in_8_bit(network: nn.Module) -> dict[str, Tensor]:
    """Return the state of a network with its matrices and kernels in 8 bit, on the CPU.

    Transposed convolutions have their output channels in the second axis, all others in the first.
    """
    second = {
        f"{name}.weight" for name, each in network.named_modules() if isinstance(each, _TRANSPOSED)
    }
    packed: dict[str, Tensor] = {}
    for name, tensor in network.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        if not values.is_floating_point() or values.ndim < 2:
            packed[name] = values.float() if values.is_floating_point() else values
            continue
        axis = 1 if name in second else 0
        others = [other for other in range(values.ndim) if other != axis]
        largest = values.float().abs().amax(others, keepdim=True)
        scale = torch.where(largest > 0, largest / LARGEST, torch.ones_like(largest))
        packed[name] = (values / scale).round().to(torch.int8)
        packed[name + SCALE] = scale
    return packed


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as they were stored, those in 8 bit multiplied by their scales.

    Raises
    ------
    ValueError
        A scale has no tensor in 8 bit, or not a number for each of its channels.
    """
    plain = {name: tensor for name, tensor in tensors.items() if not name.endswith(SCALE)}
    for scale_name in tensors.keys() - plain.keys():
        name = scale_name.removesuffix(SCALE)
        scale, numbers = tensors[scale_name], plain.get(name)
        if numbers is None or numbers.dtype != torch.int8:
            raise ValueError(f"{scale_name} belongs to no tensor in 8 bit")
        is_one_axis = sum(size > 1 for size in scale.shape) <= 1
        fits = scale.ndim == numbers.ndim and is_one_axis and scale.dtype == torch.float32
        if not fits or any(
            a not in (1, b) for a, b in zip(scale.shape, numbers.shape, strict=True)
        ):
            raise ValueError(
                f"{scale_name} is {scale.dtype} {tuple(scale.shape)} for {tuple(numbers.shape)}"
            )
        plain[name] = numbers * scale
    return plain
