"""``libsep run --playlist`` as far as it goes without Ray."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml


def test_a_playlist_is_converted_instead_of_the_library(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    usb = tmp_path / "usb"
    usb.mkdir()
    shutil.copy(library / "One.mp3", usb / "Guest.mp3")
    playlist = tmp_path / "set.m3u8"
    playlist.write_text("music/三.ogg\nD:\\DJ\\Guest.mp3\ngone.mp3\n", encoding="utf-8")
    values = yaml.safe_load(config_file.read_text())
    config_file.write_text(yaml.safe_dump(values | {"library": {"path_map": {"D:/DJ": str(usb)}}}))
    stems = tmp_path / "stems"
    arguments = ("run", library, stems, "--config", config_file, "--playlist", playlist)
    ended = libsep(*arguments, "--dry-run", "--json")
    assert ended.code == 0, ended.err
    guest = Path("Outside the library", *(usb / "Guest.mp3").resolve().parts[1:])
    assert [each["source"] for each in ended.json["work"]] == ["三.ogg", str(guest)]
    (left_out,) = ended.json["left_out"]
    assert (left_out["reason"], left_out["count"]) == ("named by a list, but not there", 1)
    assert left_out["kinds"] == {"set.m3u8": 1}
    (problem,) = ended.json["problems"]
    assert problem["path"] == str(tmp_path / "gone.mp3")
    assert problem["reason"] == "named by a list, but not there (set.m3u8)"
    beside = libsep(*arguments, "--with-library", "--dry-run", "--json")
    assert beside.code == 0, beside.err
    sources = [each["source"] for each in beside.json["work"]]
    assert len(sources) == len(set(sources))
    assert {"三.ogg", "One.mp3", str(guest)} < set(sources)
    assert [each for each in sources if each.startswith("Outside")] == [str(guest)]
    assert not stems.exists()


def test_wishes_without_a_list_are_an_error(
    libsep: Callable[..., Any], library: Path, tmp_path: Path
) -> None:
    config = tmp_path / "wishes.yaml"
    config.write_text("library: {min_rating: 4}\n")
    ended = libsep("run", library, tmp_path / "stems", "--config", config, "--dry-run")
    assert ended.code == 2
    assert "need a --playlist" in ended.err
    ended = libsep("run", library, tmp_path / "stems", "--with-library", "--dry-run")
    assert ended.code == 2
    assert "--with-library is for --playlist" in ended.err
    ended = libsep("run", "s3://x/y", tmp_path / "stems", "--playlist", "a.m3u", "--dry-run")
    assert ended.code == 2
    assert "--playlist needs a library on this machine" in ended.err
