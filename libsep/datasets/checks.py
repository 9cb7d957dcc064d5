"""Whether the files of a song belong together, by their headers, before anything is decoded."""

from pathlib import Path

from libsep.datasets.audio_cache import EXTENSION, mapped
from libsep.datasets.songs import LENGTH_TOLERANCE, SongFiles
from libsep.errors import ConfigError, TrackError
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.probe import AudioInfo, probe_audio

MAX_CHANNELS = 2


def check_song(song: SongFiles) -> None:
    """Refuse a song whose files are missing, damaged or unequal; decodes only their first frames.

    All files must have one sample rate and nearly one length, as far as their headers tell it.
    Mono is allowed beside stereo: it counts as both channels.

    Raises
    ------
    ConfigError
        Names the file, what was found and what the others have.
    """
    places = [place for files in song.files.values() for place in files]
    if song.mixture is not None:
        places.append(song.mixture)
    lying = [path for path, _ in places if path.suffix == EXTENSION]
    for path in lying:
        mapped(path)
    if lying:  # they have no header to compare; `load_song` compares lengths
        return
    infos = {place: _probe(song, *place) for place in places}
    (first, _), expected = next(iter(infos.items()))
    longest_s = max((info.duration_s or 0.0 for info in infos.values()), default=0.0)
    for (path, stream), info in infos.items():
        where = f"song {song.name}: {path}, stream {stream}"
        if info.n_channels > MAX_CHANNELS:
            raise ConfigError(f"{where}: {info.n_channels} channels, expected mono or stereo")
        if info.sample_rate != expected.sample_rate:
            raise ConfigError(
                f"{where}: {info.sample_rate} Hz, but {first.name} has {expected.sample_rate} Hz "
                "(is it a file of another song?)"
            )
        if info.duration_s and info.duration_s < (1 - LENGTH_TOLERANCE) * longest_s:
            raise ConfigError(
                f"{where}: {info.duration_s:.2f} s long, but the song {longest_s:.2f} s "
                "(was it cut?)"
            )


def _probe(song: SongFiles, path: Path, stream: int) -> AudioInfo:
    if not path.is_file():
        raise ConfigError(f"song {song.name}: {path}: not found, expected one of its files")
    try:
        return probe_audio(path, ffmpeg=find_ffmpeg(), stream=stream)
    except TrackError as exc:
        raise ConfigError(f"song {song.name}: {path}, stream {stream}: {exc.message}") from exc
