"""Tiny audio files of every format, one rich set of tags in each format's own names, stem files."""

import base64
import io
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mutagen import id3
from mutagen.aiff import AIFF
from mutagen.apev2 import BINARY, APEValue
from mutagen.asf import ASF
from mutagen.flac import FLAC, Picture
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE
from mutagen.wavpack import WavPack
from PIL import Image

from libsep.media.encode import StemEncoder
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.stems import finalise

ENCODERS = {
    "mp3": ["-c:a", "libmp3lame", "-id3v2_version", "0", "-write_xing", "0"],
    "aiff": ["-c:a", "pcm_s16be"],
    "wav": ["-c:a", "pcm_s16le"],
    "flac": ["-c:a", "flac"],
    "ogg": ["-c:a", "libvorbis"],
    "opus": ["-c:a", "libopus"],
    "m4a": ["-c:a", "aac"],
    "alac.m4a": ["-c:a", "alac"],
    "wv": ["-c:a", "wavpack"],
    "wma": ["-c:a", "wmav2"],
}


def make_audio(path: Path, *options: str, sample_rate: int = 44_100) -> Path:
    """Write 0.3 s of a sine without tags, as the name's ending and ``options`` say."""
    source = f"sine=440:duration=0.3:sample_rate={sample_rate}"
    command = [find_ffmpeg(), "-v", "error", "-y", "-f", "lavfi", "-i", source, *options]
    subprocess.run([*command, "-map_metadata", "-1", "-bitexact", path], check=True)
    return path


@pytest.fixture(scope="session")
def _audio_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audio")


@pytest.fixture
def audio(_audio_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that gives a fresh file of a format, to be written to."""

    def fresh(ending: str) -> Path:
        master = _audio_folder / f"sine.{ending}"
        if not master.exists():
            make_audio(master, *ENCODERS[ending])
        return Path(shutil.copy(master, tmp_path / f"source.{ending}"))

    return fresh


@pytest.fixture(scope="session")
def _stem_masters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("stems")
    encoded, final = folder / "encoded.mp4", folder / "final.stem.mp4"
    noise = np.random.default_rng(20261120).standard_normal((5, 2, 22_050), dtype=np.float32) / 8
    with StemEncoder(encoded, ffmpeg=find_ffmpeg()) as encoder:
        encoder.write(noise[0], noise[1:])
        encoder.close()
    finalise(encoded, final)
    return encoded, final


@pytest.fixture
def encoded(_stem_masters: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a fresh MP4 of five streams, as the encoder leaves it: ``moov`` last, no tags."""
    return Path(shutil.copy(_stem_masters[0], tmp_path / "encoded.mp4"))


@pytest.fixture
def stem_file(_stem_masters: tuple[Path, Path], tmp_path: Path) -> Path:
    """Return a fresh stem file as it is when finished: ``moov`` first, stem atom."""
    return Path(shutil.copy(_stem_masters[1], tmp_path / "final.stem.mp4"))


ARTISTS = ["Åsa", "電気 DJ"]
GENRES = ["Deep House", "Techno"]
LYRICS = "first line\nsecond line"


def image_bytes(kind: str, color: str = "red", size: int = 8) -> bytes:
    """Return a small picture in the format that Pillow calls ``kind``."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), color).save(buffer, kind)
    return buffer.getvalue()


FRONT, BACK = image_bytes("JPEG", "red"), image_bytes("PNG", "blue")


def _id3_frames() -> Iterator[Any]:
    texts = {
        "TIT2": "Título 🎧", "TPE1": ARTISTS, "TPE2": "Various", "TALB": "ألبوم",
        "TDRC": "2019-05-01", "TDOR": "1998", "TCON": GENRES, "TBPM": "127.98", "TKEY": "Am",
        "TPUB": "Warp",
        "TSRC": "GBAYE6700001", "TPE4": "Remix Person", "TIT3": "Dub Mix", "TCOM": "Comp Oser",
        "GRP1": "warm-up", "TIT1": "Opus 1", "TCMP": "1", "TRCK": "3/12", "TPOS": "1/2",
        "TSOT": "Titulo", "TSOP": "Asa", "TSO2": "Various, sorted", "TSOA": "Album", "TSOC": "Oser",
        "TCOP": "2019 Warp", "TMOO": "dark", "TMED": "CD", "TLAN": "por",
        "TSSE": "LAME 3.100", "TLEN": "1000", "TENC": "someone",
    }  # fmt: skip
    for name, text in texts.items():
        yield getattr(id3, name)(encoding=3, text=text)
    customs = {
        "CATALOGNUMBER": "WAP100", "REPLAYGAIN_TRACK_GAIN": "-6.50 dB",
        "replaygain_track_peak": "0.988", "SCRIPT": "Latn", "BARCODE": "5021603", "ASIN": "B000",
        "MusicBrainz Album Id": "mb-album", "MusicBrainz Artist Id": "mb-artist",
        "MusicBrainz Album Artist Id": "mb-albumartist",
        "MusicBrainz Release Group Id": "mb-group", "MusicBrainz Release Track Id": "mb-reltrack",
        "MusicBrainz Work Id": "mb-work", "Acoustid Id": "ac-id", "EnergyLevel": "7",
    }  # fmt: skip
    for desc, text in customs.items():
        yield id3.TXXX(encoding=3, desc=desc, text=text)
    yield id3.COMM(encoding=3, lang="eng", desc="", text="8A - Energy 7")
    yield id3.COMM(encoding=0, lang="eng", desc="iTunNORM", text=" 0000 1111")
    yield id3.USLT(encoding=3, lang="eng", desc="", text=LYRICS)
    yield id3.UFID(owner="http://musicbrainz.org", data=b"mb-recording")
    yield id3.POPM(email="traktor@native-instruments.de", rating=204)
    yield id3.PRIV(owner="TRAKTOR4", data=b"\0" * 16)
    yield id3.APIC(encoding=0, mime="image/png", type=4, desc="back", data=BACK)
    yield id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="front", data=FRONT)


VORBIS = {
    "TITLE": "Título 🎧", "ARTIST": ARTISTS, "ALBUMARTIST": "Various", "ALBUM": "ألبوم",
    "DATE": "2019-05-01", "ORIGINALDATE": "1998", "GENRE": GENRES, "BPM": "127.98",
    "INITIALKEY": "Am", "COMMENT": "8A - Energy 7", "ORGANIZATION": "Warp",
    "CATALOGNUMBER": "WAP100", "ISRC": "GBAYE6700001", "MIXARTIST": "Remix Person",
    "SUBTITLE": "Dub Mix", "COMPOSER": "Comp Oser", "GROUPING": "warm-up", "WORK": "Opus 1",
    "COMPILATION": "1", "TRACKNUMBER": "3", "TRACKTOTAL": "12", "DISCNUMBER": "1",
    "TOTALDISCS": "2", "LYRICS": LYRICS, "REPLAYGAIN_TRACK_GAIN": "-6.50 dB",
    "REPLAYGAIN_TRACK_PEAK": "0.988", "TITLESORT": "Titulo", "ARTISTSORT": "Asa",
    "ALBUMARTISTSORT": "Various, sorted", "ALBUMSORT": "Album", "COMPOSERSORT": "Oser",
    "COPYRIGHT": "2019 Warp", "MOOD": "dark", "MEDIA": "CD", "LANGUAGE": "por", "SCRIPT": "Latn",
    "BARCODE": "5021603", "ASIN": "B000", "MUSICBRAINZ_TRACKID": "mb-recording",
    "MUSICBRAINZ_ALBUMID": "mb-album", "MUSICBRAINZ_ARTISTID": "mb-artist",
    "MUSICBRAINZ_ALBUMARTISTID": "mb-albumartist", "MUSICBRAINZ_RELEASEGROUPID": "mb-group",
    "MUSICBRAINZ_RELEASETRACKID": "mb-reltrack", "MUSICBRAINZ_WORKID": "mb-work",
    "ACOUSTID_ID": "ac-id", "RATING": "80", "ENERGYLEVEL": "7", "ENCODER": "some encoder",
}  # fmt: skip

_I = "----:com.apple.iTunes:"
MP4_TEXTS = {
    "©nam": "Título 🎧", "©ART": "Åsa, 電気 DJ", "aART": "Various", "©alb": "ألبوم",
    "©day": "2019-05-01", "©gen": GENRES, "©cmt": "8A - Energy 7", "©wrt": "Comp Oser",
    "©grp": "warm-up", "©wrk": "Opus 1", "©lyr": LYRICS, "cprt": "2019 Warp", "sonm": "Titulo",
    "soar": "Asa", "soaa": "Various, sorted", "soal": "Album", "soco": "Oser",
    "©too": "iTunes 12", "rate": "80",
}  # fmt: skip
MP4_FREEFORM = {
    "ARTISTS": ARTISTS, "ORIGINALDATE": "1998", "BPM": "127.98", "initialkey": "Am",
    "LABEL": "Warp", "CATALOGNUMBER": "WAP100", "ISRC": "GBAYE6700001", "REMIXER": "Remix Person",
    "SUBTITLE": "Dub Mix", "REPLAYGAIN_TRACK_GAIN": "-6.50 dB", "REPLAYGAIN_TRACK_PEAK": "0.988",
    "MOOD": "dark", "MEDIA": "CD", "LANGUAGE": "por", "SCRIPT": "Latn", "BARCODE": "5021603",
    "ASIN": "B000", "MusicBrainz Track Id": "mb-recording", "MusicBrainz Album Id": "mb-album",
    "MusicBrainz Artist Id": "mb-artist", "MusicBrainz Album Artist Id": "mb-albumartist",
    "MusicBrainz Release Group Id": "mb-group", "MusicBrainz Release Track Id": "mb-reltrack",
    "MusicBrainz Work Id": "mb-work", "Acoustid Id": "ac-id", "EnergyLevel": "7",
    "iTunSMPB": " 00000000 00000840", "iTunNORM": " 0000", "Encoding Params": "vers",
}  # fmt: skip

APE = {
    **{key.title(): value for key, value in VORBIS.items()},
    "Track": "3/12", "Disc": "1/2", "Year": "2019-05-01", "Album Artist": "Various",
}  # fmt: skip
for _key in ("Tracknumber", "Tracktotal", "Discnumber", "Totaldiscs", "Date", "Albumartist"):
    del APE[_key]

ASF_TEXTS = {
    "Title": "Título 🎧", "Author": ARTISTS, "WM/AlbumArtist": "Various", "WM/AlbumTitle": "ألبوم",
    "WM/Year": "2019-05-01", "WM/OriginalReleaseTime": "1998", "WM/Genre": GENRES,
    "WM/BeatsPerMinute": "127.98", "WM/InitialKey": "Am", "Description": "8A - Energy 7",
    "WM/Publisher": "Warp", "WM/CatalogNo": "WAP100", "WM/ISRC": "GBAYE6700001",
    "WM/ModifiedBy": "Remix Person", "WM/SubTitle": "Dub Mix", "WM/Composer": "Comp Oser",
    "WM/ContentGroupDescription": "warm-up", "WM/Work": "Opus 1", "WM/TrackNumber": "3/12",
    "WM/PartOfSet": "1/2", "WM/Lyrics": LYRICS, "REPLAYGAIN_TRACK_GAIN": "-6.50 dB",
    "replaygain_track_peak": "0.988", "WM/TitleSortOrder": "Titulo", "WM/ArtistSortOrder": "Asa",
    "WM/AlbumArtistSortOrder": "Various, sorted", "WM/AlbumSortOrder": "Album",
    "WM/ComposerSortOrder": "Oser", "Copyright": "2019 Warp", "WM/Mood": "dark", "WM/Media": "CD",
    "WM/Language": "por", "WM/Script": "Latn", "WM/Barcode": "5021603", "ASIN": "B000",
    "MusicBrainz/Track Id": "mb-recording", "MusicBrainz/Album Id": "mb-album",
    "MusicBrainz/Artist Id": "mb-artist", "MusicBrainz/Album Artist Id": "mb-albumartist",
    "MusicBrainz/Release Group Id": "mb-group", "MusicBrainz/Release Track Id": "mb-reltrack",
    "MusicBrainz/Work Id": "mb-work", "Acoustid/Id": "ac-id", "EnergyLevel": "7",
    "WM/EncodingSettings": "Lavf",
}  # fmt: skip


@pytest.fixture
def rich(audio: Callable[[str], Path]) -> Callable[[str], Path]:
    """Return a function that gives a file of a format (``flac``, ``mp3 3``) with the rich set."""

    def make(format_name: str) -> Path:
        path = audio(format_name.split()[0])
        _write_native(path, format_name)
        return path

    return make


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Return a function that makes a small picture in a format of Pillow's."""
    return image_bytes


def _write_native(path: Path, format_name: str) -> None:
    kind, _, version = format_name.partition(" ")
    if kind in ("mp3", "aiff", "wav"):
        _write_id3(path, kind, int(version or 4))
    elif kind in ("flac", "ogg", "opus"):
        _write_vorbis(path, kind)
    elif kind in ("m4a", "alac.m4a"):
        _write_mp4(path)
    elif kind == "wv":
        _write_ape(path)
    else:
        _write_asf(path)


def _write_id3(path: Path, kind: str, version: int) -> None:
    file = {"mp3": MP3, "aiff": AIFF, "wav": WAVE}[kind](path)
    if file.tags is None:
        file.add_tags()
    file.tags.clear()
    for frame in _id3_frames():
        file.tags.add(frame)
    if version == 3:
        file.tags.update_to_v23()
    file.save(v2_version=version, v23_sep=None)


def _picture_block(data: bytes, kind: int) -> Picture:
    block = Picture()
    block.type, block.mime, block.desc, block.data = kind, "image/x", "cover", data
    return block


def _write_vorbis(path: Path, kind: str) -> None:
    file = {"flac": FLAC, "ogg": OggVorbis, "opus": OggOpus}[kind](path)
    if file.tags is None:
        file.add_tags()
    for key, value in VORBIS.items():
        file.tags[key] = value
    blocks = [_picture_block(BACK, 4), _picture_block(FRONT, 3)]
    if kind == "flac":
        for block in blocks:
            file.add_picture(block)
    else:
        texts = [base64.b64encode(block.write()).decode() for block in blocks]
        file.tags["METADATA_BLOCK_PICTURE"] = texts
    file.save()


def _write_mp4(path: Path) -> None:
    file = MP4(path)
    if file.tags is None:
        file.add_tags()
    for key, value in MP4_TEXTS.items():
        file.tags[key] = value
    for key, value in MP4_FREEFORM.items():
        values = value if isinstance(value, list) else [value]
        file.tags[_I + key] = [text.encode() for text in values]
    file.tags["tmpo"], file.tags["cpil"] = [127], True
    file.tags["trkn"], file.tags["disk"] = [(3, 12)], [(1, 2)]
    file.tags["pgap"] = True
    file.tags["covr"] = [
        MP4Cover(FRONT, MP4Cover.FORMAT_JPEG), MP4Cover(BACK, MP4Cover.FORMAT_PNG)
    ]  # fmt: skip
    file.save()


def _write_ape(path: Path) -> None:
    file = WavPack(path)
    if file.tags is None:
        file.add_tags()
    for key, value in APE.items():
        file.tags[key] = value
    file.tags["Cover Art (Back)"] = APEValue(b"back.png\0" + BACK, BINARY)
    file.tags["Cover Art (Front)"] = APEValue(b"front.jpg\0" + FRONT, BINARY)
    file.save()


def _write_asf(path: Path) -> None:
    file = ASF(path)
    for key, value in ASF_TEXTS.items():
        file.tags[key] = value
    file.tags["WM/IsCompilation"] = [True]
    file.tags["WM/SharedUserRating"] = [75]
    mime, name = "image/jpeg\0".encode("utf-16-le"), "front\0".encode("utf-16-le")
    head = b"\3" + len(FRONT).to_bytes(4, "little")
    file.tags["WM/Picture"] = [head + mime + name + FRONT]
    file.save()
