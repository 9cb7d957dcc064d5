import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from libsep.errors import ModelError
from libsep.nets.scnet import SCNet
from libsep.separation.catalogue import CatalogueEntry, CheckpointFile
from libsep.separation.checkpoint import convert, read_checkpoint
from libsep.separation.weights import load_network

TARGETS = ["drums", "bass", "other", "vocals"]
ARGUMENTS: dict[str, Any] = {
    "targets": TARGETS, "dims": [4, 4, 8], "n_dual_path": 2, "n_fft": 512, "hop_length": 128,
}  # fmt: skip


class Command:
    """What a hostile pickle wants to be executed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def network() -> SCNet:
    torch.manual_seed(1)
    return SCNet(**ARGUMENTS).eval()


def entry(**changes: object) -> CatalogueEntry:
    values = {
        "name": "small",
        "architecture": "scnet",
        "arguments": ARGUMENTS,
        "targets": TARGETS,
        "sample_rate": 44100,
        "licence": "MIT",
        "source": "somebody",
        "files": [CheckpointFile(url="http://127.0.0.1/a.ckpt")],
    }
    return CatalogueEntry.model_validate(values | changes)


def converted(path: Path, folder: Path, **changes: object) -> Any:
    sha256 = {"a.ckpt": hashlib.sha256(path.read_bytes()).hexdigest()}
    return convert(entry(**changes), {"a.ckpt": path}, folder, sha256)


@pytest.mark.parametrize("wrapper", [None, "state", "state_dict", "best_state"])
def test_a_converted_checkpoint_separates_as_before(
    network: SCNet, tmp_path: Path, wrapper: str | None
) -> None:
    state = network.state_dict()
    content = state if wrapper is None else {wrapper: state, "epoch": 3}
    torch.save(content, tmp_path / "a.ckpt")
    model = converted(tmp_path / "a.ckpt", tmp_path / "small")
    mixture = torch.randn(1, 2, 5000, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = load_network(model).separate(mixture)
        torch.testing.assert_close(found, network.separate(mixture), rtol=0, atol=0)
    assert "http://127.0.0.1/a.ckpt (sha256 " in model.source


def test_equal_checkpoints_become_equal_models(network: SCNet, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "a.ckpt")
    torch.save(
        {f"module.{name}": w for name, w in reversed(network.state_dict().items())},
        tmp_path / "old.ckpt",
        _use_new_zipfile_serialization=False,
    )
    models = [converted(tmp_path / name, tmp_path / name[:-5]) for name in ("a.ckpt", "old.ckpt")]
    assert models[0].sha256 == models[1].sha256


def test_tensors_that_no_network_needs_are_left_out(network: SCNet, tmp_path: Path) -> None:
    torch.save({**network.state_dict(), "sample_rate": torch.tensor(44100)}, tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=r"sample_rate is \(\), expected no such tensor"):
        converted(tmp_path / "a.ckpt", tmp_path / "small")
    assert converted(tmp_path / "a.ckpt", tmp_path / "small", ignored=["sample_rate"]).name


def test_several_files_become_one_model(network: SCNet, tmp_path: Path) -> None:
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, weight in network.state_dict().items():
        part, _, rest = name.partition(".")
        parts.setdefault(part, {})[rest] = weight
    paths = {part: tmp_path / part for part in parts}
    for part, state in parts.items():
        torch.save(state, paths[part])
    files = [{"url": f"http://127.0.0.1/{part}", "prefix": f"{part}."} for part in parts]
    pins = {part: hashlib.sha256(paths[part].read_bytes()).hexdigest() for part in parts}
    model = convert(entry(files=files), paths, tmp_path / "small", pins)
    assert load_network(model).state_dict().keys() == network.state_dict().keys()


def test_another_file_than_the_pinned_one_is_refused(network: SCNet, tmp_path: Path) -> None:
    torch.save(network.state_dict(), tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=f"sha256 is [0-9a-f]{{64}}, expected {'0' * 64}"):
        convert(entry(), {"a.ckpt": tmp_path / "a.ckpt"}, tmp_path / "small", {"a.ckpt": "0" * 64})
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dims": [4, 8, 8]}, r"is \(4,.*\), expected \(8,"),
        ({"n_dual_path": 4}, "is missing, expected"),
        ({"n_dual_path": 3}, "expected even numbers"),
    ],
)
def test_the_checkpoint_of_another_network_is_refused(
    network: SCNet, tmp_path: Path, arguments: dict[str, object], message: str
) -> None:
    torch.save(network.state_dict(), tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=message):
        converted(tmp_path / "a.ckpt", tmp_path / "small", arguments=ARGUMENTS | arguments)
    assert not (tmp_path / "small").exists()


def test_a_checkpoint_that_wants_to_run_code_is_refused_and_runs_none(tmp_path: Path) -> None:
    for is_zip in (True, False):
        content = {"state": {"a": torch.zeros(1)}, "b": Command(tmp_path / "broken-in")}
        torch.save(content, tmp_path / "a.ckpt", _use_new_zipfile_serialization=is_zip)
        with pytest.raises(ModelError, match="made to run code"):
            read_checkpoint(tmp_path / "a.ckpt")
    assert not (tmp_path / "broken-in").exists()


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_checkpoint_is_refused(
    network: SCNet, tmp_path: Path, part: float, *, is_zip: bool
) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=is_zip)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(ModelError, match="no checkpoint of plain tensors"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(3), "holds Tensor, expected named tensors"),
        ({}, "holds dict, expected named tensors"),
        ({"a": torch.zeros(1), "epoch": 3}, "'epoch' is int"),
        ({1: torch.zeros(1)}, "1 is Tensor"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match=message):
        read_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize("text", [b"<html>", b"PK\x03\x04", b"\x80\x02.", b"\x80\x02K\x01."])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.ckpt").write_bytes(text)
    with pytest.raises(ModelError, match="no checkpoint of plain tensors"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="No such file"):
        read_checkpoint(tmp_path / "a.ckpt")
