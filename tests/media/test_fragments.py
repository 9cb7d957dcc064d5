"""The index that is made of ffmpeg's fragments, beside one that ffmpeg makes itself."""

import io
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from libsep.media.atoms import MalformedAtomError
from libsep.media.fragments import defragment
from libsep.media.verify.container import read_container

TABLES = (b"stsd", b"stts", b"stsz", b"sgpd", b"sbgp")


@pytest.fixture(params=["aac_stem", "alac_stem"])
def stem(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


def test_the_index_is_the_one_that_ffmpeg_makes_of_an_ordinary_file(
    stem: Path, tmp_path: Path, ffmpeg: Path
) -> None:
    copy = tmp_path / "copy.mp4"
    options = ["-map", "0", "-c", "copy", "-movie_timescale", "44100", "-f", "mp4"]
    subprocess.run([ffmpeg, "-v", "error", "-i", stem, *options, copy], check=True)
    ours, ordinary = read_container(stem), read_container(copy)
    for trak, other in zip(ours.moov.all(b"trak"), ordinary.moov.all(b"trak"), strict=True):
        stbl, expected = (each.first(b"mdia", b"minf", b"stbl") for each in (trak, other))
        for kind in TABLES:
            assert stbl.all(kind) == expected.all(kind), kind
        for path in [(b"edts", b"elst"), (b"mdia", b"mdhd")]:
            assert trak.first(*path) == other.first(*path)
        assert trak.first(b"tkhd").payload[4:28] == other.first(b"tkhd").payload[4:28]
    assert ours.moov.first(b"mvhd").payload == ordinary.moov.first(b"mvhd").payload
    assert ours.moov.all(b"mvex") == []


def test_a_chunk_holds_a_second_and_nothing_lies_between_chunks(stem: Path) -> None:
    container = read_container(stem)
    [mdat] = container.spans(b"mdat")
    chunks = sorted(chunk for track in container.tracks for chunk in track.chunks.tolist())
    assert len(chunks) == 10  # 1.7 s of five streams
    assert [start for start, _ in chunks] == [mdat.body, *(end for _, end in chunks[:-1])]
    assert chunks[-1][1] == mdat.end


def fragmented(stem: Path, ffmpeg: Path, path: Path, flags: str) -> io.BytesIO:
    options = ["-map", "0", "-c", "copy", "-movie_timescale", "44100", "-movflags", flags]
    subprocess.run([ffmpeg, "-v", "error", "-y", "-i", stem, *options, path], check=True)
    return io.BytesIO(path.read_bytes())


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("+faststart", "no fragment has packets"),
        ("+frag_keyframe+empty_moov", "do not count from where it begins"),
    ],
)
def test_what_is_not_in_such_fragments_is_an_error(
    alac_stem: Path, tmp_path: Path, ffmpeg: Path, flags: str, reason: str
) -> None:
    file = fragmented(alac_stem, ffmpeg, tmp_path / "x.mp4", flags)
    before = file.getvalue()
    with pytest.raises(MalformedAtomError, match=reason):
        defragment(file)
    assert file.getvalue() == before


def test_samples_beyond_four_gigabytes_are_found(
    aac_stem: Path, tmp_path: Path, ffmpeg: Path
) -> None:
    flags = "+frag_keyframe+delay_moov+default_base_moof+skip_trailer"
    near, far = tmp_path / "near.mp4", tmp_path / "far.mp4"
    data = fragmented(aac_stem, ffmpeg, near, flags).getvalue()
    head, gap = data.index(b"moof") - 4, 5 << 30
    with far.open("wb") as file:
        file.write(data[:head] + struct.pack(">I4sQ", 1, b"free", gap))
        file.seek(head + gap)  # a hole, which takes no room
        file.write(data[head:])
    for path in (near, far):
        with path.open("r+b") as file:
            defragment(file)
    for here, there in zip(read_container(near).tracks, read_container(far).tracks, strict=True):
        np.testing.assert_array_equal(there.chunks, here.chunks + gap)
