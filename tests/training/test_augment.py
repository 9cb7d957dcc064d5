import numpy as np
import pytest
import torch

from libsep.training.material import augment

SAMPLE_RATE = 44100


@pytest.fixture
def sources(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.normal(0, 0.2, (4, 2, 44100)).astype(np.float32))


@pytest.mark.parametrize("seed", range(8))
def test_limited_sources_are_the_sources_times_one_gain(sources: torch.Tensor, seed: int) -> None:
    limited = augment.limited(sources, np.random.default_rng(seed))
    gains = limited / sources
    reference = gains[:1]
    assert torch.allclose(gains, reference.expand_as(gains), rtol=1e-3, atol=1e-4)
    assert limited.sum(0).abs().max() < 0.95 * sources.sum(0).abs().max()


def test_limiting_silence_gives_silence(rng: np.random.Generator) -> None:
    assert not augment.limited(torch.zeros(4, 2, 1000), rng).any()


def test_playing_faster_raises_a_tone() -> None:
    n_before, n_after = 8 * 4096, 7 * 4096
    tone = torch.sin(2 * torch.pi * 64 * torch.arange(n_before) / n_before)
    faster = augment.respeeded(tone.expand(2, -1), n_after, 0.0, SAMPLE_RATE)
    expected = torch.sin(2 * torch.pi * 64 * torch.arange(n_after) / n_after)
    torch.testing.assert_close(faster[0], expected, rtol=0, atol=1e-4)


def test_the_same_length_and_no_tilt_change_nothing(sources: torch.Tensor) -> None:
    same = augment.respeeded(sources, 44100, 0.0, SAMPLE_RATE)
    torch.testing.assert_close(same, sources, rtol=0, atol=1e-5)


def test_a_tilt_raises_the_treble_by_its_share_of_five_octaves() -> None:
    time_s = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    for hertz, gain_db in ((1000, 0.0), (2000, 1.0), (500, -1.0)):
        tone = torch.sin(2 * torch.pi * hertz * time_s)
        tilted = augment.respeeded(tone, SAMPLE_RATE, 5.0, SAMPLE_RATE)
        level_db = 20 * torch.log10(tilted.norm() / tone.norm())
        assert level_db.item() == pytest.approx(gain_db, abs=0.02)


def test_lengths_for_varispeed_differ_by_at_most_twelve_per_cent(rng: np.random.Generator) -> None:
    lengths = {augment.random_speed_length(176400, rng) for _ in range(200)}
    assert len(lengths) > 5
    assert min(lengths) >= 0.87 * 176400
    assert max(lengths) <= 1.13 * 176400
    assert all(length % 4096 == 0 for length in lengths)


def test_sides_and_polarity_are_all_tried(rng: np.random.Generator) -> None:
    source = torch.tensor([[1.0], [2.0]])
    results = {tuple(augment.shuffled_sides(source, rng).flatten().tolist()) for _ in range(60)}
    assert results == {(1, 2), (2, 1), (-1, -2), (-2, -1)}


def test_a_low_pass_removes_the_highest_octave_and_keeps_the_rest(
    sources: torch.Tensor, rng: np.random.Generator
) -> None:
    spectrum = torch.fft.rfft(augment.low_passed(sources, rng, SAMPLE_RATE))
    torch.testing.assert_close(
        spectrum[..., :15500], torch.fft.rfft(sources)[..., :15500], rtol=0, atol=1e-2
    )
    assert spectrum[..., 19100:].abs().max() < 1e-2


def test_placing_keeps_one_channel_of_a_spread_and_the_middle_of_a_width(
    sources: torch.Tensor,
) -> None:
    source, kinds = sources[0], set()
    for seed in range(30):
        placed = augment.placed(source, np.random.default_rng(seed), SAMPLE_RATE)
        if torch.equal(placed[0], source[0]):
            assert not torch.allclose(placed[1], source[1])
            kinds.add("spread")
        elif torch.allclose(placed.mean(0), source.mean(0), atol=1e-6):
            kinds.add("width")
        else:
            ratio = placed / source
            torch.testing.assert_close(ratio[0] * ratio[1], torch.ones(44100), rtol=1e-3, atol=1e-3)
            assert 0.62 < ratio[0, 0] < 1.6
            kinds.add("balance")
    assert kinds == {"spread", "width", "balance"}


def test_a_mixture_of_no_width_is_mono_and_still_the_sum(sources: torch.Tensor) -> None:
    mono = augment.narrowed(sources, 0.0)
    assert torch.equal(mono[:, 0], mono[:, 1])
    torch.testing.assert_close(mono.sum(0)[0], sources.sum(0).mean(0))


def test_a_narrow_mixture_keeps_its_middle_and_a_share_of_its_sides(sources: torch.Tensor) -> None:
    narrow = augment.narrowed(sources, 0.25)
    torch.testing.assert_close(narrow.mean(1), sources.mean(1))
    sides = narrow[:, 0] - narrow[:, 1]
    torch.testing.assert_close(sides, 0.25 * (sources[:, 0] - sources[:, 1]))
