"""The mix as a WAV file, read by readers that are not ours."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from libsep.listen.mix import pcm24, wav_header
from libsep.listen.server import ListenServer
from libsep.media.probe import probe_audio

from .test_server import get


def read_wav(data: bytes) -> np.ndarray:
    """Return the steps ``(2, T)`` of a WAV file of 24 bits, read by Python's own reader."""
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 3, 44100)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
    wide = np.concatenate([np.zeros((len(raw), 1), np.uint8), raw], axis=1)
    return (wide.reshape(-1).view("<i4") >> 8).reshape(-1, 2).T


@pytest.mark.parametrize("gains", [(0, 1, 1, 1, 1), (0, 0.5, 0, 1.995262, 0.1), (1, 0, 0, 0, 0)])
def test_the_file_is_the_sum_with_the_gains_to_rounding(
    server: ListenServer, samples: np.ndarray, gains: tuple[float, ...]
) -> None:
    found = read_wav(get(server, f"tracks/0/mix.wav?gains={','.join(map(str, gains))}"))
    expected = np.tensordot(np.array(gains), samples.astype(np.float64), axes=1)
    assert found.shape == expected.shape
    assert np.abs(found - expected * (2**23 - 1)).max() <= 0.5


def test_a_loop_can_be_had_alone(server: ListenServer, samples: np.ndarray) -> None:
    found = read_wav(get(server, "tracks/0/mix.wav?gains=0,0,0,0,1&start=131000&count=1000"))
    expected = samples[4, :, 131000:132000]
    assert np.abs(found - expected * (2**23 - 1)).max() <= 0.51  # float32 has 24 bits


def test_what_is_above_full_scale_clips() -> None:
    steps = np.frombuffer(pcm24(np.array([[2.0, -2.0], [1.0, -1.0]])), np.uint8).reshape(-1, 3)
    values = [int.from_bytes(bytes(step), "little", signed=True) for step in steps]
    assert values == [2**23 - 1, 2**23 - 1, -(2**23), -(2**23 - 1)]


@pytest.mark.parametrize(("hours", "kind"), [(4, b"RIFF"), (10, b"RF64")])
def test_a_mix_of_any_length_has_a_header_that_ffmpeg_reads(
    tmp_path: Path, ffmpeg: Path, hours: int, kind: bytes
) -> None:
    n_samples = hours * 3600 * 44100
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        header = wav_header(n_samples, 44100)
        file.write(header)
        file.truncate(len(header) + 6 * n_samples)  # holes take no room
    assert header[:4] == kind
    info = probe_audio(path, ffmpeg=ffmpeg)
    assert info.duration_s == pytest.approx(hours * 3600)
    assert (info.codec, info.n_channels) == ("pcm_s24le", 2)
