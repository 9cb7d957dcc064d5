"""Spleeter's published models: TensorFlow checkpoints in an archive, as weights of our U-Net.

The network of each source has its variables numbered through, source by source: ``conv2d[_n]``,
``conv2d_transpose[_n]`` and ``batch_normalization[_n]``.
"""

import contextlib
import functools
import tarfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from libsep.errors import ModelError, reason_of
from libsep.machine import temporary_folder
from libsep.model_folder.tensor_bundle import read_bundle
from libsep.model_folder.tensors import check_sha256, halved
from libsep.separation.catalogue import CheckpointFile

INDEX = "model.index"
DATA = "model.data-00000-of-00001"

MAX_MEMBER_BYTES = 1 << 30
"""Largest file that is taken out of an archive; that of five sources has 196 MB."""

_PART_BYTES = 1 << 20


def read_spleeter(
    file: CheckpointFile, path: Path, sha256: str, sources: Sequence[str], n_levels: int
) -> dict[str, Tensor]:
    """Return the weights of a published model under the names of `libsep.nets.unet.UNet`.

    Matrices and kernels become half precision.

    Parameters
    ----------
    file
        The archive as the catalogue knows it.
    path
        The archive; or a folder with its two files, or a wheel (or another zip file) that holds
        them: these are taken where the catalogue knows the hash of each.
    sha256
        Of the archive.
    sources
        In the order of the networks in it.
    n_levels
        Convolutions on the way down, and up.

    Raises
    ------
    ModelError
        It is another file than the hash says, damaged, or lacks a variable of the network.
    """
    with _members(file, path, sha256) as members:
        variables = variable_names(sources, n_levels)
        found = read_bundle(members[INDEX], members[DATA], is_wanted=variables.__contains__)
        if missing := variables.keys() - found.keys():
            raise ModelError(f"{path}: {min(missing)} is missing (another model of Spleeter?)")
    weights: dict[str, Tensor] = {}
    for variable, name in variables.items():
        tensor = torch.from_numpy(found[variable])
        # Kernels are (rows, columns, in, out), transposed ones (rows, columns, out, in).
        weights[name] = halved(name, tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor)
        if name.endswith("running_var"):
            counter = name.removesuffix("running_var") + "num_batches_tracked"
            weights[counter] = torch.zeros((), dtype=torch.int64)
    return weights


def variable_names(sources: Sequence[str], n_levels: int) -> dict[str, str]:
    """Return the name of each variable of Spleeter that its graph uses, and ours for it.

    The file also holds a normalisation of the deepest level, of which the graph makes no use.
    """
    names: dict[str, str] = {}
    for place, source in enumerate(sources):
        network = f"networks.{source}"
        for level in range(n_levels + 1):
            ours = f"{network}.down.{level}.conv" if level < n_levels else f"{network}.last"
            names |= _layer("conv2d", place * (n_levels + 1) + level, ours, _KERNEL)
        for level in range(n_levels):
            theirs = place * n_levels + level
            names |= _layer("conv2d_transpose", theirs, f"{network}.up.{level}.conv", _KERNEL)
            theirs = 2 * place * n_levels + level
            norm = f"{network}.norms.{level}"
            if level < n_levels - 1:
                names |= _layer("batch_normalization", theirs, norm, _NORM)
            norm = f"{network}.up.{level}.norm"
            names |= _layer("batch_normalization", theirs + n_levels, norm, _NORM)
    return names


_KERNEL = {"kernel": "weight", "bias": "bias"}
_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _layer(kind: str, number: int, ours: str, parts: Mapping[str, str]) -> dict[str, str]:
    layer = f"{kind}_{number}" if number else kind
    return {f"{layer}/{theirs}": f"{ours}.{name}" for theirs, name in parts.items()}


@contextlib.contextmanager
def _members(file: CheckpointFile, path: Path, sha256: str) -> Iterator[dict[str, Path]]:
    """Yield where the two files of the checkpoint lie; those of an archive for a while."""
    if path.is_dir():
        places = {name: path / name for name in (INDEX, DATA)}
        _check_members(file, path, places)
        yield places
        return
    is_wheel = path.is_file() and zipfile.is_zipfile(path)
    if not is_wheel:
        check_sha256(path, sha256)
    with temporary_folder("libsep-spleeter-") as folder:
        places = {name: folder / name for name in (INDEX, DATA)}
        try:
            (_unzip if is_wheel else _untar)(path, places)
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, RuntimeError) as exc:
            raise ModelError(f"{path}: no archive of Spleeter: {reason_of(exc)}") from exc
        for name, place in places.items():
            if not place.is_file():
                raise ModelError(f"{path}: holds no {name} (another archive?)")
        if is_wheel:
            _check_members(file, path, places)
        yield places


def _check_members(file: CheckpointFile, path: Path, places: Mapping[str, Path]) -> None:
    for name, place in places.items():
        if name not in file.members:
            raise ModelError(f"{path}: the hash of its {name} is not known, expected {file.name}")
        check_sha256(place, file.members[name])


def _untar(path: Path, places: Mapping[str, Path]) -> None:
    with tarfile.open(path, "r:*") as archive:
        for member in archive:
            name = Path(member.name).name
            content = archive.extractfile(member) if member.isfile() else None
            if name in places and content is not None:
                _copy(iter(functools.partial(content.read, _PART_BYTES), b""), places[name])


def _unzip(path: Path, places: Mapping[str, Path]) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = Path(member.filename).name
            if name in places and not member.is_dir():
                with archive.open(member) as content:
                    _copy(iter(functools.partial(content.read, _PART_BYTES), b""), places[name])


def _copy(parts: Iterator[bytes], place: Path) -> None:
    """Write a file out of an archive, which may hold only one of its name."""
    n_bytes = 0
    with place.open("xb") as file:
        for part in parts:
            n_bytes += len(part)
            if n_bytes > MAX_MEMBER_BYTES:
                raise ModelError(f"{place.name}: longer than {MAX_MEMBER_BYTES} bytes")
            file.write(part)
