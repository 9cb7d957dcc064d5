"""A U-Net that begins with the most useful features of a wider one.

Of each layer those features are kept that weigh most in what reads them: the length of the kernels
that read a feature, times how far the feature moves. What they made together with the others is
lost, so a narrowed network has to be trained; but it begins with what the wider one listens for,
which may come from far more music than there is for the training.

References
----------
Li et al., "Pruning filters for efficient ConvNets", ICLR 2017 (by what is read, not what is made).
"""

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from libsep.nets.unet import DownBlock, SourceUNet, UNet, UpBlock
from libsep.training.weights.growth import REST

ACCOMPANIMENT = "accompaniment"
"""What a model of two targets calls all that is not vocals; a training calls it `REST`."""

Kept = Int[Tensor, " _"]


def can_narrow(trained: UNet, network: UNet) -> bool:
    """Return whether `narrow` can begin ``network`` with features of ``trained``.

    The spectrogram and the number of levels must be the same, no level may be wider than in
    ``trained``, and each source of ``network`` needs one of ``trained``.
    """
    alike = ("n_fft", "hop_length", "n_channels", "n_seen_bins", "n_levels", "hpss")
    if any(getattr(trained, name) != getattr(network, name) for name in alike):
        return False
    if any(_source_of(source, trained) is None for source in network.networks):
        return False
    return all(
        narrow <= wide for narrow, wide in zip(_widths(network), _widths(trained), strict=True)
    )


@torch.no_grad()
def narrow(network: UNet, trained: UNet) -> None:
    """Give ``network``, which is changed in place, features of ``trained``.

    `can_narrow` must hold. A network of the same widths gets the same weights.
    """
    for source, unet in network.networks.items():
        assert isinstance(unet, SourceUNet)
        wide = trained.networks[_source_of(source, trained) or source]
        assert isinstance(wide, SourceUNet)
        _narrow_source(unet, wide)


def _source_of(source: str, trained: UNet) -> str | None:
    """Return which network of ``trained`` stands for a source of the narrower one."""
    if source in trained.networks:
        return source
    if source == REST and ACCOMPANIMENT in trained.networks:
        return ACCOMPANIMENT
    return None


def _widths(network: UNet) -> list[int]:
    return _levels(next(iter(network.networks.values())))


def _levels(unet: nn.Module) -> list[int]:
    assert isinstance(unet, SourceUNet)
    return [down.conv.out_channels for down in _downs(unet)]


def _downs(unet: SourceUNet) -> list[DownBlock]:
    return [down for down in unet.down if isinstance(down, DownBlock)]


def _ups(unet: SourceUNet) -> list[UpBlock]:
    return [up for up in unet.up if isinstance(up, UpBlock)]


@dataclasses.dataclass(frozen=True)
class _Features:
    """Numbers of the features that are kept, finest level first, of both ways."""

    down: list[Kept]
    up: list[Kept]


def _narrow_source(unet: SourceUNet, wide: SourceUNet) -> None:
    kept = _most_useful(wide, _levels(unet))
    all_inputs = torch.arange(_downs(wide)[0].conv.in_channels)
    inputs = [all_inputs, *kept.down[:-1]]
    for down, wide_down, n_in, n_out in zip(
        _downs(unet), _downs(wide), inputs, kept.down, strict=True
    ):
        down.conv.weight.copy_(wide_down.conv.weight[n_out][:, n_in])
        _copy_vectors(down.conv, wide_down.conv, n_out)
    for norm, wide_norm, features in zip(unet.norms, wide.norms, kept.down[:-1], strict=True):
        _copy_vectors(norm, wide_norm, features)
    for level, (up, wide_up) in enumerate(zip(_ups(unet)[::-1], _ups(wide)[::-1], strict=True)):
        read = _read_by(kept, level, _levels(wide))
        made = kept.up[level - 1] if level else torch.arange(1)
        up.conv.weight.copy_(wide_up.conv.weight[read][:, made])
        _copy_vectors(up.conv, wide_up.conv, made)
        _copy_vectors(up.norm, wide_up.norm, made)
    unet.last.load_state_dict(wide.last.state_dict())


def _read_by(kept: _Features, level: int, widths: Sequence[int]) -> Kept:
    """Return which inputs the block on the way up reads that leaves a level: its skip, then x."""
    if level == len(widths) - 1:
        return kept.down[level]
    return torch.cat([kept.down[level], widths[level] + kept.up[level]])


def _copy_vectors(narrow_module: nn.Module, wide_module: nn.Module, features: Kept) -> None:
    """Copy all values that a module has for each of its outputs."""
    values = narrow_module.state_dict()
    for name, value in wide_module.state_dict().items():
        if value.ndim == 1:
            values[name].copy_(value[features])


def _most_useful(wide: SourceUNet, widths: Sequence[int]) -> _Features:
    """Return the features that weigh most, as many as each level shall have."""
    downs, ups = _downs(wide), _ups(wide)[::-1]
    scores_down, scores_up = [], []
    for level, norm in enumerate(wide.norms):
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_var is not None
        read = _lengths(ups[level].conv.weight)
        skip, above = read[: norm.num_features], read[norm.num_features :]
        below = _lengths(downs[level + 1].conv.weight.transpose(0, 1))
        scores_down.append(below * norm.weight.abs() + skip * norm.running_var.sqrt())
        scores_up.append(above * ups[level + 1].norm.weight.abs())
    scores_down.append(_lengths(downs[-1].conv.weight) * _lengths(ups[-1].conv.weight))
    return _Features(
        down=[_highest(s, n) for s, n in zip(scores_down, widths, strict=True)],
        up=[_highest(s, n) for s, n in zip(scores_up, widths[:-1], strict=True)],
    )


def _lengths(kernels: Float[Tensor, "D E h w"]) -> Float[Tensor, " D"]:
    return kernels.square().sum(dim=(1, 2, 3)).sqrt()


def _highest(scores: Float[Tensor, " D"], n_kept: int) -> Kept:
    return scores.topk(n_kept).indices.sort().values
