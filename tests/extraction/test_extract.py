"""Stems as plain audio files: the same samples, the same tags, and only what is missing."""

import dataclasses
import os
import re
import subprocess
import threading
import wave
from collections.abc import Callable
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest
from mutagen.mp4 import MP4

from libsep.datasets.audio_cache import AudioCache
from libsep.datasets.songs import find_songs, load_song
from libsep.errors import ConfigError, ProbeError
from libsep.extraction.extract import Extracted, Job, Stopped, extract
from libsep.extraction.selection import Part, Selection, goal_of, plain_names
from libsep.media.audio_file import FORMATS
from libsep.media.decode import decode_file
from libsep.media.sheet import read_sheet
from libsep.media.tags import Tags, read_tags, write_tags
from libsep.media.verify.container import read_container
from libsep.track import TARGETS

from ..media.conftest import write_stem_file
from .conftest import PNG, TAGS

HALF_STEP = 2.0**-24
"""Largest error of rounding to 24 bits."""


def run(path: Path, job: Job, **changes: object) -> Extracted:
    """Extract one file."""
    return extract(path, Path(path.name), dataclasses.replace(job, **changes), name="x")


def decoded(path: Path) -> np.ndarray:
    """Return the samples of a file by a reader that is not ours."""
    with av.open(os.fspath(path)) as container:
        resampler = av.AudioResampler(format="fltp", layout="stereo")
        frames = [
            part.to_ndarray()
            for frame in container.decode(audio=0)
            for part in resampler.resample(frame)
        ]
    return np.concatenate(frames, axis=1)


@pytest.mark.parametrize("name", ["wav", "float", "flac"])
def test_lossless_files_hold_the_decoded_samples(name: str, stem_file: Path, job: Job) -> None:
    selection = Selection(with_mixture=True)
    ended = run(stem_file, job, selection=selection, format_name=name)
    assert (ended.status, ended.gain_db, ended.warnings) == ("done", 0.0, ())
    extension = FORMATS[name].extension
    assert [file.name for file in ended.files] == [
        f"{stem}{extension}" for stem in (*TARGETS, "mixture")
    ]
    for stream, file in zip((1, 2, 3, 4, 0), ended.files, strict=True):
        expected = decode_file(stem_file, stream=stream)
        found = decoded(file)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() <= (0 if name == "float" else HALF_STEP)
    total = sum(decoded(file) for file in ended.files[:4])
    expected = sum(decode_file(stem_file, stream=stream) for stream in (1, 2, 3, 4))
    assert np.abs(total - expected).max() < 5 * HALF_STEP


@pytest.mark.parametrize("name", ["mp3", "m4a"])
def test_lossy_files_start_and_end_at_the_same_sample(name: str, stem_file: Path, job: Job) -> None:
    ended = run(stem_file, job, selection=Selection(only=("bass",)), format_name=name)
    expected = decode_file(stem_file, stream=2)
    found = decode_file(ended.files[0])
    assert found.shape == expected.shape
    error = np.square(found - expected).mean() / np.square(expected).mean()
    assert 10 * np.log10(error) < -10  # of noise; shifted by a sample it would be above 0


@pytest.mark.parametrize("codec", ["alac", "aac"])
def test_a_sum_without_some_stems_is_the_sum_of_the_others(
    codec: str, ffmpeg: Path, job: Job, tmp_path: Path, sources: np.ndarray
) -> None:
    path = write_stem_file(tmp_path / "a.stem.mp4", 0.2 * sources, ffmpeg, codec=codec)
    selection = Selection(without=("drums", "bass"), layout="files")
    ended = run(path, job, selection=selection, format_name="float")
    assert [file.name for file in ended.files] == ["a - without drums, bass.wav"]
    expected = decode_file(path, stream=3) + decode_file(path, stream=4)
    np.testing.assert_allclose(decoded(ended.files[0]), expected, atol=1e-7)


def test_what_would_clip_is_lowered_in_all_files_of_the_track_alike(
    ffmpeg: Path, job: Job, tmp_path: Path, sources: np.ndarray
) -> None:
    loud = sources / np.abs(sources[1:]).max() * 2
    path = write_stem_file(tmp_path / "loud.stem.mp4", loud, ffmpeg)
    gain = {"replaygain_track_gain": ("-9.00 dB",), "replaygain_track_peak": ("2.0",)}
    write_tags(path, Tags(fields=gain))
    originals = [decode_file(path, stream=stream) for stream in range(1, 5)]
    peak = max(np.abs(original).max() for original in originals)
    ended = run(path, job)
    assert ended.gain_db == pytest.approx(-20 * np.log10(peak), abs=1e-4)
    for original, file in zip(originals, ended.files, strict=True):
        np.testing.assert_allclose(decoded(file) * peak, original, atol=4 * HALF_STEP)
        # A player's gain makes up for it; the peak is that of the whole track, not of a stem.
        fields = read_tags(file).fields
        assert fields["replaygain_track_gain"] == (f"{-9 - ended.gain_db:.2f} dB",)
        assert "replaygain_track_peak" not in fields
    untouched = run(path, job, format_name="float")
    assert untouched.gain_db == 0
    np.testing.assert_array_equal(decoded(untouched.files[0]), originals[0])
    assert not [file for file in job.output.rglob("*") if file.name.startswith(".")]


def test_tags_and_cover_are_kept_in_every_format(stem_file: Path, job: Job) -> None:
    for name in FORMATS:
        files = run(
            stem_file, job, selection=Selection(only=("vocals",), with_mixture=True),
            format_name=name, output=job.output / name,
        ).files  # fmt: skip
        easy = mutagen.File(files[0], easy=name in ("mp3", "m4a"))
        if name in ("wav", "float"):
            assert easy.tags["TIT2"].text == ["Größen & <b> (vocals)"]
            assert easy.tags["TPE1"].text[0].startswith("One")
            assert easy.tags["TRCK"].text == ["3/12"]
            assert easy.tags["TBPM"].text == ["127.5"]
            assert easy.tags["TXXX:MYKEY"].text == ["mine"]
            assert easy.tags["APIC:"].data == PNG
        else:
            assert easy["title"] == ["Größen & <b> (vocals)"]
            assert easy["genre"] == ["Techno"]
        if name == "flac":
            assert easy["MYKEY"] == ["mine"]
            assert easy.pictures[0].data == PNG
        if name == "m4a":
            assert bytes(MP4(files[0]).tags["covr"][0]) == PNG
        plain = mutagen.File(files[1], easy=name in ("mp3", "m4a"))
        title = plain["TIT2"].text if name in ("wav", "float") else plain["title"]
        assert title == ["Größen & <b>"]


def test_a_second_run_does_only_what_has_changed(stem_file: Path, job: Job, tmp_path: Path) -> None:
    path = tmp_path / "in" / "Track.stem.mp4"
    path.parent.mkdir()
    path.write_bytes(stem_file.read_bytes())
    for name in FORMATS:
        if name != "float":
            assert run(path, job, format_name=name).status == "done"
            assert run(path, job, format_name=name).status == "up to date"
    assert run(path, job, format_name="float").status == "done"  # another kind of .wav
    assert run(path, job).status == "done"
    (job.output / "Track" / "bass.wav").unlink()
    assert run(path, job).status == "done"
    assert run(path, job).status == "up to date"
    write_tags(path, dataclasses.replace(TAGS, fields={"title": ("New",)}))
    assert run(path, job).status == "done"


def test_a_file_of_somebody_else_is_never_replaced(stem_file: Path, job: Job) -> None:
    stranger = job.output / "Track" / "drums.wav"
    stranger.parent.mkdir(parents=True)
    for content in (b"", b"a real multitrack"):
        stranger.write_bytes(content)
        ended = run(stem_file, job)
        assert ended.status == "failed"
        assert "libsep did not extract it" in ended.message
        assert stranger.read_bytes() == content
        assert [path.name for path in stranger.parent.iterdir()] == ["drums.wav"]


def test_a_stopped_extraction_leaves_the_old_files_and_no_others(stem_file: Path, job: Job) -> None:
    assert run(stem_file, job).status == "done"
    old = {file: file.read_bytes() for file in job.output.rglob("*.wav")}
    stop = threading.Event()
    stop.set()
    again = dataclasses.replace(job, format_name="float")
    with pytest.raises(Stopped):
        extract(stem_file, Path("Track.stem.mp4"), again, name="x", stop=stop)
    assert {file: file.read_bytes() for file in job.output.rglob("*") if file.is_file()} == old


def test_an_unknown_stem_is_named_with_those_that_are_there(stem_file: Path, job: Job) -> None:
    ended = run(stem_file, job, selection=Selection(only=("guitar",)))
    assert ended.status == "failed"
    assert ended.message == "probe: has no stem 'guitar'; it has drums, bass, other, vocals"
    ended = run(stem_file, job, selection=Selection(without=TARGETS))
    assert "nothing is left" in ended.message
    with pytest.raises(ConfigError, match="choose some stems, or leave some out"):
        Selection(only=("bass",), without=("drums",))


def test_names_of_foreign_stems_become_names_of_files() -> None:
    assert plain_names(["Drums", "Synth/Lead", "..", "Vox", "vox", "Mixture"]) == [
        "drums", "synth_lead", "stem", "vox", "vox 2", "mixture 1",
    ]  # fmt: skip
    names = plain_names(["Synth 2", "Synth", "synth", "Mixture", "Mixture"])
    assert names == ["synth 2", "synth", "synth 3", "mixture 1", "mixture 2"]


def test_names_that_would_be_too_long_are_cut_and_stay_apart() -> None:
    drums, *_ = plain_names(["x" * 300])
    source = Path("あ" * 82 + ".stem.mp4")
    names = [
        goal_of(Path(source), Part(name, (1,)), Selection(layout="files"), ".wav").name
        for name in (drums, "vocals")
    ]
    assert all(len(name.encode()) <= 255 for name in names)
    assert names[0].endswith(f" - {drums}.wav")
    assert names[1].endswith(" - vocals.wav")


def test_training_reads_the_folders_back(
    stem_file: Path, job: Job, tmp_path: Path, cache_of: Callable[[], AudioCache]
) -> None:
    run(stem_file, job, selection=Selection(with_mixture=True))
    (song,) = find_songs(job.output)
    assert (song.name, sorted(song.files)) == ("Track", sorted(TARGETS))
    loaded = load_song(song, cache_of(), with_mixture=True)
    assert loaded.n_samples == 48_123
    np.testing.assert_allclose(
        loaded.source("bass"), decode_file(stem_file, stream=2), atol=1 / 32767
    )


@pytest.fixture
def cache_of(tmp_path: Path) -> Callable[[], AudioCache]:
    return lambda: AudioCache(tmp_path / "cache", 44100)


def test_wav_has_24_bits_for_readers_that_know_nothing_else(stem_file: Path, job: Job) -> None:
    file = run(stem_file, job, selection=Selection(only=("drums",))).files[0]
    with wave.open(os.fspath(file)) as opened:
        assert (opened.getsampwidth(), opened.getnchannels(), opened.getframerate()) == (
            3,
            2,
            44100,
        )
        assert opened.getnframes() == 48_123


def test_a_picture_before_the_streams_is_none_of_them(stem_file: Path, job: Job) -> None:
    path = job.output.with_name("film.stem.mp4")
    picture = [
        "-f",
        "lavfi",
        "-i",
        "color=size=16x16:rate=1:duration=9",
        "-map",
        "1:v",
        "-map",
        "0:a",
    ]
    command = [job.ffmpeg, "-v", "error", "-i", stem_file, *picture, "-c:a", "copy", path]
    subprocess.run(command, check=True)
    whole, film = read_sheet(stem_file), read_sheet(path)
    assert [track.handler for track in read_container(path).tracks][:2] == ["vide", "soun"]
    for name in ("sample_rate", "n_samples", "codec", "n_streams"):
        assert getattr(film, name) == getattr(whole, name), name


def test_streams_without_a_rate_are_an_error(stem_file: Path, job: Job) -> None:
    data = bytearray(stem_file.read_bytes())
    for match in re.finditer(b"stsd", data):
        data[match.end() + 40 : match.end() + 42] = bytes(2)
    path = job.output.with_name("x.stem.mp4")
    path.write_bytes(data)
    with pytest.raises(ProbeError, match="streams of 0 Hz, expected one rate for all"):
        read_sheet(path)
