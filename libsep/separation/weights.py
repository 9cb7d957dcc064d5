"""Networks from model folders and into them; weights are read as data, never unpickled."""

import math
from pathlib import Path

from torch import Tensor

from libsep.errors import ModelError
from libsep.model_folder.tensors import filled, read_tensors, write_network
from libsep.nets.blend import Blend, member_name
from libsep.nets.masking import MaskingNetwork, WienerShare
from libsep.nets.network import SeparationNetwork
from libsep.separation.architectures import build_network
from libsep.separation.model import CASCADE, MASKING_ARCHITECTURES, Wiener
from libsep.separation.registry import Model, ModelInfo, base_of, networks_of, read_model


def load_network(model: Model) -> SeparationNetwork:
    """Rebuild the network of ``model``, with float32 weights, ready to evaluate on the CPU.

    Raises
    ------
    ModelError
        The weights are missing or damaged, are not those that the description names, or do not
        fit the network that it names; its estimates cannot be filtered as it says; or the model is
        a cascade, which has none of its own.
    """
    if model.kind == CASCADE:
        names = " and ".join(stage.name for stage in model.stages)
        raise ModelError(f"{model.name}: is a cascade of {names}, expected one of these")
    network = filled(lambda: build_network(model), model, model, _of_base(model, model.folder))
    if model.wiener:
        _filter(network, model)
    return network


def check_networks(model: Model) -> None:
    """Load what a model consists of, once, to know that it can be.

    Raises
    ------
    ModelError
        A network of it cannot be loaded; see `load_network` and `networks_of`.
    """
    for part in networks_of(model):
        load_network(part)


def save_model(
    folder: Path, info: ModelInfo, network: SeparationNetwork, *, is_8_bit: bool = False
) -> Model:
    """Write a model folder: the weights in half precision, then the description.

    Matrices and kernels become float16, which costs nothing that can be heard; vectors (biases
    and the statistics of normalisations) stay float32, because some are too small for it. Each
    file appears whole or not at all; after a crash between the two, `load_network` reports that
    they do not belong together.

    Parameters
    ----------
    folder
        Is created; files of a former model in it are replaced.
    info
        What the model is. Architecture and arguments must be those of ``network``.
    network
        Is not changed; may lie on any device.
    is_8_bit
        Whether matrices and kernels are stored in 8 bit, see `libsep.model_folder.eight_bit`.
        What ``info.base`` has too is not stored.

    Raises
    ------
    ModelError
        ``network`` is not what ``info`` describes, a weight is not finite in half precision, or
        the folder cannot be written.
    """
    base = _of_base(info, folder.absolute())
    write_network(folder, info, network, build_network(info), is_8_bit=is_8_bit, base=base)
    return read_model(folder)


def _filter(network: SeparationNetwork, model: ModelInfo) -> None:
    """Give a network the filters of its estimates that its description names.

    Raises
    ------
    ModelError
        There is none for such a network, or one would do nothing.
    """
    if isinstance(network, MaskingNetwork):
        transform = network.n_fft, network.hop_length
    elif isinstance(network, Blend) and network.transform is not None:
        transform = network.transform
    else:
        raise ModelError(
            f"{model.name}: wiener: there is no filter for {model.architecture}, expected "
            f"{' or '.join(MASKING_ARCHITECTURES)}, or a blend of them of one transform"
        )
    network.wiener = tuple(_share(each, model, *transform) for each in model.wiener)


def _share(wiener: Wiener, model: ModelInfo, n_fft: int, hop_length: int) -> WienerShare:
    """Return a filter of a description in bins and frames of a transform, and places of targets."""
    targets = wiener.targets or model.targets
    bins_per_hz, frames_per_s = n_fft / model.sample_rate, model.sample_rate / hop_length
    first_bin, last_bin = math.ceil(wiener.from_hz * bins_per_hz), n_fft // 2 + 1
    if wiener.to_hz is not None:
        last_bin = min(math.ceil(wiener.to_hz * bins_per_hz), last_bin)
    frames = [round(wiener.over_s.get(name, 0) * frames_per_s) for name in targets]
    bins = [round(wiener.over_hz.get(name, 0) * bins_per_hz) for name in targets]
    if first_bin >= last_bin:
        raise ModelError(f"{model.name}: wiener: no bin of {1 / bins_per_hz:.1f} Hz is in its band")
    if len(list(filter(None, frames + bins))) < len(wiener.over_s) + len(wiener.over_hz):
        raise ModelError(
            f"{model.name}: wiener: what is averaged over less than half a frame or half a bin "
            f"({0.5 / frames_per_s:.3f} s, {0.5 / bins_per_hz:.1f} Hz) stays as it is"
        )
    return WienerShare(
        share=wiener.share,
        bins=slice(first_bin, last_bin),
        places=tuple(model.targets.index(name) for name in targets),
        over_frames=tuple(frames),
        over_bins=tuple(bins),
    )


def _of_base(info: ModelInfo, folder: Path) -> dict[str, Tensor]:
    """Return the tensors of the model whose weights the one in ``folder`` shares, if it does."""
    base = base_of(info, folder)
    if base is None or info.base is None:
        return {}
    tensors = read_tensors(base.weights_path, base, base.sha256)
    if info.base.member is None:
        return tensors
    prefix = f"{member_name(info.base.member)}."
    own = {name for name in tensors if name.startswith(prefix)}
    return {name.removeprefix(prefix): tensors[name] for name in own}
