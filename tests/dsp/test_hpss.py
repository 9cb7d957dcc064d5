import numpy as np
import torch

from libsep.dsp.hpss import harmonic_share, separate_by_rules

SAMPLE_RATE = 22050


def test_lines_along_time_are_harmonic_and_lines_along_frequency_are_not() -> None:
    power = torch.zeros(64, 64)
    power[20, :] = 1.0
    power[:, 40] = 1.0
    share = harmonic_share(power)
    assert share[20, 10] > 0.99
    assert share[50, 40] < 0.01


def test_silence_is_half_harmonic_and_stays_silent() -> None:
    assert torch.equal(harmonic_share(torch.zeros(32, 40)), torch.full((32, 40), 0.5))
    assert torch.equal(
        separate_by_rules(torch.zeros(2, 8000), SAMPLE_RATE), torch.zeros(4, 2, 8000)
    )


def test_the_four_add_up_to_the_mixture(rng: np.random.Generator) -> None:
    mixture = torch.from_numpy(rng.uniform(-1, 1, (2, 20000)).astype(np.float32))
    estimates = separate_by_rules(mixture, SAMPLE_RATE)
    torch.testing.assert_close(estimates.sum(0), mixture, rtol=0, atol=1e-5)


def test_clicks_are_drums_and_a_low_tone_is_bass() -> None:
    time_s = torch.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = 0.3 * torch.sin(2 * torch.pi * 80 * time_s)
    clicks = torch.zeros_like(tone)
    clicks[2205::4410] = 1.0
    drums, bass, _, _ = separate_by_rules((tone + clicks).expand(2, -1), SAMPLE_RATE)
    middle = slice(SAMPLE_RATE // 2, 3 * SAMPLE_RATE // 2)
    assert (bass[0, middle] - tone[middle]).square().mean() < 0.02 * tone.square().mean()
    assert (drums[0, middle] - clicks[middle]).square().mean() < 0.2 * clicks.square().mean()
