"""What the player of the page plays, sample by sample, rendered by a real Chromium."""

import base64
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from libsep.listen.server import CHUNK_SAMPLES, ListenServer

from .conftest import N_SAMPLES, RATE

FADE = 128
"""Samples of the fade with which playing begins."""

RENDER = """
async ({ count, gains, seek, loop, ahead }) => {
  const { Player } = await import("./player.js");
  const { getChunk, getJson } = await import("./server.js");
  const sheet = await getJson("tracks/0");
  const { chunkSamples } = await getJson("tracks");
  const context = new OfflineAudioContext(2, count, sheet.sampleRate);
  const fetchChunk = (index, signal) => getChunk(0, index * chunkSamples, chunkSamples, signal);
  const shape = { ...sheet, streams: 1 + sheet.stems.length, chunkSamples };
  const player = await Player.create(context, shape, fetchChunk, { ahead });
  player.node.connect(context.destination);
  player.setGains(gains);
  player.setLoop(loop);
  player.seek(seek);
  player.play();
  await player.ready();
  const held = player.stored.size;
  const buffer = await context.startRendering();
  const bytes = new Uint8Array(8 * count);
  buffer.copyFromChannel(new Float32Array(bytes.buffer, 0, count), 0);
  buffer.copyFromChannel(new Float32Array(bytes.buffer, 4 * count, count), 1);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return { samples: btoa(text), held };
}
"""


def render(
    page: Page,
    server: ListenServer,
    gains: tuple[float, ...],
    *,
    count: int = N_SAMPLES,
    seek: int = 0,
    loop: dict[str, int] | None = None,
    ahead: int = 6,
) -> np.ndarray:
    """Return what the page's player plays ``(2, T)``, without a sound card."""
    page.goto(f"{server.url}icon.svg")  # the player without the page around it
    asked: dict[str, Any] = {"count": count, "gains": list(gains), "seek": seek, "loop": loop}
    found = page.evaluate(RENDER, asked | {"ahead": ahead})
    assert found["held"] <= ahead
    return np.frombuffer(base64.b64decode(found["samples"]), "<f4").reshape(2, count)


def level_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-20))


@pytest.mark.parametrize("stem", range(5))
def test_each_stream_alone_is_bit_for_bit_its_own_in_the_same_samples(
    page: Page, server: ListenServer, samples: np.ndarray, stem: int
) -> None:
    """The test renders across both borders of chunks, so that it also shows that they are gapless.

    As each stem is at its own place to the sample, all are synchronous.
    """
    gains = tuple(float(index == stem) for index in range(5))
    found = render(page, server, gains)
    np.testing.assert_array_equal(found[:, FADE:], samples[stem, :, FADE:])


def test_stems_add_up_and_a_muted_one_is_not_in_the_sum(
    page: Page, server: ListenServer, samples: np.ndarray
) -> None:
    whole = render(page, server, (0, 1, 1, 1, 1))
    np.testing.assert_allclose(whole[:, FADE:], samples[1:].sum(axis=0)[:, FADE:], atol=1e-6)
    without = render(page, server, (0, 1, 1, 1, 0))
    vocals = (whole - without)[:, FADE:]
    assert level_db(vocals - samples[4][:, FADE:]) < -120
    assert level_db(samples[4]) > -30


def test_a_volume_is_the_factor_that_its_decibels_say(
    page: Page, server: ListenServer, samples: np.ndarray
) -> None:
    found = render(page, server, (0, 0, 10 ** (-6 / 20), 0, 0), count=60_000)
    heard, given = found[:, FADE:], samples[2, :, FADE:60_000]
    assert level_db(heard) - level_db(given) == pytest.approx(-6, abs=0.001)


@pytest.mark.parametrize("seek", [1, 44_100, CHUNK_SAMPLES - 1, CHUNK_SAMPLES, 250_000])
def test_a_jump_lands_on_its_sample(
    page: Page, server: ListenServer, samples: np.ndarray, seek: int
) -> None:
    count = 40_000
    found = render(page, server, (0, 0, 0, 0, 1), count=count, seek=seek)
    np.testing.assert_array_equal(found[:, FADE:], samples[4, :, seek + FADE : seek + count])


@pytest.mark.parametrize(
    ("start", "end"), [(10_001, 31_002), (CHUNK_SAMPLES - 5_000, CHUNK_SAMPLES + 5_003)]
)
def test_a_loop_comes_round_without_losing_a_sample(
    page: Page, server: ListenServer, samples: np.ndarray, start: int, end: int
) -> None:
    count = 70_000
    seek = start - 1_000
    found = render(
        page, server, (0, 1, 0, 0, 0), count=count, seek=seek, loop={"start": start, "end": end}
    )
    order = np.concatenate([np.arange(seek, end), *[np.arange(start, end)] * 8])[:count]
    np.testing.assert_array_equal(found[:, FADE:], samples[1][:, order][:, FADE:])


def test_after_the_end_comes_silence(page: Page, server: ListenServer, samples: np.ndarray) -> None:
    seek = N_SAMPLES - 5_000
    found = render(page, server, (1, 0, 0, 0, 0), count=20_000, seek=seek)
    np.testing.assert_array_equal(found[:, FADE:5_000], samples[0, :, seek + FADE :])
    assert not found[:, 5_000:].any()


def test_only_what_comes_next_is_held(page: Page, server: ListenServer) -> None:
    """`render` looks at what is held; two chunks are 6 s, more than is rendered here."""
    assert level_db(render(page, server, (1, 0, 0, 0, 0), count=RATE, ahead=2)) > -40
