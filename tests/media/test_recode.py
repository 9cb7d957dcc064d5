"""What a lossy encoder leaves is aligned with the recording."""

from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError
from libsep.media.decode import decode_file
from libsep.media.recode import LossyCodec, recode

from ..conftest import write_wave


@pytest.mark.parametrize("codec", ["mp3", "aac"])
def test_what_comes_back_is_aligned_and_lacks_the_top(
    codec: LossyCodec, ffmpeg: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "noise.wav"
    write_wave(path, rng.normal(0, 0.1, (2, 60_000)))
    folder = tmp_path / "work"
    folder.mkdir()
    source, copy = decode_file(path), recode(path, folder, codec, 96, ffmpeg=ffmpeg)
    length = 60_000
    assert copy.shape[1] >= length - 1024
    spectra = [np.fft.rfft(each[0, :length], 1 << 17) for each in (source, copy)]
    assert int(np.argmax(np.fft.irfft(spectra[0].conj() * spectra[1]))) == 0
    top = [np.square(np.abs(each[int(0.95 * len(each)) :])).mean() for each in spectra]
    assert top[1] < 1e-3 * top[0]
    assert list(folder.iterdir()) == []


def test_what_is_no_audio_is_refused(ffmpeg: Path, tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("no audio")
    with pytest.raises(DecodeError):
        recode(path, tmp_path, "mp3", 128, ffmpeg=ffmpeg)
