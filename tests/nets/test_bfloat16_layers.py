"""All that a network computes in bfloat16 is what it computes in float32, up to rounding.

This is not certain: for some shapes a convolution gives noise on processors with AMX, as
`libsep.nets.banded` says. So every layer is tried in the sizes that the networks really have.
"""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from libsep.nets.band_split_unet import SIZES, BandSplitUNet
from libsep.nets.banded import BinsOfRows, RowsOfBins
from libsep.nets.drum_hits import DrumHitNet
from libsep.nets.genre_cnn import GenreCNN
from libsep.nets.stft_discriminator import StftDiscriminator
from libsep.nets.super_resolution import AmplitudePhaseNet
from libsep.separation.architectures import ARCHITECTURES
from libsep.separation.cpu import has_native_bfloat16

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)

WITHOUT_CONVOLUTIONS = ("nmf", "open_unmix", "svsgan")

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{name: build for name, build in ARCHITECTURES.items() if name not in WITHOUT_CONVOLUTIONS},
    "super resolution": AmplitudePhaseNet,
    "genre": lambda: GenreCNN(n_genres=3),
    "discriminator": lambda: StftDiscriminator(n_channels=4),
    "discriminator of three stems": lambda: StftDiscriminator(n_channels=6),
    "drum hits": DrumHitNet,
    **{f"size {size}": lambda size=size: BandSplitUNet(**SIZES[size]) for size in SIZES},
}


def error_db(found: torch.Tensor, expected: torch.Tensor) -> float:
    power = (found.float() - expected).square().mean() / expected.square().mean().clamp(min=1e-20)
    return float(10 * power.log10())


def outcome(
    layer: Callable[[torch.Tensor], torch.Tensor], signal: torch.Tensor, *, is_bfloat16: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what comes out, and the gradient at what goes in."""
    signal = signal.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        found = layer(signal)
    torch.manual_seed(3)
    found.backward(torch.randn(found.shape).to(found.dtype))
    assert signal.grad is not None
    return found.detach(), signal.grad


def layers_of(network: nn.Module) -> Iterator[tuple[str, nn.Module, torch.Tensor]]:
    """Yield each convolution of another shape, with a signal that is long enough for it."""
    seen = set()
    for name, layer in network.named_modules():
        if not isinstance(layer, CONVOLUTIONS) or (key := repr(layer)) in seen:
            continue
        seen.add(key)
        sizes = zip(layer.kernel_size, layer.dilation, layer.stride, strict=True)
        least = [max((kernel - 1) * dilation + 1, stride) for kernel, dilation, stride in sizes]
        signal = torch.randn(1, layer.in_channels, *(2 * size + 24 for size in least))
        if signal.ndim == 4:
            signal = signal.contiguous(memory_format=torch.channels_last)
        yield name, layer, signal


@pytest.mark.skipif(not has_native_bfloat16(), reason="bfloat16 is not native to this processor")
@pytest.mark.parametrize("name", NETWORKS)
def test_a_layer_in_bfloat16_gives_the_same_up_to_rounding(name: str) -> None:
    torch.manual_seed(2)
    worst = {
        f"{place}: {layer}": max(
            error_db(found, expected)
            for found, expected in zip(
                outcome(layer, signal, is_bfloat16=True),
                outcome(layer, signal, is_bfloat16=False),
                strict=True,
            )
        )
        for place, layer, signal in layers_of(NETWORKS[name]())
    }
    assert worst
    assert {place: error for place, error in worst.items() if error > -40} == {}


@pytest.mark.parametrize("is_bfloat16", [False, True])
@pytest.mark.parametrize(("n_few", "stride"), [(4, 2), (4, 32), (8, 8), (2, 32), (12, 16), (3, 5)])
def test_products_are_the_convolutions_whose_weights_they_have(
    n_few: int, stride: int, is_bfloat16: bool
) -> None:
    if is_bfloat16 and not has_native_bfloat16():
        pytest.skip("bfloat16 is not native to this processor")
    torch.manual_seed(1)
    bins, rows = torch.randn(2, n_few, 4 * stride + 1, 21), torch.randn(2, 32, 4, 21)
    down, up = nn.Conv2d(n_few, 32, (stride, 1), (stride, 1)), BinsOfRows(32, n_few, stride)
    as_product = RowsOfBins(n_few, 32, stride)
    as_product.load_state_dict(down.state_dict())
    plain = nn.ConvTranspose2d(32, n_few, (stride, 1), (stride, 1))
    plain.load_state_dict(up.state_dict())
    for product, convolution, signal in ((as_product, down, bins), (up, plain, rows)):
        found = outcome(product, signal, is_bfloat16=is_bfloat16)
        expected = outcome(convolution, signal, is_bfloat16=False)
        for one, other in zip(found, expected, strict=True):
            assert one.shape == other.shape
            assert error_db(one, other) < (-45 if is_bfloat16 else -120)
