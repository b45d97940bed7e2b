"""One conversation with its socket in memory, so that a client can be as slow as a test needs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from starlette.websockets import WebSocket

from streamkit.asr.profile import ModelProfile
from streamkit.asr.scheduler import Scheduler
from streamkit.config import Settings
from streamkit.llm.chat_model import ChatModel
from streamkit.llm.testing import ScriptedChatModel
from streamkit.protocols.openai_realtime import Message
from streamkit.server.conversation_runner import ConversationSession
from streamkit.server.realtime import start_session
from streamkit.server.state import ServerState
from streamkit.server.testing import PATIENCE_SECONDS
from streamkit.testing import ScriptedRecognizer
from streamkit.vad.silero import SileroVad

pytestmark = pytest.mark.anyio

LONG = "The bus to Berlin is eight minutes late. " * 8


class Line:
    """Both ends of a connection; messages to the client go through while the gate is open."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.gate = anyio.Event()
        self.gate.set()
        self.messages: list[Message] = []
        self.closed: int | None = None
        self._news = anyio.Event()
        self._send, self._receive = anyio.create_memory_object_stream[dict[str, Any]](100)
        self._send.send_nowait({"type": "websocket.connect"})
        scope = {"type": "websocket", "headers": [], "query_string": b"", "path": "/"}
        self.websocket = WebSocket(scope, self._receive.receive, self._deliver)

    def hold(self) -> None:
        """The client reads no more."""
        self.gate = anyio.Event()

    def say(self, kind: str, **fields: Any) -> None:
        """The client sends an event."""
        text = json.dumps({"type": kind, **fields})
        self._send.send_nowait({"type": "websocket.receive", "text": text})

    async def until(self, kind: str) -> Message:
        """Wait until the client has got a message of a type."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while True:
                for message in self.messages:
                    if message["type"] == kind:
                        return message
                await self._news.wait()

    async def _deliver(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        if message["type"] != "websocket.send":
            return
        await self.gate.wait()
        await anyio.sleep(self.delay)
        self.messages.append(json.loads(message["text"]))
        self._news.set()
        self._news = anyio.Event()

    def leave(self) -> None:
        """Close both ends."""
        self._send.send_nowait({"type": "websocket.disconnect", "code": 1000})
        self._send.close()


@asynccontextmanager
async def talk(
    model: ChatModel, **settings: object
) -> AsyncIterator[tuple[Line, ConversationSession]]:
    """A session that runs while the block does."""
    scheduler = Scheduler(ScriptedRecognizer([]))
    state = ServerState(
        settings=Settings.model_validate(settings),
        scheduler=scheduler,
        vad=SileroVad.load(),
        profile=ModelProfile(),
        chat_model=model,
    )
    line = Line()
    async with scheduler, anyio.create_task_group() as tasks:
        await line.websocket.accept()
        session = ConversationSession(
            state, line.websocket, start_session(state, "realtime", "m", "sess_1")
        )
        tasks.start_soon(session.run)
        yield line, session
        line.leave()
    line._receive.close()


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something has become true."""
    with anyio.fail_after(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 (nobody tells the test)
            await anyio.sleep(0.01)


async def settle(session: ConversationSession) -> None:
    """Wait until the outbox has stopped to grow."""
    with anyio.fail_after(PATIENCE_SECONDS):
        before = -1
        while len(session._teller) != before:
            before = len(session._teller)
            await anyio.sleep(0.3)


async def test_sound_of_a_reply_that_is_cut_off_is_dropped_at_the_door() -> None:
    # Twice as long as the client wants to hold, so that it is not complete yet.
    async with talk(ScriptedChatModel([LONG * 3])) as (line, session):
        line.say("session.update", session={"type": "realtime", "streamkit": {"lead_ms": 30_000}})
        line.say("response.create")
        await line.until("response.output_audio.delta")
        line.hold()
        await eventually(lambda: len(session._teller) > 50)
        got = len(line.messages)
        line.say("response.cancel")
        # What the session has to say about the end joins the line.
        await settle(session)
        line.gate.set()
        done = await line.until("response.done")
        await line.until("rate_limits.updated")
    late = [message["type"] for message in line.messages[got:]]
    # One was on its way already.
    assert late.count("response.output_audio.delta") <= 1
    assert late[-7:] == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert done["response"]["status"] == "cancelled"


async def test_sound_of_a_reply_that_is_complete_arrives_however_late() -> None:
    async with talk(ScriptedChatModel(["The bus is late."])) as (line, session):
        line.say("session.update", session={"type": "realtime", "streamkit": {"lead_ms": 30_000}})
        line.say("response.create")
        await line.until("response.content_part.added")
        line.hold()
        await settle(session)
        line.gate.set()
        done = await line.until("response.done")
    sent = [each for each in line.messages if each["type"] == "response.output_audio.delta"]
    assert done["response"]["status"] == "completed"
    assert sent[-1]["streamkit"]["end_ms"] == pytest.approx(
        done["response"]["streamkit"]["audio_ms"], abs=0.01
    )


async def test_a_model_waits_for_a_client_that_does_not_read() -> None:
    model = ScriptedChatModel([f"word{n} " for n in range(300)])
    async with talk(model, outbox_messages=20) as (line, session):
        line.say("session.update", session={"type": "realtime", "output_modalities": ["text"]})
        line.say("response.create")
        await line.until("response.output_text.delta")
        line.hold()
        await settle(session)
        [reply] = model.replies
        assert len(reply.deltas) < 60
        line.gate.set()
        await line.until("response.done")
        assert len(reply.deltas) == 301


async def test_nothing_of_a_reply_is_kept_once_the_next_one_begins() -> None:
    replies = 5
    model = ScriptedChatModel(*[["Yes. No."]] * replies)
    async with talk(model) as (line, session):
        line.say("session.update", session={"type": "realtime", "streamkit": {"lead_ms": 30_000}})
        for _ in range(replies):
            line.say("response.create")
            await line.until("rate_limits.updated")
            line.messages.clear()
        assert len(session._replies) == 1


async def test_a_client_that_does_not_read_in_time_is_left() -> None:
    async with talk(ScriptedChatModel([LONG]), send_timeout=0.1) as (line, session):
        line.say("response.create")
        await line.until("response.created")
        line.hold()
        await eventually(lambda: session._life.cancel_called)


async def test_a_client_that_falls_behind_is_left_though_it_reads_all_the_time() -> None:
    async with talk(ScriptedChatModel([LONG]), send_timeout=0.5) as (line, session):
        line.delay = 0.15
        line.say("response.create")
        await eventually(lambda: session._life.cancel_called)
    # Each of its messages alone was taken in time.
    assert len(line.messages) > 2
