"""What a training refuses at once, before any material is loaded, and what it only warns of."""

import dataclasses
import logging
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.config import RestorationTrainingConfig, TrainingConfig, load_training
from libsep.config.section import parse
from libsep.datasets.audio_cache import AudioCache, save_array
from libsep.datasets.songs import Song
from libsep.errors import ConfigError, LedgerError
from libsep.ledger.lock import RunLock
from libsep.training.check import check_job, files_of_songs, warn_of_unused
from libsep.training.job import Job
from libsep.training.local import train
from libsep.training.material.data import Material, Recording
from libsep.training.start import begin
from libsep.training.weights.checkpoint import save_checkpoint
from libsep.training.weights.export import describe

from ..conftest import write_wave


def job_in(folder: Path, songs: Path, **changes: object) -> Job:
    values = {
        "workers": 1,
        "precision": "float32",
        "network": {"size": "XS"},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 1, "n_batch": 1},
    }
    config = TrainingConfig.model_validate(values | changes)
    return Job(config, (songs,), (), folder / "run", folder / "cache")


def test_a_second_training_in_the_same_folder_is_refused(
    tmp_path: Path, songs_folder: Path
) -> None:
    job = job_in(tmp_path, songs_folder)
    with (
        RunLock(job.out, run="first"),
        pytest.raises(LedgerError, match=r"in use by run first .* wait until it ends, or stop it"),
    ):
        train(job)
    assert not (job.out / "config.yaml").exists()
    assert not job.cache.exists()


def test_the_lock_of_a_killed_training_is_no_obstacle(tmp_path: Path, songs_folder: Path) -> None:
    job = job_in(tmp_path, songs_folder)
    code = (
        "import os, signal; from pathlib import Path; from libsep.ledger.lock import RunLock\n"
        f"with RunLock(Path({str(job.out)!r}), run='killed'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code])
    assert done.returncode == -signal.SIGKILL
    assert (job.out / "lock").is_file()
    train(job)
    assert not (job.out / "lock").exists()
    assert (job.out / "checkpoint.pt").is_file()


@pytest.mark.parametrize("option", ["data", "validation", "unpaired"])
def test_a_missing_folder_is_named_with_its_option(tmp_path: Path, option: str) -> None:
    missing = {option: (tmp_path / "gone",)}
    job = Job(TrainingConfig(), **({"data": (), "validation": ()} | missing), out=tmp_path / "run",
              cache=tmp_path / "cache")  # fmt: skip
    with pytest.raises(ConfigError, match=f"--{option}: .*gone: not found"):
        train(job)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_missed_at_once(tmp_path: Path, songs_folder: Path) -> None:
    with pytest.raises(ConfigError, match="device: cuda, but torch finds no GPU"):
        train(job_in(tmp_path, songs_folder, device="cuda"))
    assert not job_in(tmp_path, songs_folder).cache.exists()


def test_a_checkpoint_of_another_size_is_refused_before_material_is_loaded(
    tmp_path: Path, songs_folder: Path
) -> None:
    job = job_in(tmp_path, songs_folder)
    job.out.mkdir()
    larger = job_in(tmp_path, songs_folder, network={"size": "S"})
    save_checkpoint(job.out / "checkpoint.pt", begin(larger))
    with pytest.raises(ConfigError, match=r"checkpoint\.pt: cannot be resumed from"):
        train(job)
    assert not job.cache.exists()
    assert not (job.out / "config.yaml").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: mine", "licence: is missing"),
        ("{name: mine, licence: MIT, skores: {}}", "skores: is unknown"),
        ("- mine", "expected a mapping of sections, found list"),
    ],
)
def test_a_wrong_description_of_the_model_names_the_field(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "about.yaml").write_text(text)
    with pytest.raises(ConfigError, match=rf"about\.yaml: {message}"):
        describe(TrainingConfig(), tmp_path / "about.yaml")


def test_names_that_the_material_lacks_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    silence = np.zeros((2, 10), np.int16)
    material = Material(
        [Song("eif-1", {"drums": silence})], {"vocals": [Recording("choir-a", silence)]}
    )
    config = TrainingConfig.model_validate(
        {"material": {"exclude_songs": ["eif-1", "Lithum"],
                      "weights": {"eif-*": 2, "choir-*": 1, "quire-*": 3}}}
    ).material  # fmt: skip
    with caplog.at_level(logging.WARNING):
        warn_of_unused(config, material)
    assert caplog.messages == [
        "material.exclude_songs: no song is called 'Lithum'",
        "material.weights: 'quire-*' matches no song or recording",
    ]


def test_songs_that_are_learned_from_and_judge_are_warned_of(
    tmp_path: Path, songs_folder: Path, pack_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    job = job_in(tmp_path, songs_folder)
    job = dataclasses.replace(job, data=(songs_folder, pack_folder))
    check_job(dataclasses.replace(job, validation=()))
    assert not caplog.messages
    (tmp_path / "one").symlink_to(songs_folder / "first")
    check_job(dataclasses.replace(job, validation=(tmp_path / "one",)))
    (warning,) = caplog.messages
    assert "first/bass.wav: is learned from and is in --validation" in warning
    assert "material.exclude_songs: [first]" in warning
    caplog.clear()
    without = job.config.model_copy(
        update={"material": job.config.material.model_copy(update={"exclude_songs": ("first",)})}
    )
    check_job(dataclasses.replace(job, validation=(tmp_path / "one",), config=without))
    assert not caplog.messages


def test_the_songs_of_a_pack_are_known_without_decoding_them(pack_folder: Path) -> None:
    (pack_folder / "bass.wav").write_bytes(b"")
    found = files_of_songs([pack_folder])
    assert {path.name: name for path, name in found.items()} == {
        "guitar.wav": "Song",
        "bass.wav": "Song",
    }
    assert files_of_songs([pack_folder], ["Song"]) == {}


def test_without_a_loss_there_is_nothing_to_train(tmp_path: Path, songs_folder: Path) -> None:
    with pytest.raises(ConfigError, match="loss: all weights are 0"):
        check_job(job_in(tmp_path, songs_folder, loss={"spectrum": 0}))
    with pytest.raises(ConfigError, match="loss: all weights are 0"):
        parse(
            RestorationTrainingConfig,
            {"kind": "super_resolution",
             "loss": {"distance": 0, "amplitude": 0, "resolutions": 0, "phase": 0}},
            origin="air.yaml",
        )  # fmt: skip


@pytest.mark.slow
def test_what_one_of_several_workers_finds_wrong_is_told_in_one_line(
    tmp_path: Path, songs_folder: Path
) -> None:
    material = {"segment_s": 0.5, "n_renders": 0, "weights": {"*": 0}}
    with pytest.raises(ConfigError, match=r"^material\.weights, .*: no song is left$"):
        train(job_in(tmp_path, songs_folder, workers=2, material=material | {"coherent": 1}))


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let no file grow beyond a thousand bytes, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_what_a_full_disk_does_not_take_is_named_and_nothing_half_is_left(
    tmp_path: Path, full_disk: None
) -> None:
    with pytest.raises(ConfigError, match=r"samples\.npy: cannot be written \(disk full\?\): "):
        save_array(tmp_path / "samples.npy", np.zeros((2, 44100), np.int16))
    state = begin(job_in(tmp_path, tmp_path))
    with pytest.raises(ConfigError, match=r"checkpoint\.pt: cannot be written \(disk full\?\): "):
        save_checkpoint(tmp_path / "checkpoint.pt", state)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="file/cache: the folder cannot be made: Not a directory"):
        AudioCache(tmp_path / "file" / "cache", 44100)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            {"architecture": "unet", "arguments": {"channels": []}},
            "arguments of unet: channels: none",
        ),
        (
            {"architecture": "wavenet", "arguments": {"n_channels": 1, "n_stacks": 1}},
            "arguments of wavenet: do not fit stereo sound: Given groups=1",
        ),
        (
            {"size": "XS", "arguments": {"hop_length": 1000}},
            "arguments of band_split_unet: do not fit stereo sound: hop_length 1000 must divide",
        ),
    ],
)
def test_a_network_that_cannot_work_is_refused_before_the_material_is_loaded(
    tmp_path: Path, songs_folder: Path, network: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        train(job_in(tmp_path, songs_folder, network=network))
    assert not (tmp_path / "cache").exists()


def test_a_validation_of_nothing_but_silence_is_refused(tmp_path: Path, songs_folder: Path) -> None:
    for name in ("drums", "bass", "other", "vocals"):
        write_wave(tmp_path / "silent" / "song" / f"{name}.wav", np.zeros((2, 44100)))
    job = dataclasses.replace(job_in(tmp_path, songs_folder), validation=(tmp_path / "silent",))
    with pytest.raises(ConfigError, match="--validation: all sources of all songs are silent"):
        train(job)


def test_an_unknown_kind_of_training_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("kind: drums")
    with pytest.raises(ConfigError, match=r"kind: expected one of genre, .* \(found 'drums'\)"):
        load_training(tmp_path / "mine.yaml")
