"""A DJ's cues and beats, from an MP3 to the samples of its stems."""

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from mutagen import id3
from mutagen.mp3 import MP3

from libsep.library.survey import track_of_file
from libsep.media.tags import read_tags
from libsep.media.tags.serato_cues import read_cues, read_grid
from libsep.pipeline import process
from libsep.separation.registry import Model
from libsep.separation.separator import Separator

from ..conftest import assignment
from ..serato_data import cue, markers2
from .test_process import CONFIG, decoded, settings_of

CLICK_S = 1.25
TEMPO = 96.0


def click_in(samples: np.ndarray, sample_rate: int) -> float:
    """Return where the highest sample is, in seconds."""
    return float(np.abs(samples).max(axis=0).argmax()) / sample_rate


def all_samples(path: Path) -> np.ndarray:
    """Return what an MP3 decodes to if nothing is dropped but the frame of its header."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        stream.codec_context.flags2 |= av.codec.context.Flags2.skip_manual
        return np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_a_cue_and_a_beat_of_an_mp3_land_on_their_sound_in_every_stem(
    sample_rate: int, encode: Callable[..., Path], tiny_model: Model, tmp_path: Path
) -> None:
    """Within 1.5 ms: Serato keeps whole milliseconds, and its decoder is known to one (Mixxx)."""
    clicks = np.zeros((2, 3 * 44_100), dtype=np.float32)
    clicks[:, round(CLICK_S * 44_100)] = 0.9
    source = encode("clicks.mp3", clicks, "-ar", str(sample_rate), "-b:a", "320k")
    frame_s = 1152 / sample_rate  # that of the header, which Serato takes for music
    seen_s = frame_s + click_in(all_samples(source), sample_rate)
    assert seen_s > CLICK_S + 0.04  # there is a delay to put right, of the encoder too
    file = MP3(source)
    grid = b"\1\0" + struct.pack(">Iff", 1, seen_s, TEMPO) + b"\0"
    hot_cue = markers2(cue(0, round(1000 * seen_s), b"Drop"))
    for name, data in {"Serato Markers2": hot_cue, "Serato BeatGrid": grid}.items():
        file.tags.add(id3.GEOB(desc=name, data=data))
    file.save()
    track, _ = track_of_file(source, None)
    separator = Separator(tiny_model, device="cpu", precision="float32")
    settings = settings_of(CONFIG, tiny_model, tmp_path)
    outcome = process(track, None, separator, settings, assignment(tiny_model))
    assert (outcome.status, outcome.warnings) == ("done", ())
    stems = tmp_path / "stems" / track.output
    serato = read_tags(stems).serato
    (found,) = read_cues(serato["markersv2"])
    (beat,) = read_grid(serato["beatgrid"])
    assert (found.name, beat.bpm) == ("Drop", TEMPO)
    for stream in range(5):
        sounds_s = click_in(decoded(stems, stream), 44_100)
        assert sounds_s == pytest.approx(CLICK_S, abs=2 / 44_100)
        assert found.position_s == pytest.approx(sounds_s, abs=0.0015)
        assert beat.position_s == pytest.approx(sounds_s, abs=0.0015)
