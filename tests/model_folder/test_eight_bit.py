import hashlib
from pathlib import Path

import pytest
import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from libsep.errors import ModelError
from libsep.model_folder.description import WEIGHTS_FILE, Description
from libsep.model_folder.eight_bit import SCALE, in_8_bit, unpacked
from libsep.model_folder.tensors import read_tensors, write_network


class Lamp(Description):
    kind: str = "lamp"


INFO = Lamp(
    name="red", architecture="bulb", arguments={}, sample_rate=44100, licence="MIT", kind="lamp"
)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(4)
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ConvTranspose2d(5, 2, 5), nn.LSTM(4, 6)
    )
    with torch.no_grad():
        network[0].weight[2] *= 1000  # channels of very different size
        network[2].weight[:, 1] *= 1e-4
        network[0].weight[4] = 0
    return network


def hash_of(folder: Path) -> str:
    return hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()


def test_a_weight_is_off_by_half_a_254th_of_its_channels_largest(
    network: nn.Module, tmp_path: Path
) -> None:
    write_network(tmp_path, INFO, network, network, is_8_bit=True)
    found = read_tensors(tmp_path / WEIGHTS_FILE, INFO, hash_of(tmp_path))
    state = network.state_dict()
    assert found.keys() == state.keys()
    for name, axis in (("0.weight", 0), ("2.weight", 1), ("3.weight_ih_l0", 0)):
        others = [other for other in range(state[name].ndim) if other != axis]
        largest = state[name].abs().amax(others, keepdim=True)
        error = (found[name] - state[name]).abs()
        assert (error <= largest / 254 * (1 + 1e-4)).all()
        assert error.max() > 0, "or nothing was rounded"
    for name in ("0.bias", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(found[name], state[name])
    stored = load_file(tmp_path / WEIGHTS_FILE)
    assert stored["2.weight"].dtype == torch.int8
    assert stored["2.weight" + SCALE].shape == (1, 2, 1, 1)
    assert not found["0.weight"][4].any()


def test_rounding_again_changes_nothing(network: nn.Module) -> None:
    once = unpacked(in_8_bit(network))
    network.load_state_dict(once)
    again = unpacked(in_8_bit(network))
    for name, tensor in once.items():
        torch.testing.assert_close(again[name], tensor, rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"9.weight:scale": torch.ones(1)}, "9.weight:scale belongs to no tensor in 8 bit"),
        ({"0.bias:scale": torch.ones(5)}, "0.bias:scale belongs to no"),
        ({"0.weight:scale": torch.ones(4, 1, 1, 1)}, r"float32 \(4, 1, 1, 1\) for \(5, 3, 3, 3\)"),
        ({"0.weight:scale": torch.ones(5)}, r"\(5,\) for"),
        ({"0.weight:scale": torch.ones(5, 3, 1, 1)}, r"\(5, 3, 1, 1\) for"),
        ({"0.weight:scale": torch.ones(5, 1, 1, 1).half()}, "float16"),
    ],
)
def test_scales_that_do_not_fit_are_refused(
    network: nn.Module, tmp_path: Path, changes: dict[str, torch.Tensor], message: str
) -> None:
    write_network(tmp_path, INFO, network, network, is_8_bit=True)
    path = tmp_path / WEIGHTS_FILE
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file(load_file(path) | changes, path, metadata=metadata)
    with pytest.raises(ModelError, match=message):
        read_tensors(path, INFO, hash_of(tmp_path))
