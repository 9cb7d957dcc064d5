"""Programs that are not ours read what we write: PyAV, ffprobe, mutagen and stempeg."""

import json
import struct
import subprocess
from pathlib import Path
from types import ModuleType

import av
import numpy as np
import pytest
from mutagen.mp4 import MP4


def streams_of(path: Path) -> list[np.ndarray]:
    """Return the samples ``(2, T)`` of every audio stream, as PyAV decodes them."""
    decoded = []
    with av.open(path) as container:
        n_streams = len(container.streams.audio)
    for index in range(n_streams):
        with av.open(path) as container:
            frames = list(container.decode(container.streams.audio[index]))
            resampler = av.AudioResampler(format="fltp", layout="stereo")
            parts = [part.to_ndarray() for frame in frames for part in resampler.resample(frame)]
            decoded.append(np.concatenate(parts, axis=1))
    return decoded


def offset_of(late: np.ndarray, early: np.ndarray) -> int:
    """Return the shift in samples at which two signals match best."""
    n_fft = 1 << 18
    spectrum = np.fft.rfft(late, n_fft) * np.conj(np.fft.rfft(early, n_fft))
    best = int(np.argmax(np.fft.irfft(spectrum)))
    return best if best < n_fft // 2 else best - n_fft


@pytest.fixture(params=["aac_stem", "alac_stem"])
def stem(request: pytest.FixtureRequest) -> Path:
    """Return a finished stem file, once of each codec."""
    path: Path = request.getfixturevalue(request.param)
    return path


def test_libav_sees_five_equal_stereo_streams_from_zero(stem, sources) -> None:
    with av.open(stem) as container:
        streams = container.streams.audio
        assert [stream.index for stream in streams] == [0, 1, 2, 3, 4]
        assert len(container.streams) == 5
        assert {stream.layout.name for stream in streams} == {"stereo"}
        assert {stream.start_time for stream in streams} == {0}
        assert {stream.duration for stream in streams} == {sources.shape[2]}
        defaults = [bool(stream.disposition & av.stream.Disposition.default) for stream in streams]
        assert defaults == [True, False, False, False, False]
        names = [stream.metadata["handler_name"] for stream in streams]
        assert names == ["Master", "Drums", "Bass", "Other", "Vocals"]


def test_libav_decodes_every_stream_in_place_and_no_other(stem, sources) -> None:
    streams = streams_of(stem)
    for index, stream in enumerate(streams):
        # PyAV leaves the padding of the last AAC frame to its user.
        assert 0 <= stream.shape[1] - sources.shape[2] < 1024
        stream = stream[:, : sources.shape[2]]
        assert offset_of(stream[0], sources[index, 0]) == 0
        fits = [np.corrcoef(stream[0], source[0])[0, 1] for source in sources]
        assert int(np.argmax(fits)) == index
        assert fits[index] > 0.95


def test_libav_decodes_alac_bit_for_bit(alac_stem, sources) -> None:
    for stream, source in zip(streams_of(alac_stem), sources, strict=True):
        assert np.array_equal(stream, np.round(source * 2**23) / 2**23)


def test_seeking_with_2112_samples_of_preroll_gives_the_same_samples(aac_stem, sources) -> None:
    # What Mixxx does when a user jumps in a track.
    whole = streams_of(aac_stem)[2]
    with av.open(aac_stem) as container:
        stream = container.streams.audio[2]
        for target in (5000, 30011, 60000):
            container.seek(target - 2112, stream=stream)
            for frame in container.decode(stream):
                if frame.pts >= target:
                    found = frame.to_ndarray()
                    expected = whole[:, frame.pts : frame.pts + found.shape[1]]
                    assert np.array_equal(found, expected)
                    break


def test_mutagen_knows_codec_and_rate(stem) -> None:
    info = MP4(stem).info
    assert (info.sample_rate, info.channels) == (44100, 2)
    assert info.codec in ("mp4a.40.2", "alac")


def test_ffprobe_sees_five_streams_of_which_the_first_is_the_default(
    stem, sources, foreign_programs: Path
) -> None:
    command = [foreign_programs / "ffprobe", "-v", "error", "-of", "json", "-show_streams", stem]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stderr == b""
    streams = json.loads(done.stdout)["streams"]
    assert [stream["codec_type"] for stream in streams] == ["audio"] * 5
    assert {(stream["channels"], stream["sample_rate"]) for stream in streams} == {(2, "44100")}
    assert {stream["start_pts"] for stream in streams} == {0}
    assert {stream["duration_ts"] for stream in streams} == {sources.shape[2]}
    assert [stream["disposition"]["default"] for stream in streams] == [1, 0, 0, 0, 0]


def test_stempeg_reads_five_stems_in_order(stem, sources, stempeg: ModuleType) -> None:
    stems, sample_rate = stempeg.read_stems(str(stem))
    assert sample_rate == 44100
    assert stems.shape[0] == 5
    assert stems.shape[2] == 2
    for index, source in enumerate(sources):
        found = stems[index, : source.shape[1], 0]
        assert np.corrcoef(found, source[0, : len(found)])[0, 1] > 0.95


def test_the_manifest_stands_where_a_search_for_it_looks(stem) -> None:
    # stemgen and others find it with nothing but the four letters.
    data = stem.read_bytes()
    position = data.index(b"stem{")
    assert struct.unpack_from(">I", data, position - 4)[0] == 515
