"""Files of which one ffmpeg that opens them would not give all, or not the right samples."""

import struct
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError
from libsep.media.decode import Decoder, decode_file, hash_audio
from libsep.media.excerpt import decode_excerpt
from libsep.media.pcm_header import W64_MAGIC, read_pcm_header
from libsep.media.probe import probe_audio
from libsep.media.tags import read_tags

from ..conftest import Encode

RATE = 44100


def wav(
    samples: np.ndarray, *, size: int | None = None, byte_rate: int | None = None, mask: int = 0
) -> bytes:
    """Return a WAV file of 16 bits; ``size`` is what it says about the length of its samples."""
    data = np.round(samples.T * 32768).astype("<i2").tobytes()
    n_channels = len(samples)
    align = 2 * n_channels
    rate = RATE * align if byte_rate is None else byte_rate
    form = struct.pack("<HHIIHH", 0xFFFE if mask else 1, n_channels, RATE, rate, align, 16)
    if mask:
        guid = bytes.fromhex("0100000000001000800000aa00389b71")
        form += struct.pack("<HHI", 22, 16, mask) + guid
    said = len(data) if size is None else size
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", said)
    return b"RIFF" + struct.pack("<I", (len(body) + said) & 0xFFFFFFFF) + body + data


def rf64(samples: np.ndarray, size: int | None) -> bytes:
    """Return an RF64 file whose ds64 says ``size``; without any if that is None."""
    plain = wav(samples, size=0xFFFFFFFF)
    lengths = b"" if size is None else b"ds64" + struct.pack("<IQQQI", 28, size, size, 0, 0)
    return b"RF64" + plain[4:12] + lengths + plain[12:]


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


PLACEHOLDERS = (
    0, 0x7FFFF000, 0x7FFFFFDB, 0x7FFFFFFF, 0x80000000, 0xFFFFE000, 0xFFFFEFFF, 0xFFFFFFF7,
    0xFFFFFFFF,
)  # fmt: skip


@pytest.mark.parametrize("size", PLACEHOLDERS)
def test_a_wav_whose_length_is_a_placeholder_is_read_to_its_end(
    tmp_path: Path, noise: np.ndarray, size: int, ffmpeg: Path
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise, size=size))
    assert np.array_equal(decode_file(path), noise)
    assert probe_audio(path, ffmpeg=ffmpeg).duration_s == 2.0


@pytest.mark.parametrize("size", [None, 0, 1, 70000, (1 << 64) - 1])
def test_rf64_without_a_length_or_with_a_wrong_one_is_read_to_its_end(
    tmp_path: Path, noise: np.ndarray, size: int | None
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(rf64(noise, size))
    assert np.array_equal(decode_file(path), noise)


@pytest.mark.parametrize("byte_rate", [0, RATE, 2 * RATE, 16 * RATE])
def test_a_wrong_byte_rate_does_not_matter(
    tmp_path: Path, noise: np.ndarray, byte_rate: int
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise, byte_rate=byte_rate))
    assert np.array_equal(decode_file(path), noise)


@pytest.mark.parametrize(
    "tail", [b"", b"LIST" + struct.pack("<I", 4) + b"INFO", b"TAG" + bytes(125)]
)
def test_samples_behind_the_length_of_a_wav_are_not_lost_and_chunks_are_none(
    tmp_path: Path, noise: np.ndarray, tail: bytes
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise, size=100_000))
    assert np.array_equal(decode_file(path), noise)
    path.write_bytes(wav(noise) + tail + bytes(5000) * bool(tail))
    assert np.array_equal(decode_file(path), noise)
    quiet = np.concatenate([noise, np.zeros((2, 1 << 19)), noise], axis=1)
    path.write_bytes(wav(quiet, size=noise.size * 2))
    assert np.array_equal(decode_file(path), quiet)


@pytest.mark.parametrize(
    ("size", "warning"),
    [(2 * RATE * 4, []), (0xFFFFFFFF, []), (1 * RATE * 4, ["1.00 s behind the length"])],
)
def test_what_is_read_beyond_the_length_of_a_header_is_a_warning(
    tmp_path: Path, noise: np.ndarray, ffmpeg: Path, size: int, warning: list[str]
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise, size=size))
    with Decoder(path, ffmpeg=ffmpeg, block_samples=RATE) as decoder:
        list(decoder)
    assert [each[: len("1.00 s behind the length")] for each in decoder.warnings] == warning


@pytest.mark.parametrize("size", [0, 100_000, 0x7FFFFFFF, 0xFFFFFFFF])
def test_chunks_behind_audio_of_a_wrong_length_are_tags_and_no_noise(
    tmp_path: Path, noise: np.ndarray, ffmpeg: Path, size: int
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise, size=size) + b"LIST\x10\0\0\0INFOINAM\4\0\0\0Ode\0")
    with Decoder(path, ffmpeg=ffmpeg, block_samples=RATE) as decoder:
        assert np.array_equal(np.concatenate(list(decoder), axis=1), noise)
    assert [each[7:23] for each in decoder.warnings] == ["behind the lengt"] * (size == 100_000)
    assert read_tags(path).fields["title"] == ("Ode",)


@pytest.mark.parametrize("size", [0, (1 << 63) - 1, (1 << 64) - 1])
def test_a_w64_whose_length_is_a_placeholder_is_read_to_its_end(
    encode: Encode, noise: np.ndarray, ffmpeg: Path, size: int
) -> None:
    path = encode("x.w64", noise)
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 16
    data[place : place + 8] = size.to_bytes(8, "little")
    path.write_bytes(data)
    with Decoder(path, ffmpeg=ffmpeg, block_samples=RATE) as decoder:
        assert np.array_equal(np.concatenate(list(decoder), axis=1), noise)
    assert decoder.warnings == []
    assert read_tags(path).problems == ()


def test_a_file_that_is_joined_to_another_is_not_lost_without_a_word(
    tmp_path: Path, noise: np.ndarray, ffmpeg: Path
) -> None:
    path = tmp_path / "joined.wav"
    path.write_bytes(wav(noise) + b"LIST\5\0\0\0INFO_\0" + wav(noise[:, :RATE]))
    with Decoder(path, ffmpeg=ffmpeg, block_samples=RATE) as decoder:
        assert sum(block.shape[1] for block in decoder) == noise.shape[1]
    assert [each[:39] for each in decoder.warnings] == ["another file of 176.4 kB is joined to t"]


@pytest.mark.parametrize(
    "head",
    [
        b"caff" + struct.pack(">HH", 1, 0) + b"free" + struct.pack(">q", 1 << 50),
        W64_MAGIC + struct.pack("<Q", 1 << 60) + b"wave" + bytes(12) + b"junk" + bytes(12)
        + struct.pack("<Q", 1 << 60),
        b"caff" + struct.pack(">HH", 1, 0) + b"free" + struct.pack(">q", -1),
        b"caff" + struct.pack(">HH", 1, 0) + b"desc" + struct.pack(">q", 32)
        + struct.pack(">d4s5I", float("inf"), b"lpcm", 2, 4, 1, 2, 16),
    ],
)  # fmt: skip
def test_a_length_or_rate_that_no_file_can_have_is_left_to_ffmpeg(
    tmp_path: Path, head: bytes
) -> None:
    (tmp_path / "x").write_bytes(head + bytes(100))
    assert read_pcm_header(tmp_path / "x") is None


def test_a_length_that_has_wrapped_at_4_gib_is_followed_to_the_chunks_behind(
    tmp_path: Path, noise: np.ndarray
) -> None:
    path = tmp_path / "x.wav"
    head = wav(noise, size=noise.size * 2)[: -noise.size * 2]
    with path.open("wb") as file:  # sparse: takes no disk
        file.write(head)
        file.seek(len(head) + (1 << 32) + noise.size * 2)
        file.write(b"LIST" + struct.pack("<I", 4000) + b"INFO" + bytes(3996))
    header = read_pcm_header(path)
    assert header is not None
    assert header.is_longer
    assert header.found_bytes == (1 << 32) + noise.size * 2


@pytest.mark.parametrize(
    ("behind", "is_audio"),
    [
        (bytes(5000), False),
        (b"fake" + struct.pack("<I", 4992) + bytes(range(1, 33)) * 156, False),
        (b"fake" + struct.pack("<I", 0x7F7F7F7F) + bytes(range(1, 33)) * 156, True),
        (bytes(range(1, 33)) * 156, True),
    ],
    ids=["zeros", "a chunk", "a chunk longer than the file", "samples"],
)
def test_what_lies_behind_the_samples_is_audio_unless_it_is_known_to_be_something_else(
    tmp_path: Path, noise: np.ndarray, behind: bytes, is_audio: bool
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise[:, :RATE]) + behind)
    header = read_pcm_header(path)
    assert header is not None
    assert header.found_bytes == 4 * RATE + is_audio * len(behind)


@pytest.mark.parametrize(
    ("size", "n_samples"),
    [
        (0, 0),
        (0, 2 * RATE),
        (8 + 8 * RATE, 0),
        (8 + 8 * RATE, 100),
        (50_008, 2 * RATE),
        (0x7F000008, 0x7F000000 // 4),
    ],
)
def test_an_aiff_with_wrong_lengths_is_read_to_its_end(
    encode: Encode, noise: np.ndarray, size: int, n_samples: int
) -> None:
    path = encode("x.aiff", noise)
    data = bytearray(path.read_bytes())
    sound, common = data.index(b"SSND"), data.index(b"COMM")
    data[sound + 4 : sound + 8] = struct.pack(">I", size)
    data[common + 10 : common + 14] = struct.pack(">I", n_samples)
    path.write_bytes(data)
    assert np.array_equal(decode_file(path), noise)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("x.caf", []),
        ("x.w64", []),
        ("x.au", []),
        ("x.aiff", []),
        ("x.wav", ["-rf64", "always"]),
        ("x.wav", ["-c:a", "libmp3lame", "-b:a", "320k"]),
    ],
)
def test_a_file_without_its_last_part_is_an_error(
    encode: Encode, noise: np.ndarray, name: str, options: list[str]
) -> None:
    path = encode(name, np.tile(noise, 3), *options)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DecodeError, match="cut short"):
        decode_file(path)


@pytest.mark.parametrize(
    ("n_channels", "mask"),
    [(2, 0x30), (2, 0x600), (2, 0x5), (2, 0x6), (2, 0xC), (1, 0x8), (1, 0x2)],
)
def test_one_or_two_channels_are_left_and_right_whatever_their_names(
    tmp_path: Path, noise: np.ndarray, n_channels: int, mask: int, ffmpeg: Path
) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav(noise[:n_channels], mask=mask))
    expected = noise if n_channels == 2 else noise[[0, 0]]
    assert np.array_equal(decode_file(path), expected)
    if mask not in (0x8, 0x2):
        excerpt = decode_excerpt(path, start_s=1.0, n_samples=4410, sample_rate=RATE, ffmpeg=ffmpeg)
        assert level_db(excerpt) > level_db(noise) - 4


def joined(folder: Path, *paths: Path) -> Path:
    path = folder / f"joined{paths[0].suffix}"
    path.write_bytes(b"".join(each.read_bytes() for each in paths))
    return path


@pytest.mark.parametrize("name", ["x.mp3", "x.aac", "x.mp2", "x.ac3"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_parts_in_mono_and_in_stereo_keep_their_channels_and_their_levels(
    encode: Encode, tmp_path: Path, name: str, order: tuple[int, int]
) -> None:
    time_s = np.arange(2 * RATE) / RATE
    mono = 0.25 * np.sin(2 * np.pi * 441 * time_s)[None]
    stereo = np.concatenate([mono, 0.5 * mono])
    plain = ["-write_xing", "0", "-id3v2_version", "0"] if name == "x.mp3" else []
    parts = [
        encode(f"{index}-{name}", samples, "-b:a", "192k", *plain)
        for index, samples in enumerate((mono, stereo))
    ]
    decoded = decode_file(joined(tmp_path, *(parts[index] for index in order)))
    for index, place in zip(order, (RATE, decoded.shape[1] - RATE), strict=True):
        left, right = (level_db(side[place - 9000 : place + 9000]) for side in decoded)
        assert left == pytest.approx(level_db(mono), abs=0.4)
        assert right == pytest.approx(level_db(mono) - (6.02 if index else 0), abs=0.4)


CHAINS = {
    "channels": (("libvorbis", 2, RATE), ("libvorbis", 1, RATE)),
    "opus": (("libopus", 1, 48000), ("libopus", 2, 48000)),
    "rate": (("libvorbis", 2, RATE), ("libvorbis", 2, 22050)),
    "codec": (("libvorbis", 2, RATE), ("libopus", 2, 48000), ("flac", 2, RATE)),
    "same": (("flac", 2, RATE), ("flac", 2, RATE)),
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_all_links_of_a_chained_ogg_are_decoded_whatever_changes(
    encode: Encode, tmp_path: Path, ffmpeg: Path, chain: tuple[tuple[str, int, int], ...]
) -> None:
    links = []
    for index, (codec, n_channels, rate) in enumerate(chain):
        time_s = np.arange(2 * rate) / rate
        sine = 0.1 * (index + 1) * np.sin(2 * np.pi * 441 * time_s)
        options = ["-c:a", codec, "-f", "ogg"]
        links.append(
            encode(f"{index}.ogg", np.tile(sine, (n_channels, 1)), *options, sample_rate=rate)
        )
    path = joined(tmp_path, *links)
    with Decoder(path, ffmpeg=ffmpeg, block_samples=10_000) as decoder:
        decoded = np.concatenate(list(decoder), axis=1)
    assert decoder.warnings == []
    assert abs(decoded.shape[1] - 2 * len(chain) * RATE) <= len(chain)
    assert decoder.info.duration_s == pytest.approx(2 * len(chain), abs=0.001)
    for index in range(len(chain)):
        middle = decoded[:, 2 * index * RATE + 10_000 : 2 * index * RATE + 60_000]
        assert level_db(middle) == pytest.approx(20 * np.log10(0.1 * (index + 1)) - 3.01, abs=0.3)
    whole = hash_audio(path, ffmpeg=ffmpeg)
    assert whole != hash_audio(joined(tmp_path, *links[::-1]), ffmpeg=ffmpeg)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DecodeError, match="cut short"):
        decode_file(path)


def test_an_error_in_one_link_names_it(encode: Encode, tmp_path: Path, noise: np.ndarray) -> None:
    link = encode("0.ogg", noise, "-c:a", "flac", "-f", "ogg")
    path = joined(tmp_path, link, link)
    data = bytearray(path.read_bytes())
    second = data.rindex(b"fLaC")
    data[second : second + 60] = bytes(60)
    path.write_bytes(data)
    with pytest.raises(DecodeError, match="part 2 of 2"):
        decode_file(path)


def test_a_file_that_is_as_it_should_be_is_opened_as_it_is(
    encode: Encode, noise: np.ndarray, ffmpeg: Path
) -> None:
    for name in ("x.wav", "x.aiff", "x.caf", "x.w64", "x.au", "x.ogg", "x.m4a", "x.mp3"):
        info = probe_audio(encode(name, noise), ffmpeg=ffmpeg)
        (piece,) = info.pieces
        assert (piece.options, piece.length_s) == ({}, None), name
