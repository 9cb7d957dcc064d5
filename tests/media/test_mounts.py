"""A drive that is not mounted: nothing is written to the folder where it should be."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.errors import ConfigError
from libsep.media.mounts import expect_drive

from ..conftest import Encode, tone
from ..faults.causes import can_mount, small_disk, unmount
from ..processes import ended_here

Fstab = Callable[[Path], None]


@pytest.fixture
def fstab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fstab:
    """Return a function that lists a drive at a folder, beside what other lists hold."""
    path = tmp_path / "fstab"
    monkeypatch.setattr("libsep.media.mounts.FSTAB", path)

    def write(folder: Path) -> None:
        point = str(folder).replace(" ", r"\040")
        path.write_text(
            "# /dev/sda1 / ext4 defaults 0 1\n\nUUID=1 / ext4 defaults 0 1\n"
            f"/swapfile none swap sw 0 0\n//nas/music {point} cifs nofail,uid=dj 0 0\nodd\n"
        )

    return write


@pytest.mark.parametrize("name", ["stems", "my stems"])
def test_what_is_below_a_mount_point_of_which_the_drive_is_away_is_refused(
    fstab: Fstab, tmp_path: Path, name: str
) -> None:
    point = tmp_path / name
    fstab(point)
    told = f"no drive is mounted at {point}, where .*fstab has one"
    with pytest.raises(ConfigError, match=told):
        expect_drive(point / "a" / "b")  # the mount point is missing, too
    point.mkdir()
    (tmp_path / "link").symlink_to(point)
    for path in (point, point / "a", tmp_path / "link" / "a"):
        with pytest.raises(ConfigError, match=told):
            expect_drive(path)
    expect_drive(tmp_path / f"{name} of mine")  # begins alike


def test_a_drive_that_is_mounted_is_taken_empty_or_not(fstab: Fstab, tmp_path: Path) -> None:
    point = tmp_path / "drive"
    fstab(point)
    with small_disk(point, 1_000_000) as is_mounted:
        if not is_mounted:
            pytest.skip("nothing can be mounted here")
        expect_drive(point / "a")
    with pytest.raises(ConfigError, match="no drive is mounted"):
        expect_drive(point / "a")


def test_a_folder_that_is_bound_to_another_of_its_disk_is_mounted(
    fstab: Fstab, tmp_path: Path
) -> None:
    if not can_mount():
        pytest.skip("nothing can be mounted here")
    point = tmp_path / "my stems"
    for folder in (point, tmp_path / "folder"):
        folder.mkdir()
    fstab(point)
    subprocess.run(["mount", "--bind", tmp_path / "folder", point], check=True)
    try:
        expect_drive(point / "a")
    finally:
        unmount(point)


def test_a_folder_that_is_in_use_without_a_drive_is_taken(fstab: Fstab, tmp_path: Path) -> None:
    fstab(tmp_path / "home")
    (tmp_path / "home" / "dj").mkdir(parents=True)
    expect_drive(tmp_path / "home" / "stems")


def test_without_a_list_every_folder_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("libsep.media.mounts.FSTAB", tmp_path / "none")
    expect_drive(tmp_path / "stems")


def test_commands_write_nothing_to_the_mount_point(
    fstab: Fstab, tmp_path: Path, encode: Encode
) -> None:
    point = tmp_path / "drive"
    point.mkdir()
    fstab(point)
    music = tmp_path / "music"
    music.mkdir()
    tone_file = encode("music/tone.flac", tone(440.0, 1.0))
    for arguments in (
        ["run", music, point],
        ["run", point, tmp_path / "stems"],
        ["run", music, point / "stems", "--dry-run"],
        ["convert", tone_file, "--output", f"{point}/stems/"],
        ["convert", tone_file, "--output", point / "a.stem.mp4"],
        ["extract", tone_file, "--output", point / "extracted"],
        ["distil", music, "--teacher", "small", "--out", point / "student"],
        ["demo", point / "demo"],
    ):
        ended = ended_here(*arguments)
        assert ended.code == 2, arguments
        assert "no drive is mounted" in ended.err, arguments
    assert not list(point.iterdir())
    assert not (tmp_path / "stems").exists()
