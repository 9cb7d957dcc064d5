"""The page worked from the keyboard, in a real Chromium."""

from collections.abc import Callable

from playwright.sync_api import Page

from .conftest import RATE, until


def test_what_has_the_focus_by_the_keyboard_gets_its_own_keys(opened: Page) -> None:
    page = opened
    press: Callable[[str], None] = page.keyboard.press
    press("ArrowRight")
    page.locator(".lane.stem button").first.focus()
    press("Space")
    assert page.evaluate("[app.stems[0].mute, app.playing]") == [True, False]
    press("Space")
    assert page.evaluate("[app.stems[0].mute, app.playing]") == [False, False]
    page.locator("#volume").focus()
    before = page.evaluate("[app.position, Number(document.querySelector('#volume').value)]")
    press("Home")
    position, volume = page.evaluate(
        "[app.position, Number(document.querySelector('#volume').value)]"
    )
    assert position == before[0]
    assert volume < before[1]
    # Who clicks a button goes on with the page's keys.
    page.locator(".lane.stem button").nth(1).click()
    press("Space")
    until(page, "app.playing")


def test_everything_can_be_done_from_the_keyboard(opened: Page) -> None:
    page = opened
    press: Callable[[str], None] = page.keyboard.press
    press("Space")
    until(page, "app.playing && app.position > 1000")
    press("Space")
    assert not page.evaluate("app.playing")
    press("Home")
    press("ArrowRight")
    assert page.evaluate("app.position") == 5 * RATE
    press("Shift+ArrowLeft")
    assert page.evaluate("app.position") == 4 * RATE
    press("2")
    press("Shift+Digit3")
    assert page.evaluate("[app.stems[1].mute, app.stems[2].solo]") == [True, True]
    press("o")
    assert page.evaluate("app.original")
    press("b")
    assert page.evaluate("app.loop") == {"start": 0, "end": 4 * RATE}
    press("Shift+ArrowLeft")
    press("a")
    assert page.evaluate("app.loop") == {"start": 3 * RATE, "end": 4 * RATE}
    press("l")
    assert not page.evaluate("app.loops")
    press("r")
    assert (
        page.evaluate("app.stems.some((stem) => stem.mute || stem.solo) || app.original") is False
    )
    press("?")
    assert page.is_visible("#help")
    assert page.locator("#keys tr").count() == 14
    press("Escape")
    before = page.evaluate("document.documentElement.className")
    press("t")
    assert page.evaluate("document.documentElement.className") != before
    press("ArrowDown")
    until(page, "app.number === 1 && app.player")
