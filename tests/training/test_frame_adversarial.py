"""SVSGAN's adversarial stage: what moves when, what is refused, and a whole run on files."""

import copy
import json
from pathlib import Path

import pytest
import torch

from libsep.config import TrainingConfig
from libsep.errors import ConfigError
from libsep.training.adversarial.frames import frame_step
from libsep.training.job import Job
from libsep.training.local import train
from libsep.training.start import begin, check_start
from libsep.training.state import new_state
from libsep.training.step import train_step
from libsep.training.weights.checkpoint import save_checkpoint
from libsep.training.weights.growth import new_network

ARGUMENTS = {"n_fft": 512, "hop_length": 256, "hidden": [32, 16], "is_recurrent": True}


def settings(**changes: object) -> TrainingConfig:
    values: dict[str, object] = {
        "workers": 1,
        "precision": "float32",
        "log_interval": 1,
        "network": {"architecture": "svsgan", "arguments": ARGUMENTS},
        "loss": {"spectrum": 0.0, "divergence": 1.0},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 3, "n_batch": 1, "n_warmup_steps": 0, "learning_rate": 1e-3},
        "frame_adversarial": {"n_warmup_steps": 1, "hidden": 16},
    }
    return TrainingConfig.model_validate(values | changes)


def job_of(config: TrainingConfig, songs: Path, folder: Path) -> Job:
    state = new_state(new_network(config.network), config.optimiser)
    save_checkpoint(folder / "first.pt", state)
    return Job(
        config,
        data=(songs,),
        validation=(songs,),
        out=folder / "run",
        cache=folder / "cache",
        start=str(folder / "first.pt"),
    )


def tones() -> torch.Tensor:
    """Return four sources of other pitches, ``(1, 4, 2, T)``."""
    time_s = torch.arange(6000) / 44100
    found = [torch.sin(2 * torch.pi * hertz * time_s) for hertz in (200, 1500, 5000, 12000)]
    return 0.1 * torch.stack(found)[None, :, None].expand(1, -1, 2, -1)


def is_changed(before: torch.nn.Module, after: torch.nn.Module) -> bool:
    pairs = zip(before.state_dict().values(), after.state_dict().values(), strict=True)
    return any(not torch.equal(old, new) for old, new in pairs)


def test_first_the_discriminator_learns_alone_then_both(songs_folder: Path, tmp_path: Path) -> None:
    config = settings()
    state = begin(job_of(config, songs_folder, tmp_path))
    assert state.adversary is not None
    networks = {"generator": state.network, "judge": state.adversary.discriminators}
    moved = []
    for _ in range(2):
        before = {name: copy.deepcopy(each) for name, each in networks.items()}
        metrics = frame_step(state, tones(), config, is_bfloat16=False)
        moved.append({name for name in networks if is_changed(before[name], networks[name])})
    assert moved == [{"judge"}, {"generator", "judge"}]
    parts = {"loss/divergence", "adversarial/generator"}
    assert parts | {"discriminator/frames"} < set(metrics)
    assert metrics["loss"] == pytest.approx(sum(metrics[name] for name in parts))


def test_the_discriminator_learns_to_tell_frames_apart(songs_folder: Path, tmp_path: Path) -> None:
    config = settings(
        frame_adversarial={"n_warmup_steps": 60, "hidden": 16, "learning_rate": 1e-2},
        optimiser={"n_steps": 60},
    )
    state = begin(job_of(config, songs_folder, tmp_path))
    losses = [
        frame_step(state, tones(), config, is_bfloat16=False)["discriminator/frames"]
        for _ in range(60)
    ]
    assert losses[0] > 1.2  # 2 log 2: it knows nothing
    assert losses[-1] < 0.3


def test_the_supervised_part_is_that_of_supervised_training(
    songs_folder: Path, tmp_path: Path
) -> None:
    config = settings(frame_adversarial={"n_warmup_steps": 0, "hidden": 16})
    job = job_of(config, songs_folder, tmp_path)
    state, alone = begin(job), begin(job)
    found = frame_step(state, tones(), config, is_bfloat16=False)
    expected = train_step(alone, tones(), config.loss, config.optimiser, is_bfloat16=False)
    assert found["loss/divergence"] == pytest.approx(expected["loss/divergence"], rel=1e-5)


def test_a_run_measures_its_start_and_says_what_it_thinks_of_the_end(
    songs_folder: Path, tmp_path: Path
) -> None:
    train(job_of(settings(), songs_folder, tmp_path))
    rows = [
        json.loads(line) for line in (tmp_path / "run" / "curve.jsonl").read_text().splitlines()
    ]
    verdicts = [row for row in rows if "verdict" in row]
    assert [row["step"] for row in verdicts] == [0, 3]
    assert "onset_lsd" in verdicts[0]
    assert all(("onset LSD" in v["verdict"]) or ("refused" in v["verdict"]) for v in verdicts)
    assert "adversarial/generator" in rows[-2]


def test_what_the_stage_is_not_for_is_refused(songs_folder: Path, tmp_path: Path) -> None:
    def job(config: TrainingConfig, **changes: object) -> Job:
        values = {"data": (), "validation": (songs_folder,), "start": "x"} | changes
        return Job(config, out=tmp_path, cache=tmp_path, **values)

    with pytest.raises(ConfigError, match="frame_adversarial: needs a trained generator"):
        check_start(job(settings(), start=None))
    with pytest.raises(ConfigError, match="frame_adversarial: needs songs to guard"):
        check_start(job(settings(), validation=()))
    with pytest.raises(ConfigError, match="BandSplitUNet does not estimate magnitudes"):
        check_start(job(settings(network={})))
    with pytest.raises(ValueError, match="expected one of them at most"):
        settings(adversarial={})
