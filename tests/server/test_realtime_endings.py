"""Conversations that end, in whatever state, and what is left of them: nothing."""

from __future__ import annotations

import asyncio
import base64
import gc
import json
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import numpy.typing as npt
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from streamkit.audio.pcm import to_linear16
from streamkit.errors import ReplyError
from streamkit.llm.chat_model import CallDelta
from streamkit.llm.testing import ScriptedChatModel
from streamkit.server import connection
from streamkit.server.conversation_runner import ConversationSession
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient
from streamkit.server.voice import ReplyVoice
from streamkit.session.conversation import Conversation

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartTalk = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]

BUS = "The bus to Berlin is eight minutes late."
SHORT = "The bus is late."
LONG = "The bus to Berlin is eight minutes late. " * 8
RUBBISH = '{"type":"' + "\N{GRINNING FACE}" * 200 + '"}'


def tasks(server: LiveServer) -> int:
    return server.portal.call(lambda: len(asyncio.all_tasks()))


def warm(server: LiveServer) -> bool:
    """What is done at the start is done."""
    names = server.portal.call(lambda: [task.get_name() for task in asyncio.all_tasks()])
    return not any("_warm" in name for name in names)


def left_behind() -> list[object]:
    gc.collect()
    kinds = (ConversationSession, Conversation, ReplyVoice)
    return [each for each in gc.get_objects() if type(each) in kinds]


def at_once(client: RealtimeClient, speak: Speak) -> None:
    client.until("session.created")


def in_mid_word(client: RealtimeClient, speak: Speak) -> None:
    client.append(to_linear16(speak(BUS, RATE)[: 2 * RATE]))
    client.until("input_audio_buffer.speech_started")


def in_mid_event(client: RealtimeClient, speak: Speak) -> None:
    client.append(to_linear16(speak(BUS, RATE)), chunk=1 << 20)


def while_words_are_awaited(client: RealtimeClient, speak: Speak) -> None:
    client.append(to_linear16(speak(BUS, RATE)))
    client.command("input_audio_buffer.commit")
    client.until("input_audio_buffer.committed")


def while_the_model_thinks(client: RealtimeClient, speak: Speak) -> None:
    client.command("response.create")
    client.until("response.created")


def while_it_speaks(client: RealtimeClient, speak: Speak) -> None:
    client.command("response.create")
    client.until("response.output_audio.delta")


def while_somebody_interrupts(client: RealtimeClient, speak: Speak) -> None:
    while_it_speaks(client, speak)
    client.append(to_linear16(speak(BUS, RATE)))


def while_an_item_is_recognized(client: RealtimeClient, speak: Speak) -> None:
    sound = base64.b64encode(to_linear16(np.tile(speak(BUS, RATE), 8))).decode()
    part = {"type": "input_audio", "audio": sound}
    item = {"type": "message", "role": "user", "content": [part]}
    client.command("conversation.item.create", item=item)
    client.until("conversation.item.done")


@pytest.mark.parametrize("aborts", [False, True], ids=["closes", "vanishes"])
@pytest.mark.parametrize(
    "state",
    [
        at_once,
        in_mid_word,
        in_mid_event,
        while_words_are_awaited,
        while_the_model_thinks,
        while_it_speaks,
        while_somebody_interrupts,
        while_an_item_is_recognized,
    ],
)
def test_whoever_leaves_leaves_nothing_behind(
    start_talk: StartTalk,
    speak: Speak,
    eventually: Eventually,
    state: Callable[[RealtimeClient, Speak], None],
    aborts: bool,
) -> None:
    never = anyio.Event()
    model = ScriptedChatModel([never] if state is while_the_model_thinks else [LONG], [LONG])
    server = start_talk(model)
    eventually(lambda: warm(server))
    before = tasks(server)
    with RealtimeClient(server) as client:
        state(client, speak)
        if aborts:
            client.abort()
    server.wait_until_empty()
    eventually(lambda: tasks(server) == before)
    eventually(lambda: not server.server.server_state.connections)
    assert server.server.state.permits.taken == 0
    assert all(reply.closed for reply in model.replies)
    assert server.server.state.voice_threads.borrowed_tokens == 0
    eventually(lambda: left_behind() == [])


def test_a_server_that_goes_down_finishes_what_it_says(
    start_talk: StartTalk, eventually: Eventually
) -> None:
    goes_on = anyio.Event()
    server = start_talk(ScriptedChatModel(["The bus ", goes_on, "is late."]), drain_timeout=30)
    with RealtimeClient(server) as client:
        client.command("response.create")
        client.until("response.content_part.added")
        server.stop()
        with pytest.raises(InvalidStatus) as caught, RealtimeClient(server):
            pass
        assert caught.value.response.status_code == 503
        # Nothing new begins meanwhile.
        client.command("response.create")
        server.portal.call(goes_on.set)
        client.read_to_end()
    [done] = client.of_type("response.done")
    assert done["response"]["status"] == "completed"
    assert client.spoken_text == SHORT
    assert client.sound()
    assert client.closed == (1012, "service restart")


def test_a_server_that_goes_down_hears_the_last_words(start_talk: StartTalk, speak: Speak) -> None:
    server = start_talk(drain_timeout=30)
    with RealtimeClient(server, model=None, intent="transcription") as client:
        client.append(to_linear16(np.trim_zeros(speak(BUS, RATE), "b")))
        client.until("input_audio_buffer.speech_started")
        # What was sent has arrived when this is answered.
        client.command("conversation.item.retrieve", item_id="nothing")
        client.until("error")
        server.stop()
        client.read_to_end()
    assert client.heard_text == BUS
    assert client.closed == (1012, "service restart")


def test_a_conversation_that_does_not_come_to_an_end_is_closed(start_talk: StartTalk) -> None:
    never = anyio.Event()
    server = start_talk(ScriptedChatModel(["The bus ", never]), drain_timeout=0.2)
    with RealtimeClient(server) as client:
        client.command("response.create")
        client.until("response.created")
        server.stop()
        client.read_to_end()
    assert client.closed[0] == 1012
    server.wait_until_empty()


def test_a_conversation_has_a_longest_duration(start_talk: StartTalk) -> None:
    server = start_talk(max_conversation_seconds=0.5)
    with RealtimeClient(server) as client:
        expires_at = client.until("session.created")["session"]["expires_at"]
        client.read_to_end()
    assert client.messages[-1]["error"]["code"] == "session_expired"
    assert client.closed[0] == 1008
    assert abs(expires_at - server.server.state.now()) < 60


def test_whoever_is_silent_stays(start_talk: StartTalk) -> None:
    # The longest silence is that of the whole conversation, and not of captions.
    server = start_talk(idle_timeout=0.1, max_conversation_seconds=1.5)
    with RealtimeClient(server) as client:
        client.read_to_end()
    assert [message["type"] for message in client.messages] == ["session.created", "error"]
    assert client.closed[0] == 1008


def test_the_kernel_looks_after_silent_peers(start_talk: StartTalk) -> None:
    server = start_talk()
    with RealtimeClient(server) as client:
        client.until("session.created")
        [open_one] = server.server.server_state.connections
        line = open_one.transport.get_extra_info("socket")
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        assert line.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


@pytest.mark.parametrize(("more", "code"), [(0, None), (1, 1009), (1 << 20, 1009)])
def test_an_event_that_is_too_large(start_talk: StartTalk, more: int, code: int | None) -> None:
    most = 1 << 20
    # The WebSocket library's own limit is beyond ours for the smaller of the two.
    server = start_talk(max_event_bytes=most, max_message_bytes=(most + 10) // 4 + 1)
    event = json.dumps({"type": "response.cancel", "response_id": "x"})
    with RealtimeClient(server) as client:
        client.socket.send(event.ljust(most + more))
        if code is None:
            assert client.until("error")["error"]["code"] == "response_cancel_not_active"
            return
        client.read_to_end()
    assert client.closed[0] == code
    if more == 1:
        assert client.messages[-1]["error"]["code"] == "event_too_large"


def test_a_reader_that_stops_for_good_is_given_up(
    start_talk: StartTalk, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ABANDON_SECONDS", 0.2)
    server = start_talk(send_timeout=0.3, outbox_messages=10)
    with RealtimeClient(server, read_ahead=1) as client:
        with pytest.raises(ConnectionClosed):
            while True:
                client.socket.send(RUBBISH)
        server.wait_until_empty()
        eventually(lambda: not server.server.server_state.connections)
    assert server.server.state.permits.taken == 0


def test_a_fault_of_the_server_itself_ends_one_conversation_only(
    start_talk: StartTalk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    receive = Conversation.receive

    def explode(conversation: Conversation, event: Any, now: float) -> Any:
        assert getattr(event, "event_id", None) != "unlucky", "a mistake in the program"
        return receive(conversation, event, now)

    monkeypatch.setattr(Conversation, "receive", explode)
    server = start_talk()
    with RealtimeClient(server) as other, RealtimeClient(server) as client:
        client.command("response.create", event_id="unlucky")
        client.read_to_end()
        assert client.closed == (1011, "internal error; the server's log knows more")
        other.write("Hello!")
        other.command("response.create")
        assert other.until("response.done")["response"]["status"] == "completed"
    server.wait_until_empty()
    assert any(record.exc_info for record in caplog.records if record.name == "streamkit.realtime")


def test_many_conversations_leave_no_thread_behind(
    start_talk: StartTalk, eventually: Eventually
) -> None:
    server = start_talk()
    with RealtimeClient(server) as client:
        client.command("response.create")
        client.until("response.output_audio.delta")
    server.wait_until_empty()
    settled = threading.active_count()
    for _ in range(5):
        with RealtimeClient(server) as client:
            client.command("response.create")
            client.until("response.output_audio.delta")
    server.wait_until_empty()
    eventually(lambda: threading.active_count() <= settled)


def test_turns_and_responses_are_traced_without_words(
    start_talk: StartTalk, speak: Speak, tmp_path: Path
) -> None:
    path = tmp_path / "trace.jsonl"
    server = start_talk(trace=path)
    with RealtimeClient(server) as client:
        client.update(
            audio={"input": {"transcription": {"model": "whisper-1"}, "turn_detection": None}}
        )
        client.append(to_linear16(speak(BUS, RATE)))
        client.command("input_audio_buffer.commit")
        completed = client.until("conversation.item.input_audio_transcription.completed")
        client.command("response.create")
        done = client.until("response.done")["response"]
    server.wait_until_empty()
    server.portal.call(server.server.state.trace.close)  # type: ignore[union-attr]
    records = [json.loads(line) for line in path.read_text().splitlines()]
    turn, response = (each for each in records if each["kind"] in ("turn", "response"))
    assert (turn["kind"], turn["item"], turn["words"]) == ("turn", completed["item_id"], 8)
    assert turn["latency"]["commit"] >= 0
    assert (response["kind"], response["response"]) == ("response", done["id"])
    assert response["status"] == "completed"
    assert response["audio_seconds"] > 1
    assert response["latency"]["first_audible"] >= 0
    assert "Berlin" not in path.read_text()


def test_no_word_of_a_conversation_is_in_the_log(
    start_talk: StartTalk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "websockets.client")
    caplog.set_level(logging.DEBUG)
    failure = ReplyError("down")
    call = CallDelta(0, "call_1", "canary", '{"canary":1}')
    server = start_talk(ScriptedChatModel(["Canary one."], ["Canary two.", failure], [call]))
    with RealtimeClient(server, model="canary") as client:
        client.update(instructions="You are a canary.")
        client.write("Hello, canary!")
        for _ in range(4):
            client.command("response.create", event_id="canary")
            client.until("response.done")
        client.command("canary", canary="canary")
        client.socket.send("canary")
        client.socket.send(b"canary")
        client.command("conversation.item.retrieve", item_id="canary")
        for _ in range(4):
            client.until("error")
    assert "Canary one." in client.spoken_text
    server.wait_until_empty()
    log = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert "ended with" in log
    assert "canary" not in log.lower()
    assert "canary" not in caplog.text.lower()
    metrics = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    assert 'streamkit_errors_total{variant="invalid_json"} 1.0' in metrics
    assert "canary" not in metrics.lower()


def test_words_are_traced_for_those_who_ask_for_them(
    start_talk: StartTalk, eventually: Eventually, tmp_path: Path
) -> None:
    path = tmp_path / "trace.jsonl"
    server = start_talk(trace=path, trace_words=True)
    with RealtimeClient(server) as client:
        client.update(output_modalities=["text"])
        client.write("Hello Berlin!")
        client.command("response.create")
        client.until("response.done")
    server.stop()
    server.wait_until_empty()
    eventually(lambda: '"kind":"end"' in path.read_text())
    records = [json.loads(line) for line in path.read_text().splitlines()]
    [response] = (each for each in records if each["kind"] == "response")
    assert response["text"] == "You said: Hello Berlin!"
