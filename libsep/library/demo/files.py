"""The demo library on the disk: every song encoded, tagged and with its cover."""

import base64
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ffmpeg as graphs
import numpy as np
from jaxtyping import Float32
from mutagen.flac import Picture

from libsep.errors import ConfigError, TrackError
from libsep.library.demo.catalogue import CATALOGUE, DemoTrack
from libsep.library.demo.cover import draw_cover
from libsep.library.demo.render import render
from libsep.library.demo.sounds import SAMPLE_RATE
from libsep.machine import temporary_folder
from libsep.media.atomic import replacing, write_text
from libsep.media.ffmpeg import Process, file_url
from libsep.media.tags.record import FRONT_COVER

_BLOCK_BYTES = 1 << 20

_FORMATS: Mapping[str, dict[str, Any]] = {
    "aiff": {"format": "aiff", "c:a": "pcm_s16be", "write_id3v2": 1},
    "flac": {"format": "flac", "c:a": "flac", "sample_fmt": "s16"},
    "m4a": {"format": "ipod", "c:a": "aac", "b:a": "192k"},
    "mp3": {"format": "mp3", "c:a": "libmp3lame", "b:a": "192k"},
    "ogg": {"format": "ogg", "c:a": "libvorbis", "q:a": 5},
    "opus": {"format": "opus", "c:a": "libopus", "b:a": "128k"},
    "wav": {"format": "wav", "c:a": "pcm_s16le"},
}
"""How ffmpeg writes a file, by its extension."""

_BPM_KEYS = {"aiff": "TBPM", "mp3": "TBPM", "m4a": "tmpo"}
_PICTURE_IN_TAG = ("ogg", "opus")

EXCERPT = Path("Electronic/The Easton Ellises/Falcon 69 (excerpt).m4a")
"""Where the real excerpt lies in the demo library."""

EXCERPT_LICENCE = """\
Falcon 69 (excerpt).m4a: "Falcon 69" by The Easton Ellises, six seconds of it, taken from the
example file of the Python package stempeg.
Licence: Creative Commons Attribution-NonCommercial-ShareAlike 3.0 (CC BY-NC-SA 3.0),
https://creativecommons.org/licenses/by-nc-sa/3.0/
Only the container was changed: this is the first audio stream, the mixture, as it was.
"""


def make_demo_library(folder: Path, *, ffmpeg: Path) -> list[Path]:
    """Make a small library: seven synthesised songs and one real excerpt of six seconds.

    Formats, tags, covers and names are as mixed as in real libraries. A file that is there already
    is kept, so a second call costs nothing.

    Parameters
    ----------
    folder
        Where the library is made; created if it is missing.
    ffmpeg
        The ffmpeg program.

    Returns
    -------
    The tracks, synthesised ones first.

    Raises
    ------
    TrackError
        A track cannot be encoded or written.
    ConfigError
        stempeg, which carries the excerpt, is not installed.
    """
    paths = []
    for track in CATALOGUE:
        path = folder / track.path
        if not path.exists():
            _write_track(path, track, ffmpeg)
        paths.append(path)
    excerpt = folder / EXCERPT
    if not excerpt.exists():
        _write_excerpt(excerpt, ffmpeg)
    return [*paths, excerpt]


def example_stem_file() -> Path:
    """Return the stem file of Native Instruments that the package stempeg carries.

    The package is not imported: it raises where no ffmpeg and no ffprobe are on PATH.

    Raises
    ------
    ConfigError
        stempeg is not installed.
    """
    package = importlib.util.find_spec("stempeg")
    if package is None or package.origin is None:
        raise ConfigError("the example track needs stempeg: pip install stempeg")
    return Path(package.origin).parent / "data" / "The Easton Ellises - Falcon 69.stem.mp4"


def _write_track(path: Path, track: DemoTrack, ffmpeg: Path) -> None:
    extension = path.suffix[1:].lower()
    tags = track.tags | {_BPM_KEYS.get(extension, "BPM"): f"{track.song.tempo_bpm:g}"}
    cover = draw_cover(track.song.seed, track.cover) if track.cover else b""
    if cover and extension in _PICTURE_IN_TAG:
        tags["METADATA_BLOCK_PICTURE"] = _picture_block(cover, track.cover)
        cover = b""
    with temporary_folder() as scratch, replacing(path) as part:
        pictures = []
        if cover:
            picture = scratch / f"cover.{track.cover.lower()}"
            picture.write_bytes(cover)
            pictures.append(graphs.input(file_url(picture))["v"])
        options = _FORMATS[extension] | _metadata(tags)
        if pictures:
            options |= {"c:v": "copy", "disposition:v": "attached_pic"}
        audio = graphs.input("pipe:0", format="f32le", ar=SAMPLE_RATE, ac=2)["a"]
        goal = graphs.output(audio, *pictures, file_url(part), **options)
        _run(goal, path, ffmpeg, render(track.song))


def _write_excerpt(path: Path, ffmpeg: Path) -> None:
    source = graphs.input(file_url(example_stem_file()))["a:0"]
    tags = {
        "title": "Falcon 69 (excerpt)",
        "artist": "The Easton Ellises",
        "genre": "Electronic",
        "copyright": "CC BY-NC-SA 3.0",
    }
    with replacing(path) as part:
        options = {"format": "ipod", "c:a": "copy", "map_metadata": -1, **_metadata(tags)}
        _run(source.output(file_url(part), **options), path, ffmpeg)
    write_text(path.with_name("LICENCE.txt"), EXCERPT_LICENCE)


def _run(
    graph: Any, path: Path, ffmpeg: Path, samples: Float32[np.ndarray, "2 T"] | None = None
) -> None:
    with Process(graph, ffmpeg=ffmpeg, path=path, error=TrackError) as process:
        data = b"" if samples is None else samples.T.astype("<f4").tobytes()
        for start in range(0, len(data), _BLOCK_BYTES):
            process.write(data[start : start + _BLOCK_BYTES])
        process.finish()


def _metadata(tags: Mapping[str, str]) -> dict[str, str]:
    """Return tags as options of ffmpeg-python, which takes each option name once."""
    return {
        f"metadata:g:{index}": f"{key}={text}" for index, (key, text) in enumerate(tags.items())
    }


def _picture_block(data: bytes, image_format: str) -> str:
    """Return a cover as Vorbis comments carry it: FLAC's picture block in base 64."""
    picture = Picture()
    picture.data = data
    picture.type = FRONT_COVER
    picture.mime = f"image/{image_format.lower()}"
    return base64.b64encode(picture.write()).decode("ascii")
