import os
import signal
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError, ProbeError
from libsep.media.decode import (
    MUTED_SAMPLES,
    Decoder,
    decode_blocks,
    decode_file,
    tolerated_loss_s,
)


def tone(hz: float, duration_s: float, sample_rate: int = 44100, gain: float = 0.5) -> np.ndarray:
    """Return a sine in one channel ``(1, T)``."""
    time_s = np.arange(round(duration_s * sample_rate)) / sample_rate
    return gain * np.sin(2 * np.pi * hz * time_s)[None]


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-30))


@pytest.fixture
def noise(rng: np.random.Generator) -> np.ndarray:
    """Return 4 s of stereo noise."""
    return (0.1 * rng.standard_normal((2, 4 * 44100))).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.wav", ["-c:a", "pcm_f32le"]),
        ("x.aiff", ["-c:a", "pcm_f32be"]),
        ("x.caf", ["-c:a", "pcm_f32le"]),
        ("x.wv", ["-c:a", "wavpack"]),
    ],
)
def test_lossless_files_of_floats_come_back_bit_for_bit(encode, noise, name, options) -> None:
    path = encode(name, noise, *options)
    assert np.array_equal(decode_file(path), noise)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.flac", []),
        ("x.m4a", ["-c:a", "alac"]),
        ("x.wav", []),
        ("x.aif", ["-f", "aiff"]),
        ("x.tta", []),
        ("x.mka", ["-c:a", "flac"]),
        ("upper.FLAC", ["-f", "flac"]),
    ],
)
def test_lossless_files_of_16_bits_come_back_bit_for_bit(encode, noise, name, options) -> None:
    rounded = np.round(noise * 32768) / 32768
    path = encode(name, rounded, *options)
    assert np.array_equal(decode_file(path), rounded.astype(np.float32))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.mp3", ["-b:a", "256k"]),
        ("x.ogg", ["-c:a", "libvorbis", "-q:a", "6"]),
        ("x.opus", ["-b:a", "192k"]),
        ("x.m4a", ["-b:a", "256k"]),
        ("x.webm", ["-c:a", "libopus", "-b:a", "192k"]),
        ("x.mp2", ["-b:a", "320k"]),
        ("x.wma", ["-b:a", "256k"]),
    ],
)
def test_lossy_files_come_back_in_place(encode, rng, name, options) -> None:
    # Low noise, so that every codec keeps the waveform.
    steps = rng.standard_normal((2, 4 * 44100))
    kernel = np.hanning(33) / np.hanning(33).sum()
    signal_in = np.stack([np.convolve(row, kernel, "same") for row in steps]) * 0.5
    decoded = decode_file(encode(name, signal_in, *options))
    n_samples = min(decoded.shape[1], signal_in.shape[1])
    spectrum = np.fft.rfft(decoded[0], 1 << 19) * np.conj(np.fft.rfft(signal_in[0], 1 << 19))
    offset = int(np.argmax(np.fft.irfft(spectrum)))
    # MP2 and WMA do not say how long their encoder's delay is.
    assert offset == 0 or name in ("x.mp2", "x.wma")
    assert abs(decoded.shape[1] - signal_in.shape[1]) < 4500
    if offset == 0:
        difference = decoded[:, :n_samples] - signal_in[:, :n_samples]
        assert level_db(difference) < level_db(signal_in) - 15


def test_8_bit_files_are_centred(encode) -> None:
    signal_in = tone(441, 1.0)
    decoded = decode_file(encode("x.wav", signal_in, "-c:a", "pcm_u8"))
    assert np.abs(decoded - signal_in).max() < 1 / 64
    assert abs(decoded.mean()) < 1 / 256


def test_mono_goes_to_both_channels_at_its_level(encode) -> None:
    signal_in = tone(441, 0.5).astype(np.float32)
    decoded = decode_file(encode("x.wav", signal_in, "-c:a", "pcm_f32le"))
    assert decoded.shape == (2, 22050)
    assert np.array_equal(decoded[0], signal_in[0])
    assert np.array_equal(decoded[1], signal_in[0])


def test_surround_becomes_stereo_by_the_weights_of_the_standard(encode) -> None:
    # One channel after the other: L R C LFE Ls Rs.
    signal_in = np.zeros((6, 6 * 1000), np.float32)
    for index in range(6):
        signal_in[index, index * 1000 : (index + 1) * 1000] = 1.0
    options = ["-channel_layout", "5.1", "-c:a", "pcm_f32le"]
    decoded = decode_file(encode("x.wav", signal_in, *options))
    weights = decoded.reshape(2, 6, 1000)[..., 500]
    half = np.sqrt(0.5)
    expected = np.array([[1, 0, half, 0, half, 0], [0, 1, half, 0, 0, half]]) / (1 + 2 * half)
    assert np.allclose(weights, expected, atol=1e-6)


def test_surround_at_full_scale_does_not_clip(encode) -> None:
    path = encode("x.wav", np.ones((6, 4410)), "-channel_layout", "5.1", "-c:a", "pcm_f32le")
    assert np.allclose(decode_file(path), 1.0, atol=1e-6)


@pytest.mark.parametrize("sample_rate", [22050, 48000, 88200, 96000, 192000])
def test_resampling_is_flat_and_keeps_time(encode, sample_rate) -> None:
    n_samples = sample_rate
    impulse = np.zeros((2, n_samples))
    impulse[:, n_samples // 2] = 0.5
    decoded = decode_file(encode("x.wav", impulse, "-c:a", "pcm_f32le", sample_rate=sample_rate))
    assert abs(decoded.shape[1] - 44100) <= 1
    assert int(np.argmax(decoded[0])) == 22050
    response = np.abs(np.fft.rfft(decoded[0])) * 44100 / len(decoded[0])
    passed = response[: round(min(20000, 0.45 * sample_rate))] / response[1000]
    assert 20 * np.log10(passed.max() / passed.min()) < 0.1


def test_what_44100_hz_cannot_hold_leaves_no_alias(encode) -> None:
    path = encode("x.wav", tone(30000, 1.0, 96000), "-c:a", "pcm_f32le", sample_rate=96000)
    middle = decode_file(path)[:, 4410:-4410]
    assert level_db(middle) < -120


def test_blocks_are_the_file_and_only_the_last_is_short(encode, noise, ffmpeg) -> None:
    path = encode("x.wav", noise, "-c:a", "pcm_f32le")
    blocks = list(decode_blocks(path, ffmpeg=ffmpeg, block_samples=50000))
    assert [block.shape[1] for block in blocks] == [50000, 50000, 50000, 26400]
    assert np.array_equal(np.concatenate(blocks, axis=1), noise)


def test_a_reader_that_stops_early_leaves_no_process(encode, noise, ffmpeg) -> None:
    path = encode("x.wav", noise, "-c:a", "pcm_f32le")
    blocks = decode_blocks(path, ffmpeg=ffmpeg, block_samples=1000)
    next(blocks)
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    blocks.close()
    assert "ffmpeg" not in "".join(
        Path(f"/proc/{pid}/comm").read_text() for pid in children.read_text().split()
    )


def test_a_track_of_0_3_s_is_whole(encode) -> None:
    signal_in = tone(441, 0.3).astype(np.float32)
    decoded = decode_file(encode("x.wav", signal_in, "-c:a", "pcm_f32le"))
    assert decoded.shape == (2, 13230)


def test_a_stream_of_several_is_chosen(aac_stem, sources) -> None:
    drums = decode_file(aac_stem, stream=1)[0, : sources.shape[2]]
    assert np.corrcoef(drums, sources[1, 0])[0, 1] > 0.9


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.aiff"])
def test_a_header_without_samples_is_an_error(encode, name) -> None:
    path = encode(name, np.zeros((2, 0)))
    with pytest.raises(DecodeError, match=r"no samples|not one frame"):
        decode_file(path)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.mp3", ["-b:a", "128k"]),
        ("x.flac", []),
        ("x.m4a", ["-movflags", "+faststart"]),
        ("x.wav", []),
        ("x.aiff", []),
        ("x.mka", ["-c:a", "flac"]),
        ("x.wv", ["-c:a", "wavpack"]),
        ("x.ogg", ["-c:a", "libvorbis"]),
        ("x.opus", []),
    ],
)
def test_a_file_cut_in_half_is_an_error(encode, noise, name, options) -> None:
    path = encode(name, noise, *options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DecodeError, match="cut short"):
        decode_file(path)


@pytest.mark.parametrize("name", ["x.mp3", "x.flac"])
def test_a_damaged_spot_is_a_warning(encode, ffmpeg, noise, name) -> None:
    path = encode(name, noise)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(range(200)) * 10
    path.write_bytes(data)
    with Decoder(path, ffmpeg=ffmpeg, block_samples=44100) as decoder:
        decoded = np.concatenate(list(decoder), axis=1)
    assert decoder.warnings
    assert decoder.n_samples == decoded.shape[1] > 3.5 * 44100


def test_a_sound_file_gives_no_warning(encode, ffmpeg, noise) -> None:
    with Decoder(encode("x.mp3", noise), ffmpeg=ffmpeg, block_samples=44100) as decoder:
        list(decoder)
    assert decoder.warnings == []


@pytest.mark.parametrize(
    ("duration_s", "tolerated_s"),
    [(0.3, 0.1), (3.0, 1.0), (100.0, 1.0), (300.0, 3.0), (36000.0, 5.0)],
)
def test_what_may_be_missing_grows_to_five_seconds(duration_s, tolerated_s) -> None:
    assert tolerated_loss_s(duration_s) == pytest.approx(tolerated_s)


@pytest.mark.parametrize("block_samples", [44100, 1000])
def test_what_is_no_sound_becomes_silence_with_a_warning(
    encode, ffmpeg, noise, block_samples
) -> None:
    broken = noise.copy()
    expected = noise.copy()
    for channel, position, value in ((0, 100, np.nan), (1, 5000, np.inf), (1, 43000, -9.0)):
        broken[channel, position] = value
        expected[:, position : position + MUTED_SAMPLES] = 0
    path = encode("x.wav", broken, "-c:a", "pcm_f32le")
    with Decoder(path, ffmpeg=ffmpeg, block_samples=block_samples) as decoder:
        decoded = np.concatenate(list(decoder), axis=1)
    assert np.array_equal(decoded, expected)
    assert decoder.warnings == ["0.14 s are damaged (no sound) and were made silent"]


def test_a_track_that_is_mostly_no_sound_fails_instead_of_becoming_silent(encode, noise) -> None:
    path = encode("x.wav", 32768 * noise, "-c:a", "pcm_f32le")
    with pytest.raises(DecodeError, match=r"\d+% of it is no sound.*as if they were 16 bit"):
        decode_file(path)


def test_a_few_samples_are_no_track(encode, noise) -> None:
    with pytest.raises(DecodeError, match="440 samples are too short"):
        decode_file(encode("x.wav", noise[:, :440]))


def test_a_sample_that_is_no_number_does_not_spread_far_when_resampled(encode, noise) -> None:
    broken = noise.copy()
    broken[0, 100000] = np.nan
    options = ["-c:a", "pcm_f32le"]
    sound = decode_file(encode("a.wav", noise, *options, sample_rate=48000))
    decoded = decode_file(encode("b.wav", broken, *options, sample_rate=48000))
    assert np.isfinite(decoded).all()
    n_different = int((np.abs(decoded - sound) > 1e-6).sum())
    assert n_different < 44100


def test_peaks_above_full_scale_are_kept(encode) -> None:
    loud = 4 * tone(441, 0.2).astype(np.float32)
    assert np.abs(decode_file(encode("x.wav", loud, "-c:a", "pcm_f32le"))).max() > 1.9


def test_a_track_longer_than_the_limit_is_an_error(encode, ffmpeg, noise) -> None:
    path = encode("x.wav", noise)
    with (
        pytest.raises(DecodeError, match=r"longer than 2 s"),
        Decoder(path, ffmpeg=ffmpeg, block_samples=4410, max_duration_s=2.0) as decoder,
    ):
        list(decoder)


def test_a_killed_decoder_is_an_error(encode, ffmpeg) -> None:
    path = encode("x.wav", np.zeros((2, 40 * 44100)))
    with Decoder(path, ffmpeg=ffmpeg, block_samples=441) as decoder:
        blocks = iter(decoder)
        next(blocks)
        os.kill(decoder.pid, signal.SIGKILL)
        with pytest.raises(DecodeError, match="killed by SIGKILL"):
            list(blocks)


def test_a_drive_that_hangs_is_an_error(ffmpeg, tmp_path) -> None:
    fifo = tmp_path / "never.wav"
    os.mkfifo(fifo)
    holder = os.open(fifo, os.O_RDWR)
    try:
        with pytest.raises(ProbeError, match=r"no byte for 0.3 s"):
            Decoder(fifo, ffmpeg=ffmpeg, block_samples=441, stall_timeout_s=0.3)
    finally:
        os.close(holder)


def test_blocks_without_samples_are_refused(encode, ffmpeg, noise) -> None:
    with pytest.raises(ValueError, match="0 samples"):
        Decoder(encode("x.wav", noise), ffmpeg=ffmpeg, block_samples=0)
