"""Clients that are told at once when somebody speaks into a reply, over a real socket."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.llm.testing import ScriptedChatModel
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient

Samples = npt.NDArray[np.float32]

BUS = "The bus to Berlin is eight minutes late."
LONG = BUS + " " + BUS
HOLD, RESUME = "streamkit.hold", "streamkit.resume"
STARTED, DONE = "input_audio_buffer.speech_started", "response.done"
SOUND = "response.output_audio.delta"


def told(client: RealtimeClient) -> list[str]:
    return [kind for kind in client.kinds if kind in (HOLD, RESUME, STARTED, DONE)]


def vowel(speak: Callable[..., Samples]) -> Samples:
    """A moment of a voice, which is no word."""
    sound = speak("Aaaah", RATE)
    first = int(np.flatnonzero(np.abs(sound) > 0.1)[0])
    return sound[first : first + round(0.14 * RATE)]


@pytest.mark.parametrize("asks", [True, False])
def test_a_hold_comes_before_speech_started(
    start_talk: Callable[..., LiveServer], speak: Callable[..., Samples], asks: bool
) -> None:
    server = start_talk(ScriptedChatModel([LONG * 3], ["Fine."]))
    with RealtimeClient(server) as client:
        assert client.update(streamkit={"holds": asks})["streamkit"]["holds"] is asks
        with client.microphone() as microphone:
            client.command("response.create")
            client.until(SOUND)
            microphone.say(speak(BUS, RATE))
            done = client.until(DONE)
    assert done["response"]["status_details"]["reason"] == "turn_detected"
    assert told(client) == ([HOLD] if asks else []) + [STARTED, DONE]
    if asks:
        hold = client.messages[client.kinds.index(HOLD)]
        assert hold["response_id"] == done["response"]["id"]
        assert hold["event_id"]
        # No sound is sent into a hold.
        assert SOUND not in client.kinds[client.kinds.index(HOLD) :]


def test_after_a_noise_the_reply_goes_on_where_it_was(
    start_talk: Callable[..., LiveServer], speak: Callable[..., Samples]
) -> None:
    server = start_talk(ScriptedChatModel([LONG]))
    with RealtimeClient(server) as client:
        client.update(streamkit={"holds": True})
        with client.microphone() as microphone:
            client.command("response.create")
            client.until(SOUND)
            microphone.say(vowel(speak))
            hold = client.until(HOLD)
            resume = client.until(RESUME)
            assert resume["response_id"] == hold["response_id"]
            done = client.until(DONE)
    assert told(client) == [HOLD, RESUME, DONE]
    began, ended = (client.kinds.index(kind) for kind in (HOLD, RESUME))
    assert SOUND not in client.kinds[began:ended]
    assert done["response"]["status"] == "completed"
    assert client.spoken_text == LONG
    spans = [message["streamkit"] for message in client.of_type(SOUND)]
    assert [span["end_ms"] for span in spans[:-1]] == [span["start_ms"] for span in spans[1:]]
    audio_ms = done["response"]["streamkit"]["audio_ms"]
    assert len(client.sound()) / 2 / RATE * 1000 == pytest.approx(audio_ms, abs=0.1)
