"""The page as people use it, in a real Chromium, with real stem files."""

import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from libsep.listen.server import ListenServer

from .conftest import N_SAMPLES, RATE, served, until
from .test_mix import read_wav

LEVEL = """
async () => {
  const tap = (window.tap ??= new AnalyserNode(app.context, { fftSize: 32768 }));
  app.player.node.connect(tap);
  const until = app.context.currentTime + 0.85; // one window is 0.74 s
  while (app.context.currentTime < until) await new Promise((resolve) => setTimeout(resolve, 20));
  const samples = new Float32Array(tap.fftSize);
  tap.getFloatTimeDomainData(samples);
  return 10 * Math.log10(samples.reduce((sum, x) => sum + x * x, 0) / samples.length + 1e-20);
}
"""
"""Level in dB of what the player plays now, as an analyser of the browser hears it."""


def level_db(page: Page) -> float:
    return float(page.evaluate(LEVEL))


def stems_db(samples: np.ndarray, *stems: int) -> float:
    """Return the level of some streams together; the analyser hears both channels as one."""
    mono = samples[list(stems)].sum(axis=0).mean(axis=0)
    return float(10 * np.log10(np.mean(np.square(mono, dtype=np.float64))))


def test_one_hears_what_the_buttons_say(opened: Page, samples: np.ndarray) -> None:
    """Noise is steady, so that any 0.7 s of it have the level of the whole within 0.2 dB."""
    page = opened
    page.evaluate("app.setLoop({ start: 0, end: app.sheet.samples })")
    page.click("#play")
    until(page, "app.position > 4000")
    assert level_db(page) == pytest.approx(stems_db(samples, 1, 2, 3, 4), abs=0.3)
    page.click("[aria-label='Mute Vocals (4)']")
    assert level_db(page) == pytest.approx(stems_db(samples, 1, 2, 3), abs=0.3)
    page.click("[aria-label='Solo Drums (Shift 1)']")
    assert level_db(page) == pytest.approx(stems_db(samples, 1), abs=0.3)
    page.get_by_label("Volume of Drums").fill("-12")
    assert level_db(page) == pytest.approx(stems_db(samples, 1) - 12, abs=0.3)
    page.click("#reset")
    page.click("#hear-original")  # 3 dB quieter in the file, but as loud as the mix here
    assert level_db(page) == pytest.approx(stems_db(samples, 1, 2, 3, 4), abs=0.3)
    assert page.text_content("#match") == "+3.0 dB to match"
    page.click("#play")
    assert level_db(page) < -150


def test_a_click_on_a_waveform_jumps_there(opened: Page) -> None:
    page = opened
    box = page.locator(".lane.stem canvas").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 20)
    assert page.evaluate("app.position") == pytest.approx(0.75 * N_SAMPLES, rel=0.005)
    assert page.text_content("#time") == f"0:0{0.75 * N_SAMPLES / RATE:.1f}"


def test_a_drag_along_the_times_loops(opened: Page) -> None:
    page = opened
    box = page.locator("#ruler").bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.6 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], y, steps=4)
    page.mouse.up()
    loop = page.evaluate("app.loop")
    assert loop["start"] == pytest.approx(0.4 * N_SAMPLES, rel=0.01)
    assert loop["end"] == pytest.approx(0.6 * N_SAMPLES, rel=0.01)
    page.evaluate("app.seek(app.loop.end - 9000)")
    page.click("#play")
    until(page, "app.position < app.loop.end - 20000")  # it came round
    assert page.evaluate("app.position >= app.loop.start")
    page.mouse.click(box["x"] + 20, y)
    assert page.evaluate("[app.loop, app.loops]") == [None, False]


def test_one_can_look_closer_and_everything_stays_where_it_sounds(opened: Page) -> None:
    def seen() -> tuple[float, float]:
        from_, to = opened.evaluate("[app.view.from, app.view.to]")
        return from_, to

    lane = opened.locator(".lane.stem canvas").first
    box = lane.bounding_box()
    assert box is not None
    opened.evaluate("app.waveform.nBins") or pytest.fail("no waveform")
    opened.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 20)
    before = opened.evaluate("app.view.at(0.75)")
    opened.mouse.wheel(0, -300)
    until(opened, "app.view.width < 0.9")
    assert opened.evaluate("app.view.at(0.75)") == pytest.approx(before, abs=1 / box["width"])
    from_, to = seen()
    lane.click(position={"x": box["width"] / 2, "y": 20})
    middle = (from_ + to) / 2
    share = opened.evaluate("app.position / app.sheet.samples")
    assert share == pytest.approx(middle, abs=2 / box["width"])
    opened.mouse.wheel(-300, 0)
    until(opened, f"app.view.from < {from_} - 0.01")
    opened.keyboard.press("Home")  # a jump out of sight turns the page
    assert opened.evaluate("app.view.holds(0)")
    for _ in range(20):
        opened.keyboard.press("+")
    assert opened.evaluate("app.view.width * app.waveform.nBins") == pytest.approx(64)
    opened.keyboard.press("0")
    assert seen() == (0, 1)


def test_the_download_is_the_mix_that_one_hears(opened: Page, samples: np.ndarray) -> None:
    page = opened
    page.keyboard.press("4")
    page.get_by_label("Volume of Bass").fill("-6")
    with page.expect_download() as waiting:
        page.click("#download")
    download = waiting.value
    assert download.suggested_filename == "First (no vocals, bass −6.0 dB).wav"
    found = read_wav(Path(download.path()).read_bytes())
    expected = samples[1] + samples[2].astype(np.float64) * 10 ** (-6 / 20) + samples[3]
    assert np.abs(found - expected * (2**23 - 1)).max() <= 3  # the page writes gains to 6 digits


def test_names_from_files_are_text_and_never_markup(opened: Page) -> None:
    page = opened
    rows = page.locator("#rows .row")
    assert rows.nth(1).locator(".name").text_content() == "Zwei <b>Größen #1"
    rows.nth(1).click()
    until(page, "app.number === 1 && app.player")
    assert page.text_content("#title") == "Zwei <b>Größen #1"
    assert page.locator("#title b").count() == 0
    assert page.url.endswith("#1")


def test_a_long_name_keeps_its_beginning_whichever_way_it_runs(
    page: Page, server: ListenServer
) -> None:
    server.shelf.names = (*server.shelf.names, f"a/{'שיר ארוך ' * 20}.stem.mp4")
    page.goto(server.url)
    name = page.locator("#rows .row .name").nth(2)
    name.wait_for()
    assert name.evaluate("each => each.scrollWidth > each.clientWidth")
    assert name.evaluate("each => getComputedStyle(each).direction") == "rtl"
    assert name.locator("..").get_attribute("title") == server.shelf.names[-1]


def test_the_mix_stays_when_the_track_changes(opened: Page) -> None:
    page = opened
    page.keyboard.press("4")
    page.keyboard.press("ArrowDown")
    until(page, "app.number === 1 && app.player")
    assert page.get_attribute("[aria-label='Mute Vocals (4)']", "aria-pressed") == "true"


def test_a_broken_file_is_told_on_the_page_and_the_next_one_plays(
    browser: Browser, shelf_folder: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    """The page is not that of the fixture: a browser notes each answer that is a refusal."""
    whole = (shelf_folder / "First.stem.mp4").read_bytes()
    (tmp_path / "a.stem.mp4").write_bytes(whole)
    (tmp_path / "b.stem.mp4").write_bytes(whole[:100_000])
    page = browser.new_page()
    for server in served(tmp_path, ffmpeg):
        page.goto(server.url)
        until(page, "window.app?.player")
        page.keyboard.press("ArrowDown")
        until(page, "!document.querySelector('#problem').hidden")
        assert "no whole stem file" in (page.text_content("#problem") or "")
        assert [page.text_content(name) for name in ("#title", "#artist", "#length")] == [
            "b", "", "",
        ]  # fmt: skip
        assert (page.title(), page.locator(".lane.stem").count()) == ("b", 0)
        switches = page.locator("footer button")
        assert [button.is_enabled() for button in switches.all()] == [False] * 9
        mix = page.evaluate("JSON.stringify([app.stems, app.original])")
        for key in ("Space", "o", "4", "d", "l", "a"):
            page.keyboard.press(key)
        assert page.evaluate("JSON.stringify([app.stems, app.original])") == mix
        page.keyboard.press("ArrowUp")
        until(page, "app.player")
        assert page.is_hidden("#problem")
        assert page.text_content("#title") == "a"
        assert [button.is_enabled() for button in switches.all()] == [True] * 9
        assert page.locator(".lane.stem").count() == 4
    page.close()


def test_a_file_that_is_replaced_while_it_plays_is_read_again_and_goes_on(
    browser: Browser, shelf_folder: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    """Not the page of the fixture, as for a broken file. What was loaded is forgotten."""
    goal, other = tmp_path / "a.stem.mp4", tmp_path / "other"
    goal.write_bytes((shelf_folder / "First.stem.mp4").read_bytes())
    other.write_bytes(next((shelf_folder / "deep & wide").iterdir()).read_bytes())
    page = browser.new_page()
    for server in served(tmp_path, ffmpeg):
        page.goto(server.url)
        until(page, "window.app?.player && app.waveform.filled === app.waveform.nBins")
        before = page.evaluate("app.sheet.samples")
        page.evaluate("app.switchStem(1, 'mute')")
        other.replace(goal)
        page.evaluate("app.player.stored.clear(); app.player.sent.clear(); app.seek(70000)")
        until(page, f"app.player && app.sheet && app.sheet.samples < {before}")
        until(page, "!document.querySelector('#problem').hidden")
        assert page.text_content("#problem") == (
            "a.stem.mp4: has changed since the page read it, and was read again."
        )
        assert page.evaluate("[app.position, app.stems[1].mute]") == [70_000, True]
    page.close()


def test_the_keyboard_passes_the_list_and_opens_it_on_a_narrow_screen(opened: Page) -> None:
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.id") == "skip"
    opened.keyboard.press("Enter")
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.closest('main') !== null")
    opened.set_viewport_size({"width": 600, "height": 844})
    opened.focus("#open-library")
    opened.keyboard.press("Enter")
    assert opened.evaluate("document.activeElement.classList.contains('current')")
    opened.keyboard.press("Escape")
    assert opened.evaluate("document.activeElement.id") == "open-library"
    assert opened.is_hidden("#shade")


def test_twenty_thousand_tracks_are_found_and_scrolled_at_once(
    page: Page, server: ListenServer
) -> None:
    """All but three of them are names only; to make the files would take 15 s."""
    others = [f"Artist {n // 100:03d}/Track {n:05d}.stem.mp4" for n in range(19_996)]
    others += ["Artist 150/Beyonce\u0301.stem.mp4", "Artist 150/Needle in Hay.stem.mp4"]
    server.shelf.names = (*server.shelf.names, *others)
    page.goto(server.url)
    until(page, "document.querySelectorAll('#rows .row').length > 5", timeout_s=60)
    assert page.text_content("#count") == "20,000 tracks"
    assert page.locator("#rows .row").count() < 60
    page.evaluate(
        "() => { const box = document.querySelector('#search');"
        " box.value = 'hay 150'; box.dispatchEvent(new Event('input')); }"
    )
    assert page.text_content("#count") == "1 of 20,000"
    assert page.locator("#rows .row .name").all_text_contents() == ["Needle in Hay"]
    page.fill("#search", "beyonc\u00e9")
    assert page.text_content("#count") == "1 of 20,000"
    page.fill("#search", "zwei")
    page.press("#search", "Enter")
    until(page, "app.number === 1 && app.player")
    page.fill("#search", "")
    page.evaluate("document.querySelector('#rows').scrollTop = 1e9")
    until(page, "document.querySelector('#rows').textContent.includes('Needle in Hay')")
    assert page.locator("#rows .row").count() < 60
    page.evaluate("document.querySelector('#rows').scrollTop -= 600; app.list.draw()")
    tops = page.locator("#rows .row").evaluate_all("all => all.map((row) => row.offsetTop)")
    assert tops == sorted(tops), "the Tab key goes from row to row"


def test_no_minute_has_a_sixtieth_second(page: Page, server: ListenServer) -> None:
    page.goto(f"{server.url}icon.svg")
    shown = page.evaluate(
        """async () => {
          const { formatTime } = await import("./mixer.js");
          return [[59.97, 1], [59.97], [3599.99, 1], [0.3, 1], [4.1, 1], [120]].map(
            (each) => formatTime(...each));
        }"""
    )
    assert shown == ["0:59.9", "0:59", "59:59.9", "0:00.3", "0:04.1", "2:00"]


SIZES = (
    (1280, 800),
    (800, 1000),
    (640, 844),
    (600, 844),
    (390, 844),
    (375, 667),
    (1280, 640),
    (640, 360),
)


def test_everything_fits_on_screens_of_all_kinds(opened: Page) -> None:
    page = opened
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        until(page, f"innerWidth === {width} && !app.desk.isDrawing")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for button in page.locator("main button:visible").all():
            box = button.bounding_box()
            assert box
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert min(box["width"], box["height"]) >= 34  # for fingers
        assert page.locator(".lane .controls:visible").evaluate_all(
            "all => all.every((each) => each.scrollHeight <= each.clientHeight + 1)"
        ), f"controls are cut off at {width} × {height}"
        canvases = page.locator(".lane canvas").all()
        boxes = [box for canvas in canvases if (box := canvas.bounding_box())]
        assert len(boxes) == 6  # the times, the original and four stems
        for box in boxes:
            assert box["width"] > 150
            assert box["height"] >= 30
            assert (box["x"], box["width"]) == (boxes[0]["x"], boxes[0]["width"])
        assert page.evaluate(
            """() => {
              const ruler = document.querySelector("#ruler");
              const { data } = ruler.getContext("2d").getImageData(0, 0, ruler.width, ruler.height);
              return data.some((part) => part > 0);
            }"""
        )
    names = page.locator(".lane .name").all_text_contents()
    assert names == ["Original", "Drums", "Bass", "Other", "Vocals"]


def test_waveforms_are_drawn_in_the_colours_of_the_stem_atom(opened: Page) -> None:
    page = opened
    until(page, "!app.desk.isDrawing")
    colors = page.evaluate(
        """() => [...document.querySelectorAll(".lane.stem canvas")].map((canvas) => {
          const { data } = canvas.getContext("2d").getImageData(
            Math.floor(canvas.width / 2), Math.floor(canvas.height / 2), 1, 1);
          return [...data.slice(0, 3)].map((part) => part.toString(16).padStart(2, "0")).join("");
        })"""
    )
    assert [color.upper() for color in colors] == ["009E73", "D55E00", "CC79A7", "56B4E9"]


def test_the_address_is_all_that_the_page_asks_for(page: Page, server: ListenServer) -> None:
    """The fixture refuses all that is not local; this says that it is the secret address only."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(server.url)
    until(page, "window.app?.player")
    assert len(asked) > 10
    assert [url for url in asked if not re.match(re.escape(server.url), url)] == []
