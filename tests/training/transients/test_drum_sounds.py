"""A generative network for attacks of drums, from one-shots: material, steps, model folder."""

from pathlib import Path

import numpy as np
import pytest
import torch

from libsep import config
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.losses.likeness import likeness
from libsep.nets.drum_hits import DRUMS
from libsep.nets.one_shot_gan import LEAD, N_SAMPLES, OneShotCritic, OneShotGenerator
from libsep.training.records.curve import CURVE, read_curve
from libsep.training.synthesis.pack import load_pack
from libsep.training.transients.job import DrumJob
from libsep.training.transients.one_shots import OneShots, find_one_shots, plain, varied
from libsep.training.transients.sounds import (
    DrumSoundJob,
    OneShotPair,
    OneShotTraining,
    measures,
    train_drum_sounds,
)
from libsep.transients.model import SoundInfo, find_sound_model
from libsep.transients.weights import load_sound_network, save_sound_network

SETTINGS = config.DrumSoundTrainingConfig(
    kind="drum_sounds",
    n_steps=24,
    n_steps_alone=20,
    n_batch=4,
    log_interval=12,
    n_judged=1,
    learning_rate=4e-3,
)


@pytest.fixture
def shots() -> OneShots:
    """Return two sweeps and two bursts of noise that die away: kicks and snares."""
    times_s = np.maximum(np.arange(2 * N_SAMPLES) - LEAD, 0) / 44100
    fade = np.exp(-30 * times_s) * (np.arange(2 * N_SAMPLES) >= LEAD)
    noise = np.random.default_rng(0).standard_normal((2, 2 * N_SAMPLES))
    sweeps = [np.sin(2 * np.pi * hz * np.sqrt(times_s + 1e-3)) for hz in (30, 45)]
    sounds = np.stack([*sweeps, *noise]) * fade
    kick, snare = DRUMS.index("kick"), DRUMS.index("snare")
    return OneShots(sounds.astype(np.float32), np.array([kick, kick, snare, snare]))


def job(folder: Path, data: Path, held_out: tuple[str, ...]) -> DrumSoundJob:
    settings = SETTINGS.model_copy(update={"held_out_kits": held_out})
    files = {name: folder / name for name in ("out", "cache", "model")}
    return DrumJob(config=settings, data=(data,), **files)


def test_strokes_of_kits_begin_at_their_onset(pack_folder: Path, cache: AudioCache) -> None:
    found = find_one_shots(load_pack(pack_folder, cache))
    assert sorted(DRUMS[drum] for drum in found.drums) == ["hat", "kick", "snare"]
    sounds = plain(found.of_drum("snare"))
    assert sounds.shape == (1, N_SAMPLES)
    assert np.square(sounds).mean() == pytest.approx(1, rel=1e-4)
    before, after = sounds[0, : LEAD - 1], sounds[0, LEAD : 2 * LEAD]
    assert np.abs(before).max(initial=0) < 0.05 * np.abs(after).max()


def test_varied_strokes_are_like_the_stroke_but_not_the_same(shots: OneShots) -> None:
    made = varied(shots, np.random.default_rng(1))
    alike = likeness(torch.from_numpy(made), torch.from_numpy(plain(shots)), 44)
    assert float(alike.max()) < 0.999
    assert float(alike[:2].min()) > 0.2
    np.testing.assert_allclose(np.square(made).mean(axis=1), 1, rtol=1e-3)


def test_likeness_does_not_hear_level_sign_and_a_small_lag(shots: OneShots) -> None:
    sounds = torch.from_numpy(plain(shots))
    moved = -0.3 * torch.roll(sounds, 20, dims=1)
    torch.testing.assert_close(likeness(moved, sounds, 44), torch.ones(4), atol=0.02, rtol=0)
    assert float(likeness(moved, sounds, 4).max()) < 0.99
    assert float(likeness(sounds[:1], sounds[2:], 44).max()) < 0.4


def test_the_generator_learns_two_drums_and_the_critic_joins_in(
    shots: OneShots, tmp_path: Path
) -> None:
    def trained(**changes: float) -> OneShotPair:
        settings = SETTINGS.model_copy(update=changes)
        return OneShotTraining(shots, shots, settings).fit(tmp_path, say=str)

    trained()
    rows = read_curve(tmp_path / CURVE)
    assert rows[1]["loss"] < 0.95 * rows[0]["loss"]
    assert {"encoded/kick", "encoded/snare", "random/kick"} <= rows[-1].keys()
    short = {"n_steps": 5, "n_steps_alone": 2}
    pair = trained(**short)
    for one, other in zip(pair.parameters(), trained(**short).parameters(), strict=True):
        assert torch.equal(one, other), "the same seed gives the same weights"
    without = trained(**short, adversarial_weight=0.0)
    ends = pair.generator.head.weight, without.generator.head.weight
    assert not torch.equal(*ends), "the critic changes the weights"


def test_a_critic_tells_drums_apart_by_what_it_is_told(shots: OneShots) -> None:
    torch.manual_seed(0)
    sounds = torch.from_numpy(plain(shots))
    critic = OneShotCritic().eval()
    as_kick, as_snare, again = (critic(sounds, torch.full((4,), drum)) for drum in (0, 1, 0))
    for one, other, same in zip(as_kick, as_snare, again, strict=True):
        assert one.shape == (4, 1)
        assert torch.equal(one, same)
        assert not torch.allclose(one, other)


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (("kit",), "held_out_kits: no kits are left to be learned"),
        (("none",), "held_out_kits: no kits are left to be judged"),
    ],
)
def test_without_kits_nothing_is_trained(
    pack_folder: Path, tmp_path: Path, held_out: tuple[str, ...], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        train_drum_sounds(job(tmp_path, pack_folder, held_out), say=str)


def test_a_drum_that_no_kit_has_is_named(pack_folder: Path, tmp_path: Path) -> None:
    manifest = pack_folder / "manifest.csv"
    text = manifest.read_text()
    rows = [row.replace(",kit,", ",judged,") for row in text.splitlines() if ",kit," in row]
    manifest.write_text("\n".join([text.rstrip(), *rows, ""]))
    with pytest.raises(ConfigError, match="no kit to learn from has a tom or a cymbal"):
        train_drum_sounds(job(tmp_path, pack_folder, ("judged",)), say=str)


def test_the_shipped_generator_is_small_makes_drums_and_rebuilds(tmp_path: Path) -> None:
    model = find_sound_model("drum-sounds")
    assert model.weights_path.stat().st_size < 2 * 1024**2
    assert (model.folder / "README.md").is_file()
    network = load_sound_network(model)
    assert isinstance(network, OneShotGenerator)
    codes = torch.randn(64, network.n_code, generator=torch.Generator().manual_seed(0))
    treble = {}
    for drum in ("kick", "hat"):
        sounds = network(codes, torch.full((64,), DRUMS.index(drum)))
        assert sounds[:, : LEAD // 2].square().mean() < 0.1, "it begins with the attack"
        power = torch.fft.rfft(sounds).abs().square()
        above = torch.fft.rfftfreq(N_SAMPLES, 1 / 44100) > 2000
        treble[drum] = (power[:, above].sum(dim=1) / power.sum(dim=1)).median().item()
    assert treble["kick"] < 0.02
    assert treble["hat"] > 5 * treble["kick"]
    info = {key: value for key, value in model.model_dump().items() if key != "sha256"}
    copy = save_sound_network(tmp_path / "copy", SoundInfo.model_validate(info), network)
    assert copy.sha256 == model.sha256
    assert min(model.scores[drum]["encoded"] for drum in ("kick", "tom")) > 0.6


def test_what_the_network_makes_is_measured_against_what_it_learned(shots: OneShots) -> None:
    torch.manual_seed(0)
    training = OneShotTraining(shots, shots, SETTINGS)
    scores = measures(training._begin(), shots, shots)
    assert scores.keys() == {"kick", "snare"}
    assert scores["kick"]["recorded"] == pytest.approx(1, abs=1e-3)
    assert 0 < scores["kick"]["random"] < 0.9
