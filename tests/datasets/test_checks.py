from pathlib import Path

import numpy as np
import pytest

from libsep.datasets.checks import check_song
from libsep.datasets.songs import SongFiles, find_songs
from libsep.errors import ConfigError

from ..conftest import Encode, tone, write_wave


def song_of(drums: Path, bass: Path) -> SongFiles:
    return SongFiles("one", {"drums": ((drums, 0),), "bass": ((bass, 0),)})


@pytest.fixture
def drums(tmp_path: Path) -> Path:
    write_wave(tmp_path / "drums.wav", tone(99, 1.0))
    return tmp_path / "drums.wav"


def test_good_songs_pass(songs_folder: Path, drums: Path, encode: Encode) -> None:
    for song in find_songs(songs_folder):
        check_song(song)
    check_song(song_of(drums, encode("mono.flac", np.zeros((1, 44100)) + 0.1)))
    check_song(song_of(drums, encode("bit_short.wav", tone(99, 0.97))))


def test_a_missing_file_is_named(tmp_path: Path, drums: Path) -> None:
    with pytest.raises(ConfigError, match=r"song one: .*gone\.wav: not found"):
        check_song(song_of(drums, tmp_path / "gone.wav"))


def test_a_file_that_is_no_audio_is_named(tmp_path: Path, drums: Path) -> None:
    (tmp_path / "bass.wav").write_text("no audio")
    with pytest.raises(ConfigError, match=r"song one: .*bass\.wav, stream 0: is text"):
        check_song(song_of(drums, tmp_path / "bass.wav"))


def test_a_stream_that_is_not_there_is_named(drums: Path) -> None:
    song = SongFiles("one", {"drums": ((drums, 0),), "bass": ((drums, 2),)})
    with pytest.raises(ConfigError, match=r"drums\.wav, stream 2: has no audio stream"):
        check_song(song)


def test_another_sample_rate_is_refused(drums: Path, encode: Encode) -> None:
    bass = encode("bass.wav", tone(99, 1.0), sample_rate=48000)
    with pytest.raises(ConfigError, match=r"bass\.wav.* 48000 Hz, but drums\.wav has 44100 Hz"):
        check_song(song_of(drums, bass))


def test_more_than_two_channels_are_refused(drums: Path, encode: Encode) -> None:
    bass = encode("bass.wav", np.repeat(tone(99, 1.0), 3, axis=0))
    with pytest.raises(ConfigError, match=r"bass\.wav, stream 0: 6 channels, expected mono or"):
        check_song(song_of(drums, bass))


def test_a_source_that_is_cut_is_refused(tmp_path: Path, drums: Path) -> None:
    write_wave(tmp_path / "bass.wav", tone(99, 0.5))
    with pytest.raises(ConfigError, match=r"bass\.wav.* 0\.50 s long, but the song 1\.00 s"):
        check_song(song_of(drums, tmp_path / "bass.wav"))


def test_the_mixture_is_checked_too(drums: Path, encode: Encode) -> None:
    mixture = encode("mixture.wav", tone(99, 1.0), sample_rate=48000)
    song = SongFiles("one", {"drums": ((drums, 0),)}, mixture=(mixture, 0))
    with pytest.raises(ConfigError, match=r"mixture\.wav, stream 0: 48000 Hz"):
        check_song(song)
