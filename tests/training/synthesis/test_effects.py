import numpy as np
import pytest

from libsep.training.synthesis import amplifiers, effects
from libsep.training.synthesis.rooms import Room, synthetic_room

SAMPLE_RATE = 44100
N_LOOP = 40 * effects.BLOCK


def sine(turns: int, n_samples: int = N_LOOP) -> np.ndarray:
    """Return a tone of whole turns per loop."""
    return np.sin(2 * np.pi * turns * np.arange(n_samples) / n_samples).astype(np.float32)


def both(signal: np.ndarray) -> np.ndarray:
    return np.stack([signal, signal])


def hertz(turns: int) -> float:
    return turns * SAMPLE_RATE / N_LOOP


def test_a_low_pass_is_three_db_down_at_its_cutoff() -> None:
    tone = sine(465)
    filtered = effects.filtered(tone, effects.low_pass(hertz(465), SAMPLE_RATE))
    level_db = 20 * np.log10(effects.rms(filtered) / effects.rms(tone))
    assert level_db == pytest.approx(-3, abs=0.1)
    high = effects.filtered(sine(3720), effects.low_pass(hertz(465), SAMPLE_RATE))
    assert effects.rms(high) < 0.01


def test_filters_treat_sounds_as_loops() -> None:
    click = np.zeros(N_LOOP, np.float32)
    click[0] = 1
    filtered = effects.filtered(click, effects.low_pass(500.0, SAMPLE_RATE))
    np.testing.assert_allclose(filtered[1:50], filtered[:-50:-1][:49], atol=1e-6)


def test_a_flat_response_changes_nothing() -> None:
    np.testing.assert_allclose(effects.filtered(sine(99), np.ones(5)), sine(99), atol=1e-5)


def test_long_loops_are_filtered_in_frames_like_short_ones_at_once(
    rng: np.random.Generator,
) -> None:
    """The same filter, by one transform of the whole loop."""
    response = amplifiers.cabinet(rng, SAMPLE_RATE)
    noise = rng.normal(0, 1, (2, 45 * effects.BLOCK)).astype(np.float32)
    assert noise.shape[1] > 2 * effects.N_FRAME
    taps = np.fft.irfft(response)
    kernel = np.zeros(noise.shape[1])
    kernel[:1024], kernel[-1024:] = taps[:1024], taps[1024:]
    expected = np.fft.irfft(np.fft.rfft(noise) * np.fft.rfft(kernel).real)
    np.testing.assert_allclose(effects.filtered(noise, response), expected, atol=1e-4)


@pytest.mark.parametrize("n_samples", [1, 700, 200_000, 383_123, 1_000_000])
def test_loops_are_whole_blocks_near_the_wanted_length(n_samples: int) -> None:
    length = effects.loop_length(n_samples)
    assert length % effects.BLOCK == 0
    assert length == pytest.approx(n_samples, rel=0.04, abs=effects.BLOCK)


def test_drive_keeps_the_level_and_adds_odd_harmonics() -> None:
    driven = effects.drive(sine(100), gain_db=20.0)
    assert effects.rms(driven) == pytest.approx(effects.rms(sine(100)), rel=1e-4)
    spectrum = np.abs(np.fft.rfft(driven))
    assert spectrum[300] > 0.1 * spectrum[100]
    assert spectrum[200] < 1e-3 * spectrum[100]


def test_a_biased_drive_adds_even_harmonics_and_no_offset() -> None:
    driven = effects.drive(sine(100), gain_db=10.0, bias=0.5)
    spectrum = np.abs(np.fft.rfft(driven))
    assert spectrum[200] > 0.03 * spectrum[100]
    assert spectrum[0] < 1e-3 * spectrum[100]


def test_an_impulse_as_room_repeats_the_signal() -> None:
    response = np.zeros((2, 51), np.float32)
    response[:, 50] = 1  # a hundred samples, at half the rate
    tone = both(sine(20))
    wet = Room(response).around(tone, wet=0.5)
    # What is heard at half the rate is half a sample late, and linear in between.
    np.testing.assert_allclose(wet - tone, 0.5 * np.roll(tone, 100, axis=1), atol=5e-3)


def test_a_room_longer_than_the_loop_rings_on_into_its_beginning(rng: np.random.Generator) -> None:
    click = np.zeros((2, 8 * effects.BLOCK), np.float32)
    click[:, 0] = 1
    room = synthetic_room(1.0, rng, SAMPLE_RATE)
    wet = room.around(click, wet=0.5)
    assert room.response.shape[1] > click.shape[1]
    assert effects.rms(wet - click) == pytest.approx(0.5 * effects.rms(click), rel=0.3)


def test_an_echo_comes_back_on_the_other_side_and_around_the_loop() -> None:
    click = np.zeros((2, 1024), np.float32)
    click[0, 10] = 1
    echoed = effects.echoed(click, delay_samples=400, feedback=0.5, wet=0.4)
    expected = click.copy()
    expected[1, 410], expected[0, 810], expected[1, 186], expected[0, 586] = 0.4, 0.2, 0.1, 0.05
    np.testing.assert_allclose(echoed, expected, atol=1e-6)


def test_reading_at_half_speed_lowers_a_tone_by_an_octave() -> None:
    slow = effects.warped(sine(400), np.arange(N_LOOP) * 0.5)
    np.testing.assert_allclose(slow[10:], sine(200)[10:], atol=2e-3)


def test_reading_outside_of_a_sound_is_silence() -> None:
    read = effects.warped(np.ones(100, np.float32), np.arange(-50, 200, dtype=np.float64))
    assert not read[:48].any()
    assert not read[152:].any()
    np.testing.assert_allclose(read[55:145], 1)


def test_playing_faster_raises_a_tone() -> None:
    fast = effects.replayed(both(sine(50)), 2.0)
    np.testing.assert_allclose(fast, both(sine(50, N_LOOP // 2)), atol=0.02)


def test_panning_hard_silences_one_side_and_keeps_the_power() -> None:
    left = effects.panned(sine(50), -1.0)
    np.testing.assert_allclose(left[1], 0, atol=1e-6)
    assert effects.rms(left) == pytest.approx(effects.rms(sine(50)), rel=1e-4)


def test_compression_lowers_what_is_loud_and_keeps_what_is_quiet() -> None:
    signal = np.concatenate([both(sine(200)), 0.05 * both(sine(200))], axis=1)
    compressed = effects.compressed(signal, threshold_db=-20.0, ratio=4.0)
    # 20 dB above the threshold, of which a quarter is left: 15 dB less.
    assert effects.rms(np.ascontiguousarray(compressed[:, 5000:15000])) == pytest.approx(
        effects.rms(sine(200)) * 10 ** (-15 / 20), rel=0.02
    )
    quiet = slice(N_LOOP + 3000, -3000)
    np.testing.assert_allclose(compressed[:, quiet], signal[:, quiet], rtol=1e-3, atol=1e-6)


def test_a_gain_line_is_straight_between_the_middles_of_blocks() -> None:
    line = effects.gain_line(np.array([1.0, 0.0, 0.0, 0.0]))
    assert line[effects.BLOCK] == pytest.approx(0.5)
    assert line[0] == pytest.approx(0.5), "the loop closes"
    assert not line[2 * effects.BLOCK : 3 * effects.BLOCK].any()
    assert np.abs(np.diff(line)).max() < 1.01 / effects.BLOCK


def chance() -> np.random.Generator:
    return np.random.default_rng(8)


def test_no_effect_changes_silence(rng: np.random.Generator) -> None:
    silence = np.zeros((2, 4 * effects.BLOCK), np.float32)
    for result in (
        effects.drive(silence, 20.0),
        effects.compressed(silence, -20.0, 4.0),
        effects.chorus(silence, rng, SAMPLE_RATE, 0.5),
        effects.filtered(silence, amplifiers.cabinet(rng, SAMPLE_RATE)),
        amplifiers.amplifier(silence[0], rng, SAMPLE_RATE, 30.0),
        effects.wah(silence[0], rng, SAMPLE_RATE),
        synthetic_room(0.3, rng, SAMPLE_RATE).around(silence, 0.5),
    ):
        assert not result.any()


def test_an_amplifier_adds_harmonics_below_five_kilohertz(rng: np.random.Generator) -> None:
    amplified = amplifiers.amplifier(sine(100), rng, SAMPLE_RATE, 30.0)
    spectrum = np.abs(np.fft.rfft(amplified))
    assert spectrum[300] > 0.05 * spectrum[100]
    top = round(12000 / hertz(1))
    assert spectrum[top:].max() < 0.01 * spectrum.max()


def test_an_amplifier_reflects_few_harmonics_at_half_the_sample_rate() -> None:
    """What is loud and no multiple of the note was reflected; saturating once gives much of it."""
    cycles = 1499
    note = sine(cycles)
    amplified = amplifiers.amplifier(note, chance(), SAMPLE_RATE, 40.0)
    driven = effects.filtered(effects.drive(note, 40.0), effects.low_pass(5000.0, SAMPLE_RATE))

    def reflected(signal: np.ndarray) -> float:
        spectrum = np.abs(np.fft.rfft(signal))
        loudest = spectrum.max()
        spectrum[::cycles] = 0
        return float(spectrum.max() / loudest)

    assert reflected(amplified) < 0.5 * reflected(driven)


def test_more_gain_gives_steadier_notes() -> None:
    """A note that falls by 20 dB comes out of a loud amplifier with much less."""
    fall = sine(200, 64 * effects.BLOCK) * np.linspace(1, 0.1, 64 * effects.BLOCK, dtype=np.float32)

    def ratio(gain_db: float) -> float:
        played = amplifiers.amplifier(fall, chance(), SAMPLE_RATE, gain_db)
        blocks = played.reshape(64, -1)
        return float(np.abs(blocks[4]).max() / np.abs(blocks[-5]).max())

    assert ratio(40.0) < 1.5
    assert ratio(-10.0) > 3


def test_tone_controls_lower_the_middle_by_their_scoop() -> None:
    flat = amplifiers.tone_controls(chance(), SAMPLE_RATE, 0.0)
    scooped = amplifiers.tone_controls(chance(), SAMPLE_RATE, 12.0)
    change_db = 20 * np.log10(scooped / flat)
    lowest_hz = effects.frequencies(SAMPLE_RATE)[np.argmin(change_db)]
    assert 350 < lowest_hz < 900
    assert change_db.min() == pytest.approx(-12, abs=0.1)
    assert abs(change_db[-1]) < 0.5


def test_a_wah_passes_its_range_in_turns_and_little_else(rng: np.random.Generator) -> None:
    n_samples = 172 * effects.BLOCK
    inside = effects.wah(sine(2000, n_samples), rng, SAMPLE_RATE)
    levels = np.sqrt(np.mean(inside.reshape(-1, 2 * effects.BLOCK) ** 2, axis=1))
    assert levels.max() > 3 * levels.min()
    outside = effects.wah(sine(18000, n_samples), rng, SAMPLE_RATE)
    assert effects.rms(outside) < 0.25 * effects.rms(sine(18000, n_samples))
