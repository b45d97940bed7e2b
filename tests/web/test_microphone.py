"""The page's microphone in a real browser, by both of the ways that sound takes into it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from streamkit.server.testing import LiveServer

PAGE = "/healthz"
"""Of the same origin, and without the views."""

RATE = 16_000
TONE = 440.0

START = """async ({ way, rate }) => {
  if (way === 'graph') {
    delete globalThis.MediaStreamTrackProcessor;
  } else if (way === 'pictures only') {
    globalThis.MediaStreamTrackProcessor = class {
      constructor() {
        throw new TypeError('no sound');
      }
    };
  }
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await open(constraints);
    app.track = stream.getAudioTracks()[0];
    return stream;
  };
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      app.workers.push(this);
    }
  };
  globalThis.AudioContext = class extends AudioContext {
    constructor(...given) {
      super(...given);
      app.contexts += 1;
    }
  };
  const { Microphone } = await import('/sound/microphone.js');
  const { now } = await import('/sound/now.js');
  const microphone = new Microphone();
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  globalThis.app = {
    chunks: [], others: 0, ended: 0, early: 0, contexts: 0, workers: [], microphone,
    open: () => microphone.open(plain),
  };
  microphone.addEventListener('ended', () => { app.ended += 1; });
  app.unsubscribe = microphone.subscribe(rate, ({ samples, capturedAt, level }) => {
    app.chunks.push({ samples: [...samples], level, silent: samples.every((each) => each === 0) });
    // No sample is here before it was captured.
    app.early += Number(capturedAt + samples.length / rate > now() + 0.001);
  });
  await app.open();
  microphone.subscribe(24000, ({ samples }) => { app.others += samples.length; });
}"""

HEARD = "(count) => app.chunks.filter(({ silent }) => !silent).length >= count"

BLOCK = """(milliseconds) => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}"""

NEW = """() => { app.chunks = []; }"""

SILENT = """() => app.chunks.length >= 20 && app.chunks.slice(-20).every(({ silent }) => silent)"""

WAYS = ("track", "graph", "pictures only")


@pytest.mark.parametrize("way", WAYS)
def test_what_is_captured_comes_until_it_is_muted_closed_or_gone(
    way: str,
    web_server: LiveServer,
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:
    # So long that it does not begin anew: there would be a jump.
    tone = 0.3 * np.sin(2 * np.pi * TONE * np.arange(30 * 48_000) / 48_000)
    page = open_page(web_server, make_sound(tone.astype(np.float32)), path=PAGE)
    page.evaluate(START, {"way": way, "rate": RATE})
    direct = way == "track"
    assert page.evaluate("() => app.contexts") == (0 if direct else 1)
    wait_for(page, HEARD, 30)
    wait_for(page, "() => app.microphone.level > -20 && app.others > 0")
    if direct:
        # However busy the page is.
        page.evaluate(NEW)
        page.evaluate(BLOCK, 1500)
        wait_for(page, HEARD, 100)
        samples = np.concatenate(page.evaluate("() => app.chunks.map((each) => each.samples)"))
        # What each sample of a tone is follows from the two before it.
        step = 2 * np.cos(2 * np.pi * TONE / RATE)
        assert np.abs(samples[2:] + samples[:-2] - step * samples[1:-1]).max() < 10
    page.evaluate("() => { app.microphone.muted = true; }")
    wait_for(page, SILENT)
    page.evaluate(NEW)
    wait_for(page, SILENT)
    assert page.evaluate("() => app.chunks.every(({ silent }) => silent)")
    page.evaluate("() => { app.microphone.muted = false; }")
    wait_for(page, HEARD, 5)
    # Unplugged, as far as a test can: then whoever has subscribed hears the next device.
    page.evaluate("() => app.track.dispatchEvent(new Event('ended'))")
    assert page.evaluate("() => [app.microphone.opened, app.ended]") == [False, 1]
    page.evaluate(NEW)
    page.evaluate("() => app.open()")
    wait_for(page, HEARD, 5)
    if direct:
        page.evaluate("() => app.workers.at(-1).dispatchEvent(new ErrorEvent('error'))")
        assert page.evaluate("() => [app.microphone.opened, app.ended]") == [False, 2]
        page.evaluate("() => app.open()")
    page.evaluate("() => { app.unsubscribe(); app.others = 0; app.chunks = []; }")
    wait_for(page, "() => app.others > 0")
    assert page.evaluate("() => app.chunks") == []
    page.evaluate("() => { app.microphone.close(); app.others = 0; }")
    page.wait_for_timeout(100)
    assert page.evaluate("() => [app.microphone.opened, app.others, app.early]") == [False, 0, 0]
