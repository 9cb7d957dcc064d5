import pytest
import torch
import torch.nn.functional as F

from libsep.nets.subpixel import subpixel_kernel, unshuffle_into


@pytest.mark.parametrize("n_out", [1, 3])
def test_a_plain_convolution_stands_for_a_transposed_one(n_out: int) -> None:
    generator = torch.Generator().manual_seed(3)
    weight = torch.randn(2, n_out, 5, 5, generator=generator)
    x = torch.randn(2, 2, 4, 7, generator=generator)
    skip = torch.randn(2, 5, 8, 14, generator=generator)
    # The whole output is 11 × 17: without the first and the last two rows and columns it doubles.
    expected = F.conv_transpose2d(x, weight, stride=2)[..., 1:-2, 1:-2]
    groups = F.conv2d(x, subpixel_kernel(weight), padding=1)
    torch.testing.assert_close(unshuffle_into(None, groups), expected, rtol=0, atol=1e-5)
    joined = unshuffle_into(skip, groups)
    torch.testing.assert_close(joined[:, :5], skip, rtol=0, atol=0)
    torch.testing.assert_close(joined[:, 5:], expected, rtol=0, atol=1e-5)
    assert joined.is_contiguous(memory_format=torch.channels_last)
