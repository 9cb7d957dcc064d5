"""From kits of drums to a network that makes attacks: one-shots, steps, measures, model folder.

An encoder tells the code of a recorded attack, and the generator makes it again. From a step on a
critic judges these sounds, and those of random codes, beside recorded ones.
"""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from libsep.config import DrumSoundTrainingConfig
from libsep.errors import ConfigError
from libsep.losses.adversarial import discriminator_loss, generator_loss
from libsep.losses.likeness import likeness
from libsep.media.atomic import make_folder
from libsep.nets.drum_hits import DRUMS
from libsep.nets.one_shot_gan import (
    OneShotCritic,
    OneShotEncoder,
    OneShotGenerator,
    log_spectrogram,
)
from libsep.training.small_network import Say, fit_small_network
from libsep.training.transients.job import DrumJob
from libsep.training.transients.one_shots import OneShots, find_one_shots, plain, varied
from libsep.transients.model import SoundInfo, SoundModel
from libsep.transients.weights import SOUND_ARCHITECTURE, save_sound_network

logger = logging.getLogger(__name__)

MAX_LAG = 44
"""Samples by which a sound may come earlier or later than the recorded one: 1 ms."""

N_CODES = 256
"""Random codes among which the most similar sound is looked for, to judge the network."""

BETAS = (0.5, 0.99)
"""Of the critic's AdamW: with little memory, because what it judges changes."""

DrumSoundJob = DrumJob[DrumSoundTrainingConfig]


class OneShotPair(nn.Module):
    """The generator, and the encoder that it is trained with."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = OneShotGenerator()
        self.encoder = OneShotEncoder(n_code=self.generator.n_code)


def train_drum_sounds(job: DrumSoundJob, say: Say = logger.info) -> SoundModel:
    """Train a generator on the one-shots of kits, and write it as a model folder with its curve.

    The same material and seed give the same weights on the same machine. ``say`` is told how far
    it is.

    Raises
    ------
    ConfigError
        Kits are missing, some drum is in none that is learned from, all kits, or none, are held
        out; or the description is wrong.
    ModelError
        The model folder cannot be written.
    """
    torch.set_num_threads(1)
    # A wrong description is refused before the training, not after.
    info = job.describe(SoundInfo, SOUND_ARCHITECTURE)
    make_folder(job.out)
    collection = job.collection()
    learned = find_one_shots(job.part(collection, is_judged=False))
    judged = find_one_shots(job.part(collection, is_judged=True))
    if missing := [drum for drum in DRUMS if not len(learned.of_drum(drum).drums)]:
        raise ConfigError(f"no kit to learn from has a {' or a '.join(missing)}")
    say(f"{len(learned.drums)} strokes to learn from, {len(judged.drums)} to judge by")
    pair = OneShotTraining(learned, judged, job.config).fit(job.out, say)
    scores = measures(pair, judged, learned)
    for drum, values in scores.items():
        said = ", ".join(f"{measure} {value:.2f}" for measure, value in values.items())
        say(f"{drum}: {said}, on kits that were not learned from")
    info = info.model_copy(update={"scores": scores})
    model = save_sound_network(job.model, info, pair.generator)
    job.write_curve()
    return model


class OneShotTraining:
    """The steps of the generator, the encoder and the critic.

    Parameters
    ----------
    learned, judged
        Strokes to learn from, and others that rows of the curve are judged by.
    config
        Steps, rates, and weights of the losses.
    """

    def __init__(
        self, learned: OneShots, judged: OneShots, config: DrumSoundTrainingConfig
    ) -> None:
        self._learned = learned
        self._judged = first_of_each(judged, config.n_judged)
        self._config = config
        self._rng = np.random.default_rng([config.seed, 3])
        found = {index: np.flatnonzero(learned.drums == index) for index in range(len(DRUMS))}
        self._of_drum = {index: rows for index, rows in found.items() if len(rows)}

    def fit(self, out: Path, say: Say) -> OneShotPair:
        """Return what was trained; its curve goes to ``out``, and each row of it to ``say``."""
        return fit_small_network(self._begin, self._loss, self._config, out, say, judge=self._judge)

    def _begin(self) -> OneShotPair:
        self._critic = OneShotCritic()
        self._optimiser = torch.optim.AdamW(
            self._critic.parameters(), lr=self._config.learning_rate, betas=BETAS, weight_decay=0.0
        )
        return OneShotPair()

    def _loss(self, pair: OneShotPair, step: int) -> Float[Tensor, ""]:
        config = self._config
        sounds, drums = self._batch()
        means, log_variances = pair.encoder(sounds)
        codes = means + torch.randn_like(means) * (0.5 * log_variances).exp()
        made = pair.generator(codes, drums)
        divergence = means.square() + log_variances.exp() - 1 - log_variances
        distance = (log_spectrogram(made) - log_spectrogram(sounds)).abs().mean()
        loss: Tensor = (
            config.likeness_weight * (1 - likeness(made, sounds, MAX_LAG)).mean()
            + config.spectrum_weight * distance
            + config.code_weight * 0.5 * divergence.sum(dim=1).mean()
        )
        if step <= config.n_steps_alone or not config.adversarial_weight:
            return loss
        invented = pair.generator(torch.randn_like(means), drums)
        fakes, of = torch.cat([made, invented]), torch.cat([drums, drums])
        self._optimiser.zero_grad()
        reals = [torch.cat([logits, logits]) for logits in self._critic(sounds, drums)]
        judgement = discriminator_loss(reals, self._critic(fakes.detach(), of), "hinge")
        judgement.backward()  # type: ignore[no-untyped-call]  # torch has no annotation for it
        self._optimiser.step()
        self._critic.requires_grad_(requires_grad=False)
        loss = loss + config.adversarial_weight * generator_loss(self._critic(fakes, of), "hinge")
        self._critic.requires_grad_(requires_grad=True)
        return loss

    def _batch(self) -> tuple[Float[Tensor, "B T"], Int64[Tensor, " B"]]:
        """Return varied strokes; each drum as often as the others."""
        rng, config = self._rng, self._config
        drums = rng.choice(list(self._of_drum), config.n_batch)
        rows = [self._of_drum[drum][rng.integers(len(self._of_drum[drum]))] for drum in drums]
        shots = OneShots(self._learned.sounds[rows], self._learned.drums[rows])
        return torch.from_numpy(varied(shots, rng)), torch.from_numpy(shots.drums)

    def _judge(self, pair: OneShotPair) -> Mapping[str, Mapping[str, float]]:
        scores = measures(pair, self._judged)
        return {
            measure: {drum: values[measure] for drum, values in scores.items()}
            for measure in ("random", "encoded")
        }


def measures(
    pair: OneShotPair, judged: OneShots, learned: OneShots | None = None
) -> dict[str, dict[str, float]]:
    """Return how alike strokes are to what the network makes; see `SoundInfo.scores`.

    Drums of which there is no stroke are left out, and ``recorded`` without ``learned``.
    """
    scores: dict[str, dict[str, float]] = {}
    codes = torch.randn(N_CODES, pair.generator.n_code, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        for index, drum in enumerate(DRUMS):
            shots = judged.of_drum(drum)
            if not len(shots.drums):
                continue
            sounds, drums = torch.from_numpy(plain(shots)), torch.from_numpy(shots.drums)
            invented = pair.generator(codes, torch.full((N_CODES,), index))
            encoded = likeness(pair.generator(pair.encoder(sounds)[0], drums), sounds, MAX_LAG)
            found = {"random": _nearest(sounds, invented), "encoded": float(encoded.mean())}
            if learned is not None:
                recorded = torch.from_numpy(plain(learned.of_drum(drum)))
                found["recorded"] = _nearest(sounds, recorded)
            scores[drum] = {name: round(value, 3) for name, value in found.items()}
    return scores


def first_of_each(shots: OneShots, n_strokes: int) -> OneShots:
    """Return the first strokes of each drum."""
    rows = np.concatenate(
        [np.flatnonzero(shots.drums == index)[:n_strokes] for index in range(len(DRUMS))]
    )
    return OneShots(shots.sounds[rows], shots.drums[rows])


def _nearest(sounds: Float[Tensor, "N T"], others: Float[Tensor, "M T"]) -> float:
    """Return the mean likeness of each sound to the most similar one of the others."""
    best = [float(likeness(others, sound[None], MAX_LAG).max()) for sound in sounds]
    return float(np.mean(best))
