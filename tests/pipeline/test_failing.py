"""Tracks that fail: with stage and reason, and nothing is left behind."""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from libsep import log
from libsep.errors import ModelError
from libsep.library.survey import track_of_file
from libsep.media.encode import StemEncoder
from libsep.pipeline import process
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Outcome

from ..conftest import assignment
from .conftest import CONFIG, settings_of


@pytest.mark.parametrize(
    ("name", "content", "stage"),
    [
        ("empty.mp3", b"", "probe"),
        ("text.mp3", b"this is a letter, not a song\n" * 50, "probe"),
        ("noise.flac", bytes(range(256)) * 40, "probe"),
    ],
)
def test_what_is_no_audio_fails_with_stage_and_reason(
    tmp_path: Path,
    convert: Callable[..., tuple[Outcome, Path]],
    name: str,
    content: bytes,
    stage: str,
) -> None:
    (tmp_path / name).write_bytes(content)
    outcome, stems = convert(tmp_path / name)
    assert (outcome.status, outcome.kind, outcome.stage) == ("failed", "file", stage)
    assert outcome.message
    assert not stems.exists()


def test_a_truncated_track_fails_and_leaves_nothing_behind(
    encode: Callable[..., Path],
    convert: Callable[..., tuple[Outcome, Path]],
    music: np.ndarray,
    tmp_path: Path,
) -> None:
    source = encode("song.flac", np.tile(music, 4))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 3])
    outcome, stems = convert(source)
    assert (outcome.status, outcome.error) == ("failed", "DecodeError")
    assert "cut short" in outcome.message
    assert list(stems.parent.iterdir()) == []


def test_a_file_of_somebody_else_is_not_overwritten(
    encode: Callable[..., Path],
    convert: Callable[..., tuple[Outcome, Path]],
    music: np.ndarray,
    tmp_path: Path,
) -> None:
    goal = tmp_path / "stems" / "song.stem.mp4"
    goal.parent.mkdir()
    goal.write_bytes(b"my own work")
    first, _ = convert(encode("song.wav", music))
    again, _ = convert(tmp_path / "song.wav", first)
    assert (first.status, again.status) == ("failed", "failed")
    assert "not overwritten" in first.message
    assert first.kind == "fault", "it is tried again when the file has gone"
    assert goal.read_bytes() == b"my own work"


def test_an_output_folder_that_has_gone_during_a_run_is_not_made_again(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    """Where its drive was mounted, the stem files would go to another disk, and be hidden later."""
    track, _ = track_of_file(encode("song.wav", music), None)
    made = settings_of(CONFIG, tiny_model, tmp_path)
    logs = log.Folder(made.output_root / ".libsep/runs/test", is_shared=True)
    settings = dataclasses.replace(made, log_folder=logs)
    log.setup_worker(logs)  # as each new process of a run does
    separator = Separator(tiny_model, device="cpu", precision="float32")
    outcome = process(track, None, separator, settings, assignment(tiny_model))
    assert (outcome.status, outcome.kind) == ("failed", "fault")
    assert outcome.message == "its output folder has gone: is its drive there?"
    assert not made.output_root.exists()


def test_a_track_that_changes_while_it_is_converted_fails(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    source = encode("song.wav", music)
    track, _ = track_of_file(source, None)
    separator = Separator(tiny_model, device="cpu")

    class Meddler:
        """Touches the source while the network works on it."""

        def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            os.utime(source, (1, 1))
            yield from separator.map(segments)

    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(track, None, Meddler(), settings, assignment(tiny_model))
    assert outcome.status == "failed"
    assert "changed since the scan" in outcome.message
    assert outcome.kind == "changed"
    assert not outcome.is_settled
    assert list((tmp_path / "stems").iterdir()) == []


def test_a_track_that_vanishes_is_no_fault_of_its_own(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    track, _ = track_of_file(encode("song.wav", music), None)
    track.path.rename(track.path.with_name("another name.wav"))
    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(
        track, None, Separator(tiny_model, device="cpu"), settings, assignment(tiny_model)
    )
    assert (outcome.status, outcome.kind) == ("failed", "changed")
    assert not outcome.is_settled


def test_an_output_folder_that_cannot_be_made_is_no_fault_of_the_track(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    track, _ = track_of_file(encode("song.wav", music), None)
    (tmp_path / "stems").write_text("in the way")
    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(
        track, None, Separator(tiny_model, device="cpu"), settings, assignment(tiny_model)
    )
    assert (outcome.status, outcome.kind) == ("failed", "fault"), outcome.message


def test_a_stem_file_that_vanishes_as_soon_as_it_has_its_name_is_no_bug(
    encode: Callable[..., Path],
    tmp_path: Path,
    tiny_model: Model,
    music: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    track, _ = track_of_file(encode("song.wav", music), None)
    settings = settings_of(CONFIG, tiny_model, tmp_path)
    goal = tmp_path / "stems" / track.output

    def meddle(_: Path) -> None:
        goal.unlink()

    monkeypatch.setattr("libsep.media.atomic.sync_folder", meddle)
    outcome = process(
        track, None, Separator(tiny_model, device="cpu"), settings, assignment(tiny_model)
    )
    assert (outcome.status, outcome.kind, outcome.error) == ("failed", "fault", "StemsError")
    assert outcome.message == "vanished as soon as it had its name: No such file or directory"


def test_streams_that_are_not_what_was_encoded_are_found_before_the_rename(
    encode: Callable[..., Path],
    tmp_path: Path,
    tiny_model: Model,
    music: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    track, _ = track_of_file(encode("song.wav", music), None)
    write = StemEncoder.write

    def late(encoder: StemEncoder, mixture: np.ndarray, stems: np.ndarray) -> None:
        write(encoder, mixture, np.roll(stems, 100, axis=-1))

    monkeypatch.setattr(StemEncoder, "write", late)
    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(
        track, None, Separator(tiny_model, device="cpu"), settings, assignment(tiny_model)
    )
    assert (outcome.status, outcome.error) == ("failed", "VerifyError")
    assert "100 samples late" in outcome.message
    assert list((tmp_path / "stems").iterdir()) == []


def test_stems_that_do_not_add_up_to_the_mixture_are_not_written(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    track, _ = track_of_file(encode("song.wav", music[:, :22_050]), None)
    whole = Separator(tiny_model, device="cpu")

    class Lossy:
        """A separator that loses a thousandth of everything."""

        def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            return (estimates * np.float32(0.999) for estimates in whole.map(segments))

    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(track, None, Lossy(), settings, assignment(tiny_model))
    assert (outcome.status, outcome.error) == ("failed", "SeparationError")
    assert re.fullmatch(
        r"stems miss the mixture by -7\d\.\d dB \(limit -90\.0 dB\)", outcome.message
    )
    assert list((tmp_path / "stems").iterdir()) == []


def test_a_bug_loses_one_track_and_says_where(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    track, _ = track_of_file(encode("song.wav", music), None)

    class Broken:
        """A separator with a bug."""

        def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            for segment in segments:
                yield segment[0][7777777]

    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(track, None, Broken(), settings, assignment(tiny_model))
    assert (outcome.status, outcome.kind, outcome.error) == ("failed", "bug", "IndexError")
    assert outcome.stage == "separate"
    assert "7777777" in outcome.message, "the traceback is in the row"
    assert outcome.audio_sha256, "what was known before the bug stays in the row"


def test_an_error_that_concerns_every_track_stops_the_run(
    encode: Callable[..., Path], tmp_path: Path, tiny_model: Model, music: np.ndarray
) -> None:
    track, _ = track_of_file(encode("song.wav", music), None)

    class Unloaded:
        """A separator whose model is gone."""

        def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            raise ModelError("weights are damaged")

    settings = settings_of(CONFIG, tiny_model, tmp_path)
    with pytest.raises(ModelError, match="damaged"):
        process(track, None, Unloaded(), settings, assignment(tiny_model))
