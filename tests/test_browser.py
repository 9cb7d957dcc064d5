"""The browser of the tests itself, and what pages may ask of others."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

import libsep

from . import browser as browsers

NEWER = (
    r"color-mix\(|oklch\(|light-dark\(|@container|@layer|@scope|scrollbar-gutter|text-wrap:",
    r"\(\?<[=!]|/v\b|structuredClone|\binert\b|popover|startViewTransition|showPicker",
    r"Object\.groupBy|Promise\.(withResolvers|try)|\.(toSorted|toSpliced|toReversed|with)\(",
    r"Array\.fromAsync|AbortSignal\.(any|timeout)|requestIdleCallback|scrollend|URL\.canParse",
)
"""What Safari 15.4 has not, and 16.4 has only in part, of what Chromium has."""


def test_scripts_of_a_page_run(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<button onclick='this.textContent = 6 * 7'>0</button>")
    page.goto(file.as_uri())
    page.click("button")
    assert page.text_content("button") == "42"


def test_a_page_that_fails_or_looks_outside_fails_its_test(
    browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text("<script>fetch('https://example.org/x').catch(() => 0); oops()</script>")
    steps = browsers.page.__wrapped__(browser)
    opened = next(steps)
    opened.goto(file.as_uri())
    opened.wait_for_timeout(100)
    with pytest.raises(pytest.fail.Exception) as failed:
        next(steps)
    assert "oops is not defined" in str(failed.value)
    assert "asks for https://example.org/x" in str(failed.value)


def test_without_a_browser_the_reason_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv(browsers.VARIABLE, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        next(browsers.browser.__wrapped__())


def test_pages_ask_for_nothing_that_safari_learned_late() -> None:
    """No Safari runs in the tests; 15.4, of 2022, is the first one that has dialogs."""
    root = Path(libsep.__file__).parent
    pages = [each for kind in ("js", "css", "html", "j2") for each in root.rglob(f"*.{kind}")]
    assert len(pages) > 15
    found = [
        f"{page.name}: {match[0]}"
        for page in pages
        for newer in NEWER
        for match in re.finditer(newer, page.read_text(encoding="utf-8"))
    ]
    assert found == []
