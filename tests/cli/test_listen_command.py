"""``libsep listen`` in a process of its own."""

import json
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from ..media.conftest import write_stem_file


@pytest.fixture
def stems(tmp_path: Path, ffmpeg: Path, rng: np.random.Generator) -> Path:
    """Return a folder with one stem file."""
    folder = tmp_path / "stems"
    folder.mkdir()
    sources = 0.1 * rng.standard_normal((5, 2, 44100)).astype(np.float32)
    write_stem_file(folder / "One.stem.mp4", sources, ffmpeg)
    return folder


def test_it_prints_the_address_and_ctrl_c_ends_it_cleanly(
    start_libsep: Callable[..., Any], stems: Path
) -> None:
    process = start_libsep("listen", stems, "--no-browser")
    url = process.stdout.readline().strip()
    with urllib.request.urlopen(f"{url}tracks") as answer:
        assert json.load(answer)["tracks"] == ["One.stem.mp4"]
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    assert "ended" in err
    assert "Traceback" not in err


def test_a_browser_that_is_waited_for_gets_the_page(
    start_libsep: Callable[..., Any],
    stems: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A browser in a terminal ends when its user ends it; Python waits for such ones."""
    browser = tmp_path / "browser.py"
    browser.write_text(
        "import pathlib, sys, urllib.request\n"
        "page = urllib.request.urlopen(sys.argv[1], timeout=60).read()\n"
        f"pathlib.Path({str(tmp_path / 'seen')!r}).write_bytes(page)\n"
    )
    monkeypatch.setenv("BROWSER", f"{sys.executable} {browser} %s")
    process = start_libsep("listen", stems)
    process.stdout.readline()
    deadline = time.monotonic() + 60
    while not (tmp_path / "seen").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"<title>libsep listen</title>" in (tmp_path / "seen").read_bytes()


def test_the_page_says_that_its_server_has_ended(
    start_libsep: Callable[..., Any], stems: Path, browser: Browser
) -> None:
    process = start_libsep("listen", stems, "--no-browser")
    page = browser.new_page()
    page.goto(process.stdout.readline().strip())
    deadline = time.monotonic() + 120
    while not page.evaluate("!!window.app?.player"):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    page.evaluate("app.open(0)")
    while "server has ended" not in (page.text_content("#problem") or ""):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)
    page.close()


def test_a_port_that_is_taken_or_a_folder_without_stems_is_told(
    libsep: Callable[..., Any], stems: Path, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = libsep("listen", stems, "--no-browser", "--port", port)
    assert ended.code == 2
    assert f"port {port}" in ended.err
    (tmp_path / "empty").mkdir()
    ended = libsep("listen", tmp_path / "empty", "--no-browser")
    assert ended.code == 2
    assert "holds no stem files" in ended.err
    ended = libsep("listen", "s3://bucket/stems", "--no-browser")
    assert ended.code == 2
    assert "takes paths of local files: copy what you want here first" in ended.err
