"""A real Chromium without a window, for the pages that libsep makes or serves.

The driver is Playwright, from PyPI; the browser is the one of the machine, because no package of
PyPI carries one. `.ci/run` installs Debian's where it may; without any, these tests are skipped.
"""

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

VARIABLE = "LIBSEP_CHROMIUM"
"""Environment variable that names the program of another Chromium."""

PROGRAMS = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "microsoft-edge",
)
"""What the program is called by those who package it."""


def find_chromium() -> str | None:
    """Return the path of a Chromium, or of one of its relatives."""
    names = (os.environ.get(VARIABLE), *PROGRAMS)
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield a headless Chromium; skips where there is none."""
    program = find_chromium()
    if program is None:
        pytest.skip(f"no Chromium on this machine: apt-get install chromium, or set {VARIABLE}")
    with sync_playwright() as playwright:
        # A container's /dev/shm is too small for the browser; /tmp does as well.
        arguments = ["--disable-dev-shm-usage", "--disable-gpu"]
        found = playwright.chromium.launch(executable_path=program, args=arguments)
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Yield an empty page of its own; an error of its scripts, or a look outside, fails the test.

    What it may load is a file, or from 127.0.0.1.
    """
    problems: list[str] = []
    context = browser.new_context(accept_downloads=True, locale="en-GB")

    def allow_local(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if parts.scheme in ("file", "data", "blob") or parts.hostname == "127.0.0.1":
            route.continue_()
            return
        problems.append(f"asks for {route.request.url}")
        route.abort()

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")

    context.route("**/*", allow_local)
    opened = context.new_page()
    opened.on("pageerror", lambda error: problems.append(f"script: {error}"))
    opened.on("console", note)
    yield opened
    context.close()
    if problems:
        pytest.fail(f"the page: {'; '.join(problems)}")
