"""openai, the Python SDK, unmodified: its Realtime connections, with asyncio and without."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from anyio import fail_after
from websockets.exceptions import ConnectionClosedError

from streamkit.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

openai = pytest.importorskip("openai", reason="needs openai: pip install openai")

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
Recognized = Callable[[Samples, int], str]
CheckWire = Callable[[Sequence[dict[str, Any]]], None]

pytestmark = [
    pytest.mark.anyio,
    # The SDK's connection without asyncio is made in a way that websockets will end.
    pytest.mark.filterwarnings("ignore:connect.. must be used as:DeprecationWarning"),
]

KEY = "right-key"
RATE = 24_000
CHUNK_BYTES = 4800
"""100 ms of PCM."""

BUS = "The bus to Berlin is eight minutes late."
MUSIC = "Turn the music down."
WEATHER = "What is the weather like in Boston?"
COUNT = "Count to one hundred."
"""The parrot does, for more than a minute."""

HEARD = {"transcription": {"model": "whisper-1"}}
BY_HAND = {**HEARD, "turn_detection": None}
WRITTEN: Any = {"output_modalities": ["text"]}
TOOL: Any = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
    },
}


def client_of(server: LiveServer, key: str = KEY) -> Any:
    return openai.OpenAI(api_key=key, base_url=f"{server.http_url}/v1", max_retries=0)


def async_client_of(server: LiveServer, key: str = KEY) -> Any:
    return openai.AsyncOpenAI(api_key=key, base_url=f"{server.http_url}/v1", max_retries=0)


def in_base64(sound: bytes) -> Iterator[str]:
    """Sound in the pieces in which an application appends it."""
    for first in range(0, len(sound), CHUNK_BYTES):
        yield base64.b64encode(sound[first : first + CHUNK_BYTES]).decode()


def pcm(data: bytes) -> Samples:
    return np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32_768)


def user_says(text: str) -> Any:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


@dataclass
class Told:
    """What came over a connection: as the SDK reads it, and as it was."""

    events: list[Any] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def note(self, event: Any, raw: bytes) -> None:
        self.events.append(event)
        self.messages.append(json.loads(raw))
        # The SDK reads what it does not know as what comes nearest.
        assert event.type == self.messages[-1]["type"]

    def of_type(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    def where(self, kind: str) -> int:
        """How many events came before the first one of a type."""
        return [event.type for event in self.events].index(kind)

    @property
    def heard(self) -> list[str]:
        """What the person has said."""
        kind = "conversation.item.input_audio_transcription.completed"
        return [event.transcript for event in self.of_type(kind)]

    @property
    def said(self) -> str:
        """What the replies have said."""
        kind = "response.output_audio_transcript.delta"
        return "".join(event.delta for event in self.of_type(kind))

    @property
    def starts(self) -> dict[str, float]:
        """Where in the sound of the reply a word begins first, in seconds.

        The SDK lets it pass, though OpenAI does not have it.
        """
        deltas = reversed(self.of_type("response.output_audio.delta"))
        words = (reversed(delta.streamkit["words"]) for delta in deltas)
        return {word: at / 1000 for each in words for at, word in each}

    def sound(
        self, first: str, decode: Callable[[bytes], Samples] = pcm, rate: int = RATE
    ) -> Samples:
        """The sound of the reply from the first one of a word on."""
        deltas = self.of_type("response.output_audio.delta")
        samples = decode(b"".join(base64.b64decode(event.delta) for event in deltas))
        return samples[round(self.starts[first] * rate) :]


@dataclass
class Line(Told):
    """A connection with asyncio."""

    connection: Any = None

    async def until(self, kind: str, condition: Callable[[], bool] = lambda: True) -> Any:
        """Read on until an event is of this type and something is true; return the event."""
        with fail_after(PATIENCE_SECONDS):
            while True:
                raw = await self.connection.recv_bytes()
                self.note(self.connection.parse_event(raw), raw)
                if self.events[-1].type == kind and condition():
                    return self.events[-1]

    async def update(self, **session: Any) -> Any:
        """Change the session; what it is then."""
        await self.connection.session.update(session={"type": "realtime", **session})
        return (await self.until("session.updated")).session

    async def create(self, item: Any, **place: Any) -> Any:
        """Put an item into the conversation; what it became."""
        await self.connection.conversation.item.create(item=item, **place)
        return (await self.until("conversation.item.done")).item

    async def retrieve(self, item_id: str) -> Any:
        await self.connection.conversation.item.retrieve(item_id=item_id)
        return (await self.until("conversation.item.retrieved")).item

    async def respond(self, **response: Any) -> Any:
        """Ask for a reply, and wait for its end."""
        await self.connection.response.create(**({"response": response} if response else {}))
        done = await self.until("response.done")
        await self.until("rate_limits.updated")
        return done.response

    async def append(self, sound: bytes) -> None:
        """Send sound as fast as it goes."""
        for audio in in_base64(sound):
            await self.connection.input_audio_buffer.append(audio=audio)

    @asynccontextmanager
    async def microphone(self, *sounds: Samples, speed: float = 1.0) -> AsyncIterator[None]:
        """Somebody speaks, in real time or faster, and then it is quiet, in real time."""
        waiting = [audio for samples in sounds for audio in in_base64(to_linear16(samples))]
        [quiet] = in_base64(bytes(CHUNK_BYTES))
        seconds = CHUNK_BYTES / 2 / RATE

        async def run() -> None:
            for audio in waiting:
                await self.connection.input_audio_buffer.append(audio=audio)
                await asyncio.sleep(seconds / speed)
            while True:
                await self.connection.input_audio_buffer.append(audio=quiet)
                await asyncio.sleep(seconds)

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


Call = Callable[..., AbstractAsyncContextManager[Line]]


@pytest.fixture
def call(keeper: LiveServer, check_wire: CheckWire) -> Call:
    """A function that opens a connection; all that came over it is checked at its end."""

    @asynccontextmanager
    async def connect(**arguments: Any) -> AsyncIterator[Line]:
        arguments = arguments or {"model": "gpt-realtime"}
        async with (
            async_client_of(keeper) as client,
            client.realtime.connect(**arguments) as connection,
        ):
            line = Line(connection=connection)
            yield line
        check_wire(line.messages)

    return connect


# Conversations


async def test_the_session(call: Call) -> None:
    async with call() as line:
        created = (await line.until("session.created")).session
        session = await line.update(
            instructions="Be kind.",
            output_modalities=["text"],
            max_output_tokens=100,
            tools=[TOOL],
            audio={"input": {"turn_detection": {"type": "server_vad"}}, "output": {"speed": 1.2}},
        )
        last = await line.update(tools=[], max_output_tokens="inf")
    assert created.model == "gpt-realtime"
    assert created.audio.input.turn_detection.type == "semantic_vad"
    assert created.audio.output.format.rate == RATE
    assert isinstance(created.audio.output.voice, str)
    assert session.instructions == "Be kind."
    assert session.tools[0].name == "weather"
    assert session.audio.input.turn_detection.silence_duration_ms == 500
    assert session.audio.output.speed == 1.2
    assert (last.tools, last.max_output_tokens, last.instructions) == ([], "inf", "Be kind.")


@pytest.mark.parametrize(("detector", "speed"), [("semantic_vad", 1), ("server_vad", 5)])
async def test_a_spoken_turn(
    call: Call, question: Samples, recognized: Recognized, detector: str, speed: float
) -> None:
    async with call() as line:
        chosen = {} if detector == "semantic_vad" else {"turn_detection": {"type": detector}}
        session = await line.update(audio={"input": {**HEARD, **chosen}})
        assert session.audio.input.turn_detection.type == detector
        async with line.microphone(question, speed=speed):
            done = (await line.until("response.done")).response
            await line.until("rate_limits.updated")
    assert line.heard == [BUS]
    reply = f"You said: {BUS}"
    assert line.said == reply
    assert done.status == "completed"
    assert done.output[0].content[0].transcript == reply
    assert done.usage.output_tokens > 0
    assert recognized(line.sound("The"), RATE) == BUS
    told = [event.type for event in line.events if not event.type.endswith(".delta")]
    assert told == [
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
    [started] = line.of_type("input_audio_buffer.speech_started")
    [stopped] = line.of_type("input_audio_buffer.speech_stopped")
    assert 0 < started.audio_start_ms < 800
    assert 2000 < stopped.audio_end_ms < 4500


async def test_push_to_talk(call: Call, question: Samples) -> None:
    async with call() as line:
        session = await line.update(audio={"input": BY_HAND}, **WRITTEN)
        assert session.audio.input.turn_detection is None
        await line.append(to_linear16(question))
        await line.connection.input_audio_buffer.clear()
        await line.until("input_audio_buffer.cleared")
        # What is cleared is forgotten, and what ends without silence is heard to its end.
        await line.append(to_linear16(np.trim_zeros(question)))
        await line.connection.input_audio_buffer.commit()
        committed = await line.until("input_audio_buffer.committed")
        done = await line.respond()
        item = await line.retrieve(committed.item_id)
    assert line.heard == [BUS]
    assert item.content[0].transcript == BUS
    assert done.output[0].content[0].text == f"You said: {BUS}"
    assert line.of_type("input_audio_buffer.speech_started") == []


async def test_a_turn_that_the_client_ends_is_answered_once(call: Call, question: Samples) -> None:
    async with call() as line:
        await line.update(audio={"input": HEARD}, **WRITTEN)
        # There is a detector, and it has not noticed the end yet.
        await line.append(to_linear16(np.trim_zeros(question)))
        await line.connection.input_audio_buffer.commit()
        done = await line.respond()
        # Whatever came after that reply comes before this answer.
        await line.retrieve(done.output[0].id)
    assert line.heard == [BUS]
    assert done.output[0].content[0].text == f"You said: {BUS}"
    assert len(line.of_type("response.created")) == 1
    assert line.of_type("error") == []


async def test_a_large_piece_of_sound(call: Call, speak: Speak) -> None:
    sound = to_linear16(np.concatenate([speak(MUSIC, RATE), speak(BUS, RATE)]))
    async with call() as line:
        await line.update(audio={"input": BY_HAND})
        audio = base64.b64encode(sound).decode()
        await line.connection.input_audio_buffer.append(audio=audio)
        await line.connection.input_audio_buffer.commit()
        await line.until("conversation.item.input_audio_transcription.completed")
    assert line.heard == [f"{MUSIC} {BUS}"]


async def test_written_words_and_handlers(keeper: LiveServer, check_wire: CheckWire) -> None:
    texts: list[str] = []
    events: list[Any] = []
    async with async_client_of(keeper) as client:
        manager = client.realtime.connect(model="gpt-realtime")
        # What is sent before there is a connection waits for it.
        manager.send({"type": "session.update", "session": {"type": "realtime", **WRITTEN}})
        manager.send({"type": "conversation.item.create", "item": user_says("Hello there!")})
        manager.send({"type": "response.create"})
        async with manager as connection:
            connection.on("event", events.append)
            connection.on("response.output_text.delta", lambda event: texts.append(event.delta))

            @connection.once("rate_limits.updated")
            async def leave(event: Any) -> None:
                await connection.close()

            with fail_after(PATIENCE_SECONDS):
                await connection.dispatch_events()
    check_wire([event.model_dump(mode="json", exclude_unset=True) for event in events])
    assert "".join(texts) == "You said: Hello there!"
    assert len(texts) > 1


async def test_a_function_is_called(call: Call, speak: Speak) -> None:
    async with call() as line:
        await line.update(audio={"input": HEARD}, tools=[TOOL])
        async with line.microphone(speak(WEATHER, RATE), speed=3):
            first = (await line.until("response.done")).response
            [wanted] = first.output
            answer = {
                "type": "function_call_output",
                "call_id": wanted.call_id,
                "output": "It is raining.",
            }
            item = await line.create(answer)
            done = await line.respond()
    assert line.heard == [WEATHER]
    [arguments] = line.of_type("response.function_call_arguments.done")
    assert (arguments.name, arguments.call_id) == ("weather", wanted.call_id)
    assert json.loads(arguments.arguments) == {"place": "like in Boston"}
    assert (wanted.type, wanted.name, wanted.status) == ("function_call", "weather", "completed")
    assert wanted.arguments == arguments.arguments
    assert item.call_id == wanted.call_id
    assert done.output[0].content[0].transcript == "The weather tool says: It is raining."
    assert line.said == "The weather tool says: It is raining."


async def test_two_functions_are_called(call: Call) -> None:
    song: Any = {"type": "function", "name": "song", "parameters": {"type": "object"}}
    async with call() as line:
        await line.update(tools=[TOOL, song], **WRITTEN)
        await line.create(user_says("The weather in Boston and a song, please."))
        first = await line.respond()
        for wanted, output in zip(first.output, ["It is raining.", '{"key": "G"}'], strict=True):
            result = {"type": "function_call_output", "call_id": wanted.call_id, "output": output}
            await line.create(result)
        done = await line.respond()
        await line.update(parallel_tool_calls=False)
        await line.create(user_says("The weather in Boston and a song, please."))
        one = await line.respond()
    assert [item.name for item in first.output] == ["weather", "song"]
    assert json.loads(first.output[0].arguments) == {"place": "Boston"}
    told = "The weather tool says: It is raining. The song tool says: key G."
    assert done.output[0].content[0].text == told
    assert [item.name for item in one.output] == ["weather"]


async def test_whether_functions_are_called(call: Call) -> None:
    async with call() as line:
        await line.update(tools=[TOOL], tool_choice="none", **WRITTEN)
        await line.create(user_says("Tell me about the weather."))
        told = await line.respond()
        await line.create(user_says("Hello there!"))
        forced = await line.respond(tool_choice={"type": "function", "name": "weather"})
    assert told.output[0].content[0].text == "You said: Tell me about the weather."
    assert [item.name for item in forced.output] == ["weather"]


async def test_a_reply_is_cancelled(call: Call) -> None:
    async with call() as line:
        await line.create(user_says(COUNT))
        await line.connection.response.create()
        await line.until("response.output_audio.delta")
        await line.connection.response.cancel()
        done = (await line.until("response.done")).response
        await line.connection.response.cancel(event_id="too late")
        error = (await line.until("error")).error
        # The session lives on.
        again = await line.respond(**WRITTEN)
    assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
    assert done.output[0].status == "incomplete"
    assert (error.code, error.event_id) == ("response_cancel_not_active", "too late")
    assert again.output[0].content[0].text.startswith("One, two, three,")


async def test_whoever_speaks_into_a_reply_interrupts_it(call: Call, speak: Speak) -> None:
    async with call() as line:
        await line.update(audio={"input": HEARD})
        await line.create(user_says(COUNT))
        await line.connection.response.create()
        await line.until("response.output_audio.delta", lambda: "four" in line.starts)
        async with line.microphone(speak(MUSIC, RATE)):
            await line.until("input_audio_buffer.speech_started")
            cancelled = (await line.until("response.done")).response
            end = len(line.events)
            [item] = cancelled.output
            # The person has heard three numbers, and that there is another one.
            heard_ms = round(1000 * line.starts["four"]) + 50
            await line.connection.conversation.item.truncate(
                item_id=item.id, content_index=0, audio_end_ms=heard_ms
            )
            truncated = await line.until("conversation.item.truncated")
            kept = await line.retrieve(item.id)
            answer = (await line.until("response.done")).response
    assert (cancelled.status, cancelled.status_details.reason) == ("cancelled", "turn_detected")
    assert (item.status, kept.status) == ("incomplete", "incomplete")
    assert item.content[0].transcript.startswith("One, two, three, four,")
    assert (truncated.item_id, truncated.content_index) == (item.id, 0)
    assert truncated.audio_end_ms == heard_ms
    assert kept.content[0].transcript == "One, two, three,"
    assert line.heard == [MUSIC]
    assert answer.output[0].content[0].transcript == f"You said: {MUSIC}"
    late = [event for event in line.events[end:] if event.type == "response.output_audio.delta"]
    assert {event.response_id for event in late} == {answer.id}


async def test_nobody_says_anything(call: Call) -> None:
    async with call() as line:
        detection = {"type": "server_vad", "idle_timeout_ms": 1000}
        await line.update(audio={"input": {**HEARD, "turn_detection": detection}})
        # It begins when a reply has been played.
        await line.create(user_says("Hi."))
        await line.respond()
        async with line.microphone():
            idle = await line.until("input_audio_buffer.timeout_triggered")
            done = (await line.until("response.done")).response
    assert idle.audio_end_ms - idle.audio_start_ms >= 1000
    [committed] = line.of_type("input_audio_buffer.committed")
    assert committed.item_id == idle.item_id
    assert done.status == "completed"


async def test_a_reply_beside_the_conversation(call: Call) -> None:
    async with call() as line:
        known = await line.create(user_says("Hello there!"))
        await line.create(user_says("Never mind."))
        beside = await line.respond(
            conversation="none",
            metadata={"topic": "greeting"},
            input=[{"type": "item_reference", "id": known.id}],
            **WRITTEN,
        )
        fresh = await line.respond(conversation="none", input=[user_says("Good bye.")], **WRITTEN)
        await line.connection.conversation.item.retrieve(item_id=beside.output[0].id)
        error = (await line.until("error")).error
        within = await line.respond(**WRITTEN)
    assert beside.conversation_id is None
    assert beside.metadata == {"topic": "greeting"}
    assert beside.output[0].content[0].text == "You said: Hello there!"
    assert fresh.output[0].content[0].text == "You said: Good bye."
    assert error.code == "item_not_found"
    assert within.conversation_id.startswith("conv_")
    assert within.output[0].content[0].text == "You said: Never mind."
    assert len(line.of_type("conversation.item.added")) == 3


async def test_items_of_a_conversation(call: Call) -> None:
    part = {"type": "input_text", "text": "Be brief."}
    assistant: Any = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Yes?"}],
    }
    async with call() as line:
        hello = await line.create(user_says("Hello there!"))
        reply = await line.create(assistant)
        front = await line.create(
            {"type": "message", "role": "system", "content": [part]}, previous_item_id="root"
        )
        mine = await line.create({**user_says("Good bye."), "id": "item_of_mine"})
        between = await line.create(user_says("Are you there?"), previous_item_id=hello.id)
        places = [event.previous_item_id for event in line.of_type("conversation.item.added")]
        read = await line.retrieve(between.id)
        await line.connection.conversation.item.delete(item_id=mine.id)
        deleted = await line.until("conversation.item.deleted")
        await line.connection.conversation.item.retrieve(item_id=mine.id, event_id="gone")
        error = (await line.until("error")).error
        done = await line.respond(**WRITTEN)
    assert places == [None, hello.id, None, reply.id, hello.id]
    assert front.content[0].text == "Be brief."
    assert read.content[0].text == "Are you there?"
    assert mine.id == deleted.item_id == "item_of_mine"
    assert (error.code, error.event_id) == ("item_not_found", "gone")
    # What was deleted was said last.
    assert done.output[0].content[0].text == "You said: Are you there?"


@pytest.mark.parametrize(
    ("kind", "encode", "decode"),
    [("audio/pcmu", encode_mulaw, decode_mulaw), ("audio/pcma", encode_alaw, decode_alaw)],
)
async def test_telephones(
    call: Call,
    speak: Speak,
    recognized: Recognized,
    kind: str,
    encode: Callable[[Samples], bytes],
    decode: Callable[[bytes], Samples],
) -> None:
    sound_format = {"format": {"type": kind}}
    async with call() as line:
        session = await line.update(
            audio={"input": {**BY_HAND, **sound_format}, "output": sound_format}
        )
        await line.append(encode(speak(BUS, 8000)))
        await line.connection.input_audio_buffer.commit()
        done = await line.respond()
    assert session.audio.input.format.type == session.audio.output.format.type == kind
    assert line.heard == [BUS]
    assert done.audio.output.format.type == kind
    assert recognized(line.sound("The", decode, 8000), 8000) == BUS


async def test_transcription(call: Call, question: Samples, speak: Speak) -> None:
    async with call(extra_query={"intent": "transcription"}) as line:
        created = (await line.until("session.created")).session
        await line.connection.session.update(
            session={
                "type": "transcription",
                "audio": {
                    "input": {
                        "transcription": {"model": "gpt-4o-transcribe", "language": "en"},
                        "noise_reduction": {"type": "near_field"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                    }
                },
                "include": ["item.input_audio_transcription.logprobs"],
            }
        )
        updated = (await line.until("session.updated")).session
        async with line.microphone(question, speak(MUSIC, RATE), speed=2):
            await line.until(
                "conversation.item.input_audio_transcription.completed",
                lambda: len(line.heard) == 2,
            )
        await line.connection.response.create(event_id="no reply")
        error = (await line.until("error")).error
    assert created.type == updated.type == "transcription"
    assert updated.audio.input.turn_detection.silence_duration_ms == 400
    assert line.heard == [BUS, MUSIC]
    kind = "conversation.item.input_audio_transcription"
    # Words come while somebody speaks.
    assert line.where(f"{kind}.delta") < line.where("input_audio_buffer.speech_stopped")
    first = line.of_type(f"{kind}.completed")[0]
    assert "".join(entry.token for entry in first.logprobs) == BUS
    assert bytes(map(int, first.logprobs[0].bytes)) == b"The"
    assert first.usage.type == "duration"
    assert 2 < first.usage.seconds < 5
    assert (error.code, error.event_id) == ("invalid_session_type", "no reply")


# Errors


async def test_an_error_names_the_event(call: Call) -> None:
    async with call() as line:
        connection = line.connection
        known = await line.create(user_says("Hello there!"))
        done = await line.respond()
        spoken = done.output[0].id
        voice: Any = {"type": "realtime", "audio": {"output": {"voice": "gandalf"}}}
        await connection.session.update(session=voice, event_id="a voice")
        await connection.input_audio_buffer.commit(event_id="nothing said")
        await connection.conversation.item.delete(item_id="nobody", event_id="no item")
        item = connection.conversation.item
        await item.create(item=user_says("x"), previous_item_id="no", event_id="no place")
        await item.truncate(
            item_id=spoken, content_index=0, audio_end_ms=10**6, event_id="too long"
        )
        await item.truncate(item_id=known.id, content_index=0, audio_end_ms=1, event_id="written")
        await connection.send({"type": "response.make", "event_id": "unknown"})
        await line.until("error", lambda: len(line.of_type("error")) == 7)
    told = [(each.error.event_id, each.error.code) for each in line.of_type("error")]
    assert dict(told) == {
        "a voice": "invalid_value",
        "nothing said": "input_audio_buffer_commit_empty",
        "no item": "item_not_found",
        "no place": "item_not_found",
        "too long": "invalid_value",
        "written": "invalid_value",
        "unknown": "invalid_value",
    }
    assert line.of_type("error")[0].error.param == "session.audio.output.voice"
    assert "espeak" in line.of_type("error")[0].error.message


@pytest.mark.parametrize(
    ("key", "arguments", "closed", "code"),
    [
        ("wrong-key", {"model": "gpt-realtime"}, 3000, "invalid_api_key"),
        ("ek_unknown", {"model": "gpt-realtime"}, 3000, "invalid_api_key"),
        (KEY, {"extra_query": {}}, 4000, "missing_model"),
        (
            KEY,
            {"model": "gpt-realtime", "extra_headers": {"OpenAI-Beta": "realtime=v1"}},
            4000,
            "beta_api_shape_disabled",
        ),
    ],
    ids=["key", "secret", "model", "beta"],
)
async def test_whoever_does_not_come_in_learns_why(
    keeper: LiveServer,
    check_wire: CheckWire,
    key: str,
    arguments: dict[str, Any],
    closed: int,
    code: str,
) -> None:
    told: list[Any] = []
    async with (
        async_client_of(keeper, key) as client,
        client.realtime.connect(**arguments) as connection,
    ):
        with pytest.raises(ConnectionClosedError) as caught, fail_after(PATIENCE_SECONDS):
            async for event in connection:
                told += [event]
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == closed
    [event] = told
    assert (event.type, event.error.code) == ("error", code)
    check_wire([event.model_dump(mode="json", exclude_unset=True)])


# Client secrets


def test_a_client_secret(guarded: LiveServer) -> None:
    session: Any = {
        "type": "realtime",
        "model": "gpt-realtime-mini",
        "instructions": "Be kind.",
        "audio": {"output": {"voice": "coral"}},
    }
    with client_of(guarded) as client:
        raw = client.realtime.client_secrets.with_raw_response.create(
            session=session, expires_after={"anchor": "created_at", "seconds": 60}
        )
        made = raw.parse()
    # Strictly, which the SDK itself is not.
    type(made).model_validate_json(raw.text, strict=True)
    assert made.value.startswith("ek_")
    assert made.session.instructions == "Be kind."
    with client_of(guarded, made.value) as client:
        # What the connection asks for goes before what the secret stands for.
        for arguments, model in (({}, "gpt-realtime-mini"), ({"model": "m"}, "m")):
            with client.realtime.connect(**arguments) as connection:
                created = connection.recv().session
                assert created.instructions == "Be kind."
                assert created.audio.output.voice == "coral"
                assert created.model == model
        with pytest.raises(openai.PermissionDeniedError):
            client.realtime.client_secrets.create()
        guarded.server.state.epoch += 61
        with (
            client.realtime.connect() as connection,
            pytest.raises(ConnectionClosedError, match="3000") as caught,
        ):
            assert connection.recv().error.code == "invalid_api_key"
            connection.recv()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.reason == "invalid_api_key"


def test_a_client_secret_for_transcription(keeper: LiveServer) -> None:
    with client_of(keeper) as client:
        raw = client.realtime.client_secrets.with_raw_response.create(
            session={"type": "transcription"}
        )
        made = raw.parse()
    type(made).model_validate_json(raw.text, strict=True)
    with (
        client_of(keeper, made.value) as client,
        client.realtime.connect() as connection,
    ):
        assert connection.recv().session.type == "transcription"


def test_a_session_that_cannot_be_had_gets_no_client_secret(keeper: LiveServer) -> None:
    session: Any = {"type": "realtime", "audio": {"output": {"voice": "gandalf"}}}
    with client_of(keeper) as client, pytest.raises(openai.BadRequestError) as caught:
        client.realtime.client_secrets.create(session=session)
    assert caught.value.param == "session.audio.output.voice"


# Without asyncio


@contextmanager
def ended_in_time(connection: Any) -> Iterator[None]:
    """Close a connection that goes on for too long: reading from it has no timeout."""
    timer = threading.Timer(PATIENCE_SECONDS, connection.close)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def test_a_program_without_asyncio(
    keeper: LiveServer, question: Samples, recognized: Recognized, check_wire: CheckWire
) -> None:
    told = Told()
    with (
        client_of(keeper) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
        ended_in_time(connection),
    ):

        def until(kind: str) -> Any:
            while True:
                raw = connection.recv_bytes()
                told.note(connection.parse_event(raw), raw)
                if told.events[-1].type == kind:
                    return told.events[-1]

        connection.session.update(session={"type": "realtime", "audio": {"input": HEARD}})
        until("session.updated")
        # A second of silence, so that the turn is over.
        for audio in in_base64(to_linear16(question) + bytes(2 * RATE)):
            connection.input_audio_buffer.append(audio=audio)
        done = until("response.done").response
        until("rate_limits.updated")
    check_wire(told.messages)
    assert told.heard == [BUS]
    assert done.output[0].content[0].transcript == f"You said: {BUS}"
    assert recognized(told.sound("The"), RATE) == BUS


def test_a_loop_without_asyncio(keeper: LiveServer, check_wire: CheckWire) -> None:
    told: list[Any] = []
    with (
        client_of(keeper) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
        ended_in_time(connection),
    ):
        connection.session.update(session={"type": "realtime", **WRITTEN})
        connection.conversation.item.create(item=user_says("Hello there!"))
        connection.response.create()
        for event in connection:
            told.append(event)
            if event.type == "rate_limits.updated":
                connection.close()
    check_wire([event.model_dump(mode="json", exclude_unset=True) for event in told])
    texts = [event.text for event in told if event.type == "response.output_text.done"]
    assert texts == ["You said: Hello there!"]
