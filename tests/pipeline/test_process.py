"""One track through all its stages, with real files and a real network."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest

from libsep.config import Config
from libsep.library.survey import track_of_file
from libsep.media.decode import decode_file
from libsep.media.tags import read_fingerprint
from libsep.media.verify import verify_stems
from libsep.pipeline import process
from libsep.separation.grid import segment_grid
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Outcome

from ..conftest import assignment
from .conftest import CONFIG, SECONDS, settings_of


def decoded(path: Path, stream: int) -> np.ndarray:
    """Return all samples of one stream, through a reader that is not ours."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=stream)]
    return np.concatenate(frames, axis=1)


def test_a_track_becomes_a_stem_file_that_others_can_read(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    source = encode("song.flac", music)
    outcome, stems = convert(source)
    assert (outcome.status, outcome.message) == ("done", "")
    assert verify_stems(stems, n_samples=music.shape[1]).is_conformant
    assert outcome.output_size_bytes == stems.stat().st_size
    assert outcome.duration_s == pytest.approx(SECONDS)
    with av.open(str(stems)) as container:
        assert len(container.streams.audio) == 5
    streams = [decoded(stems, index)[:, : music.shape[1]] for index in range(5)]
    residual = streams[0] - sum(streams[1:])
    assert np.sqrt(np.mean(residual**2)) < 0.05 * np.sqrt(np.mean(music**2))


def test_the_stems_add_up_to_the_mixture_before_they_are_encoded(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    outcome, _ = convert(encode("song.wav", music))
    assert outcome.null_db is not None
    assert outcome.null_db < -90


def test_lossless_stems_hold_the_mixture_to_the_sample(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    config = CONFIG.replaced(encode={"codec": "alac"})
    source = encode("song.wav", music, "-c:a", "pcm_s16le")
    _, stems = convert(source, config=config)
    np.testing.assert_array_equal(decode_file(stems), decode_file(source))


def test_a_gain_lowers_all_five_streams_alike(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    config = CONFIG.replaced(encode={"codec": "alac", "gain_db": -6.0})
    _, stems = convert(encode("song.wav", music), config=config)
    streams = [decode_file(stems, stream=index) for index in range(5)]
    np.testing.assert_allclose(streams[0], music * 10 ** (-6 / 20), atol=1e-4)
    np.testing.assert_allclose(sum(streams[1:]), streams[0], atol=1e-5)


def test_replaygain_is_that_of_the_quieter_stem_file(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    """Players then play it as loud as all others; also after the next tag."""
    config = CONFIG.replaced(encode={"gain_db": -6.0})
    source = encode("song.flac", music)
    file = mutagen.File(source)
    file["replaygain_track_gain"], file["replaygain_track_peak"] = "-7.25 dB", "0.988000"
    file["replaygain_album_gain"] = "loud"
    file.save()
    first, stems = convert(source, config=config)
    for title in ("", "New"):
        if title:
            file["title"] = title
            file.save()
            assert convert(source, first, config=config)[0].action == "retag"
        tags = mutagen.File(stems)
        found = {
            kind: bytes(tags[f"----:com.apple.iTunes:replaygain_{kind}"][0]).decode()
            for kind in ("track_gain", "track_peak", "album_gain")
        }
        assert found == {
            "track_gain": "-1.25 dB", "track_peak": "0.495173", "album_gain": "loud",
        }  # fmt: skip


def test_a_new_tag_does_not_touch_the_audio(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    source = encode("song.flac", music)
    first, stems = convert(source)
    before = decoded(stems, 1)
    file = mutagen.File(source)
    file["title"] = "A new title"
    file["bpm"] = "quick"
    file.save()
    second, _ = convert(source, first)
    assert (second.status, second.action) == ("done", "retag")
    assert second.warnings == ('BPM "quick" is no tempo: dropped',)
    assert second.audio_sha256 == first.audio_sha256
    assert second.null_db == first.null_db
    assert mutagen.File(stems)["\xa9nam"] == ["A new title"]
    np.testing.assert_array_equal(decoded(stems, 1), before)
    assert verify_stems(stems).is_conformant


def test_a_track_that_was_only_touched_is_skipped(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    source = encode("song.flac", music)
    first, stems = convert(source)
    written = stems.stat().st_mtime_ns
    os.utime(source, (1, 1))
    second, _ = convert(source, first)
    assert second.status == "skipped"
    assert second.mtime_ns == 10**9
    assert second.output_size_bytes == first.output_size_bytes
    assert stems.stat().st_mtime_ns == written


def test_other_audio_is_converted_again(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    first, _ = convert(encode("song.wav", music))
    second, stems = convert(encode("song.wav", music[:, ::-1].copy()), first)
    assert (second.status, second.action) == ("done", "convert")
    assert second.audio_sha256 != first.audio_sha256
    fingerprint = read_fingerprint(stems)
    assert fingerprint is not None
    assert fingerprint.audio_sha256 == second.audio_sha256


def test_every_field_of_an_outcome_is_a_plain_value(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    outcome, _ = convert(encode("song.ogg", music, "-c:a", "libvorbis"))
    assert set(outcome.loudness_lufs) == {"mixture", "drums", "bass", "other", "vocals"}
    assert all(isinstance(value, float) for value in outcome.loudness_lufs.values())
    assert {field.name for field in dataclasses.fields(Outcome)} == set(outcome.as_row())


def test_a_track_of_a_third_of_a_second_keeps_its_length(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]], music: np.ndarray
) -> None:
    config = CONFIG.replaced(encode={"codec": "alac"})
    outcome, stems = convert(encode("short.wav", music[:, :13231]), config=config)
    assert outcome.status == "done"
    assert [decode_file(stems, stream=index).shape[1] for index in range(5)] == [13231] * 5


def test_silence_stays_silence(
    encode: Callable[..., Path], convert: Callable[..., tuple[Outcome, Path]]
) -> None:
    config = CONFIG.replaced(encode={"codec": "alac"})
    outcome, stems = convert(encode("quiet.wav", np.zeros((2, 44100), np.float32)), config=config)
    assert outcome.status == "done"
    assert all(not decode_file(stems, stream=index).any() for index in range(5))


def test_an_outcome_says_which_model_and_why_and_keeps_the_genres_of_the_tags(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    source = encode("song.flac", music[:, :30000], "-metadata", "genre=Deep House")
    track, _ = track_of_file(source, None)
    chosen = dataclasses.replace(
        assignment(tiny_model, "electronic"),
        genre_reason='tag "Deep House"',
        genre_source="tag",
        genre_probabilities={"electronic": 0.7, "pop": 0.3},
        classifier_sha256="ear",
    )
    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(track, None, Separator(tiny_model, device="cpu"), settings, chosen)
    assert outcome.status == "done"
    assert {name: getattr(outcome, name) for name in chosen.columns()} == chosen.columns()
    assert outcome.tag_genres == ("Deep House",)
    made = read_fingerprint(tmp_path / "stems" / track.output)
    assert made is not None
    assert (made.genre, made.model) == ("electronic", "tiny")


def test_a_model_may_want_segments_of_its_own_length(tiny_model: Model) -> None:
    config = Config().separation
    assert segment_grid(config, tiny_model).segment_samples == 12 * 44100
    short = tiny_model.model_copy(update={"segment_s": 4.0, "sample_rate": 48000})
    grid = segment_grid(config, short)
    assert (grid.segment_samples, grid.overlap_samples) == (4 * 48000, 48000)
    overlapping = config.model_copy(update={"overlap_s": 6.0})
    assert segment_grid(overlapping, short).overlap_samples == 2 * 48000


def test_segments_overlap_as_the_user_says_else_as_the_model_does(tiny_model: Model) -> None:
    config = Config().separation
    model = tiny_model.model_copy(update={"overlap_s": 0.5})
    assert segment_grid(config, model).overlap_samples == 22050
    asked = config.model_copy(update={"overlap_s": 2.0})
    assert segment_grid(asked, model).overlap_samples == 88200
    assert segment_grid(asked, sample_rate=1000).overlap_samples == 2000
    with pytest.raises(ValueError, match="a model or a sample rate"):
        segment_grid(config)
