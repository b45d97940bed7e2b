"""Captions in a real browser: what its microphone hears becomes words in the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]

FIRST = "The bus to Berlin is eight minutes late."
SECOND = "Turn the music down."

PAGE = "/healthz"
"""Of the same origin, and without the views, which have tests of their own."""

START = """async (options) => {
  const { Captioner } = await import('/app/captioner.js');
  const { SessionTrace } = await import('/app/session_trace.js');
  const { Credentials } = await import('/net/credentials.js');
  const { Microphone } = await import('/sound/microphone.js');
  const microphone = new Microphone();
  const trace = new SessionTrace();
  const captioner = new Captioner({ microphone, trace, credentials: new Credentials(), options });
  globalThis.app = { microphone, trace, captioner, told: [], states: [] };
  captioner.addEventListener('change', ({ caption }) => captioner.shown(caption));
  captioner.addEventListener('notice', ({ level, text }) => app.told.push([level, text]));
  captioner.addEventListener('state', () => app.states.push(captioner.state));
  await captioner.start();
}"""

LINES = "() => app.captioner.captions.lines.map((line) => line.text)"


def test_what_the_microphone_hears_becomes_words(
    web_server: LiveServer,
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
    speak: Callable[..., Samples],
) -> None:
    page = open_page(web_server, make_sound(1.0, speak(FIRST, 48_000), 20.0), path=PAGE)
    page.evaluate(START, {})
    wait_for(page, "() => app.captioner.captions.committed.includes('Berlin')")
    wait_for(page, "() => app.captioner.captions.lines.length > 0")
    page.evaluate("() => app.captioner.stop()")
    assert page.evaluate(LINES) == [FIRST]
    assert page.evaluate("() => app.states") == ["connecting", "live", "finishing", "idle"]
    assert page.evaluate("() => app.told") == []
    # Every stage of the way of the last words is known, and has taken some time or none.
    [*_, way] = page.evaluate("() => app.trace.chunks")
    assert way["text"] == "late."
    assert list(way["parts"]) == page.evaluate(
        "async () => [...(await import('/core/waterfall.js')).CHUNK_PARTS]"
    )
    assert min(way["parts"].values()) >= 0
    clock = page.evaluate("() => app.trace.clock")
    # Both clocks are those of this machine, so what they differ by is the error of the map; they
    # are read to a millisecond.
    assert abs(clock["offset"]) < clock["error"] + 0.005
    records = [json.loads(line) for line in page.evaluate("() => app.trace.toJSONL()").splitlines()]
    assert {"begin", "clock", "chunk", "caption", "end"} == {record["kind"] for record in records}
    assert records[0]["side"] == "client"
    finals = [record for record in records if record["kind"] == "caption" and record["is_final"]]
    assert sum(record["word_count"] for record in finals) == len(FIRST.split())


def test_neither_a_cut_network_nor_a_new_server_loses_anything(
    cable: Any,
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Any],
    make_sound: Callable[..., Any],
    wait_for: Callable[..., Any],
    speak: Callable[..., Samples],
) -> None:
    sound = make_sound(0.5, speak(FIRST, 48_000), speak(SECOND, 48_000), 20.0)
    page = open_page(cable, sound, path=PAGE, expect=("ERR_", "WebSocket"))
    page.evaluate(START, {})
    wait_for(page, "() => app.captioner.captions.committed.includes('Berlin')")
    cable.pull()
    wait_for(page, "() => app.captioner.state === 'reconnecting'")
    before = page.evaluate("() => app.captioner.captions.committed")
    # The first sentence ends, and the second one begins, while nobody hears it.
    page.wait_for_timeout(1500)
    assert page.evaluate("() => app.captioner.captions.committed") == before
    # A server that was restarted knows nothing, not even the secret that this page has.
    cable.lead_to(start_server(allowed_origins=[cable.http_url]))
    cable.plug()
    wait_for(page, "() => app.captioner.captions.lines.length >= 2")
    assert page.evaluate(LINES) == [FIRST, SECOND]
    (lost, back) = page.evaluate("() => app.told")
    assert lost[0] == "warning"
    assert back[0] == "info"
    assert "sent once more" in back[1]


def test_a_microphone_that_is_refused_says_what_to_do(
    web_server: LiveServer, open_page: Callable[..., Any]
) -> None:
    page = open_page(web_server, path=PAGE, microphone="refused")
    page.evaluate(START, {})
    assert page.evaluate("() => app.captioner.state") == "failed"
    assert page.evaluate("() => app.captioner.error.code") == "denied"
    [(level, text)] = page.evaluate("() => app.told")
    assert level == "error"
    assert "Allow the microphone" in text


def test_a_key_is_asked_for_and_then_works(
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:
    server = start_server(api_keys=["right-key"])
    page = open_page(server, path=PAGE, expect=("401",))
    page.evaluate(START, {})
    wait_for(page, "() => app.captioner.state === 'failed'")
    assert page.evaluate("() => [app.captioner.error.name, app.captioner.error.given]") == [
        "KeyNeeded",
        False,
    ]
    retry = """async (key) => {
      const { Captioner } = await import('/app/captioner.js');
      const { Credentials } = await import('/net/credentials.js');
      const credentials = new Credentials();
      credentials.key = key;
      app.captioner = new Captioner({ ...app, credentials });
      await app.captioner.start();
    }"""
    page.evaluate(retry, "wrong-key")
    wait_for(page, "() => app.captioner.state === 'failed'")
    assert page.evaluate("() => app.captioner.error.given")
    page.evaluate(retry, "right-key")
    wait_for(page, "() => app.captioner.state === 'live'")


def test_a_refusal_says_why(
    start_server: Callable[..., LiveServer],
    open_page: Callable[..., Any],
    wait_for: Callable[..., Any],
) -> None:
    server = start_server(max_sessions=1)
    page = open_page(server, path=PAGE, expect=("WebSocket", "503", "400"))
    with server.listen(encoding="linear16", sample_rate=16_000):
        page.evaluate(START, {})
        wait_for(page, "() => app.told.length > 0")
        assert "All 1 places" in page.evaluate("() => app.told[0][1]")
    # The place is free now, and the page comes by itself.
    wait_for(page, "() => app.captioner.state === 'live'")
    page.evaluate("() => app.captioner.stop()")
    page.evaluate(START, {"language": "tlh"})
    wait_for(page, "() => app.captioner.state === 'failed'")
    assert "may not know the language" in page.evaluate("() => app.told[0][1]")
