"""What the first frame of an MP3 says, against what ffmpeg drops from the begin."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from libsep.media.mp3_header import read_mp3_begin

DELAY_AT = 21


def decoded(path: Path, ffmpeg: Path, *options: str) -> np.ndarray:
    command = [ffmpeg, "-v", "error", *options, "-i", path, "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "<f4")


@pytest.mark.parametrize(
    ("encoder", "sample_rate", "delay", "is_dropped"),
    [
        (b"Lavc", 44_100, None, True),
        (b"LAME", 48_000, 1105, True),
        (b"LAME", 22_050, 700, True),
        (b"Gogo", 44_100, None, False),
    ],
)
def test_ffmpeg_drops_what_the_header_asks(
    encoder: bytes, sample_rate: int, delay: int | None, *, is_dropped: bool,
    ffmpeg: Path, tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "a.mp3"
    source = f"anoisesrc=d=0.5:r={sample_rate}:seed=1"
    subprocess.run([ffmpeg, "-v", "error", "-f", "lavfi", "-i", source, path], check=True)
    data = bytearray(path.read_bytes())
    place = data.find(b"Lavc", data.find(b"Info"))
    data[place : place + 4] = encoder
    if delay is not None:
        data[place + DELAY_AT : place + DELAY_AT + 2] = (delay << 4).to_bytes(2, "big")
    path.write_bytes(data)
    begin = read_mp3_begin(path)
    dropped, whole = decoded(path, ffmpeg), decoded(path, ffmpeg, "-flags2", "+skip_manual")
    assert (begin.dropped_samples > 0, begin.sample_rate) == (is_dropped, sample_rate)
    assert begin.frame_samples == (576 if sample_rate < 32_000 else 1152)
    rest = whole[begin.dropped_samples :]
    n_samples = min(len(rest), len(dropped))
    assert n_samples > 0.4 * sample_rate
    np.testing.assert_array_equal(dropped[:n_samples], rest[:n_samples])


@pytest.mark.parametrize("sample_rate", [44_100, 22_050])
def test_layer_2_has_no_header_and_frames_of_one_length(
    sample_rate: int, ffmpeg: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp3"  # as such files are called
    source = f"anoisesrc=d=0.5:r={sample_rate}:seed=1"
    command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", source, "-f", "mp2", path]
    subprocess.run(command, check=True)
    begin = read_mp3_begin(path)
    assert (begin.header, begin.dropped_samples, begin.frame_samples) == ("none", 0, 1152)
    whole = decoded(path, ffmpeg, "-flags2", "+skip_manual")
    np.testing.assert_array_equal(decoded(path, ffmpeg), whole)
