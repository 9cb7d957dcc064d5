"""Pages lead somewhere, are short enough to be read, and name only what exists."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
import yaml
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.cli.reference import commands
from libsep.config import (
    Config,
    DistillationConfig,
    GenreTrainingConfig,
    Section,
    TrainingConfig,
    parse,
)
from libsep.datasets.song_list import SongList
from libsep.errors import ConfigError
from libsep.separation.registry import ModelInfo
from libsep.track import TARGETS

ROOT = Path(__file__).parents[1]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "SECURITY.md", *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.md")]
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as the usual renderers make them."""
    texts = _HEADING.findall(page.read_text(encoding="utf-8"))
    plain = (re.sub(r"[^\w\- ]", "", text.lower()) for text in texts)
    return {text.replace(" ", "-") for text in plain}


def test_what_a_page_links_to_is_in_the_source_distribution() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = settings["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    packed = {(ROOT / part.lstrip("/")).resolve() for part in parts}
    assert {path for path in packed if not path.exists()} == set()
    goals = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in _LINK.findall(page.read_text(encoding="utf-8"))
        if "://" not in link and not link.startswith(("#", "mailto:"))
    }
    goals |= {ROOT / name for name in ("Makefile", "deploy/constraints.txt", ".ci/run")}
    assert {goal for goal in goals if not packed & {goal, *goal.parents}} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        goal = (page.parent / name) if name else page
        if not goal.exists() or (anchor and anchor not in anchors(goal)):
            broken.append(link)
    assert broken == []


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert [line for line in lines if len(line) > 160] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        links = (link.partition("#")[0] for link in _LINK.findall(page.read_text(encoding="utf-8")))
        goals = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
        todo += goals - seen
    assert {page for page in ROOT.glob("docs/*.md") if page not in seen} == set()


def test_files_that_the_page_for_developers_names_exist() -> None:
    text = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.[a-z]+)?|[a-z_]+\.py)`", text))
    places = (ROOT, ROOT / "libsep")
    assert len(names) > 20
    assert {name for name in names if not any((place / name).exists() for place in places)} == set()


@pytest.fixture(scope="module")
def helps() -> dict[str, str]:
    """Return what each command says of itself."""
    said = {"libsep": CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output}
    for _, context in commands():
        words = context.command_path.split()[1:]
        output = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).output
        said[context.command_path] = output
    return said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_libsep_exists(page: Path, helps: dict[str, str]) -> None:
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    unknown = []
    for line in lines:
        match = re.match(r"(?:\$ )?(libsep(?: models)? [a-z]+)\b([^|#]*)", line.strip())
        if match is None or match.group(1) not in helps:
            continue
        options = re.findall(r"(?<![\w-])--?[a-z][a-z-]*", match.group(2))
        unknown += [f"{match.group(1)} {o}" for o in options if o not in helps[match.group(1)]]
    assert unknown == []


FILES: tuple[type[Section], ...] = (
    Config,
    DistillationConfig,
    TrainingConfig,
    GenreTrainingConfig,
    SongList,
    ModelInfo,
)
"""What the YAML in the pages may be."""

NOT_MADE = [page for page in PAGES if page.name != "settings.md"]

KNOWN_OF_A_MODEL = {"architecture": "unet", "arguments": {}, "sample_rate": 44100}
"""What ``libsep train`` and ``chain`` fill in themselves, in a description."""


def is_a_file_of_libsep(values: dict[str, object]) -> bool:
    cascade = KNOWN_OF_A_MODEL | {"name": "mine", "licence": "MIT", "targets": TARGETS} | values
    for section in FILES:
        try:
            parse(section, cascade if section is ModelInfo else values, origin="page")
        except ConfigError:
            continue
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_yaml_in_a_page_is_a_file_that_libsep_reads(page: Path) -> None:
    texts = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert [text for text in texts if not is_a_file_of_libsep(yaml.safe_load(text))] == []


@pytest.mark.parametrize("page", NOT_MADE, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    unknown = []
    for name in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)\b", page.read_text(encoding="utf-8")):
        first, *inner = name.split(".")
        known = [root for root in FILES if first in root.model_fields and root is not ModelInfo]
        if known and not any(names_a_setting(root, [first, *inner]) for root in known):
            unknown.append(name)
    assert unknown == []


def names_a_setting(root: type[Section], parts: list[str]) -> bool:
    for part in parts:
        if part not in root.model_fields:
            return False
        annotation = root.model_fields[part].annotation
        inner = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]
        root = next((each for each in inner if issubclass(each, Section)), Section)
    return True


def test_the_page_of_benchmarks_names_every_script() -> None:
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `([a-z_]+\.py)` \|", text, re.MULTILINE))
    programs = {
        path.name for path in ROOT.glob("benchmarks/*.py") if "__main__" in path.read_text("utf-8")
    }
    assert named == programs


def test_what_is_new_stands_in_groups_and_once() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    new = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    kinds = re.split(r"^### ", new, flags=re.MULTILINE)[1:]
    assert [
        kind.split("\n- ")[0] for kind in kinds if "\n\n#### " not in kind.split("\n- ")[0]
    ] == []
    begins = [line[:40] for line in new.splitlines() if line.startswith("- ")]
    assert sorted(set(begins)) == sorted(begins)
