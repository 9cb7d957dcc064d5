"""Collections, crates and stem files of which a part cannot be read: what is said, what goes on."""

import datetime
import plistlib
import struct
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.dj.collection import Entry
from libsep.dj.m3u_lists import is_own_list
from libsep.dj.read import read_collection
from libsep.dj.rekordbox import read_rekordbox
from libsep.dj.serato import read_crate
from libsep.dj.traktor import read_traktor, write_traktor
from libsep.errors import ConfigError

from .conftest import MakeStem
from .test_collections import REKORDBOX


def _field(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">4sI", kind, len(content)) + content


def _crate(path: bytes) -> bytes:
    return _field(b"vrsn", b"") + _field(b"otrk", _field(b"ptrk", path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_crate(b"\0a\0"), "the crate is damaged: a path is no UTF-16"),
        (_crate(b"\0a") + b"otr", "the crate is cut short"),
        (None, "cannot be read: Is a directory"),
    ],
)
def test_a_crate_that_cannot_be_read_is_an_error_in_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "a.crate"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"a.crate: {message}$"):
        read_crate(path)


def test_a_crate_of_windows_keeps_its_drive(tmp_path: Path) -> None:
    path = tmp_path / "a.crate"
    path.write_bytes(_crate("D:\\Music\\a.mp3".encode("utf-16-be")))
    assert [entry.location for entry in read_crate(path).entries] == ["D:/Music/a.mp3"]


def test_a_property_list_that_is_no_library_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "settings.xml"
    for content in ({"Volume": 3}, [1, 2]):
        path.write_bytes(plistlib.dumps(content))
        with pytest.raises(ConfigError, match="expected a library of iTunes, found another prop"):
            read_collection(path)


def test_cues_and_beats_without_a_place_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rekordbox.xml"
    for old, new in (('Start="30.020"', ""), ('Type="0"', 'Type="77"'), ("Inizio", "Was")):
        text = REKORDBOX.replace(f'Name="Drop" {old}', f'Name="Drop" {new}')
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        (entry,) = read_rekordbox(path).entries
        assert (len(entry.cues), len(entry.grid)) == ((2, 0) if new == "Was" else (1, 1))


def test_a_place_with_a_drive_goes_to_traktor_and_back(tmp_path: Path) -> None:
    place = "D:/Stems/a/one.stem.mp4"
    root = write_traktor([Entry(location=place)], [], today=datetime.date(2026, 1, 1))
    (location,) = root.iter("LOCATION")
    assert (location.get("VOLUME"), location.get("DIR")) == ("D:", "/:Stems/:a/:")


def test_a_stem_file_whose_atoms_of_serato_are_damaged_is_listed_without_them(
    make_stem: MakeStem,
) -> None:
    path = make_stem("a.flac", serato={"markersv2": b"no cues", "beatgrid": b"no grid"})
    result = CliRunner().invoke(app, ["export", str(path.parent), "--to", "traktor"])
    assert result.exit_code == 0, result.output
    (entry,) = read_traktor(path.parent / "stems.nml").entries
    assert (entry.cues, entry.grid) == ((), ())


def test_a_list_whose_place_is_taken_by_a_folder_is_an_error_in_one_line(
    make_stem: MakeStem,
) -> None:
    folder = make_stem("a.flac").parent
    (folder / "stems.m3u8").mkdir()
    result = CliRunner().invoke(app, ["export", str(folder), "--to", "m3u"])
    assert str(result.exception) == f"{folder}/stems.m3u8: cannot be written: Is a directory"
    assert not is_own_list(folder / "stems.m3u8")
