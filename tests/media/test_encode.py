import os
import signal
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import StemsError
from libsep.library.demo.files import example_stem_file
from libsep.media.decode import decode_file
from libsep.media.encode import StemEncoder, quantise_alac
from libsep.media.stems import STREAM_NAMES
from libsep.metrics import residual_db


def blocks_of(sources: np.ndarray, block_samples: int):
    for start in range(0, sources.shape[2], block_samples):
        block = sources[..., start : start + block_samples]
        yield block[0], block[1:]


def encode_all(path: Path, sources: np.ndarray, block_samples: int, **options) -> StemEncoder:
    with StemEncoder(path, **options) as encoder:
        for mixture, stems in blocks_of(sources, block_samples):
            encoder.write(mixture, stems)
        encoder.close()
    return encoder


def write_often(encoder: StemEncoder, sources: np.ndarray) -> None:
    for _ in range(10):
        encoder.write(sources[0], sources[1:])


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_how_blocks_are_cut_does_not_change_the_file(ffmpeg, tmp_path, sources, codec) -> None:
    first, second = tmp_path / "first.mp4", tmp_path / "second.mp4"
    encode_all(first, sources, 44100, ffmpeg=ffmpeg, codec=codec)
    encode_all(second, sources, 1234, ffmpeg=ffmpeg, codec=codec)
    assert first.read_bytes() == second.read_bytes()


def test_alac_keeps_24_bits_of_every_stream(ffmpeg, tmp_path, sources) -> None:
    path = tmp_path / "x.mp4"
    encoder = encode_all(path, sources, 44100, ffmpeg=ffmpeg, codec="alac")
    steps = np.round(sources.astype(np.float64) * 2**23) / 2**23
    for index, stream in enumerate(steps):
        assert np.array_equal(decode_file(path, stream=index), stream.astype(np.float32))
    assert encoder.n_samples == sources.shape[2]
    assert encoder.warnings == []


def test_a_24_bit_source_survives_alac_bit_for_bit(rng) -> None:
    steps = rng.integers(-(2**23), 2**23, 1000).astype(np.int32)
    samples = (steps / 2**23).astype(np.float32)
    assert np.array_equal(quantise_alac(samples), steps << 8)


def test_half_steps_are_rounded_to_even() -> None:
    samples = np.array([0.5, 1.5, 2.5, -0.5, -1.5], np.float32) / 2**23
    assert (quantise_alac(samples) >> 8).tolist() == [0, 2, 2, 0, -2]


def test_alac_clips_what_is_above_full_scale_and_says_so(ffmpeg, tmp_path) -> None:
    sources = np.zeros((5, 2, 4410), np.float32)
    sources[3, 1, 100:103] = [2.0, -2.0, 1.0]
    path = tmp_path / "x.mp4"
    encoder = encode_all(path, sources, 4410, ffmpeg=ffmpeg, codec="alac")
    decoded = decode_file(path, stream=3)[1, 100:103]
    assert np.allclose(decoded, [1.0, -1.0, 1.0], atol=1e-6)
    assert encoder.n_clipped == 2
    assert encoder.warnings == [
        "2 samples clipped, by up to 6.0 dB; a gain_db lower by 6.1 would avoid it"
    ]


def test_aac_keeps_peaks_above_full_scale(ffmpeg, tmp_path) -> None:
    time_s = np.arange(22050) / 44100
    sources = np.broadcast_to(1.5 * np.sin(2 * np.pi * 441 * time_s), (5, 2, 22050))
    path = tmp_path / "x.mp4"
    encoder = encode_all(path, sources.astype(np.float32), 4410, ffmpeg=ffmpeg)
    assert np.abs(decode_file(path)).max() > 1.4
    [warning] = encoder.warnings
    assert warning.startswith("peaks of 3.5 dB above full scale are distorted by AAC")


def test_bit_rate_and_coder_reach_the_encoder(ffmpeg, tmp_path, sources) -> None:
    sizes = {}
    for bitrate_kbps, coder in [(128, "twoloop"), (256, "twoloop"), (256, "fast")]:
        path = tmp_path / f"{bitrate_kbps}-{coder}.mp4"
        options = {"ffmpeg": ffmpeg, "bitrate_kbps": bitrate_kbps, "aac_coder": coder}
        encode_all(path, sources, 44100, **options)
        sizes[bitrate_kbps, coder] = path.stat().st_size
    assert sizes[128, "twoloop"] < 0.7 * sizes[256, "twoloop"]
    assert sizes[256, "twoloop"] != sizes[256, "fast"]


@pytest.mark.parametrize("aac_coder", ["twoloop", "fast"])
def test_aac_keeps_what_lies_above_20_khz(ffmpeg, tmp_path, rng, aac_coder) -> None:
    noise = np.fft.rfft(rng.standard_normal((2, 22050)))
    noise[:, np.fft.rfftfreq(22050, 1 / 44100) < 20500] = 0
    hiss = 0.1 * np.fft.irfft(noise)
    path = tmp_path / "x.mp4"
    stems = np.stack([hiss, hiss, 0 * hiss, 0 * hiss, 0 * hiss]).astype(np.float32)
    encode_all(path, stems, 4410, ffmpeg=ffmpeg, aac_coder=aac_coder)
    decoded = decode_file(path)[:, : hiss.shape[1]]
    assert np.sum((decoded - hiss) ** 2) < 0.3 * np.sum(hiss**2)


def test_a_bass_that_is_one_loud_tone_keeps_its_level(ffmpeg, tmp_path) -> None:
    bass = 0.9 * np.sin(2 * np.pi * 55 * np.arange(44100) / 44100)
    stems = np.zeros((5, 2, 44100), np.float32)
    stems[STREAM_NAMES.index("Bass")] = bass
    path = tmp_path / "x.mp4"
    encode_all(path, stems, 44100, ffmpeg=ffmpeg)
    decoded = decode_file(path, stream=STREAM_NAMES.index("Bass"))
    assert residual_db(stems[2, :, 4096:-4096], decoded[None, :, 4096:-4096]) < -40


def test_stems_after_aac_still_add_up_to_the_mixture(ffmpeg, tmp_path) -> None:
    """Of music: intensity stereo alone would leave -28 dB, not -40."""
    example, span = example_stem_file(), slice(44100, 3 * 44100)
    stems = [decode_file(example, ffmpeg=ffmpeg, stream=index)[:, span] for index in range(1, 5)]
    mixture = np.sum(stems, axis=0)
    path = tmp_path / "x.mp4"
    encode_all(path, np.stack([mixture, *stems]), 44100, ffmpeg=ffmpeg)
    decoded = sum(decode_file(path, stream=index) for index in range(1, 5))
    error = decoded[:, : mixture.shape[1]] - mixture
    assert np.sum(error**2) < 10**-3.8 * np.sum(mixture**2)


def test_a_dead_encoder_is_an_error_soon(ffmpeg, tmp_path, sources) -> None:
    with StemEncoder(tmp_path / "x.mp4", ffmpeg=ffmpeg) as encoder:
        encoder.write(sources[0], sources[1:])
        os.kill(encoder.pid, signal.SIGKILL)
        with pytest.raises(StemsError, match="killed by SIGKILL"):
            write_often(encoder, sources)


def test_a_stopped_encoder_is_given_up(ffmpeg, tmp_path, sources) -> None:
    with StemEncoder(tmp_path / "x.mp4", ffmpeg=ffmpeg, stall_timeout_s=0.3) as encoder:
        os.kill(encoder.pid, signal.SIGSTOP)
        with pytest.raises(StemsError, match=r"no byte for 0.3 s"):
            write_often(encoder, sources)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_an_error_with_its_name(ffmpeg, sources) -> None:
    with StemEncoder(Path("/dev/full"), ffmpeg=ffmpeg) as encoder:
        encoder.write(sources[0], sources[1:])
        with pytest.raises(StemsError, match="No space left on device"):
            encoder.close()


def test_a_folder_that_does_not_exist_is_an_error(ffmpeg, tmp_path, sources) -> None:
    with StemEncoder(tmp_path / "a" / "x.mp4", ffmpeg=ffmpeg) as encoder:
        encoder.write(sources[0], sources[1:])
        with pytest.raises(StemsError, match="No such file"):
            encoder.close()


def test_no_samples_are_an_error(ffmpeg, tmp_path) -> None:
    with (
        StemEncoder(tmp_path / "x.mp4", ffmpeg=ffmpeg) as encoder,
        pytest.raises(StemsError, match="no samples"),
    ):
        encoder.close()


def test_samples_that_are_no_numbers_are_an_error(ffmpeg, tmp_path, sources) -> None:
    broken = sources.copy()
    broken[2, 0, 5] = np.nan
    with (
        StemEncoder(tmp_path / "x.mp4", ffmpeg=ffmpeg) as encoder,
        pytest.raises(StemsError, match="not finite"),
    ):
        encoder.write(broken[0], broken[1:])


def test_leaving_early_leaves_no_process(ffmpeg, tmp_path, sources) -> None:
    with StemEncoder(tmp_path / "x.mp4", ffmpeg=ffmpeg) as encoder:
        encoder.write(sources[0], sources[1:])
    with pytest.raises(ProcessLookupError):
        os.kill(encoder.pid, 0)


def test_other_sample_rates_are_refused(ffmpeg, tmp_path) -> None:
    with pytest.raises(ValueError, match="not 96000"):
        StemEncoder(tmp_path / "x.mp4", ffmpeg=ffmpeg, sample_rate=96000)
