"""Chapters, cue sheets and markers, for which a stem file has no place: they are named as lost."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen.flac import FLAC, CueSheet, CueSheetTrack

from libsep.media.tags import read_tags

from .conftest import make_audio

CHAPTERS = "chapters have no place in a stem file: dropped"


@pytest.mark.parametrize("flags", ["+disable_chpl", "+faststart"])
@pytest.mark.parametrize("ending", ["m4a", "mp4"])
def test_chapters_of_mp4_are_named_in_a_track_as_in_a_list(
    flags: str, ending: str, tmp_path: Path
) -> None:
    """A track of texts is what Apple's programs write, a list (``chpl``) that of Nero."""
    listed = tmp_path / "chapters.txt"
    listed.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=100\ntitle=One\n")
    options = ("-i", str(listed), "-map", "0:a", "-map_chapters", "1", "-movflags", flags)
    path = make_audio(tmp_path / f"a.{ending}", *options, "-c:a", "aac")
    assert read_tags(path).problems == (CHAPTERS,)


def test_a_cue_sheet_of_flac_is_named(audio: Callable[[str], Path]) -> None:
    path = audio("flac")
    file, sheet = FLAC(path), CueSheet(None)
    sheet.tracks += [CueSheetTrack(1, 0), CueSheetTrack(170, 13_230)]
    file.metadata_blocks.append(sheet)
    file.save()
    assert len(FLAC(path).cuesheet.tracks) == 2
    assert read_tags(path).problems == ("a cue sheet has no place in a stem file: dropped",)


@pytest.mark.parametrize(
    ("ending", "chunk"),
    [
        ("wav", struct.pack("<4sII", b"cue ", 4 + 2 * 24, 2) + bytes(2 * 24)),
        ("aiff", struct.pack(">4sIH", b"MARK", 2 + 2 * 8, 2) + bytes(2 * 8)),
    ],
)
def test_markers_of_wav_and_aiff_are_counted(
    ending: str, chunk: bytes, audio: Callable[[str], Path]
) -> None:
    path = audio(ending)
    data = path.read_bytes()
    order = "<" if ending == "wav" else ">"
    size = struct.pack(f"{order}I", len(data) + len(chunk) - 8)
    path.write_bytes(data[:4] + size + data[8:] + chunk)
    assert read_tags(path).problems == ("markers (2) have no place in a stem file: dropped",)
