"""The recording of a terminal that the README shows."""

import re
from pathlib import Path

from defusedxml import ElementTree

from libsep.cli.subcommands import NAMES

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "recording.svg"
SVG = "{http://www.w3.org/2000/svg}"


def test_the_recording_shows_commands_that_exist_and_asks_for_nothing_from_elsewhere() -> None:
    text = PICTURE.read_text(encoding="utf-8")
    tree = ElementTree.fromstring(text)
    lines = ["".join(node.itertext()).replace("\xa0", " ") for node in tree.iter(f"{SVG}text")]
    typed = [match[1] for line in lines if (match := re.match(r"\$ libsep ([a-z]+)", line))]
    assert typed[:2] == ["demo", "run"]
    assert set(typed) <= set(NAMES)
    assert any("converted" in line for line in lines)
    assert re.findall(r"(?:url\(|href=)[\"']?https?:", text) == []
    assert PICTURE.stat().st_size < 150_000


def test_the_script_that_records_types_what_the_picture_shows() -> None:
    script = (ROOT / "benchmarks" / "recording.py").read_text(encoding="utf-8")
    picture = PICTURE.read_text(encoding="utf-8").replace("&#160;", " ")
    commands = re.findall(r'^    "(libsep .+)",$', script, re.MULTILINE)
    assert len(commands) == 4
    assert [command for command in commands if command not in picture] == []
