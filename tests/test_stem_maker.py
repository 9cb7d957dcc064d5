"""Tracks that were cut off get their upper band back; all others stay as they were."""

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from libsep.config import Config
from libsep.errors import ModelError
from libsep.library.survey import track_of_file
from libsep.media.decode import decode_file
from libsep.media.tags import read_fingerprint
from libsep.media.verify import verify_stems
from libsep.pipeline import Settings, process
from libsep.pipeline.cutoffs import restoration_model_of
from libsep.restoration.low_band import LowBandMeter
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import SegmentSeparator, separate_blocks
from libsep.stem_maker import StemMaker
from libsep.track import Outcome

from .conftest import SAMPLE_RATE, assignment

CUT_HZ = 12_000.0
Convert = Callable[..., tuple[Outcome, Path]]
Configure = Callable[..., Config]


def below(signal: np.ndarray, hertz: float) -> np.ndarray:
    """Return what of a signal lies below a frequency."""
    spectrum = np.fft.rfft(signal)
    spectrum[..., np.fft.rfftfreq(signal.shape[-1], 1 / SAMPLE_RATE) > hertz] = 0
    return np.fft.irfft(spectrum, signal.shape[-1]).astype(np.float32)


def level_db(signal: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(signal, dtype=np.float64)) + 1e-30))


@pytest.fixture(scope="module")
def whole() -> np.ndarray:
    """Return five seconds of noise in bursts and a chord, up to 22 kHz."""
    rng = np.random.default_rng(20261120)
    time_s = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in (110, 277, 330))
    bursts = rng.standard_normal((2, time_s.size)) * (0.2 + np.exp(-20 * (time_s % 0.5)))
    return (0.05 * chord + 0.05 * bursts).astype(np.float32)


@pytest.fixture(scope="module")
def cut(whole: np.ndarray) -> np.ndarray:
    """Return the same as an old encoder leaves it."""
    return below(whole, CUT_HZ)


@pytest.fixture
def configured(tiny_restoration_model: RestorationModel) -> Configure:
    """Return a function that makes a configuration with a mode of super-resolution."""

    def make(mode: str, **restoration: float) -> Config:
        return Config().replaced(
            separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"},
            encode={"codec": "alac"},
            restoration={
                "super_resolution": mode,
                "model": str(tiny_restoration_model.folder),
                **restoration,
            },
        )

    return make


@pytest.fixture
def convert(tmp_path: Path, tiny_model: Model) -> Convert:
    """Return a function that converts a file in this process and gives outcome and stem file."""

    def convert_file(
        path: Path,
        config: Config,
        previous: Outcome | None = None,
        separator: SegmentSeparator | None = None,
    ) -> tuple[Outcome, Path]:
        track, _ = track_of_file(path, None)
        settings = Settings(
            config=config,
            models={tiny_model.name: tiny_model},
            output_root=tmp_path / "stems",
            run="test",
            restoration_model=restoration_model_of(config),
        )
        if separator is None:
            plain = Separator(tiny_model, device="cpu", precision="float32")
            separator = StemMaker.loaded(plain, settings.restoration_model)
        outcome = process(track, previous, separator, settings, assignment(tiny_model))
        return outcome, tmp_path / "stems" / track.output

    return convert_file


@pytest.fixture
def maker(tiny_model: Model, tiny_restoration_model: RestorationModel) -> StemMaker:
    separator = Separator(tiny_model, device="cpu", precision="float32")
    return StemMaker.loaded(separator, tiny_restoration_model)


def test_a_track_that_was_cut_off_gets_its_band_back_and_the_stems_still_add_up(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
) -> None:
    source = encode("song.wav", cut, "-c:a", "pcm_s24le")
    outcome, stems = convert(source, configured("auto"))
    assert (outcome.status, outcome.message) == ("done", "")
    assert outcome.restored_from_hz == outcome.cutoff_hz == pytest.approx(CUT_HZ, abs=100)
    assert outcome.cutoff_confidence == 1
    assert outcome.null_db is not None
    assert outcome.null_db < -90
    assert verify_stems(stems, n_samples=cut.shape[1]).is_conformant
    streams = [decode_file(stems, stream=index) for index in range(5)]
    np.testing.assert_allclose(sum(streams[1:]), streams[0], atol=2e-6)
    difference = streams[0] - decode_file(source)
    assert level_db(below(difference, CUT_HZ - 500)) < -80, "with the clicks at both ends"
    assert level_db(difference) > -80, "there is something above"


def test_without_super_resolution_the_cut_is_told_and_nothing_is_done(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
) -> None:
    source = encode("song.wav", cut, "-c:a", "pcm_s24le")
    outcome, stems = convert(source, configured("off"))
    assert outcome.cutoff_hz == pytest.approx(CUT_HZ, abs=100)
    assert outcome.restored_from_hz is None
    np.testing.assert_array_equal(decode_file(stems), decode_file(source))


@pytest.mark.parametrize("mode", ["auto", "on"])
def test_a_track_that_lacks_nothing_becomes_the_same_file_whatever_the_mode(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    whole: np.ndarray,
    mode: str,
) -> None:
    source = encode("song.wav", whole)
    before, stems = convert(source, configured("off"))
    written = stems.stat().st_mtime_ns
    again, _ = convert(source, configured(mode))
    assert (again.status, again.action) == ("skipped", "skip")
    assert (again.cutoff_hz, again.cutoff_confidence, again.restored_from_hz) == (None, 0.0, None)
    assert again.config_sha256 == before.config_sha256 == Config.fingerprint(configured("off"))
    assert stems.stat().st_mtime_ns == written


def test_switching_it_on_converts_again_what_it_changes(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
) -> None:
    source = encode("song.wav", cut)
    before, stems = convert(source, configured("off"))
    restored, _ = convert(source, configured("auto"), before)
    assert (restored.status, restored.action) == ("done", "convert")
    assert restored.config_sha256 != before.config_sha256
    made = read_fingerprint(stems)
    assert made is not None
    assert made.config_sha256 == restored.config_sha256
    again, _ = convert(source, configured("auto"), restored)
    assert again.status == "skipped"
    assert again.restored_from_hz == restored.restored_from_hz
    back, _ = convert(source, configured("off"), again)
    assert (back.action, back.restored_from_hz) == ("convert", None)


def test_a_known_cut_is_not_looked_for_again(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
) -> None:
    source = encode("song.wav", cut)
    first, _ = convert(source, configured("auto"))
    told = dataclasses.replace(first, cutoff_hz=9_000.0)
    second, _ = convert(source, configured("on", max_cutoff_hz=4_000.0), told)
    assert second.cutoff_hz == 9_000.0
    assert second.decode_s == 0


def test_auto_leaves_alone_what_ends_high_and_what_is_not_sure(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
) -> None:
    source = encode("song.wav", cut)
    high, _ = convert(source, configured("auto", max_cutoff_hz=CUT_HZ - 1000))
    assert (high.cutoff_hz, high.restored_from_hz) == (pytest.approx(CUT_HZ, abs=100), None)
    unsure = dataclasses.replace(high, cutoff_confidence=0.4)
    assert convert(source, configured("auto"), unsure)[0].restored_from_hz is None
    assert convert(source, configured("on"), unsure)[0].restored_from_hz == high.cutoff_hz


def test_a_restoration_that_touches_the_lower_band_fails_the_track(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
    maker: StemMaker,
) -> None:
    class Careless:
        """Restores, and makes everything a little louder."""

        def map(self, segments: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
            for estimates in maker.restoring(CUT_HZ).map(segments):
                yield estimates * np.float32(1.001)

        def restoring(self, cutoff_hz: float) -> "Careless":
            return self

    outcome, stems = convert(encode("song.wav", cut), configured("on"), separator=Careless())
    assert (outcome.status, outcome.error) == ("failed", "SeparationError")
    assert "miss the mixture by" in outcome.message
    assert not stems.exists()


def test_a_damaged_track_fails_before_anything_is_made(
    encode: Callable[..., Path],
    convert: Convert,
    configured: Configure,
    cut: np.ndarray,
) -> None:
    source = encode("song.flac", np.tile(cut, 3))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 3])
    outcome, _ = convert(source, configured("auto"))
    assert (outcome.status, outcome.error, outcome.stage) == ("failed", "DecodeError", "decode")
    assert outcome.separate_s == 0


def test_stems_do_not_depend_on_how_the_track_arrives(maker: StemMaker, cut: np.ndarray) -> None:
    grid = SegmentGrid.of_seconds(2.0, 0.5, SAMPLE_RATE)

    def stems_of(n_blocks: int) -> np.ndarray:
        blocks = np.array_split(cut, n_blocks, axis=1)
        restoring = maker.restoring(CUT_HZ)
        stretches = separate_blocks(blocks, restoring, grid, path=Path("x"))
        return np.concatenate([stems for _, stems in stretches], axis=-1)

    whole_track = stems_of(1)
    for n_blocks in (2, 37):
        np.testing.assert_array_equal(stems_of(n_blocks), whole_track)


def test_segments_are_joined_without_a_seam(maker: StemMaker, cut: np.ndarray) -> None:
    grid = SegmentGrid.of_seconds(2.0, 0.5, SAMPLE_RATE)
    stretches = separate_blocks([cut], maker.restoring(CUT_HZ), grid, path=Path("x"))
    mixture = np.concatenate([stems.sum(axis=0) for _, stems in stretches], axis=-1)
    added = mixture - cut
    steps = np.abs(np.diff(added)).max(axis=0)
    seams = np.arange(1, 4) * grid.hop_samples - 1
    assert steps[seams].max() < 0.7 * steps.max()
    # The bursts come every half second: each stretch of that length has the same share to get.
    halves = np.square(added.reshape(2, 10, -1)).mean(axis=(0, 2))
    assert halves.max() < 4 * halves.min()


def test_tracks_in_one_batch_do_not_influence_each_other(
    maker: StemMaker, cut: np.ndarray, whole: np.ndarray
) -> None:
    segments = np.stack([signal[:, i : i + 44100] for i in (0, 44100) for signal in (cut, whole)])
    cutoffs_hz = [CUT_HZ, None, 8_000.0, CUT_HZ]
    together = maker.separate(segments, cutoffs_hz)
    for index, hertz in enumerate(cutoffs_hz):
        alone = maker.separate(segments[index][None], [hertz])[0]
        np.testing.assert_allclose(together[index], alone, atol=1e-5)
    plain = maker.separate(segments, [None] * 4)
    np.testing.assert_allclose(plain.sum(axis=1), segments, atol=1e-5)
    assert not np.allclose(together[0], plain[0], atol=1e-4)
    np.testing.assert_allclose(together[1], plain[1], atol=1e-5)


def test_a_maker_without_a_network_refuses_to_restore(tiny_model: Model, cut: np.ndarray) -> None:
    plain = StemMaker(Separator(tiny_model, device="cpu", precision="float32"))
    with pytest.raises(ValueError, match="no network that restores"):
        plain.separate(cut[None, :, :44100], [CUT_HZ])


def test_a_network_for_another_rate_is_refused(
    tiny_model: Model, tiny_restoration_model: RestorationModel
) -> None:
    plain = Separator(tiny_model, device="cpu", precision="float32")
    other = tiny_restoration_model.model_copy(update={"sample_rate": 48000})
    with pytest.raises(ModelError, match="air: restores 48000 Hz, and tiny separates 44100 Hz"):
        StemMaker.loaded(plain, other)


@pytest.mark.parametrize("block_samples", [1000, 50_000, 400_000])
def test_the_low_band_is_measured_and_the_high_one_is_not(block_samples: int) -> None:
    time_s = np.arange(5 * SAMPLE_RATE) / SAMPLE_RATE
    low = np.tile(0.1 * np.sin(2 * np.pi * 1000 * time_s), (2, 1))
    high = np.tile(np.sin(2 * np.pi * 9000 * time_s), (2, 1))
    measured = []
    for signal in (low, low + high, high, 0 * low):
        meter = LowBandMeter(8_500.0, SAMPLE_RATE)
        for start in range(0, len(time_s), block_samples):
            meter.add(signal[:, start : start + block_samples].astype(np.float32))
        measured.append(meter.level_db())
    assert measured[:2] == pytest.approx([-23.01, -23.01], abs=0.01)
    assert measured[2] < -85
    assert measured[3] == -np.inf


def test_no_samples_have_no_level() -> None:
    assert LowBandMeter(8_000.0, SAMPLE_RATE).level_db() == -np.inf
