"""Make the pasted outputs of the pages anew: python -m benchmarks.pasted [--home FOLDER] [PAGE...].

A block of a page that begins with ``<!-- made by benchmarks/pasted.py -->`` holds commands and what
they print. They run in a home of their own, on the demo library (``~/Music``) and its stem files
(``~/Stems``), which are made if they are not there; a test compares the lines with what the
commands print now. Other blocks with output are samples, and say why they are not made again.
"""

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])

MADE = "<!-- made by benchmarks/pasted.py -->"
SAMPLE = "<!-- a sample: "

_PROGRAM = "from libsep.cli.app import main; main()"

SHOWN_HOME = "/home/dj"

_BLOCK = re.compile(rf"(?<={re.escape(MADE)}\n```console\n).*?(?=```)", re.DOTALL)
_NAME = re.compile(r"((?:0/0 )?(?:done|up to date|failed|wrote)) .*?\.(?:stem\.mp4|\w{2,4})\b")
_DEVICE = re.compile(r"\w+ on CPU.*")


def blocks(page: Path) -> list[list[tuple[str, str]]]:
    """Return the made blocks of a page: commands, each with the lines that it printed."""
    return [_pairs(text) for text in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def shape(line: str) -> str:
    """Return what is the same in each run: no figures, names, paths, devices or table cells."""
    line = re.sub(r"^\S.*\.stem\.mp4$", "NAME", line.strip())
    line = re.sub(r"\d+(?:[.:]\d+)*(?: [kMG]B)?", "0", line)
    line = _DEVICE.sub("DEVICE", _NAME.sub(r"\1 NAME", line))
    line = re.sub(r"(?<![\w×])/\S+", "PATH", line)
    line = re.sub(r"\b(\w+)s\b", r"\1", line)  # one track, two tracks
    return re.split(r"\s{2,}", line)[0]


@cache
def said() -> str:
    """Return every text in the sources of libsep, as they are put together from parts."""
    texts = []
    for path in (ROOT / "libsep").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def _pairs(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def _run(command: str, home: Path) -> str:
    program = f'libsep() {{ "{sys.executable}" -c "{_PROGRAM}" "$@"; }}'
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{program}; {command}"],
        cwd=home,
        env=os.environ | {"HOME": str(home), "COLUMNS": "150", "NO_COLOR": "1", "LANG": "C.UTF-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    shown = ended.stdout.replace(str(home), SHOWN_HOME)
    return "".join(f"{line.rstrip()}\n" for line in shown.splitlines() if line.strip())


def _make_anew(page: Path, home: Path) -> None:
    def made(match: re.Match[str]) -> str:
        pairs = _pairs(match.group())
        return "".join(f"$ {command}\n{_run(command, home)}" for command, _ in pairs)

    text = page.read_text(encoding="utf-8")
    page.write_text(_BLOCK.sub(made, text), encoding="utf-8")
    print(f"{page.relative_to(ROOT)}: {len(_BLOCK.findall(text))} blocks")


def main() -> None:
    """Run the commands of all pages, or of those that are named; the README's come first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="where ~/Music and ~/Stems are, or are made")
    parser.add_argument("pages", nargs="*", type=Path, default=PAGES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        home = (options.home or Path(scratch)).resolve()
        if not (home / "Music").exists():
            _run("libsep demo ~/Music", home)
        for page in options.pages:
            _make_anew(page.resolve(), home)


if __name__ == "__main__":
    main()
