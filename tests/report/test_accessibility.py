"""The report for everybody: contrast, names, heads of tables, and paper."""

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from ..contrasts import CONTRASTS
from ..processes import wait_until
from .pages import converted, failed, names, report_on

REACHED = ".sideways[tabindex='0']"
"""What scrolls and can be focused by keys: told to by the page once it has been laid out."""

OUT_OF_REACH = """() => [...document.querySelectorAll("body *")].filter((each) => {
  const { overflowX, overflowY } = getComputedStyle(each);
  const scrolls = (way, room, content) => ["auto", "scroll"].includes(way) && content > room;
  return (scrolls(overflowX, each.clientWidth, each.scrollWidth) ||
      scrolls(overflowY, each.clientHeight, each.scrollHeight)) &&
    each.tabIndex < 0 && !each.querySelector("button, a, input");
}).map((each) => each.outerHTML.slice(0, 60))"""
"""What scrolls, and can be scrolled by no key: nothing in it takes the focus."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(page: Page, report: Path, scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(report.as_uri())
    page.click("button.signal:has-text('cut off')")
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark))) < 150) == (scheme == "dark")
    assert page.evaluate(CONTRASTS) == []
    page.locator("tr[data-index='0'] button").click()
    assert page.evaluate(CONTRASTS) == []


def test_everything_has_a_name_and_tables_have_heads(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, svg[role=img]")]
        .filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).length"""
    )
    assert nameless == 0
    assert page.evaluate("document.querySelectorAll('th:not([scope])').length") == 0
    assert page.evaluate("document.documentElement.lang") == "en"
    table = page.locator("#table")
    assert table.get_attribute("aria-rowcount") == "207"
    assert page.locator("#body tr[aria-rowindex]").first.get_attribute("aria-rowindex") == "2"


def test_a_phone_scrolls_down_only(page: Page, tmp_path: Path) -> None:
    long = {"genre": "Progressive_electronica", "duration_s": 4_000_000.0}
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(report_on(tmp_path, [converted(0, **long), converted(1)]).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    heights = page.locator(".chart .tick").evaluate_all(
        "all => all.map((each) => each.getBoundingClientRect().height)"
    )
    assert min(heights) > 7, "figures are large enough to be read"


def test_what_scrolls_can_be_scrolled_by_keys(page: Page, tmp_path: Path) -> None:
    """Safari gives the focus to nothing that scrolls unless it is told."""
    rows = [converted(0), failed("a/b.mp3", "moov atom not found\n" * 40)]
    page.set_viewport_size({"width": 375, "height": 667})
    page.goto(report_on(tmp_path, rows).as_uri())
    # The speed, the genres and the failures are wider than a phone.
    wait_until(lambda: page.locator(REACHED).count() == 3)
    assert page.evaluate(OUT_OF_REACH) == []
    page.locator(REACHED).first.focus()
    page.keyboard.press("ArrowRight")
    wait_until(lambda: page.evaluate("document.activeElement.scrollLeft > 0"))
    page.locator("#body td.name button", has_text="b.mp3").click()
    page.locator("#detail-body pre[tabindex='0']").wait_for()
    assert page.evaluate(OUT_OF_REACH) == []
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1280, "height": 800})
    wait_until(lambda: page.locator(".sideways[tabindex]").count() == 0)


def test_a_long_name_keeps_its_beginning_whichever_way_it_runs(page: Page, tmp_path: Path) -> None:
    rows = [
        converted(0, source=f"a/{'שיר ארוך ' * 20}.mp3"),
        converted(1, source=f"a/{'b ' * 200}.mp3"),
    ]
    page.goto(report_on(tmp_path, rows).as_uri())
    for row in page.locator("#body td.name").all():
        cell, name = row.bounding_box(), row.locator("button > bdi").first.bounding_box()
        assert cell
        assert name
        assert name["x"] + name["width"] <= cell["x"] + cell["width"]
    ways = page.locator("#body button > bdi").evaluate_all(
        "all => all.map((each) => getComputedStyle(each).direction)"
    )
    assert sorted(ways) == ["ltr", "rtl"]


def test_it_prints_more_than_the_screen_shows(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    assert len(names(page)) < 60
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert len(names(page)) == 206
    assert not page.locator(".tools").is_visible()
    page.set_viewport_size({"width": 640, "height": 900})  # a sheet of paper, and no phone
    chart = page.locator(".chart.wide").bounding_box()
    assert chart
    assert chart["x"] + chart["width"] <= 640
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert len(names(page)) < 60
    page.emulate_media(media="null")
    document = page.pdf(prefer_css_page_size=True)
    assert document.startswith(b"%PDF")
    # Print lays out 206 rows of at least 4 mm on pages of 186 mm, behind two of figures.
    assert len(re.findall(rb"/Type\s*/Page\b", document)) >= 5
