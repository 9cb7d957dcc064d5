"""A restored band is measured against the recording itself, beside two baselines."""

import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.errors import ConfigError
from libsep.evaluation.restoration import (
    Stereo,
    Subject,
    cut_cases,
    evaluate_restoration,
    left_as_it_is,
    replicated,
)
from libsep.evaluation.restoration_report import as_json_text, means_of
from libsep.evaluation.restoration_run import (
    Recording,
    find_recordings,
    picture_names,
    read_subjects,
)
from libsep.metrics import band_lsd
from libsep.restoration.model import RestorationModel

from ..conftest import SAMPLE_RATE, write_wave


@pytest.fixture
def source(rng: np.random.Generator) -> Stereo:
    """Return two seconds of noise whose spectrum falls by 3 dB per octave."""
    spectrum = np.fft.rfft(rng.normal(0, 1, (2, 2 * SAMPLE_RATE)))
    spectrum /= np.sqrt(np.arange(1, spectrum.shape[1] + 1))
    return (np.fft.irfft(spectrum) * 4).astype(np.float32)


def test_a_perfect_restoration_has_no_distance_and_copying_beats_nothing(source: Stereo) -> None:
    cases = cut_cases(source, 22_050.0, SAMPLE_RATE)
    assert [case.cutoff_hz for case in cases] == [4000, 8000, 11_000, 16_000]
    assert [case.cutoff_hz for case in cut_cases(source, 11_500.0, SAMPLE_RATE)] == [4000, 8000]

    def perfect(degraded: Stereo, cutoff_hz: float) -> Stereo:
        return source

    methods = {
        "nothing": left_as_it_is,
        "copying": functools.partial(replicated, sample_rate=SAMPLE_RATE),
        "perfect": perfect,
    }
    subject = Subject("noise", source, 22_050.0, cases)
    rows = evaluate_restoration([subject], methods, SAMPLE_RATE)
    assert len(rows) == 12
    for case, found in means_of(rows).items():
        assert found["perfect"]["lsd_high"] == found["perfect"]["lsd"] == 0, case
        assert found["copying"]["lsd_high"] < 1.2 < 3 < found["nothing"]["lsd_high"]
        assert found["copying"]["lsd"] < found["nothing"]["lsd"]
        assert found["nothing"]["low_si_sdr_db"] == math.inf
        assert found["copying"]["low_si_sdr_db"] > 70
    values = json.loads(as_json_text("x", "0", rows))
    assert values["means"]["4000 Hz"]["nothing"]["low_si_sdr_db"] is None


def test_the_distance_of_a_band_is_that_of_its_bins() -> None:
    signal = torch.randn(2, 20_000, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.rfft(signal)
    spectrum[:, int(10_000 / SAMPLE_RATE * 20_000) :] *= 10
    louder = torch.fft.irfft(spectrum, 20_000)
    assert band_lsd(signal, louder, SAMPLE_RATE, 11_000.0, 22_000.0) == pytest.approx(2, abs=0.02)
    assert band_lsd(signal, louder, SAMPLE_RATE, 0.0, 9000.0) < 0.1
    assert band_lsd(signal, louder, SAMPLE_RATE, 9000.0, 9000.0) == 0
    assert band_lsd(signal[:, :0], louder[:, :0], SAMPLE_RATE, 0.0, 9000.0) == 0


def test_recordings_are_read_with_what_encoders_leave_of_them(
    tmp_path: Path, source: Stereo
) -> None:
    write_wave(tmp_path / "a.wav", source)
    write_wave(tmp_path / "silent.wav", np.zeros((2, 9000)))
    (tmp_path / "broken.mp3").write_bytes(b"no audio")
    warnings: list[str] = []
    paths = find_recordings([tmp_path])
    (subject,) = read_subjects(paths, warnings.append, excerpt_s=1.0)
    names = [case.name for case in subject.cases]
    assert names[:4] == ["4000 Hz", "8000 Hz", "11000 Hz", "16000 Hz"]
    assert "mp3 96 kbit/s" in names
    assert all(case.degraded.shape == subject.source.shape for case in subject.cases)
    assert subject.source.shape == (2, SAMPLE_RATE)
    assert len(warnings) == 2
    with pytest.raises(ConfigError, match="no audio files"):
        find_recordings([])
    with pytest.raises(ConfigError, match="not found"):
        find_recordings([tmp_path / "nowhere"])


def test_the_command_scores_a_super_resolution_model(
    tmp_path: Path, source: Stereo, tiny_restoration_model: RestorationModel
) -> None:
    recording = tmp_path / "夏 $a_{$.wav"
    write_wave(recording, source)
    out = tmp_path / "out"
    model = str(tiny_restoration_model.folder)
    arguments = ["evaluate", model, str(recording), "--out", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "8000 Hz" in result.stdout
    assert "replication" in result.stdout
    values = json.loads((out / "results.json").read_text())
    assert values["sha256"] == tiny_restoration_model.sha256
    assert {row["method"] for row in values["rows"]} == {"band-limited", "replication", "air"}
    assert (out / "results.csv").read_text().startswith("recording,case,method,lsd,")
    assert (out / "夏 $a_{$.png").stat().st_size > 1000
    refused = CliRunner().invoke(app, [*arguments, "--routing"])
    assert refused.exit_code == 2
    assert "are for separators" in " ".join(refused.output.replace("│", "").split())


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", r"separation\.device: .*gpu"),
        pytest.param(
            "cuda",
            "device cuda: torch finds no GPU",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU"),
        ),
    ],
)
def test_a_device_that_is_not_there_is_named(
    tmp_path: Path, tiny_restoration_model: RestorationModel, device: str, message: str
) -> None:
    arguments = ["evaluate", str(tiny_restoration_model.folder), str(tmp_path), "--device", device]
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_recordings_of_one_name_are_told_apart(tmp_path: Path, source: Stereo) -> None:
    paths = [tmp_path / name for name in ("x/a/one.wav", "x/b/one.wav", "y/b/one.wav", "y/two.wav")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wave(path, source)
    recordings = find_recordings([tmp_path / "x"])
    assert [each.name for each in recordings] == ["a/one.wav", "b/one.wav"]
    assert [each.name for each in read_subjects(recordings, pytest.fail, excerpt_s=1.0)] == [
        "a/one.wav", "b/one.wav",
    ]  # fmt: skip
    recordings = find_recordings([tmp_path / "x", tmp_path / "y"])
    assert [each.path for each in recordings] == paths
    doubled = [str(path) for path in paths[1:3]]
    assert [each.name for each in recordings] == ["a/one.wav", *doubled, "two.wav"]


def test_recordings_of_one_name_get_pictures_of_their_own() -> None:
    paths = [Path(name) for name in ("a/one.wav", "b/ONE.flac", "a/two.wav")]
    first, second, third = picture_names([Recording(path, path.name) for path in paths])
    assert third == "two.png"
    assert first.startswith("one~")
    assert first.lower() != second.lower()
