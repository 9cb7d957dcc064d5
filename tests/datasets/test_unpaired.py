from pathlib import Path

import numpy as np
import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.unpaired import find_unpaired, load_unpaired
from libsep.errors import ConfigError

from ..conftest import tone, write_wave


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "unpaired"
    for name in (
        "mixes/a.wav", "b.wav", "Album/Disc 1/c.wav", "drums/loop.wav", "Drums/kit/deep.wav",
        "no_drums/choir.wav", "bass/d.wav",
    ):  # fmt: skip
        write_wave(root / name, tone(100, 0.05))
    (root / "cover.jpg").write_bytes(b"no audio")
    return root


def test_the_nearest_telling_folder_decides(folder: Path) -> None:
    found = find_unpaired(folder)
    names = {role: {path.name for path in paths} for role, paths in found.items()}
    assert names == {
        "mixes": {"a.wav", "b.wav", "c.wav"},
        "drums": {"loop.wav", "deep.wav"},
        "no_drums": {"choir.wav"},
        "bass": {"d.wav"},
    }


def test_the_folder_itself_may_be_the_telling_one(folder: Path) -> None:
    assert set(find_unpaired(folder / "no_drums")) == {"no_drums"}


def test_several_folders_are_one_corpus(folder: Path, tmp_path: Path, cache: AudioCache) -> None:
    write_wave(tmp_path / "more" / "e.wav", tone(200, 0.05, level=0.5))
    unpaired = load_unpaired([folder, tmp_path / "more"], cache)
    assert len(unpaired.mixtures) == 4
    assert len(unpaired.alone["drums"]) == 2
    assert len(unpaired.alone["bass"]) == 1
    assert unpaired.alone["vocals"] == []
    assert len(unpaired.without["drums"]) == 1
    assert unpaired.without["bass"] == []
    assert np.abs(unpaired.mixtures[3]).max() == pytest.approx(0.5 * 32767, rel=0.01)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: not found, expected a folder of unpaired"):
        find_unpaired(tmp_path / "nowhere")


def test_a_folder_without_audio_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(ConfigError, match="no recordings, expected audio files"):
        find_unpaired(tmp_path)


def test_songs_with_stems_are_not_unpaired(songs_folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"first is a song with stems, .* belong to --data"):
        find_unpaired(songs_folder)


def test_a_damaged_recording_is_named(tmp_path: Path, cache: AudioCache) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF and nothing else")
    with pytest.raises(ConfigError, match=r"broken\.wav: .*cannot be decoded"):
        load_unpaired([tmp_path], cache)
