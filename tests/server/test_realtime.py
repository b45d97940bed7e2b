"""Conversations over a real socket: a person talks, a model replies, a voice speaks."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.g711 import decode_alaw, decode_mulaw, encode_mulaw
from streamkit.audio.pcm import to_linear16
from streamkit.audio.resample import StreamingResampler
from streamkit.errors import ReplyError
from streamkit.llm.chat_model import CallDelta, ToolResult, Utterance
from streamkit.llm.testing import ScriptedChatModel
from streamkit.protocols.openai_realtime import Message
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartTalk = Callable[..., LiveServer]

MUSIC = "Turn the music down."
BUS = "The bus to Berlin is eight minutes late."
KITCHEN = "Switch off the music in the kitchen."
LONG = "The bus to Berlin is eight minutes late. " * 8
"""Some twenty seconds."""

TRANSCRIBED = {"input": {"transcription": {"model": "whisper-1"}}}
BY_HAND = {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}}
WRITTEN = {"output_modalities": ["text"]}


def recognized(server: LiveServer, sound: Samples, rate: int = RATE) -> str:
    """What another session of the server hears in a sound."""
    resampler = StreamingResampler(rate)
    samples = np.concatenate([resampler.process(sound), resampler.flush(), np.zeros(8000)])
    with server.listen(encoding="linear16", sample_rate=16000) as client:
        client.send(to_linear16(samples))
        client.close_stream()
    return client.text


def pcm(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32_768)


def words_with_times(client: RealtimeClient) -> list[tuple[float, str]]:
    """The words of the replies and where in the sound they begin, in seconds."""
    return [
        (at / 1000, word)
        for message in client.of_type("response.output_audio.delta")
        for at, word in message["streamkit"]["words"]
    ]


def sends(client: RealtimeClient, response: Message) -> bool:
    """Sound of a response comes after it was over."""
    over = client.messages.index(response)
    return any(
        message["type"] == "response.output_audio.delta"
        and message["response_id"] == response["response"]["id"]
        for message in client.messages[over:]
    )


def test_the_first_message_is_the_session(server: LiveServer) -> None:
    with RealtimeClient(server, model="gpt-realtime") as client:
        created = client.until("session.created")
    assert client.kinds == ["session.created"]
    session = created["session"]
    assert session["type"] == "realtime"
    assert session["model"] == "gpt-realtime"
    assert session["id"].startswith("sess_")
    assert created["event_id"].startswith("event_")
    assert isinstance(session["audio"]["output"]["voice"], str)
    assert created["streamkit"]["recognizer"] == "whisper-micro-en"
    assert created["streamkit"]["reply_model"] == "parrot"


def test_a_spoken_question_gets_a_spoken_answer(server: LiveServer, speak: Speak) -> None:
    with RealtimeClient(server) as client:
        client.update(audio=TRANSCRIBED)
        with client.microphone() as microphone:
            microphone.say(speak(BUS, RATE))
            done = client.until("response.done")
    assert client.heard_text == BUS
    reply = f"You said: {BUS}"
    assert client.spoken_text == reply
    response = done["response"]
    assert (response["status"], response["status_details"]) == ("completed", None)
    [item] = response["output"]
    assert item["content"][0]["transcript"] == reply
    # Each word is told with the sound in which it begins; from the first one of the person's on
    # the recognizer must hear the same.
    words = words_with_times(client)
    assert " ".join(word for _, word in words).split()[-8:] == BUS.rstrip(".").split()
    start = next(at for at, word in words if word == "The")
    sound = pcm(client.sound())
    assert recognized(server, sound[round(start * RATE) :]) == BUS
    assert response["streamkit"]["audio_ms"] == pytest.approx(1000 * len(sound) / RATE, abs=0.01)
    latency = response["streamkit"]["latency"]
    parts = sum(value for stage, value in latency.items() if stage != "voice_to_voice")
    assert latency["voice_to_voice"] == pytest.approx(parts, abs=0.1)


def test_the_order_of_a_turn_and_its_response(server: LiveServer, speak: Speak) -> None:
    with RealtimeClient(server) as client:
        client.update(audio=TRANSCRIBED)
        with client.microphone() as microphone:
            microphone.say(speak(MUSIC, RATE))
            client.until("rate_limits.updated")
    kinds = [
        kind for kind, _ in itertools.groupby(k for k in client.kinds if not k.endswith(".delta"))
    ]
    assert kinds == [
        "session.created",
        "session.updated",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.completed",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    ids = [message["event_id"] for message in client.messages]
    assert len(set(ids)) == len(ids)


def test_sound_is_sent_as_it_is_played_and_not_all_at_once(start_talk: StartTalk) -> None:
    server = start_talk(ScriptedChatModel([LONG]))
    with RealtimeClient(server) as client:
        client.update(streamkit={"lead_ms": 500})
        client.command("response.create")
        client.until("response.output_audio.delta")
        client.command("response.cancel")
        done = client.until("response.done")
    assert done["response"]["status"] == "cancelled"
    assert done["response"]["status_details"]["reason"] == "client_cancelled"
    assert len(client.sound()) / 2 < 2 * RATE
    assert not sends(client, done)


def test_whoever_speaks_into_a_reply_interrupts_it(start_talk: StartTalk, speak: Speak) -> None:
    model = ScriptedChatModel([LONG], ["Fine."])
    server = start_talk(model)
    with RealtimeClient(server) as client:
        client.update(audio=TRANSCRIBED)
        with client.microphone() as microphone:
            client.command("response.create")
            client.until("response.output_audio.delta")
            microphone.say(speak(BUS, RATE))
            started = client.until("input_audio_buffer.speech_started")
            cancelled = client.until("response.done")
            item = cancelled["response"]["output"][0]
            played = len(pcm(client.sound())) / RATE / 2
            client.command(
                "conversation.item.truncate",
                item_id=item["id"],
                content_index=0,
                audio_end_ms=round(1000 * played),
            )
            truncated = client.until("conversation.item.truncated")
            client.command("conversation.item.retrieve", item_id=item["id"])
            retrieved = client.until("conversation.item.retrieved")["item"]
            answered = client.until("response.done")
    assert client.messages.index(started) < client.messages.index(cancelled)
    assert cancelled["response"]["status"] == "cancelled"
    assert cancelled["response"]["status_details"]["reason"] == "turn_detected"
    assert not sends(client, cancelled)
    assert truncated["item_id"] == item["id"]
    kept = retrieved["content"][0]["transcript"]
    assert LONG.startswith(kept)
    assert 0 < len(kept) < len(item["content"][0]["transcript"])
    assert client.heard_text == BUS
    assert answered["response"]["status"] == "completed"
    # The model knows of its first reply what was heard, and no more.
    assert model.requests[1].turns == (Utterance("assistant", kept), Utterance("user", BUS))
    metrics = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    assert 'streamkit_interruptions_total{kind="turn_detected"} 1.0' in metrics
    assert 'streamkit_interruptions_total{kind="truncated"} 1.0' in metrics
    assert 'streamkit_responses_total{reason="turn_detected",status="cancelled"} 1.0' in metrics
    assert 'streamkit_turn_seconds_count{stage="voice_to_voice"}' in metrics
    assert model.replies[0].closed


def test_push_to_talk(server: LiveServer, speak: Speak) -> None:
    with RealtimeClient(server) as client:
        client.update(audio=BY_HAND)
        for text in (MUSIC, KITCHEN):
            # No silence at the end: the last word must not be lost.
            client.append(to_linear16(np.trim_zeros(speak(text, RATE), "b")))
            client.command("input_audio_buffer.commit")
            committed = client.until("input_audio_buffer.committed")
            item = client.until("conversation.item.done")["item"]
            assert item["id"] == committed["item_id"]
            client.until("conversation.item.input_audio_transcription.completed")
        client.command("response.create", response=WRITTEN)
        done = client.until("response.done")
    assert client.heard_text == f"{MUSIC} {KITCHEN}"
    assert done["response"]["output"][0]["content"][0]["text"] == f"You said: {KITCHEN}"
    assert client.of_type("input_audio_buffer.speech_started") == []


def test_what_is_cleared_is_forgotten(server: LiveServer, speak: Speak) -> None:
    with RealtimeClient(server) as client:
        client.update(audio=BY_HAND)
        client.append(to_linear16(speak(MUSIC, RATE)))
        client.command("input_audio_buffer.clear")
        client.until("input_audio_buffer.cleared")
        client.command("input_audio_buffer.commit", event_id="mine")
        error = client.until("error")["error"]
        assert error["code"] == "input_audio_buffer_commit_empty"
        assert error["event_id"] == "mine"
        client.append(to_linear16(speak(BUS, RATE)))
        client.command("input_audio_buffer.commit")
        client.until("conversation.item.input_audio_transcription.completed")
    assert client.heard_text == BUS


def test_written_words_get_a_written_answer(server: LiveServer) -> None:
    with RealtimeClient(server) as client:
        client.update(**WRITTEN)
        client.write("Hello there!")
        client.command("response.create")
        done = client.until("response.done")
    text = "".join(message["delta"] for message in client.of_type("response.output_text.delta"))
    assert text == "You said: Hello there!"
    assert done["response"]["output"][0]["content"][0]["text"] == text
    assert done["response"]["usage"]["output_tokens"] > 0
    assert client.sound() == b""


def test_a_tool_is_called_and_its_result_told(start_talk: StartTalk) -> None:
    model = ScriptedChatModel(
        [CallDelta(0, "call_1", "get_weather", '{"place":'), CallDelta(0, "", "", '"Berlin"}')],
        ["It rains."],
    )
    tool = {
        "type": "function",
        "name": "get_weather",
        "description": "Tells the weather.",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    }
    with RealtimeClient(start_talk(model)) as client:
        client.update(tools=[tool], **WRITTEN)
        client.write("What is the weather like in Berlin?")
        client.command("response.create")
        arguments = client.until("response.function_call_arguments.done")
        [call] = client.until("response.done")["response"]["output"]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "rain"}
        client.command("conversation.item.create", item=output)
        client.command("response.create")
        done = client.until("response.done")
    assert (arguments["name"], json.loads(arguments["arguments"])) == (
        "get_weather",
        {"place": "Berlin"},
    )
    assert (call["type"], call["status"], call["call_id"]) == (
        "function_call",
        "completed",
        "call_1",
    )
    assert done["response"]["output"][0]["content"][0]["text"] == "It rains."
    assert model.requests[0].tools[0].name == "get_weather"
    assert model.requests[1].turns[-1] == ToolResult("call_1", "rain")


@pytest.mark.parametrize(
    ("kind", "decode"), [("audio/pcmu", decode_mulaw), ("audio/pcma", decode_alaw)]
)
def test_telephones(
    server: LiveServer, speak: Speak, kind: str, decode: Callable[[bytes], Samples]
) -> None:
    with RealtimeClient(server) as client:
        client.update(
            audio={
                "input": {**BY_HAND["input"], "format": {"type": "audio/pcmu"}},
                "output": {"format": {"type": kind}},
            },
            streamkit={"lead_ms": 10_000},
        )
        client.append(encode_mulaw(speak(BUS, 8000)))
        client.command("input_audio_buffer.commit")
        client.until("conversation.item.input_audio_transcription.completed")
        client.command("response.create")
        client.until("response.done")
    assert client.heard_text == BUS
    start = next(at for at, word in words_with_times(client) if word == "The")
    sound = decode(client.sound())
    assert recognized(server, sound[round(start * 8000) :], 8000) == BUS


def test_the_format_may_change_in_mid_stream(server: LiveServer, speak: Speak) -> None:
    pieces = np.split(speak(BUS, 8000), [9000])
    with RealtimeClient(server) as client:
        client.update(audio={"input": {**BY_HAND["input"], "format": {"type": "audio/pcmu"}}})
        client.append(encode_mulaw(pieces[0]))
        client.update(audio={"input": {"format": {"type": "audio/pcm", "rate": 24_000}}})
        client.append(to_linear16(speak(BUS, RATE)[3 * 9000 :]))
        client.command("input_audio_buffer.commit")
        client.until("conversation.item.input_audio_transcription.completed")
    assert client.heard_text == BUS


def test_sound_in_an_item_is_recognized_before_it_is_answered(
    server: LiveServer, speak: Speak
) -> None:
    sound = base64.b64encode(to_linear16(speak(KITCHEN, RATE))).decode()
    with RealtimeClient(server) as client:
        client.update(audio=TRANSCRIBED, **WRITTEN)
        client.command(
            "conversation.item.create",
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": sound}],
            },
        )
        client.command("response.create")
        done = client.until("response.done")
        item_id = client.of_type("conversation.item.done")[0]["item"]["id"]
        client.command("conversation.item.retrieve", item_id=item_id)
        item = client.until("conversation.item.retrieved")["item"]
    assert client.heard_text == KITCHEN
    assert done["response"]["output"][0]["content"][0]["text"] == f"You said: {KITCHEN}"
    assert item["content"] == [{"type": "input_audio", "transcript": KITCHEN}]


def test_all_sounds_of_an_item_are_recognized(server: LiveServer, speak: Speak) -> None:
    parts = [
        {"type": "input_audio", "audio": base64.b64encode(to_linear16(speak(text, RATE))).decode()}
        for text in (MUSIC, BUS)
    ]
    with RealtimeClient(server) as client:
        client.update(audio=TRANSCRIBED, **WRITTEN)
        item = {"type": "message", "role": "user", "content": parts}
        client.command("conversation.item.create", item=item)
        client.command("response.create")
        done = client.until("response.done")
    completed = client.of_type("conversation.item.input_audio_transcription.completed")
    heard = {message["content_index"]: message["transcript"] for message in completed}
    assert heard == {0: MUSIC, 1: BUS}
    assert done["response"]["output"][0]["content"][0]["text"] == f"You said: {MUSIC} {BUS}"


@pytest.mark.parametrize("padding_ms", [0, 5000])
def test_the_padding_before_speech_may_change_in_mid_stream(
    server: LiveServer, speak: Speak, padding_ms: int
) -> None:
    sound = to_linear16(speak(BUS, RATE))
    with RealtimeClient(server, model=None, intent="transcription") as client:
        client.append(to_linear16(np.zeros(8 * RATE, np.float32)))
        client.command("input_audio_buffer.clear")
        client.until("input_audio_buffer.cleared")
        detection = {"type": "server_vad", "prefix_padding_ms": padding_ms}
        session = {"type": "transcription", "audio": {"input": {"turn_detection": detection}}}
        client.command("session.update", session=session)
        client.append(sound)
        client.append(to_linear16(np.zeros(2 * RATE, np.float32)))
        client.until("conversation.item.input_audio_transcription.completed")
    assert client.heard_text == BUS


def test_too_much_sound_in_items_is_refused(start_talk: StartTalk, speak: Speak) -> None:
    server = start_talk(max_item_seconds=1)
    sound = base64.b64encode(to_linear16(speak(KITCHEN, RATE))).decode()
    part = {"type": "input_audio", "audio": sound}
    with RealtimeClient(server) as client:
        client.command(
            "conversation.item.create",
            event_id="mine",
            item={"type": "message", "role": "user", "content": [part]},
        )
        error = client.until("error")["error"]
        client.command("response.create", response=WRITTEN)
        client.until("response.done")
    assert (error["code"], error["param"], error["event_id"]) == (
        "invalid_value",
        "item.content",
        "mine",
    )
    assert client.of_type("conversation.item.added")[0]["item"]["role"] == "assistant"


@dataclass
class Listener:
    """A detector of turns that is sure of something, or (None) fails."""

    answer: float | None
    heard: list[Samples] = field(default_factory=list)

    def probability(self, samples: Samples) -> float:
        self.heard.append(samples)
        if self.answer is None:
            raise ValueError("as the test wants it")
        return self.answer


@pytest.mark.parametrize(("answer", "patient"), [(1.0, False), (0.0, True), (None, False)], ids=str)
def test_a_network_may_hear_whether_a_turn_is_over(
    start_talk: StartTalk, speak: Speak, answer: float | None, patient: bool
) -> None:
    server = start_talk()
    listener = Listener(answer)
    server.server.state.turn_detector = listener
    with RealtimeClient(server) as client:
        client.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}}, **WRITTEN)
        with client.microphone() as microphone:
            microphone.say(speak(BUS, RATE))
            latency = client.until("response.done")["response"]["streamkit"]["latency"]
    # The words sound finished; only somebody who hears that they are not waits for four seconds.
    assert (latency["endpoint"] > 3000) == patient
    turn = listener.heard[-1]
    assert recognized(server, np.concatenate([np.zeros(8000, np.float32), turn]), 16_000) == BUS
    assert len(turn) < 3 * 16_000


def test_transcription_only(server: LiveServer, speak: Speak) -> None:
    with RealtimeClient(server, model=None, intent="transcription") as client:
        session = client.until("session.created")["session"]
        with client.microphone() as microphone:
            microphone.say(speak(MUSIC, RATE))
            microphone.say(speak(BUS, RATE))
            for _ in range(2):
                client.until("conversation.item.input_audio_transcription.completed")
        client.command("response.create")
        error = client.until("error")["error"]
    assert session["type"] == "transcription"
    assert session["object"] == "realtime.transcription_session"
    assert client.heard_text == f"{MUSIC} {BUS}"
    assert error["code"] == "invalid_session_type"
    assert client.of_type("response.created") == []


def test_words_come_while_somebody_speaks(server: LiveServer, speak: Speak) -> None:
    with (
        RealtimeClient(server, model=None, intent="transcription") as client,
        client.microphone() as microphone,
    ):
        microphone.say(speak(BUS, RATE))
        client.until("conversation.item.input_audio_transcription.completed")
    kind = "conversation.item.input_audio_transcription.delta"
    deltas = client.of_type(kind)
    assert "".join(message["delta"] for message in deltas) == BUS
    stopped = client.kinds.index("input_audio_buffer.speech_stopped")
    assert kind in client.kinds[:stopped]
    for message in deltas:
        latency = message["streamkit"]["latency"]
        assert latency["emit_ms"] >= latency["first_partial_ms"] >= latency["vad_ms"] >= 0


def test_the_client_says_when_it_captured_its_sound(server: LiveServer, speak: Speak) -> None:
    captured_at = 1_700_000_000.0
    sound = base64.b64encode(to_linear16(speak(BUS, RATE))).decode()
    with RealtimeClient(server) as client:
        client.update(audio=BY_HAND)
        own = {"captured_at": captured_at}
        client.command("input_audio_buffer.append", audio=sound, streamkit=own)
        client.command("input_audio_buffer.commit")
        done = client.until("conversation.item.input_audio_transcription.completed")
    last = done["streamkit"]["words"][-1]["end_ms"] / 1000
    told = done["streamkit"]["latency"]["captured_at"]
    # The resampler holds some sound back; that does not make it later.
    assert told == pytest.approx(captured_at + last, abs=0.001)


def test_what_the_client_has_played_is_what_was_heard(start_talk: StartTalk) -> None:
    server = start_talk(ScriptedChatModel([LONG]))
    with RealtimeClient(server) as client:
        client.update(streamkit={"lead_ms": 30_000})
        client.command("response.create")
        item_id = client.until("response.content_part.added")["item_id"]
        client.read_until(lambda message: "Berlin" in str(message.get("delta")))
        report = {"item_id": item_id, "audio_end_ms": 300, "ended": True}
        client.command("input_audio_buffer.append", audio="", streamkit={"played": report})
        client.command("response.cancel")
        client.until("response.done")
        client.command("conversation.item.retrieve", item_id=item_id)
        item = client.until("conversation.item.retrieved")["item"]
    heard = item["content"][0]["transcript"]
    assert heard
    assert "The bus to Berlin".startswith(heard)


@pytest.mark.parametrize("audio", [TRANSCRIBED, BY_HAND], ids=["listening", "by hand"])
def test_a_model_that_fails_is_told_and_the_next_reply_comes(
    start_talk: StartTalk, audio: dict[str, Any]
) -> None:
    server = start_talk(ScriptedChatModel(["One ", ReplyError("it is down")], ["Two."]))
    with RealtimeClient(server) as client:
        client.update(audio=audio, **WRITTEN)
        client.command("response.create")
        failed = client.until("response.done")["response"]
        client.command("response.create")
        done = client.until("response.done")["response"]
    assert failed["status"] == "failed"
    assert failed["status_details"]["error"]["code"] == "model_failed"
    assert failed["status_details"]["error"]["message"] == "it is down"
    assert done["output"][0]["content"][0]["text"] == "Two."


def test_a_voice_that_is_not_there_is_refused(server: LiveServer) -> None:
    with RealtimeClient(server) as client:
        client.command(
            "session.update",
            event_id="mine",
            session={"type": "realtime", "audio": {"output": {"voice": "nobody"}}},
        )
        error = client.until("error")["error"]
        assert error["param"] == "session.audio.output.voice"
        assert error["event_id"] == "mine"
        client.update(audio={"output": {"voice": "alloy"}})
        client.write("Hello!")
        client.command("response.create")
        done = client.until("response.done")
    assert done["response"]["audio"]["output"]["voice"] == "alloy"
    assert done["response"]["status"] == "completed"
    assert client.sound()


def test_what_is_wrong_is_told_and_the_session_lives_on(server: LiveServer, speak: Speak) -> None:
    odd = base64.b64encode(b"\0\0\0").decode()
    wrong: list[tuple[str | bytes, str, str | None, str | None]] = [
        (b"\0\0", "invalid_event", None, None),
        ("babble", "invalid_json", None, None),
        ('{"type":"nothing","event_id":"a"}', "invalid_value", "type", "a"),
        (
            json.dumps({"type": "input_audio_buffer.append", "event_id": "b", "audio": odd}),
            "invalid_value",
            "audio",
            "b",
        ),
        (
            json.dumps({"type": "conversation.item.delete", "event_id": "c", "item_id": "no"}),
            "item_not_found",
            "item_id",
            "c",
        ),
        (
            json.dumps(
                {"type": "session.update", "event_id": "d", "session": {"temperature": 0.8}}
            ),
            "unknown_parameter",
            "session.temperature",
            "d",
        ),
        (json.dumps({"type": "response.cancel"}), "response_cancel_not_active", None, None),
    ]
    with RealtimeClient(server) as client:
        for message, code, param, event_id in wrong:
            client.socket.send(message)
            error = client.until("error")["error"]
            assert (error["code"], error["param"], error["event_id"]) == (code, param, event_id)
            assert error["message"]
        client.update(audio=BY_HAND)
        client.append(to_linear16(speak(BUS, RATE)))
        client.command("input_audio_buffer.commit")
        client.until("conversation.item.input_audio_transcription.completed")
    assert client.heard_text == BUS


def test_a_large_event_is_read_like_a_small_one(server: LiveServer, speak: Speak) -> None:
    samples = np.concatenate([speak(MUSIC, RATE), speak(BUS, RATE), speak(KITCHEN, RATE)])
    audio = to_linear16(samples)
    with RealtimeClient(server) as client:
        client.update(audio=BY_HAND)
        client.append(audio, chunk=len(audio))
        client.command("input_audio_buffer.commit")
        client.until("conversation.item.input_audio_transcription.completed")
    assert client.heard_text == f"{MUSIC} {BUS} {KITCHEN}"


def test_an_old_conversation_is_cut_to_what_the_model_can_read(start_talk: StartTalk) -> None:
    model = ScriptedChatModel(["Yes."])
    server = start_talk(model, llm_context_tokens=1500)
    with RealtimeClient(server) as client:
        client.update(**WRITTEN)
        for number in range(60):
            client.write(f"Number {number} is of no interest at all to anybody, I am afraid.")
        client.command("response.create")
        client.until("response.done")
    [request] = model.requests
    assert 1 <= len(request.turns) < 60
    last = request.turns[-1]
    assert isinstance(last, Utterance)
    assert "59" in last.text
