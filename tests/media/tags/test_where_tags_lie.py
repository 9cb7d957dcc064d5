"""Tags where the format's own reader does not look: before and behind the audio, in any chunk."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from mutagen import id3
from mutagen.apev2 import BINARY, APEv2, APEValue
from mutagen.flac import FLAC, Picture
from mutagen.mp4 import MP4

from libsep.media.decode import Decoder, decode_file
from libsep.media.tags import Tags, read_header, read_tags, write_tags

from .conftest import make_audio

Place = Callable[[bytes, bytes], bytes]

BEFORE: Place = lambda audio, tag: tag + audio  # noqa: E731 - a table of places
BEHIND: Place = lambda audio, tag: audio + tag  # noqa: E731 - a table of places

FORMATS = {
    "mp3": ("-c:a", "libmp3lame", "-id3v2_version", "0"), "flac": (), "tta": (), "wv": (),
    "aac": ("-f", "adts"), "ogg": ("-c:a", "libvorbis"), "opus": ("-c:a", "libopus"),
    "au": (), "w64": (), "caf": (), "mka": ("-c:a", "flac"), "wav": (), "aiff": (),
    "m4a": ("-c:a", "alac"), "wma": (),
}  # fmt: skip


def id3_bytes(*frames: Any, cover: bytes = b"", version: int = 3) -> bytes:
    """Return a tag of ID3v2 with title, artist, genre and key, and more frames."""
    tag = id3.ID3()
    texts = (id3.TIT2(text="Títle"), id3.TPE1(text="Künstler"), id3.TCON(text="House"))
    for frame in (*texts, id3.TKEY(text="Am"), *frames):
        tag.add(frame)
    if cover:
        tag.add(id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=cover))
    return saved(tag, version)


def saved(tag: id3.ID3, version: int = 3) -> bytes:
    buffer = io.BytesIO()
    tag.save(buffer, v2_version=version, v1=0, padding=lambda info: 0)
    return buffer.getvalue()


def ape_bytes(cover: bytes = b"") -> bytes:
    tag = APEv2()
    tag["Title"], tag["Artist"], tag["Genre"], tag["Initialkey"] = (
        "Títle",
        "Künstler",
        "House",
        "Am",
    )
    if cover:
        tag["Cover Art (Front)"] = APEValue(b"front.jpg\0" + cover, BINARY)
    buffer = io.BytesIO()
    tag.save(buffer)
    return buffer.getvalue()


def id3v1_bytes(title: str = "Títle", genre: int = 35) -> bytes:
    artist, rest = "Künstler".encode("latin-1").ljust(30, b"\0"), bytes(64)
    return (
        b"TAG"
        + title.encode("latin-1").ljust(30, b"\0")[:30]
        + artist
        + rest
        + bytes([0, genre])[1:]
    )


def with_footer(tag: bytes) -> bytes:
    """Return a tag of ID3v2.4 as it stands at the end of a file."""
    head = tag[:5] + b"\x10" + tag[6:10]
    return head + tag[10:] + b"3DI" + head[3:]


def lyrics3_bytes() -> bytes:
    fields = (
        (b"IND", b"110"),
        (b"ETT", b"T\xedtle"),
        (b"EAR", b"K\xfcnstler"),
        (b"LYR", b"one\r\ntwo"),
    )
    body = b"LYRICSBEGIN" + b"".join(b"%s%05d%s" % (name, len(x), x) for name, x in fields)
    return body + b"%06dLYRICS200" % len(body)


@pytest.fixture
def tagged(tmp_path: Path) -> Callable[[str, Place, bytes], Path]:
    """Return a function that makes a file of a format and puts bytes somewhere."""

    def make(ending: str, place: Place, tag: bytes) -> Path:
        path = make_audio(tmp_path / f"a.{ending}", *FORMATS[ending])
        path.write_bytes(place(path.read_bytes(), tag))
        return path

    return make


def stem_tags(stem: Path, source: Path, losses: tuple[str, ...] = ()) -> Any:
    """Return what mutagen reads in a stem file that got the tags of ``source``."""
    assert write_tags(stem, read_tags(source)) == losses
    return MP4(stem).tags


PLACES = (
    (BEFORE, "id3"), (BEHIND, "ape"), (BEHIND, "id3 at the end"), (BEHIND, "id3v1"),
)  # fmt: skip
CASES = [(ending, place, make) for ending in (*FORMATS,)[:11] for place, make in PLACES]


@pytest.mark.parametrize(("ending", "place", "make"), CASES)
def test_tags_around_any_audio_arrive_with_their_cover(
    ending: str, place: Place, make: str, tagged: Any, encoded: Path, picture: Any
) -> None:
    cover = picture("JPEG", "red")
    tag = {
        "id3": id3_bytes(cover=cover), "ape": ape_bytes(cover), "id3v1": id3v1_bytes(),
        "id3 at the end": with_footer(id3_bytes(cover=cover, version=4)),
    }[make]  # fmt: skip
    path = tagged(ending, place, tag)
    atoms = stem_tags(encoded, path)
    assert (atoms["©nam"], atoms["©ART"], atoms["©gen"]) == (["Títle"], ["Künstler"], ["House"])
    if make != "id3v1":
        assert bytes(atoms["----:com.apple.iTunes:initialkey"][0]) == b"Am"
        assert [bytes(data) for data in atoms["covr"]] == [cover]
    assert read_header(path).genres == ("House",)


@pytest.mark.parametrize(
    ("ending", "place"),
    [
        *((ending, BEFORE) for ending in ("wav", "aiff", "au", "w64", "caf", "mka", "m4a", "wma")),
        *((ending, place) for ending in ("wv", "flac") for place in (BEFORE, BEHIND)),
    ],
)
def test_tags_around_a_container_are_no_part_of_its_audio(
    ending: str, place: Place, tagged: Any, ffmpeg: Path
) -> None:
    path = tagged(ending, lambda audio, tag: audio, b"")
    expected = decode_file(path)
    path = tagged(ending, place, id3_bytes(version=4) if place is BEFORE else id3v1_bytes())
    with Decoder(path, ffmpeg=ffmpeg, block_samples=44100) as decoder:
        assert np.array_equal(np.concatenate(list(decoder), axis=1), expected)
    assert decoder.warnings == []


@pytest.mark.parametrize("ending", ["wv", "tta", "ogg", "flac"])
def test_a_tag_in_front_does_not_hide_the_length(ending: str, tagged: Any) -> None:
    path = tagged(ending, BEFORE, id3_bytes())
    assert read_header(path).duration_s == pytest.approx(0.3, abs=0.05)


def test_the_second_of_two_tags_fills_the_gaps_of_the_first(
    tagged: Any, encoded: Path, picture: Any
) -> None:
    cover = picture("JPEG", "red")
    first = id3.ID3()
    first.add(id3.TSSE(text="Lavf"))
    first.add(id3.TIT2(text="The first"))
    both = saved(first) + bytes(300) + id3_bytes(cover=cover)
    atoms = stem_tags(encoded, tagged("mp3", BEFORE, both))
    assert (atoms["©nam"], atoms["©ART"]) == (["The first"], ["Künstler"])
    assert [bytes(data) for data in atoms["covr"]] == [cover]


def test_the_containers_own_tag_wins_and_keeps_its_cover(
    tagged: Any, encoded: Path, picture: Any
) -> None:
    path = tagged("flac", BEHIND, b"")
    file = FLAC(path)
    file["title"] = "Of the FLAC"
    block = Picture()
    block.type, block.mime, block.data = 3, "image/png", picture("PNG", "green")
    file.add_picture(block)
    file.save()
    back = id3.APIC(encoding=0, mime="image/png", type=4, desc="b", data=picture("PNG", "blue"))
    tag = id3_bytes(back, id3.POPM(email="x", rating=255), cover=picture("JPEG", "red"))
    path.write_bytes(tag + path.read_bytes() + ape_bytes() + id3v1_bytes("Old"))
    atoms = stem_tags(encoded, path)
    assert (atoms["©nam"], atoms["©ART"], atoms["rate"]) == (["Of the FLAC"], ["Künstler"], ["100"])
    covers = [bytes(data) for data in atoms["covr"]]
    assert covers == [picture("PNG", "green"), picture("PNG", "blue")]


def test_lyrics3_is_read_before_id3v1(tagged: Any, encoded: Path) -> None:
    path = tagged("mp3", BEHIND, lyrics3_bytes() + id3v1_bytes("Tít"))
    atoms = stem_tags(encoded, path)
    assert (atoms["©nam"], atoms["©lyr"], atoms["©gen"]) == (["Títle"], ["one\ntwo"], ["House"])


def test_the_block_before_id3v1_makes_its_texts_longer(tagged: Any) -> None:
    rest = b"TAG+" + b" goes on".ljust(60, b"\0") + bytes(163)
    path = tagged("mp3", BEHIND, rest + id3v1_bytes("A title of exactly thirty char"))
    assert read_tags(path).fields["title"] == ("A title of exactly thirty char goes on",)


def test_apev2_may_stand_in_front_and_id3_at_the_end_without_footer(tagged: Any) -> None:
    ape = ape_bytes()
    path = tagged("mp3", BEFORE, ape)
    assert read_tags(path).fields["artist"] == ("Künstler",)
    other = tagged("flac", BEHIND, id3_bytes())
    assert read_tags(other).fields["artist"] == ("Künstler",)


@pytest.mark.parametrize(
    ("ending", "name"), [("flac", "mp3"), ("mp3", "flac"), ("m4a", "wav"), ("wv", "ogg")]
)
def test_a_wrong_ending_costs_no_tag(
    ending: str, name: str, rich: Callable[[str], Path], encoded: Path
) -> None:
    path = rich("mp3 4" if ending == "mp3" else ending)
    expected = read_tags(path)
    renamed = path.rename(path.with_name(f"b.{name}"))
    assert read_tags(renamed) == expected
    assert read_header(renamed).genres == ("Deep House", "Techno")


def _riff_chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_wav_of_64_bits_has_its_chunks_behind_the_audio(
    magic: bytes, tmp_path: Path, encoded: Path, picture: Any
) -> None:
    path = make_audio(tmp_path / "a.wav", "-rf64", "always")
    info = b"INFO" + _riff_chunk(b"IPRD", b"Album") + _riff_chunk(b"INAM", b"weaker")
    tag = id3_bytes(cover=picture("JPEG"))
    data = path.read_bytes() + _riff_chunk(b"LIST", info) + _riff_chunk(b"id3 ", tag)
    path.write_bytes(magic + data[4:])
    atoms = stem_tags(encoded, path)
    assert (atoms["©nam"], atoms["©alb"]) == (["Títle"], ["Album"])
    assert len(atoms["covr"]) == 1
    assert read_header(path).genres == ("House",)


def test_w64_has_a_summary_and_may_have_id3(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "a.w64")
    text = "Álbum\0".encode("utf-16-le")
    summary = struct.pack("<I4sI", 1, b"IPRD", len(text)) + text
    tail = bytes.fromhex("f3acd3118cd100c04f8edb8a")
    tag = id3_bytes()
    chunks = [(bytes.fromhex("bc945f925a52d21186dc00c04f8edb8a"), summary), (b"id3 " + tail, tag)]
    data = path.read_bytes()
    data += bytes(-len(data) % 8)
    for guid, body in chunks:
        data += guid + struct.pack("<Q", 24 + len(body)) + body + bytes(-len(body) % 8)
    path.write_bytes(data)
    fields = read_tags(path).fields
    assert (fields["title"], fields["album"]) == (("Títle",), ("Álbum",))


def test_aifc_caf_dsf_and_dsdiff_are_read(tmp_path: Path) -> None:
    tag = id3_bytes()
    path = make_audio(tmp_path / "a.aiff", "-c:a", "pcm_f32be")  # AIFC
    data = path.read_bytes() + b"ID3 " + struct.pack(">I", len(tag)) + tag
    path.write_bytes(data)
    assert data[8:12] == b"AIFC"
    caf = tmp_path / "a.caf"
    info = b"title\0T\xc3\xadtle\0artist\0K\xc3\xbcnstler\0genre\0House\0key\0Am\0"
    info = struct.pack(">4sqI", b"info", len(info) + 4, 4) + info
    caf.write_bytes(make_audio(caf).read_bytes()[:8] + caf.read_bytes()[8:52] + info)
    dsf = tmp_path / "a.dsf"
    dsf.write_bytes(b"DSD " + struct.pack("<QQQ", 28, 28 + len(tag), 28) + tag)
    dff = tmp_path / "a.dff"
    dff.write_bytes(
        b"FRM8" + struct.pack(">Q4s4sQ", 12 + len(tag), b"DSD ", b"ID3 ", len(tag)) + tag
    )
    for file in (path, dsf, dff, caf):
        assert read_tags(file).fields["title"] == ("Títle",), file.name


def test_matroska_tells_album_from_track_and_has_attached_covers(
    tmp_path: Path, encoded: Path, picture: Any
) -> None:
    cover = tmp_path / "cover.png"
    cover.write_bytes(picture("PNG"))
    options = ["-c:a", "libopus", "-attach", str(cover), "-metadata:s:t", "mimetype=image/png"]
    path = make_audio(tmp_path / "a.mka", *options)
    tags = _tag(30, TITLE="Títle", ARTIST="Künstler", PART_NUMBER="3") + _tag(
        50, TITLE="Álbum", ARTIST="Various", TOTAL_PARTS="12", DATE_RELEASED="2019"
    )
    _insert_element(path, b"\x12\x54\xc3\x67", tags)
    atoms = stem_tags(encoded, path)
    found = {key: atoms[key] for key in ("©nam", "©ART", "©alb", "aART", "©day", "trkn")}
    assert found == {
        "©nam": ["Títle"], "©ART": ["Künstler"], "©alb": ["Álbum"], "aART": ["Various"],
        "©day": ["2019"], "trkn": [(3, 12)],
    }  # fmt: skip
    assert [bytes(data) for data in atoms["covr"]] == [cover.read_bytes()]
    with av.open(str(encoded)) as container:
        assert container.metadata["album"] == "Álbum"


def _element(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">Q", len(body) | 1 << 56) + body


def _tag(level: int, **texts: str) -> bytes:
    simple = (
        _element(
            b"\x67\xc8", _element(b"\x45\xa3", name.encode()) + _element(b"\x44\x87", text.encode())
        )
        for name, text in texts.items()
    )
    targets = _element(b"\x63\xc0", _element(b"\x68\xca", bytes([level])))
    return _element(b"\x73\x73", targets + b"".join(simple))


def _insert_element(path: Path, kind: bytes, body: bytes) -> None:
    """Put an element before the audio; the lengths of what holds it are left too short."""
    data = path.read_bytes()
    start = data.index(bytes.fromhex("1f43b675"))
    path.write_bytes(data[:start] + _element(kind, body) + data[start:])


def test_a_damaged_tag_is_reported_and_the_others_are_read(tagged: Any) -> None:
    broken = b"APETAGEX" + struct.pack("<4I8x", 2000, 1 << 20, 3, 0)
    path = tagged("mp3", BEFORE, id3_bytes())
    path.write_bytes(path.read_bytes() + broken)
    assert read_tags(path).fields["title"] == ("Títle",)


def test_nothing_is_found_where_nothing_is(tagged: Any) -> None:
    for ending in FORMATS:
        tags = read_tags(tagged(ending, BEHIND, b""))
        assert (tags.fields, tags.pictures, tags.problems) == ({}, (), ()), ending
        assert Tags() == tags
