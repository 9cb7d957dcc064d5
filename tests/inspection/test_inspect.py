"""One stem file as a sheet and as a picture."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.errors import ProbeError
from libsep.inspection.findings import inspect
from libsep.inspection.picture import FLOOR_DB, N_FFT, Outline, draw
from libsep.media.sheet import read_sheet
from libsep.media.tags import Fingerprint, Tags, write_tags

from ..conftest import tone
from ..media.conftest import write_stem_file

FINGERPRINT = Fingerprint(
    source="a.flac", audio_sha256="a" * 64, tags_sha256="b" * 64, model="generic",
    model_sha256="c" * 64, config_sha256="d" * 64, size_bytes=1, mtime_ns=2, duration_s=2.0,
    genre="jazz", run="r1",
)  # fmt: skip


@pytest.fixture(scope="module")
def stem_file(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    """Return two seconds of four tones, whose sum is the mixture, lossless."""
    stems = np.stack([tone(hertz, 2.0, 0.1) for hertz in (100.0, 1000.0, 5000.0, 12_000.0)])
    sources = np.concatenate([stems.sum(axis=0)[None], stems]).astype(np.float32)
    path: Path = tmp_path_factory.mktemp("one") / "A [x] $1.stem.mp4"
    write_stem_file(path, sources, ffmpeg, codec="alac")
    write_tags(path, Tags(fields={"title": ("Größe [bold]",)}), fingerprint=FINGERPRINT)
    return path


def test_the_sheet_says_what_the_file_holds(stem_file: Path, ffmpeg: Path) -> None:
    found = inspect(stem_file, ffmpeg=ffmpeg)
    assert [stream.name for stream in found.streams] == [
        "Mixture", "Drums", "Bass", "Other", "Vocals",
    ]  # fmt: skip
    assert [stream.is_enabled for stream in found.streams] == [True, False, False, False, False]
    assert {(s.codec, s.sample_rate, s.n_samples) for s in found.streams} == {
        ("alac", 44100, 88200)
    }
    total = sum(stream.bitrate_kbps for stream in found.streams) * 1000 / 8 * found.duration_s
    assert 0.9 * found.size_bytes < total < found.size_bytes
    assert found.fingerprint == FINGERPRINT
    assert found.manifest is not None
    assert found.report.is_conformant
    assert len(bytes.fromhex(found.mixture_sha256)) == hashlib.sha256().digest_size


def test_the_command_prints_it_for_people_and_programs(stem_file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "new" / "p.png"
    shown = CliRunner().invoke(app, ["inspect", str(stem_file), "--plot", str(picture)])
    assert shown.exit_code == 0, shown.output
    for text in (str(stem_file), "Größe [bold]", "88,200", "a" * 64, "Drums #009E73", "conforms"):
        assert text in shown.output
    assert "\x1b[" not in shown.output
    result = CliRunner().invoke(app, ["inspect", str(stem_file), "--json"])
    values = json.loads(result.stdout)
    assert values["tags"]["title"] == ["Größe [bold]"]
    assert values["fingerprint"]["run"] == "r1"
    assert values["verification"]["is_conformant"]
    with Image.open(picture) as image:
        assert image.size[0] > 1000


def test_a_file_that_breaks_a_rule_is_shown_and_exits_with_1(
    stem_file: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "b.stem.mp4"
    broken.write_bytes(stem_file.read_bytes().replace(b'"version": 1', b'"version": 9'))
    shown = CliRunner().invoke(app, ["inspect", str(broken)])
    assert shown.exit_code == 1
    assert "verification broken" in shown.output


def test_what_is_no_stem_file_is_an_error(tmp_path: Path, ffmpeg: Path) -> None:
    (tmp_path / "x.stem.mp4").write_text("Dear reader")
    with pytest.raises(ProbeError, match="no whole stem file"):
        inspect(tmp_path / "x.stem.mp4", ffmpeg=ffmpeg)


def test_the_picture_shows_each_tone_in_its_row(
    stem_file: Path, tmp_path: Path, ffmpeg: Path
) -> None:
    null_db = draw(read_sheet(stem_file), tmp_path / "p.png", ffmpeg=ffmpeg)
    assert null_db < -120  # lossless: the rounding of five streams to 24 bits
    pixels = np.asarray(Image.open(tmp_path / "p.png").convert("RGB")).astype(int)
    blue_ish = np.abs(pixels - (0x56, 0xB4, 0xE9)).sum(axis=2) < 30
    rows = np.flatnonzero(blue_ish.any(axis=1)) / len(pixels)
    assert 0.5 < rows.mean() < 0.75  # the fifth of seven rows


def test_a_picture_of_a_track_in_any_script_is_drawn_without_a_warning(
    stem_file: Path, tmp_path: Path
) -> None:
    japanese = tmp_path / "夏の電車 $x_{$.stem.mp4"
    japanese.hardlink_to(stem_file)
    shown = CliRunner().invoke(app, ["inspect", str(japanese), "--plot", str(tmp_path / "p.png")])
    assert shown.exit_code == 0, shown.output


def test_a_stem_file_that_is_named_for_the_picture_is_left_as_it_is(
    stem_file: Path, tmp_path: Path
) -> None:
    """As in ``inspect --plot *.stem.mp4``."""
    first = tmp_path / "a.stem.mp4"
    first.write_bytes(stem_file.read_bytes())
    shown = CliRunner().invoke(app, ["inspect", "--plot", str(first), str(stem_file)])
    assert "a.stem.mp4: exists, and is no such file" in str(shown.exception)
    assert first.read_bytes() == stem_file.read_bytes()


@pytest.mark.parametrize("n_samples", [N_FFT, 44_100, 1_000_000])
def test_a_tone_has_its_level_at_its_frequency_however_it_is_cut(n_samples: int) -> None:
    hertz = 44_100 / N_FFT * 100
    signal = tone(hertz, n_samples / 44_100 + 0.1, 0.5)[:, :n_samples].astype(np.float32)
    outlines = []
    for block in (n_samples, 7001):
        outline = Outline(n_samples)
        for start in range(0, n_samples, block):
            outline.add(signal[:, start : start + block])
        outlines.append(outline)
    first, second = outlines
    np.testing.assert_allclose(first.spectrogram_db, second.spectrogram_db, atol=1e-6)
    np.testing.assert_array_equal(first.high, second.high)
    assert first.spectrogram_db[:, 100] == pytest.approx(-6.02, abs=0.05)
    assert first.spectrogram_db[:, 400:].max() < FLOOR_DB + 1
    assert first.rms_db() == pytest.approx(-9.03, abs=0.05)
    assert max(first.high) == pytest.approx(0.5, abs=0.01)


def test_without_matplotlib_the_error_says_what_to_install(
    stem_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "libsep.inspection.picture", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    shown = CliRunner().invoke(app, ["inspect", str(stem_file), "--plot", str(tmp_path / "p.png")])
    assert "pip install 'libsep[evaluate]'" in str(shown.exception)
