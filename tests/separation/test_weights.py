import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
import yaml
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from libsep.errors import ModelError
from libsep.model_folder.tensors import _NoRandomWeights
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.masking import WienerShare
from libsep.nets.unet import UNet
from libsep.separation.architectures import build_network
from libsep.separation.model import ModelInfo
from libsep.separation.registry import Model, read_model
from libsep.separation.separator import Separator
from libsep.separation.weights import load_network, save_model


@pytest.fixture
def copied(tiny_model: Model, tmp_path: Path) -> Model:
    """Return a copy of the model that a test may damage."""
    return read_model(Path(shutil.copytree(tiny_model.folder, tmp_path / "copied")))


def described(model: Model, **changes: object) -> Model:
    """Return ``model`` after its description was changed."""
    path = model.folder / "model.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | changes))
    return read_model(model.folder)


def rewritten(model: Model, metadata: dict[str, str] | None, *, drop: str = "") -> Model:
    """Return ``model`` after its weights were written again, with a description that fits them."""
    weights = {k: v for k, v in load_file(model.weights_path).items() if k != drop}
    save_file(weights, model.weights_path, metadata=metadata)
    return described(model, sha256=hashlib.sha256(model.weights_path.read_bytes()).hexdigest())


def test_a_saved_model_rebuilds_itself(copied: Model, tmp_path: Path) -> None:
    network = load_network(copied)
    again = load_network(save_model(tmp_path / "again", copied, network))
    mixture = torch.randn(1, 2, 5000, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(again.separate(mixture), network.separate(mixture), rtol=0, atol=0)


def test_saving_twice_gives_the_same_bytes(copied: Model, tmp_path: Path) -> None:
    again = save_model(tmp_path / "again", copied, load_network(copied))
    assert again.sha256 == copied.sha256
    assert again.weights_path.read_bytes() == copied.weights_path.read_bytes()


def test_half_precision_costs_less_than_can_be_heard(tiny_model: Model, tmp_path: Path) -> None:
    network = BandSplitUNet(**tiny_model.arguments).eval()
    loaded = load_network(save_model(tmp_path / "half", tiny_model, network))
    assert all(w.dtype == torch.float32 for w in loaded.parameters())
    mixture = torch.randn(1, 2, 20000, generator=torch.Generator().manual_seed(1))
    error = (loaded.separate(mixture) - network.separate(mixture)).square().mean().sqrt()
    assert 0 < error < 10 ** (-50 / 20)


def test_a_loaded_network_is_ready_for_inference(tiny_model: Model) -> None:
    network = load_network(tiny_model)
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_a_network_of_another_size_is_not_saved(tiny_model: Model, tmp_path: Path) -> None:
    network = BandSplitUNet(**(tiny_model.arguments | {"hidden": 4}))
    with pytest.raises(ModelError, match="the network is no band_split_unet of"):
        save_model(tmp_path / "other", tiny_model, network)
    assert not (tmp_path / "other").exists()


def test_a_diverged_network_is_not_saved(tiny_model: Model, tmp_path: Path) -> None:
    network = BandSplitUNet(**tiny_model.arguments)
    network.merge[0].weight.data[0, 0, 0] = 1e6
    with pytest.raises(ModelError, match=r"merge\.0\.weight: not finite in torch\.float16"):
        save_model(tmp_path / "other", tiny_model, network)


def test_a_folder_that_cannot_be_made_is_reported(tiny_model: Model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match=r"/model\.safetensors: cannot be written: folder cannot"):
        save_model(tmp_path / "file" / "model", tiny_model, load_network(tiny_model))


@torch.inference_mode()
def test_estimates_are_filtered_as_the_description_says(
    copied: Model, tmp_path: Path, rng: np.random.Generator
) -> None:
    signal = rng.normal(0, 0.1, (1, 2, 20000)).astype(np.float32)
    plain = Separator(copied, device="cpu", precision="float32").separate(signal)
    filters = [
        {"share": 0.6, "from_hz": 5000.0},
        {
            "share": 0.5,
            "from_hz": 6000.0,
            "to_hz": 8000.0,
            "targets": ["drums", "bass"],
            "over_s": {"bass": 0.1},
            "over_hz": {"drums": 400.0},
        },
    ]
    model = described(copied, wiener=filters)
    network = load_network(model)
    assert isinstance(network, BandSplitUNet)
    first, last, above = (math.ceil(hz * network.n_fft / 44100) for hz in (6000, 8000, 5000))
    places = tuple(copied.targets.index(name) for name in ("drums", "bass"))
    assert network.wiener == (
        WienerShare(0.6, slice(above, network.n_fft // 2 + 1), (0, 1, 2, 3), (0,) * 4, (0,) * 4),
        WienerShare(
            share=0.5,
            bins=slice(first, last),
            places=places,
            over_frames=(0, round(0.1 * 44100 / network.hop_length)),
            over_bins=(round(400 * network.n_fft / 44100), 0),
        ),
    )
    found = Separator(model, device="cpu", precision="float32").separate(signal)
    np.testing.assert_allclose(found, network.separate(torch.from_numpy(signal)), atol=1e-5)
    low, high = (
        scipy.signal.sosfilt(
            scipy.signal.butter(8, 3000, kind, fs=44100, output="sos"), found - plain
        )
        for kind in ("lowpass", "highpass")
    )
    assert np.abs(high).max() > 20 * np.abs(low).max() > 0


def test_what_masks_no_spectrogram_is_not_filtered(copied: Model, tmp_path: Path) -> None:
    arguments = {
        "targets": list(copied.targets),
        "n_fft": 512,
        "hop_length": 256,
        "hidden": [16, 8],
    }
    info = ModelInfo(
        name="gan",
        architecture="svsgan",
        arguments=arguments,
        targets=copied.targets,
        sample_rate=44100,
        licence="MIT",
        wiener=[{"share": 0.4, "from_hz": 500}],
    )
    model = save_model(tmp_path / "gan", info, build_network(info))
    with pytest.raises(
        ModelError, match="gan: wiener: there is no filter for svsgan, expected band_split_unet or"
    ):
        load_network(model)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"share": 0}, "greater than 0"),
        ({"from_hz": 500, "to_hz": 500}, "to_hz 500, expected above from_hz 500"),
        ({"targets": ["bass"]}, r"targets \['bass'\], expected two or more"),
        ({"targets": ["bass", "piano"]}, "piano is none of the targets"),
        (
            {"targets": ["bass", "other"], "over_s": {"drums": 1.0}},
            "drums is averaged, but is none",
        ),
        ({"over_hz": {"piano": 20.0}}, "piano is none of the targets"),
        ({"to_hz": float("inf")}, "finite number"),
        ({"from_hz": float("inf")}, "finite number"),
        ({"from_hz": 30_000.0}, "no bin of .* Hz is in its band"),
        ({"over_hz": {"drums": 0.1}}, "what is averaged over less than half a frame"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(
    copied: Model, changes: dict[str, object], message: str
) -> None:
    described(copied, wiener=[{"share": 1.0}])
    with pytest.raises(ModelError, match=message):
        load_network(described(copied, wiener=[{"share": 0.4} | changes]))


def test_one_target_alone_is_not_filtered(copied: Model) -> None:
    values = {**copied.model_dump(include=set(ModelInfo.model_fields)), "targets": ["vocals"]}
    with pytest.raises(ValidationError, match="wiener: vocals alone has nobody to share with"):
        ModelInfo(**(values | {"wiener": [{"share": 0.4}]}))


def test_missing_weights_are_reported(copied: Model) -> None:
    copied.weights_path.unlink()
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        load_network(copied)


def test_truncated_weights_are_reported(copied: Model) -> None:
    copied.weights_path.write_bytes(copied.weights_path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="incomplete download"):
        load_network(copied)


def test_a_pickle_is_refused_even_with_the_right_hash(copied: Model) -> None:
    torch.save({"a": torch.zeros(1)}, copied.weights_path)
    sha256 = hashlib.sha256(copied.weights_path.read_bytes()).hexdigest()
    with pytest.raises(ModelError, match="no safetensors file"):
        load_network(described(copied, sha256=sha256))


def test_weights_of_another_program_are_reported(copied: Model) -> None:
    with pytest.raises(ModelError, match="holds no description of its network"):
        load_network(rewritten(copied, None))


def test_weights_of_another_model_are_reported(copied: Model) -> None:
    arguments = copied.arguments | {"hidden": 4}
    with pytest.raises(ModelError, match=r"model\.yaml of another model"):
        load_network(described(copied, arguments=arguments))


def test_a_missing_tensor_is_named(copied: Model) -> None:
    stored = {"architecture": copied.architecture, "arguments": copied.arguments}
    with pytest.raises(ModelError, match=r"split\.0\.bias"):
        load_network(rewritten(copied, {"network": json.dumps(stored)}, drop="split.0.bias"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("architecture", "resnet", "'resnet' is unknown, there are: band_split_unet"),
        ("arguments", {"depth": 3}, "unexpected keyword argument"),
        ("arguments", {"band_bins": [1, 2, 3]}, "expected 2048 in all"),
        ("targets", ["vocals"], "but those of the network"),
    ],
)
def test_what_no_network_fits_is_not_saved(
    tiny_model: Model, tmp_path: Path, field: str, value: object, message: str
) -> None:
    info = tiny_model.model_copy(update={field: value})
    with pytest.raises(ModelError, match=message):
        save_model(tmp_path / "other", info, BandSplitUNet(**tiny_model.arguments))


def test_no_random_weights_are_drawn_for_a_network_that_is_read(tiny_model: Model) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    load_network(tiny_model)
    assert torch.equal(torch.rand(1), expected)


def test_without_random_weights_a_parameter_still_gets_the_precision_that_is_asked_for() -> None:
    parameter, layout = nn.Parameter(torch.ones(1, 2, 3, 3)), torch.channels_last
    with _NoRandomWeights():
        assert parameter.to(memory_format=layout).dtype == torch.float32
        assert parameter.to(torch.float16, memory_format=layout).dtype == torch.float16
        assert parameter.to(dtype=torch.float16, memory_format=layout).dtype == torch.float16
        assert parameter.to(non_blocking=True, copy=True, memory_format=layout).equal(parameter)


class Operations(TorchDispatchMode):
    """Notes the names of what torch computes."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.names.add(str(func.overloadpacket))
        return func(*args, **(kwargs or {}))


def test_weights_that_are_to_be_read_are_not_laid_out_anew_before(
    tiny_model: Model, tmp_path: Path
) -> None:
    arguments = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 96, "channels": [4, 6, 8],
                 "targets": list(tiny_model.targets)}  # fmt: skip
    network = UNet(**arguments).eval()
    changes = {"architecture": "unet", "arguments": arguments}
    model = save_model(tmp_path / "unet", tiny_model.model_copy(update=changes), network)
    with Operations() as operations:
        found = load_network(model)
    assert "aten.copy_" in operations.names  # into their place
    assert "aten._to_copy" not in operations.names
    for name, weight in found.state_dict().items():
        assert weight.stride() == network.state_dict()[name].stride()
        torch.testing.assert_close(weight, network.state_dict()[name], rtol=1e-3, atol=1e-6)
