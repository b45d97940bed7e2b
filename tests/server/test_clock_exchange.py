"""Two clocks that are compared over a real socket, and what is told with their help."""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamkit.audio.loudness import LOUD
from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer, WireClient
from streamkit.server.testing_realtime import RATE, RealtimeClient

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16_000}
SKEW = 1234.5
"""Seconds that the client's clock is ahead of the server's."""
CHUNK = RATE // 50


def now() -> float:
    """By the client's clock."""
    return time.time() + SKEW


def ask(client: WireClient, last: dict[str, float] | None = None) -> dict[str, Any]:
    """Compare clocks once; returns the answer, with when it came."""
    clock: dict[str, Any] = {"sent_at": now()}
    if last is not None:
        clock["last"] = {"server_sent_at": last["sent_at"], "received_at": last["came_at"]}
    if isinstance(client, RealtimeClient):
        client.command("input_audio_buffer.append", audio="", streamkit={"clock": clock})
    else:
        client.command("KeepAlive", streamkit={"clock": clock})
    answer = client.read_until(lambda message: message["type"] == "streamkit.clock")
    assert answer["client_sent_at"] == clock["sent_at"]
    return {**answer, "came_at": now()}


def check(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (first["offset_ms"], first["error_ms"]) == (None, None)
    for answer in (first, second):
        assert answer["received_at"] <= answer["sent_at"]
        # Whatever the server's clock is, it says that the message came, and left, in between.
        assert answer["received_at"] >= answer["client_sent_at"] - SKEW - 0.01
        assert answer["sent_at"] <= answer["came_at"] - SKEW + 0.01
    assert abs(second["offset_ms"] + SKEW * 1000) <= second["error_ms"] + 10
    # It is known as well as the messages were quick: there the second time, and back the first.
    there = second["received_at"] - second["client_sent_at"]
    back = first["came_at"] - first["sent_at"]
    assert second["error_ms"] <= (there + back) * 500 + 1


def test_a_client_of_captions_learns_the_server_s_clock(server: LiveServer) -> None:
    with server.listen(**RAW) as client:
        first = ask(client)
        second = ask(client, first)
        client.close_stream()
    check(first, second)
    members = ["client_sent_at", "received_at", "sent_at", "offset_ms", "error_ms", "came_at"]
    assert set(first) == {"type", *members}


def test_a_client_of_a_conversation_learns_the_server_s_clock(server: LiveServer) -> None:
    with RealtimeClient(server) as client:
        first = ask(client)
        second = ask(client, first)
    check(first, second)
    assert first["event_id"].startswith("event_")
    assert first["event_id"] != second["event_id"]


def test_who_does_not_ask_is_not_answered(server: LiveServer, speak: Speak) -> None:
    with server.listen(**RAW) as client:
        client.command("KeepAlive", streamkit={"captured_at": now()})
        client.send(to_linear16(speak("Turn the music down.")))
        client.close_stream()
    assert client.of_type("streamkit.clock") == []


def test_a_clock_that_cannot_be_read_is_an_error_and_the_session_goes_on(
    server: LiveServer,
) -> None:
    with server.listen(**RAW) as client:
        client.command("KeepAlive", streamkit={"clock": {"sent_at": "noon"}})
        error = client.read_until(lambda message: message["type"] == "Error")
        assert "clock" in error["description"]
        ask(client)
        client.close_stream()
    with RealtimeClient(server) as talk:
        own = {"clock": {"sent_at": "noon"}}
        talk.command("input_audio_buffer.append", audio="", streamkit=own)
        assert talk.until("error")["error"]["param"] == "streamkit.clock.sent_at"
        ask(talk)


def captured(server: LiveServer) -> tuple[float, float]:
    """How many times of capture were counted, and their sum in seconds."""
    text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    name = "streamkit_capture_to_receive_seconds"
    return found[f"{name}_count"], found[f"{name}_sum"]


def test_once_the_clocks_are_compared_a_client_s_clock_may_be_wrong(
    start_server: StartServer, speak: Speak
) -> None:
    server = start_server()
    samples = speak("Turn the music down.")
    for compares in (True, False):
        with server.listen(**RAW) as client:
            if compares:
                ask(client, ask(client))
            # Recorded just now, by a clock that is so much behind.
            client.command(
                "KeepAlive", streamkit={"captured_at": now() - (0 if compares else 2 * SKEW)}
            )
            client.socket.send(to_linear16(samples))
            client.close_stream()
        count, seconds = captured(server)
        if compares:
            assert count >= 1
            assert seconds < 60 * count
        else:
            assert seconds > SKEW / 2


def test_the_end_of_speech_is_the_last_loud_sample_to_the_millisecond(
    server: LiveServer, speak: Speak
) -> None:
    samples = np.concatenate([np.zeros(RATE // 2, np.float32), speak("Turn it up.", RATE)])
    samples = np.concatenate([samples, np.zeros(3 * RATE + -len(samples) % CHUNK, np.float32)])
    last_loud = int(np.flatnonzero(np.abs(samples) >= LOUD)[-1]) + 1
    began = now()
    with RealtimeClient(server) as client:
        client.update(audio={"input": {"turn_detection": {"type": "server_vad"}}})
        for start in range(0, len(samples), CHUNK):
            piece = to_linear16(samples[start : start + CHUNK])
            client.command(
                "input_audio_buffer.append",
                audio=base64.b64encode(piece).decode(),
                streamkit={"captured_at": began + start / RATE},
            )
        done = client.until("response.done")["response"]["streamkit"]
    deltas = client.of_type("response.output_audio.delta")
    (first,) = [each["streamkit"] for each in deltas if "audible_sent_at" in each["streamkit"]]
    speech = done["speech"]
    # Resampling moves where a sound falls below a level by less than a millisecond.
    assert speech["end_ms"] == pytest.approx(last_loud / RATE * 1000, abs=2)
    assert speech["captured_at"] == pytest.approx(began + last_loud / RATE, abs=0.002)
    whole = done["latency"]["voice_to_voice"]
    silence = done["audible_sent_at"] - speech["received_at"]
    assert whole == pytest.approx(silence * 1000, abs=0.02)
    parts = [value for name, value in first["latency"].items() if name != "voice_to_voice"]
    assert sum(parts) == pytest.approx(whole, abs=0.05)
    assert {name: first[name] for name in ("latency", "speech", "audible_sent_at")} == {
        name: done[name] for name in ("latency", "speech", "audible_sent_at")
    }


def test_a_reply_to_what_was_written_tells_of_no_speech(server: LiveServer) -> None:
    with RealtimeClient(server) as client:
        client.write("Say hello.")
        client.command("response.create")
        done = client.until("response.done")["response"]["streamkit"]
    assert done["speech"] is None
    assert done["audible_sent_at"] is not None
    assert done["latency"]["voice_to_voice"] > 0


def test_answers_leave_in_the_order_of_the_questions(server: LiveServer) -> None:
    with server.listen(**RAW) as client:
        for second in range(20):
            client.command("KeepAlive", streamkit={"clock": {"sent_at": float(second)}})
        client.close_stream()
    answers = client.of_type("streamkit.clock")
    assert [answer["client_sent_at"] for answer in answers] == list(range(20))
    assert all(a["sent_at"] <= b["sent_at"] for a, b in itertools.pairwise(answers))
