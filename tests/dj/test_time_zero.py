"""Cues and grids in a stem file, by where its source and the programs begin to count time."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.dj.collection import Collection, Entry
from libsep.dj.rekordbox import read_rekordbox
from libsep.dj.stems import moved
from libsep.dj.traktor import read_traktor
from libsep.media.tags.serato_cues import GridMarker

from ..media.test_edit_list import with_gapless_tag
from .conftest import MakeMp3, MakeStem
from .test_collections import NML, REKORDBOX

run = CliRunner().invoke


def test_rekordbox_counts_the_silence_of_the_encoder_of_aac(
    make_stem: MakeStem, ffmpeg: Path, tmp_path: Path
) -> None:
    """Its edit list is not heeded (`time_zero`): 2112 samples in our AAC, none in ALAC."""
    make_stem("a/one.m4a")
    stems = make_stem("b/one.wav", codec="alac").parents[1]
    (stems / ".libsep").mkdir()
    (stems / ".libsep" / "library").write_text(str(tmp_path / "music"), encoding="utf-8")
    source = tmp_path / "music" / "a" / "one.m4a"
    source.parent.mkdir(parents=True)
    command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1", "-ar", "48000", source]
    subprocess.run(command, check=True)
    text = REKORDBOX.replace("a%20b/one%231.mp3", "a/one.m4a")
    (track,) = re.findall(r"<TRACK TrackID.*?</TRACK>", text, re.DOTALL)
    wav = track.replace("a/one.m4a", "b/one.wav")
    (tmp_path / "rekordbox.xml").write_text(text.replace(track, track + wav), encoding="utf-8")
    into_rekordbox, into_traktor = (
        [entry.cues[0].position_s for entry in entries]
        for entries in (
            _exported(stems, tmp_path, "rekordbox", read_rekordbox),
            _exported(stems, tmp_path, "traktor", read_traktor),
        )
    )
    in_source_s, in_stem_s = 1024 / 48000, 2112 / 44100
    assert into_rekordbox == pytest.approx([30.02 - in_source_s + in_stem_s, 30.02], abs=6e-4)
    assert into_traktor == pytest.approx([30.02 - in_source_s, 30.02], abs=1e-6)


@pytest.mark.parametrize("is_listed", [False, True])
def test_the_silence_of_an_m4a_of_itunes_is_subtracted_too(
    is_listed: bool, make_stem: MakeStem, ffmpeg: Path, tmp_path: Path
) -> None:
    """It has no edit list, but a tag that says how long it is; ffmpeg drops what that says."""
    stems = make_stem("a/one.m4a").parents[1]
    (stems / ".libsep").mkdir()
    (stems / ".libsep" / "library").write_text(str(tmp_path / "music"), encoding="utf-8")
    source = tmp_path / "music" / "a" / "one.m4a"
    source.parent.mkdir(parents=True)
    command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1:sample_rate=44100", source]
    subprocess.run(command, check=True)
    with_gapless_tag(source, 2112, 4410, 6522, is_listed=is_listed)
    text = REKORDBOX.replace("a%20b/one%231.mp3", "a/one.m4a")
    (tmp_path / "rekordbox.xml").write_text(text, encoding="utf-8")
    (entry,) = _exported(stems, tmp_path, "traktor", read_traktor)
    in_source = 1024 if is_listed else 2112
    assert entry.cues[0].position_s == pytest.approx(30.02 - in_source / 44100, abs=1e-6)


def _exported(
    stems: Path, folder: Path, program: str, read: Callable[[Path], Collection]
) -> tuple[Entry, ...]:
    arguments = ["export", str(stems), "--to", program, "-o", str(folder / program)]
    result = run(app, [*arguments, "--collection", str(folder / "rekordbox.xml")])
    assert result.exit_code == 0, result.output
    return read(folder / program).entries


@pytest.mark.parametrize(
    ("header", "traktor_s", "rekordbox_s"),
    [
        ("none", 30.02025, 30.02),
        ("plain", 30.02025 - 0.026122 - 0.025057, 30.02 - 0.025057),
        ("unverified", 30.02025 - 0.026122 - 0.025057, 30.02 - 0.025057),
        ("lame", 30.02025 - 0.026122 - 0.025057, 30.02 - 0.026122 - 0.025057),
    ],
)
def test_cues_of_an_mp3_move_as_its_header_asks(
    header: str, traktor_s: float, rekordbox_s: float, stems: Path, tmp_path: Path, mp3: MakeMp3
) -> None:
    """By the frames that programs count (`time_zero`), and by what ffmpeg drops, 1105 samples."""
    mp3(header, tmp_path / "music" / "a" / "one.mp3")
    (stems / ".libsep").mkdir()
    (stems / ".libsep" / "library").write_text(str(tmp_path / "music"), encoding="utf-8")
    (tmp_path / "collection.nml").write_text(NML, encoding="utf-8")
    rekordbox = REKORDBOX.replace("a%20b/one%231.mp3", "a/one.mp3")
    (tmp_path / "rekordbox.xml").write_text(rekordbox, encoding="utf-8")
    for name, expected_s in (("collection.nml", traktor_s), ("rekordbox.xml", rekordbox_s)):
        result = run(
            app,
            ["export", str(stems), "--to", "traktor", "--collection", str(tmp_path / name)],
        )
        assert result.exit_code == 0, result.output
        assert "could not be looked at" not in result.output
        (one,) = (e for e in read_traktor(stems / "stems.nml").entries if "one" in e.location)
        assert one.cues[0].position_s == pytest.approx(expected_s, abs=1e-5)


def test_a_grid_that_is_moved_below_zero_counts_its_beats_on() -> None:
    marker = GridMarker(position_s=0.01, bpm=120.0, meter=(3, 4), beat=3)
    (later,) = moved(Entry(location="/b", grid=(marker,)), -0.026).grid
    assert (later.position_s, later.beat) == (pytest.approx(0.484), 1)
    (stays,) = moved(Entry(location="/b", grid=(marker,)), -0.01).grid
    assert (stays.position_s, stays.beat) == (0.0, 3)
