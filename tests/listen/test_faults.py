"""The page when its sound or its server stops: what is not heard is not shown as playing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route

from libsep.listen.server import ListenServer

from .conftest import until

FORGET = """() => {
  const { player } = app;
  for (const index of player.sent) player.post({ kind: "drop", index });
  player.sent.clear();
  player.stored.clear();
  player.feed();
}"""
"""Takes all pieces from the player, so that it has to ask for them again."""


def is_playing(page: Page) -> bool:
    """Return what the button says, which has to be what the page thinks."""
    says = page.get_attribute("#play", "aria-label") == "Pause (Space)"
    assert page.evaluate("app.playing") == says
    return says


@pytest.fixture
def unwatched(browser: Browser, server: ListenServer) -> Iterator[Page]:
    """Yield the page outside the fixture that fails by a request that fails."""
    page = browser.new_page()
    page.goto(server.url)
    until(page, "window.app?.player && app.waveform.filled === app.waveform.nBins")
    yield page
    page.close()


def test_playing_ends_if_the_server_does_and_goes_on_with_it(unwatched: Page) -> None:
    page = unwatched
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        route.abort("connectionrefused")

    page.click("#play")
    until(page, "app.position > 4000")
    page.route("**/tracks/**", refuse)
    page.evaluate(FORGET)
    until(page, "!app.playing")
    assert not is_playing(page)
    assert page.text_content("#problem") == "The server has ended: start libsep listen again."
    page.click("#play")
    until(page, "!app.playing && !document.querySelector('#problem').hidden")
    n_asked = len(asked)
    assert n_asked <= 6, "it asks in a loop"
    page.wait_for_timeout(300)
    assert len(asked) == n_asked, "it asks on behind one's back"
    page.unroute("**/tracks/**")
    before = page.evaluate("app.position")
    page.click("#play")
    until(page, f"app.position > {before} + 4000")
    assert is_playing(page)
    assert page.is_hidden("#problem")


def test_it_plays_what_it_has_while_the_server_is_away(unwatched: Page) -> None:
    page = unwatched
    page.route("**/tracks/**", lambda route: route.abort())
    page.evaluate(
        "app.player.onerror(new Error('The server has ended')); app.player.hasFailed = true"
    )
    page.click("#play")
    until(page, "app.position > 20000")
    assert is_playing(page)


def test_a_browser_without_a_sound_device_says_so(opened: Page) -> None:
    page = opened
    page.evaluate("app.context.suspend().then(() => { app.context.resume = async () => {}; })")
    page.click("#play")
    until(page, "!document.querySelector('#problem').hidden")
    assert "sound device" in (page.text_content("#problem") or "")
    assert not is_playing(page)
    page.evaluate("delete app.context.resume")
    page.click("#play")
    until(page, "app.position > 4000")
    assert page.is_hidden("#problem")


def test_a_browser_that_waits_for_a_gesture_is_given_one(opened: Page) -> None:
    """As Safari is when the next track has another rate, and so a sound of its own."""
    page = opened
    page.evaluate(
        """() => {
          const resume = AudioContext.prototype.resume;
          AudioContext.prototype.resume = function () {
            return navigator.userActivation.isActive ? resume.call(this) : new Promise(() => {});
          };
          Object.defineProperty(Navigator.prototype, "userActivation", {
            get: () => ({ isActive: window.isGesture }), configurable: true });
        }"""
    )
    page.evaluate("app.context.suspend()")
    page.evaluate("window.isGesture = false; app.play()")
    until(page, "!document.querySelector('#problem').hidden")
    assert "press play" in (page.text_content("#problem") or "")
    assert not is_playing(page)
    page.evaluate("window.isGesture = true")
    page.click("#play")
    until(page, "app.position > 4000")
    assert is_playing(page)
    assert page.is_hidden("#problem")


def test_a_browser_that_does_not_tell_gestures_has_both_reasons_told(
    browser: Browser, server: ListenServer
) -> None:
    """Safari before 16.4."""
    page = browser.new_page()
    page.add_init_script("delete Navigator.prototype.userActivation")
    page.goto(server.url)
    until(page, "window.app?.player && app.waveform.filled === app.waveform.nBins")
    assert page.evaluate("navigator.userActivation === undefined")
    page.evaluate("app.context.suspend().then(() => { app.context.resume = async () => {}; })")
    page.evaluate("app.play()")
    until(page, "!document.querySelector('#problem').hidden")
    told = page.text_content("#problem") or ""
    assert "press play once more" in told
    assert "is there a sound device?" in told
    assert not is_playing(page)
    page.evaluate("delete app.context.resume")
    page.click("#play")
    until(page, "app.position > 4000")
    assert page.is_hidden("#problem")
    page.close()


def test_sound_that_the_browser_takes_away_is_paused(opened: Page) -> None:
    page = opened
    page.click("#play")
    until(page, "app.position > 4000")
    until(page, "app.desk.output.shown > 0")
    page.evaluate("app.context.suspend()")
    until(page, "!app.playing")
    assert not is_playing(page)
    assert page.evaluate("app.desk.output.shown") == 0, "the meters stand still as if it played"
    assert page.is_visible("#problem")
    assert "has stopped the sound" in (page.text_content("#problem") or "")
    page.click("#play")
    assert page.is_hidden("#problem")
    before = page.evaluate("app.position")
    until(page, f"app.position > {before} + 4000")


def test_a_waveform_that_breaks_off_is_told_in_words(
    browser: Browser, server: ListenServer
) -> None:
    page = browser.new_page()
    page.add_init_script(
        """TextDecoderStream = class {
          constructor() {
            this.writable = new WritableStream();
            const pull = (stream) => stream.error(new TypeError("Load failed"));
            this.readable = new ReadableStream({ pull });
          }
        }"""
    )
    page.goto(server.url)
    until(page, "document.querySelector('#problem')?.hidden === false")
    assert page.text_content("#problem") == (
        "The connection broke off. Is libsep listen still running?"
    )
    page.close()
