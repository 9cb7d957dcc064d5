"""Which Python the Makefile takes, of those that a machine has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

WRONG = "#!/bin/sh\nexit 1\n"
"""What a Python does that is too old or too new, when it is asked for its version."""

RIGHT = f'#!/bin/sh\nexec {sys.executable} "$@"\n'


def commands(programs: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Return what ``make`` would do, or says, where only ``programs`` is on PATH."""
    make, false = shutil.which("make"), shutil.which("false")
    assert make is not None
    assert false is not None
    (programs / "false").symlink_to(false)
    return subprocess.run(
        [make, f"VENV={programs}/new", *arguments],
        cwd=ROOT,
        env={"PATH": f"{programs}", "HOME": "/home/dj"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("pythons", "taken"),
    [
        ({"python3": RIGHT, "python3.13": RIGHT}, "python3"),
        ({"python3": WRONG, "python3.11": RIGHT, "python3.12": RIGHT}, "python3.12"),
        ({"python3.14": RIGHT}, "python3.14"),
    ],
)
def test_the_environment_is_made_by_a_python_that_pytorch_has_wheels_for(
    tmp_path: Path, pythons: dict[str, str], taken: str
) -> None:
    for name, text in pythons.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    made = commands(tmp_path, "--dry-run", f"{tmp_path}/new/bin/python")
    assert f"\n{taken} -m venv {tmp_path}/new" in made.stdout, made.stderr


@pytest.mark.parametrize("arguments", [(), ("PYTHON=python3",)])
def test_a_machine_without_such_a_python_is_told_which_are(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "python3").write_text(WRONG)
    (tmp_path / "python3").chmod(0o755)
    told = commands(tmp_path, *arguments, f"{tmp_path}/new/bin/python")
    assert told.returncode != 0
    assert "libsep needs Python 3.11, 3.12, 3.13 or 3.14" in told.stderr
    assert "-m venv" not in told.stdout


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("~/My  Music, live", "/home/dj/My  Music, live"),
        ("/disk/a~/b", "/disk/a~/b"),
        ("music", "music"),
    ],
)
def test_a_folder_may_be_given_by_the_tilde_of_the_home_folder(
    tmp_path: Path, given: str, meant: str
) -> None:
    (tmp_path / "python3").write_text(RIGHT)
    (tmp_path / "python3").chmod(0o755)
    made = commands(tmp_path, "--dry-run", "run", f"MUSIC={given}", f"STEMS={given}/Stems")
    assert made.stdout.splitlines()[-1].strip().endswith(f'libsep run "{meant}" "{meant}/Stems"')
