"""Attacks of drums are replaced on the way from the separator to the encoder, if it is wanted."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from libsep.config import Config, load
from libsep.errors import ConfigError, ModelError
from libsep.library.survey import track_of_file
from libsep.media.decode import decode_file
from libsep.media.tags import read_fingerprint
from libsep.media.verify import verify_stems
from libsep.pipeline import Settings, process
from libsep.pipeline.cutoffs import config_sha256, drum_models_of
from libsep.separation.registry import Model
from libsep.track import Outcome
from libsep.transients.listener import HitListener
from libsep.transients.model import find_hit_model

from ..conftest import SAMPLE_RATE, assignment

Convert = Callable[..., tuple[Outcome, Path]]


class Sharing:
    """A separator that gives the drums and ``other`` a fixed share of the mixture."""

    def __init__(self, share: float) -> None:
        self._share = np.float32(share)

    def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for segment in segments:
            drums, silence = segment * self._share, np.zeros_like(segment)
            yield np.stack([drums, silence, segment - drums, silence])


@pytest.fixture(scope="module")
def strokes() -> np.ndarray:
    """Return eight seconds of equal strokes of a drum, twice a second."""
    time_s = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    kick = np.sin(2 * np.pi * (50 * time_s + 6 * (1 - np.exp(-40 * time_s)))) * np.exp(-9 * time_s)
    click = np.random.default_rng(3).standard_normal(time_s.size) * np.exp(-400 * time_s)
    return np.tile(0.35 * (kick + 0.1 * click), (2, 16)).astype(np.float32)


@pytest.fixture
def convert(tmp_path: Path, tiny_model: Model) -> Convert:
    """Return a function that converts a file in this process and gives outcome and stem file."""

    def convert_file(
        path: Path, mode: str, previous: Outcome | None = None, *, share: float = 0.7
    ) -> tuple[Outcome, Path]:
        config = Config().replaced(encode={"codec": "alac"}, transients={"drum_transients": mode})
        track, _ = track_of_file(path, None)
        settings = Settings(
            config=config,
            models={tiny_model.name: tiny_model},
            output_root=tmp_path / "stems",
            run="test",
            drum_models=drum_models_of(config),
        )
        outcome = process(track, previous, Sharing(share), settings, assignment(tiny_model))
        return outcome, tmp_path / "stems" / track.output

    return convert_file


def test_attacks_are_replaced_and_switching_converts_again(
    encode: Callable[..., Path], convert: Convert, strokes: np.ndarray
) -> None:
    source = encode("loop.wav", strokes, "-c:a", "pcm_s24le")
    off, stems = convert(source, "off")
    assert (off.status, off.drum_transients, off.n_hits_replaced) == ("done", "", None)
    before = decode_file(stems, stream=1)
    np.testing.assert_allclose(before, 0.7 * strokes, atol=1e-6)
    own, _ = convert(source, "own", off)
    assert (own.status, own.action, own.drum_transients) == ("done", "convert", "own")
    assert own.n_hits_replaced is not None
    assert own.n_hits_replaced >= 12
    assert own.null_db is not None
    assert off.null_db is not None
    assert own.null_db <= off.null_db
    assert verify_stems(stems, n_samples=strokes.shape[1]).is_conformant
    streams = [decode_file(stems, stream=index) for index in range(5)]
    np.testing.assert_array_equal(streams[0], decode_file(source))
    np.testing.assert_allclose(sum(streams[1:]), streams[0], atol=2e-6)
    first_ms = np.arange(2, 14) * SAMPLE_RATE // 2 + 200
    assert np.abs(streams[1] - strokes)[:, first_ms].mean() < 0.1 * (
        np.abs(before - strokes)[:, first_ms].mean()
    )
    made = read_fingerprint(stems)
    assert made is not None
    assert made.config_sha256 == own.config_sha256 != off.config_sha256
    written = stems.read_bytes()
    again, _ = convert(source, "own", own)
    assert (again.status, again.n_hits_replaced) == ("skipped", own.n_hits_replaced)
    wanted = config_sha256(Config().replaced(encode={"codec": "alac"}), None, again)
    assert wanted == off.config_sha256 != again.config_sha256, "switched off, it is made again"
    stems.unlink()
    convert(source, "own", again)
    assert stems.read_bytes() == written, "the same input gives the same bytes"
    generated, _ = convert(source, "generated", own)
    assert (generated.status, generated.drum_transients) == ("done", "generated")
    assert generated.config_sha256 not in {own.config_sha256, off.config_sha256}
    assert stems.read_bytes() != written
    assert verify_stems(stems, n_samples=strokes.shape[1]).is_conformant
    assert generated.null_db is not None
    assert generated.null_db < -160


def test_a_track_without_drums_is_the_same_file_whatever_the_mode(
    encode: Callable[..., Path], convert: Convert, strokes: np.ndarray
) -> None:
    source = encode("pad.wav", strokes[:1, : 3 * SAMPLE_RATE])  # mono
    own, _ = convert(source, "own", share=0.0)
    assert (own.status, own.drum_transients, own.n_hits_replaced) == ("done", "own", 0)
    assert own.config_sha256 == Config().replaced(encode={"codec": "alac"}).fingerprint()
    off, _ = convert(source, "off", own, share=0.0)
    assert (off.status, off.n_hits_replaced) == ("skipped", 0)
    on, _ = convert(source, "own", off, share=0.0)
    assert on.status == "skipped"


def test_what_is_not_there_is_an_error_before_anything_is_converted(tmp_path: Path) -> None:
    wanted = Config().replaced(transients={"drum_transients": "own", "hits_model": "x"})
    with pytest.raises(ModelError, match=r"no model for hits of drums is called 'x'.*drum-hits"):
        drum_models_of(wanted)
    assert drum_models_of(Config().replaced(transients={"hits_model": "x"})) is None
    with pytest.raises(ModelError, match=r"drum-hits: is for drums at 44100 Hz.*48000 Hz"):
        HitListener(find_hit_model("drum-hits"), 48000)
    generated = {"drum_transients": "generated", "sounds_model": "y"}
    config = Config().replaced(transients=generated)
    with pytest.raises(ModelError, match=r"no model for sounds of drums is called 'y'.*drum-so"):
        drum_models_of(config)
    with pytest.raises(ConfigError, match=r"transients\.drum_transients.*'maybe'"):
        Config().replaced(transients={"drum_transients": "maybe"})


def test_off_in_yaml_is_off(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("transients: {drum_transients: off}\n")
    assert yaml.safe_load((tmp_path / "c.yaml").read_text())["transients"] == {
        "drum_transients": False
    }
    assert load(Config, tmp_path / "c.yaml").transients.drum_transients == "off"
