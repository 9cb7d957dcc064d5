"""Pages lead somewhere, are short enough to be read, and name only what exists."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.cli.reference import commands

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_of_libsep_exists(page: Path) -> None:
    helps = {"libsep": CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200"}).output}
    for _, context in commands():
        words = context.command_path.split()[1:]
        output = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).output
        helps[context.command_path] = output
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


def test_what_is_new_stands_in_groups_and_once() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    new = re.split(r"^## ", text, flags=re.MULTILINE)[1]
    kinds = re.split(r"^### ", new, flags=re.MULTILINE)[1:]
    assert [
        kind.split("\n- ")[0] for kind in kinds if "\n\n#### " not in kind.split("\n- ")[0]
    ] == []
    begins = [line[:40] for line in new.splitlines() if line.startswith("- ")]
    assert sorted(set(begins)) == sorted(begins)
