"""Transposed convolutions of stride 2 as plain ones, one for each parity of row and column."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def parity_kernels(
    weight: Float[Tensor, "n_in n_out 5 5"],
) -> tuple[Float[Tensor, "n_out n_in _ _"], ...]:
    """Return the kernels that stand for a transposed 5 × 5 kernel of stride 2.

    The outputs of the transposed convolution, after it lost one row and column at the start and two
    at the end, are those of four plain ones, for rows and columns that are even even, even odd, odd
    even and odd odd. A kernel has two taps along an even axis, on the inputs before and at an
    output, and three along an odd one, on those before, at and after it: in all 25.

    Parameters
    ----------
    weight
        As `torch.nn.ConvTranspose2d` has it.
    """
    halves = _parities(weight.movedim(2, -1))  # of the rows
    kernels = [_parities(half.movedim(2, -1)) for half in halves]  # and of the columns
    return tuple(kernel.transpose(0, 1) for half in kernels for kernel in half)


def subpixel_kernel(weight: Float[Tensor, "n_in n_out 5 5"]) -> Float[Tensor, "n_out4 n_in 3 3"]:
    """Return the four of `parity_kernels` as one, whose taps that they lack are zero.

    One convolution with it gives the channels of all four parities, one parity after the other.
    That is faster than four where these have few channels.
    """
    kernels = parity_kernels(weight)
    return torch.cat([F.pad(k, (0, 3 - k.shape[3], 0, 3 - k.shape[2])) for k in kernels])


def _parities(taps: Float[Tensor, "*lead 5"]) -> tuple[Tensor, Tensor]:
    """Return which taps meet the inputs before, at and after an even and an odd output.

    Output ``o`` gets input ``i`` times tap ``o + 1 - 2 i``: the one comes from the lost row.
    """
    first, second, third, fourth, fifth = taps.unbind(-1)
    return torch.stack([fourth, second], dim=-1), torch.stack([fifth, third, first], dim=-1)
