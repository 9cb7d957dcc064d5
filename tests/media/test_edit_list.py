"""MP4 files with edits: they are played as the edits say, to the sample."""

import struct
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from mutagen.mp4 import MP4, MP4Cover, MP4FreeForm

from libsep.errors import DecodeError
from libsep.media.decode import decode_file, hash_audio
from libsep.media.edit_list import Edit, read_edits, skipped_s

from ..conftest import Encode

RATE = 44100


def with_edits(path: Path, edits: list[tuple[float, float]], *, media_offset: int = 0) -> Path:
    """Give an MP4 file with its index at the end edits: start (-1: none) and length in seconds."""
    data = bytearray(path.read_bytes())
    moov = data.rindex(b"moov")
    scale = struct.unpack_from(">I", data, data.index(b"mvhd", moov) + 16)[0]
    entries = b"".join(
        struct.pack(
            ">IiI",
            round(length_s * scale),
            -1 if start_s < 0 else round(start_s * RATE) + media_offset,
            0x10000,
        )
        for start_s, length_s in edits
    )
    place = data.index(b"elst", moov) - 4
    n_old = struct.unpack_from(">I", data, place)[0]
    new = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    data[place : place + n_old] = new
    for kind in (b"moov", b"trak", b"edts"):
        position = data.index(kind, moov) - 4
        n_bytes = struct.unpack_from(">I", data, position)[0] + len(new) - n_old
        data[position : position + 4] = struct.pack(">I", n_bytes)
    path.write_bytes(data)
    return path


EDITS = {
    "inside a frame": [(0.5, 1.0)],
    "at a frame": [(4096 * 3 / RATE, 1.0)],
    "to the end": [(0.1, 1.9)],
    "beyond the end": [(1.0, 5.0)],
    "two": [(0.0, 0.5), (1.25, 0.5)],
    "backwards and again": [(1.0, 0.5), (0.25, 0.5), (0.25, 0.5)],
    "silence before": [(-1, 0.7), (0.0, 2.0)],
    "silence between": [(0.0, 0.5), (-1, 0.5), (0.5, 0.5)],
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize(
    ("name", "codec"), [("x.m4a", "alac"), ("x.mp4", "flac"), ("x.mov", "pcm_s16le")]
)
def test_an_edit_list_plays_to_the_sample(
    encode: Encode, noise: np.ndarray, name: str, codec: str, edits: list[tuple[float, float]]
) -> None:
    path = with_edits(encode(name, noise, "-c:a", codec), edits)
    silence = np.zeros_like(noise)
    expected = [
        (silence if start_s < 0 else noise[:, round(max(start_s, 0) * RATE) :])[
            :, : round(length_s * RATE)
        ]
        for start_s, length_s in (edits[1:] if edits[0][0] < 0 else edits)
    ]
    assert np.array_equal(decode_file(path), np.concatenate(expected, axis=1))


def test_edits_of_aac_play_to_the_sample_too(
    encode: Encode, noise: np.ndarray, ffmpeg: Path
) -> None:
    path = encode("x.m4a", noise, "-b:a", "256k")
    whole = decode_file(path)
    plain_hash = hash_audio(path, ffmpeg=ffmpeg)
    with_edits(path, [(1.0, 0.5), (0.25, 0.25)], media_offset=1024)
    expected = [whole[:, RATE : RATE * 3 // 2], whole[:, RATE // 4 : RATE // 2]]
    assert np.abs(decode_file(path) - np.concatenate(expected, axis=1)).max() < 1e-6
    assert hash_audio(path, ffmpeg=ffmpeg) != plain_hash


def test_edits_that_follow_each_other_are_one_and_too_many_are_an_error(
    encode: Encode, noise: np.ndarray
) -> None:
    path = encode("x.m4a", noise, "-c:a", "alac")
    steps = [(index / 100, 0.01) for index in range(200)]
    assert read_edits(with_edits(path, steps), 0) == [Edit(Fraction(0), Fraction(2))]
    with pytest.raises(DecodeError, match="more than 100 edits"):
        read_edits(with_edits(path, steps[::-1]), 0)


@pytest.mark.parametrize("length_s", [1.977, 1.978, 0.0])
def test_an_edit_to_the_end_reaches_the_last_sample_though_its_length_is_rounded_or_missing(
    encode: Encode, noise: np.ndarray, length_s: float
) -> None:
    path = encode("x.m4a", noise, "-c:a", "alac", "-movie_timescale", "1000")
    with_edits(path, [(1000 / RATE, length_s)])
    n_left = noise.shape[1] - 1000
    assert read_edits(path, 0) == [Edit(Fraction(1000, RATE), Fraction(n_left, RATE))]


def test_an_edit_that_plays_at_another_speed_is_an_error(encode: Encode, noise: np.ndarray) -> None:
    path = with_edits(encode("x.m4a", noise, "-c:a", "alac"), [(0.5, 1.0)])
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.rindex(b"elst") + 20, 0x8000)
    path.write_bytes(data)
    with pytest.raises(DecodeError, match="at another speed"):
        read_edits(path, 0)


def test_of_a_file_in_fragments_the_index_does_not_say_how_long_an_edit_is(
    encode: Encode, noise: np.ndarray
) -> None:
    fragments = ("-movflags", "+delay_moov", "-frag_duration", "500000")
    path = encode("x.m4a", noise, "-c:a", "alac", *fragments, "-output_ts_offset", "0.5")
    data = bytearray(path.read_bytes())
    struct.pack_into(">I", data, data.index(b"mdhd") + 20, RATE // 2)  # of the first one only
    path.write_bytes(data)
    assert read_edits(path, 0) == []
    assert np.array_equal(decode_file(path), noise)


def with_gapless_tag(
    path: Path, priming: int, n_music: int, total: int, *, is_listed: bool = False
) -> Path:
    """Give an M4A the tag of iTunes, in place of its edit list as iTunes does it."""
    file = MP4(path)
    numbers = f" 00000000 {priming:08X} {total - priming - n_music:08X} {n_music:016X} 00000000"
    file["----:com.apple.iTunes:iTunSMPB"] = [MP4FreeForm(numbers.encode())]
    file["covr"] = [MP4Cover(b"\xff\xd8\xff\xd9")]
    file.save()
    if not is_listed:
        data = path.read_bytes()
        path.write_bytes(data.replace(b"edts", b"free"))
    return path


def with_cover_first(path: Path) -> Path:
    """Put the cover before iTunes' tag, as some taggers do."""
    data = path.read_bytes()
    tag = data.rindex(b"----") - 4
    cover = data.rindex(b"covr") - 4
    end = cover + struct.unpack_from(">I", data, cover)[0]
    assert tag < cover
    path.write_bytes(data[:tag] + data[cover:end] + data[tag:cover] + data[end:])
    return path


def test_what_itunes_says_of_a_file_without_an_edit_list_holds_to_the_sample(
    encode: Encode, noise: np.ndarray, ffmpeg: Path
) -> None:
    path = encode("x.m4a", noise, "-b:a", "256k")
    whole, plain_hash = decode_file(path), hash_audio(path, ffmpeg=ffmpeg)
    with_gapless_tag(path, 1024, 80_000, 1024 + noise.shape[1])
    for place in (path, with_cover_first(path)):
        assert np.array_equal(decode_file(place), whole[:, :80_000])
        assert skipped_s(place) == 1024 / RATE
    # Whoever has converted the file before need not do it again for a new tag.
    assert hash_audio(path, ffmpeg=ffmpeg) == plain_hash


def test_a_tag_of_itunes_that_was_copied_from_another_track_costs_no_music(
    encode: Encode, noise: np.ndarray
) -> None:
    path = encode("x.m4a", noise, "-b:a", "256k")
    whole = decode_file(path)
    with_gapless_tag(path, 1024, 1000, 9_000)
    assert np.array_equal(decode_file(path)[:, : whole.shape[1]], whole)
    assert skipped_s(path) == 1024 / RATE


@pytest.mark.parametrize(
    ("priming", "n_music", "total"),
    [(2112, 1000, 3112), (1024, 1000, 9000), (1024, 80_000, 1024 + 88_200)],
)
def test_an_edit_list_counts_more_than_what_itunes_says(
    encode: Encode, noise: np.ndarray, priming: int, n_music: int, total: int
) -> None:
    path = encode("x.m4a", noise, "-b:a", "256k")
    whole = decode_file(path)
    with_gapless_tag(path, priming, n_music, total, is_listed=True)
    assert np.array_equal(decode_file(path), whole)
    assert skipped_s(path) == 1024 / RATE
    with_edits(path, [(-1, 0.5), (1.0, 0.5), (0.25, 0.25)], media_offset=1024)
    expected = [whole[:, RATE : RATE * 3 // 2], whole[:, RATE // 4 : RATE // 2]]
    assert np.abs(decode_file(path) - np.concatenate(expected, axis=1)).max() < 1e-6
