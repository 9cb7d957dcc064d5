"""Convolutions along frequency whose windows lie side by side, computed as products.

A kernel of ``stride × 1`` with that stride turns each window of bins into one row, or a row into a
window. In bfloat16, on processors with AMX, PyTorch 2.11 (oneDNN 3.10) computes some of them
wrongly, where few channels meet a tall kernel: of 4 channels and 16 or 32 bins, or 8 channels and 8
bins, what comes out is noise as loud as the result, and so are the gradients of transposed ones
with as few outputs. As products they are right everywhere. Their weights are those of convolutions.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class RowsOfBins(nn.Conv2d):
    """A convolution that makes one row of each ``stride`` bins; what is left over is dropped.

    Parameters
    ----------
    n_in, n_out
        Channels.
    stride
        How many bins become one row.
    bias
        Whether it has one.
    """

    def __init__(self, n_in: int, n_out: int, stride: int, *, bias: bool = True) -> None:
        super().__init__(n_in, n_out, (stride, 1), (stride, 1), bias=bias)

    def forward(self, x: Float[Tensor, "B D bins N"]) -> Float[Tensor, "B E rows N"]:
        """Return the rows."""
        stride = self.kernel_size[0]
        windows = torch.unflatten(x[:, :, : x.shape[2] // stride * stride], 2, (-1, stride))
        windows = windows.permute(0, 2, 4, 1, 3).flatten(3)  # (B, rows, N, D * stride)
        rows = F.linear(windows, self.weight[..., 0].flatten(1), self.bias)
        return rows.permute(0, 3, 1, 2)


class BinsOfRows(nn.ConvTranspose2d):
    """A transposed convolution that makes ``stride`` bins of each row.

    Parameters
    ----------
    n_in, n_out
        Channels.
    stride
        How many bins each row becomes.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__(n_in, n_out, (stride, 1), (stride, 1))

    def forward(
        self, x: Float[Tensor, "B D rows N"], output_size: list[int] | None = None
    ) -> Float[Tensor, "B E bins N"]:
        """Return the bins."""
        assert self.bias is not None
        return bins_of_rows(x, self.weight, self.bias).permute(0, 3, 1, 2)


def bins_of_rows(
    x: Float[Tensor, "B D rows N"], weight: Float[Tensor, "D E stride 1"], bias: Float[Tensor, " E"]
) -> Float[Tensor, "B bins N E"]:
    """Return what `BinsOfRows` makes of rows with some weights, the channels last."""
    kernel = weight[..., 0].permute(2, 1, 0)  # (stride, E, D)
    bins = F.linear(x.permute(0, 2, 3, 1), kernel.flatten(0, 1))  # (B, rows, N, stride * E)
    bins = torch.unflatten(bins, 3, tuple(kernel.shape[:2])).permute(0, 1, 3, 2, 4)
    return bins.flatten(1, 2) + bias
