"""From a file's own genre tag, in every format, to a route."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TCON
from mutagen.mp4 import MP4
from mutagen.oggvorbis import OggVorbis

from libsep.config import RoutingConfig
from libsep.genre.router import Router
from libsep.media.tags import read_header

from ..conftest import Encode, tone
from .conftest import MakeTrack

ATOM_OF_TEXT = b"\xa9gen\0\0\0\x12data\0\0\0\x01\0\0\0\0AB"
ATOM_OF_NUMBER = b"gnre\0\0\0\x12data\0\0\0\0\0\0\0\0"


def id3(path: Path, genres: list[str], *, version: int) -> None:
    tags = ID3()
    tags.add(TCON(encoding=1, text=genres))
    tags.save(path, v2_version=version, v23_sep="\0")


def vorbis(path: Path, genres: list[str]) -> None:
    tags = FLAC(path) if path.suffix == ".flac" else OggVorbis(path)
    tags["GENRE"] = genres
    tags.save()


def ape(path: Path, genres: list[str]) -> None:
    tags = APEv2()
    tags["Genre"] = genres
    tags.save(path)


def mp4_text(path: Path, genres: list[str]) -> None:
    tags = MP4(path)
    tags["\xa9gen"] = genres
    tags.save()


def mp4_number(path: Path, genres: list[str]) -> None:
    """Write iTunes' old atom, which holds ID3's number and one."""
    mp4_text(path, ["AB"])
    number = (int(genres[0]) + 1).to_bytes(2, "big")
    content = path.read_bytes()
    assert content.count(ATOM_OF_TEXT) == 1
    path.write_bytes(content.replace(ATOM_OF_TEXT, ATOM_OF_NUMBER + number))


@pytest.mark.parametrize(
    ("name", "write", "genres", "reason"),
    [
        ("a.mp3", lambda p, g: id3(p, g, version=3), ["(4)Eurodisco"],
         'tags "Disco", "Eurodisco" → pop'),
        ("a.mp3", lambda p, g: id3(p, g, version=3), ["17"], 'tag "Rock" → rock'),
        ("a.mp3", lambda p, g: id3(p, g, version=4), ["Deep House", "18", "Pop"],
         'tags "Deep House", "Techno", "Pop" (2 of 3) → electronic'),
        ("a.mp3", lambda p, g: id3(p, g, version=4), ["(RX)(8)"], 'tags "Remix", "Jazz" → jazz'),
        ("a.mp3", ape, ["Hip-Hop", "Rap"], 'tags "Hip-Hop", "Rap" → hiphop'),
        ("a.flac", vorbis, ["Música clásica"], 'tag "Música clásica" → acoustic'),
        ("a.ogg", vorbis, ["Drum & Bass", "Jungle"], 'tags "Drum & Bass", "Jungle" → electronic'),
        ("a.m4a", mp4_text, ["R&B/Soul"], 'tag "R&B/Soul" → hiphop'),
        ("a.m4a", mp4_number, ["17"], 'tag "Rock" → rock'),
    ],
)  # fmt: skip
def test_the_genre_tag_of_every_format_is_understood(
    encode: Encode,
    make_track: MakeTrack,
    name: str,
    write: Callable[[Path, list[str]], None],
    genres: list[str],
    reason: str,
) -> None:
    path = encode(name, tone(440, 0.2), "-map_metadata", "-1")
    write(path, genres)
    router = Router(RoutingConfig(), default_model="generic", available=("generic",))
    route = router.by_metadata(make_track(*read_header(path).genres))
    assert route is not None
    assert route.reason.split(";")[0] == reason
