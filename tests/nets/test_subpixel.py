import pytest
import torch
import torch.nn.functional as F

from libsep.nets.subpixel import parity_kernels, subpixel_kernel


@pytest.mark.parametrize("n_out", [1, 3])
def test_plain_convolutions_stand_for_a_transposed_one(n_out: int) -> None:
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(2, n_out, 5, 5, generator=generator)
    x = torch.randn(2, 2, 4, 7, generator=generator)
    # The whole output is 11 × 17: without the first and the last two rows and columns it doubles.
    expected = F.conv_transpose2d(x, weight, stride=2)[..., 1:-2, 1:-2]
    parities = [expected[..., row::2, column::2] for row in (0, 1) for column in (0, 1)]
    for kernel, found in zip(parity_kernels(weight), parities, strict=True):
        torch.testing.assert_close(F.conv2d(x, kernel, padding=1)[..., :4, :7], found)
    joint = F.conv2d(x, subpixel_kernel(weight), padding=1)
    torch.testing.assert_close(joint, torch.cat(parities, dim=1))
