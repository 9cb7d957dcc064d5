"""Transposed convolutions of stride 2 as plain ones: four parities of rows and columns at once."""

import torch
from jaxtyping import Float
from torch import Tensor


def subpixel_kernel(weight: Float[Tensor, "n_in n_out 5 5"]) -> Float[Tensor, "n_out4 n_in 3 3"]:
    """Return the 3 × 3 kernel that stands for a transposed 5 × 5 kernel of stride 2.

    The output channels are four groups, one for each parity of row and column (even even, even
    odd, odd even, odd odd): those of the transposed convolution after it lost one row and column
    at the start and two at the end.

    Parameters
    ----------
    weight
        As `torch.nn.ConvTranspose2d` has it.
    """
    halves = _parities(weight.movedim(2, -1))  # of the rows
    kernels = [_parities(half.movedim(2, -1)) for half in halves]  # and of the columns
    groups = [kernel.transpose(0, 1) for half in kernels for kernel in half]
    return torch.cat(groups).contiguous(memory_format=torch.channels_last)


def _parities(taps: Float[Tensor, "*lead 5"]) -> tuple[Tensor, Tensor]:
    """Return which taps meet the inputs before, at and after an even and an odd output.

    Output ``o`` gets input ``i`` times tap ``o + 1 - 2 i``: the one comes from the lost row.
    """
    first, second, third, fourth, fifth = taps.unbind(-1)
    even = torch.stack([fourth, second, torch.zeros_like(first)], dim=-1)
    odd = torch.stack([fifth, third, first], dim=-1)
    return even, odd


def unshuffle_into(
    skip: Float[Tensor, "B E N F"] | None, groups: Float[Tensor, "B D4 N2 F2"]
) -> Float[Tensor, "B _ N F"]:
    """Return the four groups interleaved to twice the size, after the channels of ``skip``.

    Both are written into their place in one tensor, in channels_last: that is one copy of each.

    Parameters
    ----------
    skip
        Comes first; None: nothing does.
    groups
        Four groups of channels, in the order of `subpixel_kernel`.
    """
    n_batch, n_grouped, n_rows, n_columns = groups.shape
    n_own = n_grouped // 4
    n_skipped = 0 if skip is None else skip.shape[1]
    shape = (n_batch, n_rows, 2, n_columns, 2, n_skipped + n_own)
    joined = groups.new_empty(shape)
    cells = groups.permute(0, 2, 3, 1).reshape(n_batch, n_rows, n_columns, 2, 2, n_own)
    joined[..., n_skipped:] = cells.transpose(2, 3)
    features = joined.view(n_batch, 2 * n_rows, 2 * n_columns, -1).permute(0, 3, 1, 2)
    if skip is not None:
        features[:, :n_skipped] = skip
    return features
