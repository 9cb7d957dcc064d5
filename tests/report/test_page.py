"""The report in a real browser: what it shows, that it can be used, and that it holds much."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from libsep.errors import ConfigError
from libsep.ledger import Ledger
from libsep.library.omissions import Omissions, write_note
from libsep.library.reasons import LeftOut, Reason
from libsep.report.page import write_report

from ..processes import wait_until
from .pages import HOSTILE, converted, names, report_on

WAIT_MS = 300
"""More than the page waits after a key before it searches."""


def test_the_page_says_what_the_ledger_says(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    tiles = dict(
        zip(
            page.locator(".tile dt").all_text_contents(),
            page.locator(".tile dd:not(.note)").all_text_contents(),
            strict=True,
        )
    )
    assert tiles["Converted"] == "200"
    assert tiles["Failed"] == "6"
    assert tiles["Stem files"] == "1.0 GB"
    assert tiles["Below 20 kHz"] == "40"
    assert page.locator(".command code").text_content() == (
        f"libsep run '/home/dj/My Music' {report.parent} --retry-failed"
    )
    assert page.locator("#count").text_content() == "206 tracks"
    assert page.locator("svg.chart").count() == 6


def test_the_kind_of_a_file_that_was_left_out_may_have_any_bytes(tmp_path: Path) -> None:
    """What stands behind the last dot of a name is its kind."""
    path = report_on(tmp_path, [converted(0)])
    kind = os.fsdecode(b"m\xe4rz")
    left_out = Omissions()
    left_out(LeftOut(Path(f"live.{kind}"), Reason.NOT_AUDIO, kind))
    write_note(tmp_path / ".libsep", left_out.all())
    write_report(Ledger(tmp_path / ".libsep"), path, place="/stems")
    text = path.read_text(encoding="utf-8")
    assert "<bdi>m\\xe4rz</bdi>" in text
    assert "<bdi>live.m\\xe4rz</bdi>" in text


def test_hostile_names_are_shown_and_do_nothing(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    page.fill("#search", "a/")
    page.wait_for_timeout(WAIT_MS)
    shown = page.locator("#body td.name button").evaluate_all("all => all.map(b => b.title)")
    assert set(HOSTILE) <= set(shown)
    for index in range(len(shown)):
        page.locator(f"tr[data-index='{index}'] button").click()
        page.keyboard.press("Escape")
    assert page.title().endswith("libsep report")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert "49" not in page.locator(".names").all_text_contents()
    page.fill("#search", "caf\\xe9")
    page.wait_for_timeout(WAIT_MS)
    assert names(page) == ["caf\\xe9.mp3"]


def test_a_click_on_a_head_sorts_and_a_second_one_turns_it_round(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    head = page.locator("th", has_text="Length")
    assert head.get_attribute("aria-sort") == "none"
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page)[:3] == ["Track 199.mp3", "Track 198.mp3", "Track 197.mp3"]
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page)[:7][-1] == "Track 0.mp3"  # after six failures, of unknown length 0
    page.locator("th", has_text="Track").locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    ordered = [name for name in names(page) if name.startswith("Track")]
    assert ordered[:3] == ["Track 0.mp3", "Track 1.mp3", "Track 2.mp3"]
    page.locator("th", has_text="Null").locator("button").click()
    assert names(page)[0] == "Track 19.mp3"
    assert page.locator("#body tr:not(.gap)").first.locator("td").nth(4).text_content() == "−151 dB"


def test_accents_are_found_in_whatever_form_they_are_stored(page: Page, tmp_path: Path) -> None:
    as_macs_do = "a/Beyonce\u0301.mp3"
    rows = [converted(1), converted(2, source=as_macs_do), converted(3, source="a/Zo\u00e9.mp3")]
    page.goto(report_on(tmp_path, rows).as_uri())
    for typed, name in (("beyonc\u00e9", "Beyonce\u0301.mp3"), ("zoe\u0301", "Zo\u00e9.mp3")):
        page.fill("#search", typed)
        page.wait_for_timeout(WAIT_MS)
        assert names(page) == [name]


def test_filters_and_search_narrow_the_list_together(page: Page, report: Path) -> None:
    page.goto(report.as_uri())
    page.select_option("#genre", "=jazz")
    assert page.locator("#count").text_content() == "67 of 206 tracks"
    page.fill("#search", "FOLDER track 19")
    page.wait_for_timeout(WAIT_MS)
    expected = [f"Track {i}.mp3" for i in range(200) if i % 3 == 1 and "19" in str(i)]
    assert names(page) == expected
    page.fill("#search", "no such thing")
    page.wait_for_timeout(WAIT_MS)
    assert "No track is like that." in (page.locator("#body").text_content() or "")
    page.click("#clear")
    page.wait_for_timeout(WAIT_MS)
    assert page.locator("#count").text_content() == "206 tracks"
    page.click("button.signal:has-text('cut off')")
    assert page.locator("#count").text_content() == "40 of 206 tracks"
    assert page.locator("button.signal:has-text('cut off')").get_attribute("aria-pressed") == "true"
    page.click("button.signal:has-text('cut off')")
    page.click("button.link:has-text('rock')")
    assert page.locator("#count").text_content() == "72 of 206 tracks"
    page.select_option("#outcome", "1")
    assert page.locator("#count").text_content() == "6 of 206 tracks"


def test_a_track_opens_with_all_that_is_known_and_the_keyboard_goes_on(
    page: Page, report: Path
) -> None:
    page.goto(report.as_uri())
    page.locator("tr[data-index='5'] button").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    detail = page.locator("#detail")
    assert detail.is_visible()
    assert page.locator("#detail-name").text_content() == "Track 6.mp3"
    shown = detail.text_content() or ""
    for fact in ("folder 6", 'tag "electronic"', "−164.0 dB", "−14.0 LUFS", "1:46", "studio"):
        assert fact in shown
    page.click("#after")
    assert page.locator("#detail-name").text_content() == "Track 7.mp3"
    page.keyboard.press("Escape")
    assert not detail.is_visible()
    assert page.evaluate("document.activeElement.closest('tr').dataset.index") == "7"
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.closest('tr').dataset.index") == "205"
    page.keyboard.press("Enter")
    assert "is text, expected audio" in (detail.text_content() or "")


def test_twenty_thousand_tracks_do_not_choke_it(page: Page, tmp_path: Path) -> None:
    """It holds a screenful of rows, whatever is done; ``benchmarks/report.py`` takes the times."""
    report = tmp_path / "report.html"
    # In a process of its own: here each of the 20,000 objects would have its types checked.
    subprocess.run([sys.executable, "-m", "benchmarks.report", str(report)], check=True)
    page.goto(report.as_uri())
    assert page.locator("#count").text_content() == "20,000 tracks"
    counts = [page.locator("*").count()]
    page.locator("th button").first.click()
    counts.append(page.locator("*").count())
    page.evaluate(
        "document.getElementById('search').value = 'track 1999';"
        "document.getElementById('genre').value = '=jazz';"
        "document.querySelector('.tools').dispatchEvent(new Event('change'))"
    )
    assert names(page) == [f"Track {i}.mp3" for i in (1999, *range(19990, 20000)) if i % 3 == 1]
    page.click("#clear")
    page.wait_for_timeout(WAIT_MS)
    page.evaluate("document.getElementById('scroll').scrollTop = 1e9")
    until_last = "document.querySelector('#table').textContent.includes('Track 19999.mp3')"
    wait_until(lambda: page.evaluate(until_last))
    assert names(page)[-1] == "Track 19999.mp3"
    assert len(names(page)) < 60
    counts.append(page.locator("*").count())
    assert max(counts) < 3000  # elements of the document, of which 20,000 rows would have 200,000


def test_nothing_but_its_own_script_may_run(browser: Browser, report: Path) -> None:
    hostile = report.read_text().replace("<main>", "<main><script>document.title='x'</script>")
    report.write_text(hostile)
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(report.as_uri())
    assert opened.title() != "x"
    context.close()


def test_the_data_is_json_and_its_text_cannot_end_its_element(report: Path) -> None:
    text = report.read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    values = json.loads(data)
    sources = [row[values["columns"].index("source")] for row in values["rows"]]
    assert set(HOSTILE) <= set(sources)
    assert "<" not in data
    assert not re.search(r"(src|href)=.?https?:", text)


def test_numbers_that_json_has_not_are_carried(page: Page, tmp_path: Path) -> None:
    inf = float("inf")
    silent = converted(0, null_db=-inf, peak_db=-inf, loudness_lufs={"mixture": -inf})
    page.goto(report_on(tmp_path, [silent]).as_uri())
    cells = page.locator("#body tr td").all_text_contents()
    assert cells[4:7] == ["−∞ dB", "−∞", "−∞"]


def test_figures_are_written_in_one_way_whatever_the_browser_speaks(
    browser: Browser, tmp_path: Path
) -> None:
    """The page is English; a German browser would write 1.208 beside its 1,208."""
    page = browser.new_page(locale="de-DE")
    page.goto(report_on(tmp_path, [converted(0, clipped_samples=50_000)]).as_uri())
    page.locator("#body td.name button").click()
    shown = page.text_content("#detail-body") or ""
    assert re.search(r"\d,\d{3} samples in a million", shown)
    page.close()


def test_an_empty_ledger_gives_a_page(page: Page, tmp_path: Path) -> None:
    page.goto(report_on(tmp_path, []).as_uri())
    assert page.locator("#count").text_content() == "0 tracks"
    page.locator("th button").first.click()
    assert "No track failed." in (page.text_content("body") or "")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"the report (folder )?cannot be "):
        write_report(Ledger(tmp_path / ".libsep"), tmp_path / "file" / "r.html", place="/x")


def test_a_track_converted_again_counts_once(tmp_path: Path, page: Page) -> None:
    again = dataclasses.replace(converted(1), run="", null_db=-120.0)
    page.goto(report_on(tmp_path, [converted(1), again]).as_uri())
    assert page.locator("#count").text_content() == "1 track"
    assert page.locator("#body td").nth(4).text_content() == "−120 dB"
