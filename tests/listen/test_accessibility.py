"""The page for everybody: contrast."""

import pytest
from playwright.sync_api import Page

from libsep.listen.server import ListenServer

from ..contrasts import CONTRASTS
from .conftest import until


@pytest.mark.parametrize("is_light", [True, False])
def test_all_text_has_enough_contrast(page: Page, server: ListenServer, *, is_light: bool) -> None:
    page.goto(server.url)
    until(page, "window.app?.player && document.querySelector('#rows .row.current')")
    if page.evaluate("document.documentElement.classList.contains('light')") != is_light:
        page.keyboard.press("t")
    page.keyboard.press("1")
    page.keyboard.press("Shift+Digit2")
    assert page.locator(".controls button[aria-pressed=true]").count() == 2
    assert page.evaluate(CONTRASTS) == []
