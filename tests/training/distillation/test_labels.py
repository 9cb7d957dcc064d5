"""What a teacher says of real files, and how it is kept."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from libsep.config import SeparationConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import find_songs, load_song
from libsep.errors import ConfigError, DecodeError
from libsep.media.ffmpeg import find_ffmpeg
from libsep.separation.registry import Model, read_model
from libsep.separation.separator import Separator
from libsep.track import Track
from libsep.training.distillation.blocks import Block
from libsep.training.distillation.labels import Label, LabelStore
from libsep.training.distillation.teacher import check_teacher, label_block, sources_of

from ...conftest import tone, write_wave

CONFIG = SeparationConfig(device="cpu", precision="float32")
SAMPLES = {"drums+bass+other": np.full((2, 9), 3, np.int16), "vocals": np.ones((2, 9), np.int16)}


def block_of(path: Path, start_s: float = 0.0, *, is_held_back: bool = False) -> Block:
    track = Track(
        path_name=str(path),
        source_name=path.name,
        output_name=path.name,
        size_bytes=1,
        mtime_ns=1,
        duration_s=12.0,
    )
    return Block(track, start_s, 6.0, is_held_back)


def test_targets_that_a_teacher_does_not_split_are_one_source(tiny_cascade: Model) -> None:
    assert sources_of(("vocals", "accompaniment")) == ("vocals", "drums+bass+other")
    assert sources_of(("drums", "bass", "other", "vocals")) == ("drums", "bass", "other", "vocals")
    teacher = read_model(tiny_cascade.folder.parent / "tiny-vocals")
    check_teacher(teacher)
    with pytest.raises(ConfigError, match="gives piano at 44100 Hz, expected some of drums"):
        check_teacher(teacher.model_copy(update={"targets": ("piano",)}))


def test_a_label_is_the_music_itself_in_parts(tmp_path: Path, tiny_cascade: Model) -> None:
    teacher = read_model(tiny_cascade.folder.parent / "tiny-vocals")
    path = tmp_path / "a.wav"
    loud = tone(200, 12.0, level=0.7) + tone(1100, 12.0, level=0.3)
    write_wave(path, loud)
    separator = Separator(teacher, device="cpu", precision="float32")
    sources, gain = label_block(
        block_of(path, 3.0), teacher, separator, CONFIG, ffmpeg=find_ffmpeg()
    )
    assert set(sources) == {"drums+bass+other", "vocals"}
    total = sum(source.astype(np.float32) for source in sources.values()) / 32767
    assert total.shape == (2, 6 * 44100)
    np.testing.assert_allclose(total, gain * loud[:, 3 * 44100 : 9 * 44100], atol=2e-4)
    with pytest.raises(DecodeError, match="ends before 46 s"):
        label_block(block_of(path, 40.0), teacher, separator, CONFIG, ffmpeg=find_ffmpeg())


def test_labels_are_songs_and_torn_ones_are_never_read(
    tmp_path: Path, tiny_model: Model, cache: AudioCache
) -> None:
    store = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    block = block_of(tmp_path / "Ä song.mp3")
    store.add(block, Label("audio", 0.5, SAMPLES))
    torn = store.folder / "partial" / "0123"
    torn.mkdir(parents=True)
    (torn / "drums.npy").write_bytes(b"\x93NUMPY")
    again = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    assert again.has(block)
    assert not torn.exists()
    assert not again.has(dataclasses.replace(block, start_s=1.0))
    (song,) = find_songs(again.train)
    assert load_song(song, cache).known_sources == ("drums+bass+other", "vocals")
    note = json.loads((next(again.train.iterdir()) / "label.json").read_text())
    assert (note["source"], note["gain"], note["teacher"]) == ("Ä song.mp3", 0.5, "tiny")
    assert again.n_bytes == sum(f.stat().st_size for f in again.root.rglob("*") if f.is_file())


def test_no_label_goes_to_where_the_folder_of_all_was(tmp_path: Path, tiny_cascade: Model) -> None:
    store = LabelStore(tmp_path / "labels", tiny_cascade, 1e9)
    store.expect([], 1)
    (tmp_path / "labels").rmdir()
    with pytest.raises(ConfigError, match="is its drive there"):
        store.add(block_of(tmp_path / "a.mp3"), Label("audio", 1.0, SAMPLES))
    assert not (tmp_path / "labels").exists()


def test_a_moved_track_keeps_its_label_and_a_copy_gets_none(
    tmp_path: Path, tiny_model: Model
) -> None:
    store = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    first, moved = block_of(tmp_path / "a.mp3"), block_of(tmp_path / "b.mp3", is_held_back=True)
    store.add(first, Label("audio", 1.0, SAMPLES))
    store.expect([first, moved], 2)
    assert store.takes_over(moved, "audio")
    assert [len(find_songs(folder)) for folder in (store.train, store.folder)] == [1, 1]
    again = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    again.expect([moved], 2)
    assert not again.has(moved)
    assert not again.takes_over(moved, "other audio")
    assert again.takes_over(moved, "audio")
    assert again.has(moved)
    assert find_songs(again.held_back)
    assert LabelStore(tmp_path / "labels", tiny_model, 1e9).has(moved)


def test_labels_of_other_teachers_make_room_only_if_it_is_needed(
    tmp_path: Path, tiny_model: Model, other_model: Model
) -> None:
    first, wanted = block_of(tmp_path / "a.mp3"), block_of(tmp_path / "b.mp3")
    LabelStore(tmp_path / "labels", other_model, 1e9).add(first, Label("x", 1.0, SAMPLES))
    roomy = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    assert roomy.expect([wanted], 2) == 0
    tight = LabelStore(tmp_path / "labels", tiny_model, wanted.n_bytes(2) + 10.0)
    assert not tight.has_room(wanted.n_bytes(2))
    assert tight.expect([wanted], 2) == 1
    assert tight.has_room(wanted.n_bytes(2))


def test_no_passage_of_a_track_that_judges_is_learned_from(
    tmp_path: Path, tiny_model: Model
) -> None:
    store = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    parts = [block_of(tmp_path / "album" / "a.mp3", start_s) for start_s in (0.0, 6.0)]
    other = block_of(tmp_path / "album" / "b.mp3")
    for block, audio in ((parts[0], "one"), (parts[1], "one"), (other, "two")):
        store.add(block, Label(audio, 1.0, SAMPLES))
    copy = block_of(tmp_path / "best of" / "c.mp3", is_held_back=True)
    again = LabelStore(tmp_path / "labels", tiny_model, 1e9)
    again.expect([copy, parts[1], other], 2)
    assert again.takes_over(copy, "one")  # it was moved, and judges where it is now
    assert again.judging == {"one"}
    assert again.takes_over(block_of(tmp_path / "album" / "d.mp3", 3.0), "one")
    assert again.keep_apart() == 1
    assert not again.has(parts[1])
    assert [len(find_songs(folder)) for folder in (again.train, again.held_back)] == [1, 1]
    assert again.has(other)
    assert again.n_bytes == sum(f.stat().st_size for f in again.root.rglob("*") if f.is_file())
    assert again.keep_apart() == 0
