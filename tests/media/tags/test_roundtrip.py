"""One rich set of tags in every format, through our table, back through readers not ours."""

import dataclasses
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from mediafile import MediaFile
from mutagen.mp4 import MP4

from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import read_tags, tags_digest, write_tags

ARTISTS = ["Åsa", "電気 DJ"]
FORMATS = (
    "mp3 3", "mp3 4", "aiff", "wav", "flac", "ogg", "opus", "m4a", "alac.m4a", "wv", "wma",
)  # fmt: skip

EXPECTED = {
    "title": "Título 🎧", "artist": "Åsa, 電気 DJ", "album_artist": "Various", "album": "ألبوم",
    "date": "2019-05-01", "ORIGINALDATE": "1998", "genre": "Deep House", "BPM": "127.98",
    "initialkey": "Am", "comment": "8A - Energy 7", "LABEL": "Warp", "CATALOGNUMBER": "WAP100",
    "ISRC": "GBAYE6700001", "REMIXER": "Remix Person", "SUBTITLE": "Dub Mix",
    "composer": "Comp Oser", "grouping": "warm-up", "compilation": "1", "track": "3/12",
    "disc": "1/2", "lyrics": "first line\nsecond line", "replaygain_track_gain": "-6.50 dB",
    "replaygain_track_peak": "0.988", "sort_name": "Titulo", "sort_artist": "Asa",
    "sort_album_artist": "Various, sorted", "sort_album": "Album", "sort_composer": "Oser",
    "copyright": "2019 Warp", "MOOD": "dark", "MEDIA": "CD", "LANGUAGE": "por", "SCRIPT": "Latn",
    "BARCODE": "5021603", "ASIN": "B000", "MusicBrainz Track Id": "mb-recording",
    "MusicBrainz Album Id": "mb-album", "MusicBrainz Artist Id": "mb-artist",
    "MusicBrainz Album Artist Id": "mb-albumartist", "MusicBrainz Release Group Id": "mb-group",
    "MusicBrainz Release Track Id": "mb-reltrack", "MusicBrainz Work Id": "mb-work",
    "Acoustid Id": "ac-id",
}  # fmt: skip
"""What libavformat calls the fields of the table."""

MISSING_IN_V23 = ("MOOD", "sort_name", "sort_artist", "sort_album")
NEVER = ("iTunSMPB", "iTunNORM", "TSSE", "TLEN", "TENC", "Encoding Params", "gapless_playback")


def metadata(path: Path) -> dict[str, str]:
    with av.open(str(path)) as container:
        return dict(container.metadata)


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_field_of_every_format_arrives(
    format_name: str, rich: Callable[[str], Path], encoded: Path, picture: Callable[..., bytes]
) -> None:
    tags = read_tags(rich(format_name))
    lost = ("private data (PRIV:TRAKTOR4) has no place in MP4: dropped",)
    assert tags.problems == (lost if format_name in ("mp3 3", "mp3 4", "aiff", "wav") else ())
    assert write_tags(encoded, tags) == tags.problems

    found = metadata(encoded)
    missing = MISSING_IN_V23 if format_name == "mp3 3" else ()
    expected = {key: value for key, value in EXPECTED.items() if key not in missing}
    assert {key: found.get(key) for key in expected} == expected
    assert not set(NEVER) & set(found)
    assert found["encoder"].startswith("libsep ")
    energy = {value for key, value in found.items() if key.upper() == "ENERGYLEVEL"}
    assert energy == {"7"}

    other = MediaFile(encoded)
    assert other.bpm == 128
    assert list(other.genres) == ["Deep House", "Techno"]
    assert other.comp is True
    raw = MP4(encoded).tags
    artists = [bytes(value).decode() for value in raw["----:com.apple.iTunes:ARTISTS"]]
    assert artists == ARTISTS
    assert raw["rate"] == ["80"]
    assert "rtng" not in raw
    covers = [picture("JPEG", "red"), picture("PNG", "blue")][: 1 if format_name == "wma" else 2]
    assert [bytes(cover) for cover in raw["covr"]] == covers
    assert [cover.imageformat for cover in raw["covr"]] == [13, 14][: len(covers)]
    with av.open(str(encoded)) as container:
        kinds = [stream.type for stream in container.streams]
    assert kinds == ["audio"] * 5 + ["video"] * len(covers)


def test_the_work_of_grp1_files_survives(rich: Callable[[str], Path], encoded: Path) -> None:
    write_tags(encoded, read_tags(rich("mp3 4")))
    assert MP4(encoded).tags["©wrk"] == ["Opus 1"]


def test_writing_what_a_stem_file_says_changes_nothing(
    rich: Callable[[str], Path], encoded: Path
) -> None:
    write_tags(encoded, read_tags(rich("flac")))
    first, first_raw = read_tags(encoded), dict(MP4(encoded).tags)
    write_tags(encoded, first)
    assert read_tags(encoded) == first
    assert dict(MP4(encoded).tags) == first_raw


def test_the_digest_sees_content_and_nothing_else(rich: Callable[[str], Path]) -> None:
    tags = read_tags(rich("flac"))
    shuffled = dataclasses.replace(
        tags,
        fields=dict(reversed(list(tags.fields.items()))),
        extras=dict(reversed(list(tags.extras.items()))),
        problems=("not content",),
    )
    assert tags_digest(shuffled) == tags_digest(tags)

    changes: list[dict[str, Any]] = [
        {"fields": {**tags.fields, "title": ("x",)}},
        {"fields": {**tags.fields, "artist": tuple(reversed(ARTISTS))}},
        {"extras": {}},
        {"rating": 20},
        {"pictures": tags.pictures[:1]},
        {"serato": {"beatgrid": b"x"}},
    ]
    digests = {tags_digest(dataclasses.replace(tags, **change)) for change in changes}
    assert len(digests | {tags_digest(tags)}) == 7


def test_padding_does_not_change_the_digest(rich: Callable[[str], Path]) -> None:
    path = rich("m4a")
    digest, size = tags_digest(read_tags(path)), path.stat().st_size
    MP4(path).save(padding=lambda info: 40_000)
    assert path.stat().st_size > size + 30_000
    assert tags_digest(read_tags(path)) == digest


@pytest.mark.parametrize("ending", ["webm", "mka"])
def test_matroska_is_read_through_ffmpeg(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    texts = {
        "title": "Título; a=b \\ #1", "artist": "Åsa", "genre": "House", "BPM": "127.98",
        "DATE_RELEASED": "2019-05-01", "INITIALKEY": "Am", "track": "3/12", "MyKey": "two\nlines",
    }  # fmt: skip
    arguments = [part for key, text in texts.items() for part in ("-metadata", f"{key}={text}")]
    source = ["-f", "lavfi", "-i", "sine=440:duration=0.3"]
    command = [find_ffmpeg(), "-v", "error", *source, *arguments, "-c:a", "libopus", path]
    subprocess.run(command, check=True)
    tags = read_tags(path)
    assert dict(tags.fields) == {
        "title": ("Título; a=b \\ #1",), "artist": ("Åsa",), "genre": ("House",),
        "bpm": ("127.98",), "date": ("2019-05-01",), "key": ("Am",), "track": ("3",),
        "track_total": ("12",),
    }  # fmt: skip
    assert tags.extras == {"MYKEY": ("two\nlines",)}
    assert tags.problems == ()
