"""openai-agents, OpenAI's Python SDK of voice agents, unmodified."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from anyio import fail_after
from websockets.exceptions import ConnectionClosedError

from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

agents = pytest.importorskip("agents", reason="needs openai-agents: pip install openai-agents")
realtime = pytest.importorskip("agents.realtime")

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
Message = dict[str, Any]
CheckWire = Callable[[Sequence[Message]], None]

pytestmark = pytest.mark.anyio

KEY = "right-key"
RATE = 24_000
CHUNK_BYTES = 4800
MUSIC = "Turn the music down."
WEATHER = "What is the weather like in Boston?"


@dataclass
class Talk:
    """A session of the SDK, and all that it has told."""

    session: Any
    events: list[Any] = field(default_factory=list)
    places: list[str] = field(default_factory=list)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read on until something is true."""
        with fail_after(PATIENCE_SECONDS):
            async for event in self.session:
                self.events.append(event)
                if condition():
                    return
        raise AssertionError("the session is over")

    def of_type(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    @property
    def messages(self) -> list[Message]:
        """What the server has sent."""
        raw = [event.data for event in self.of_type("raw_model_event")]
        return [data.data for data in raw if data.type == "raw_server_event"]

    def count(self, kind: str) -> int:
        """Messages of one type."""
        return sum(message["type"] == kind for message in self.messages)

    @property
    def texts(self) -> list[tuple[str, str]]:
        """The messages of the history as the SDK has it at last: role and text of each."""
        history = self.of_type("history_updated")[-1].history
        return [
            (item.role, getattr(part, "transcript", None) or getattr(part, "text", None))
            for item in history
            if item.type == "message"
            for part in item.content
        ]

    @asynccontextmanager
    async def microphone(self, samples: Samples) -> AsyncIterator[None]:
        """In real time, somebody speaks, and then it is quiet."""
        sound = to_linear16(samples)

        async def run() -> None:
            first = 0
            while True:
                chunk = sound[first : first + CHUNK_BYTES].ljust(CHUNK_BYTES, b"\0")
                await self.session.send_audio(chunk)
                first += CHUNK_BYTES
                await asyncio.sleep(CHUNK_BYTES / 2 / RATE)

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


Begin = Callable[..., AbstractAsyncContextManager[Talk]]


@pytest.fixture
def begin(keeper: LiveServer, check_wire: CheckWire) -> Begin:
    """A function that begins a session with an agent that can tell the weather.

    The SDK must have taken all that it was told, and it is checked at the end.
    """
    agents.set_tracing_disabled(True)

    @asynccontextmanager
    async def start(
        key: str = KEY, playback_tracker: Any = None, **settings: Any
    ) -> AsyncIterator[Talk]:
        places: list[str] = []

        @agents.function_tool
        def weather(place: str) -> str:
            """Tells the weather."""
            places.append(place)
            return "It is raining."

        agent = realtime.RealtimeAgent(name="Parrot", instructions="Be kind.", tools=[weather])
        runner = realtime.RealtimeRunner(agent)
        session = await runner.run(
            model_config={
                "api_key": key,
                "url": f"{keeper.url}/v1/realtime?model=gpt-realtime",
                "initial_model_settings": settings,
                "playback_tracker": playback_tracker,
            }
        )
        async with session:
            talk = Talk(session, places=places)
            yield talk
        check_wire(talk.messages)
        assert talk.of_type("error") == []

    return start


async def test_a_tool_is_called_once_and_its_result_spoken(begin: Begin, speak: Speak) -> None:
    async with begin() as talk, talk.microphone(speak(WEATHER, RATE)):
        await talk.until(lambda: talk.count("rate_limits.updated") == 2)
    reply = "The weather tool says: It is raining."
    assert talk.places == ["like in Boston"]
    assert [event.arguments for event in talk.of_type("tool_start")] == [
        '{"place": "like in Boston"}'
    ]
    assert [event.output for event in talk.of_type("tool_end")] == ["It is raining."]
    assert talk.texts == [("user", WEATHER), ("assistant", reply)]
    heard = b"".join(event.audio.data for event in talk.of_type("audio"))
    [done] = [message for message in talk.messages if message["type"] == "response.done"][1:]
    told = done["response"]["streamkit"]["audio_ms"]
    assert len(heard) / 2 / RATE * 1000 == pytest.approx(told, abs=0.01)
    assert len(talk.of_type("audio_end")) == 1
    kinds = [event.type for event in talk.events]
    assert kinds.index("agent_start") < kinds.index("tool_start") < kinds.index("audio")
    assert len(talk.of_type("agent_end")) == 2


async def test_whoever_speaks_into_a_reply_interrupts_it(begin: Begin, speak: Speak) -> None:
    # The program plays the reply itself, and says how far it is.
    tracker = realtime.RealtimePlaybackTracker()
    async with begin(playback_tracker=tracker) as talk:
        await talk.session.send_message("Count to one hundred.")
        await talk.until(lambda: any("four" in str(each.get("delta")) for each in talk.messages))
        first = talk.of_type("audio")[0]
        tracker.on_play_ms(first.item_id, first.content_index, 1300)
        async with talk.microphone(speak(MUSIC, RATE)):
            await talk.until(lambda: talk.count("rate_limits.updated") == 2)
    [interrupted] = talk.of_type("audio_interrupted")
    [truncated] = [each for each in talk.messages if each["type"] == "conversation.item.truncated"]
    cut, answer = (each["response"] for each in talk.messages if each["type"] == "response.done")
    assert cut["status_details"]["reason"] == "turn_detected"
    assert interrupted.item_id == truncated["item_id"] == cut["output"][0]["id"]
    assert truncated["audio_end_ms"] == 1300
    # In so many milliseconds the person has heard three numbers.
    assert "four" in cut["output"][0]["content"][0]["transcript"]
    assert talk.texts == [
        ("user", "Count to one hundred."),
        ("assistant", "One, two, three,"),
        ("user", MUSIC),
        ("assistant", f"You said: {MUSIC}"),
    ]
    assert answer["status"] == "completed"


@pytest.mark.parametrize("detector", ["server_vad", None])
async def test_a_written_conversation(begin: Begin, detector: str | None) -> None:
    settings: dict[str, Any] = {
        "modalities": ["text"],
        "voice": "coral",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_alaw",
        "input_audio_noise_reduction": {"type": "near_field"},
        "turn_detection": None if detector is None else {"type": detector},
        "tool_choice": "auto",
    }
    async with begin(**settings) as talk:
        await talk.session.send_message("Hello there!")
        await talk.until(lambda: talk.count("rate_limits.updated") == 1)
    session = next(each for each in talk.messages if each["type"] == "session.updated")["session"]
    detection = session["audio"]["input"]["turn_detection"]
    assert detection is None if detector is None else detection["type"] == detector
    assert session["audio"]["output"]["format"]["type"] == "audio/pcma"
    assert session["audio"]["output"]["voice"] == "coral"
    assert talk.texts == [("user", "Hello there!"), ("assistant", "You said: Hello there!")]


async def test_a_wrong_key(begin: Begin) -> None:
    # Whether it is told while it connects or afterwards is a matter of luck.
    with pytest.raises(ConnectionClosedError) as caught:
        async with begin("wrong-key") as talk:
            await talk.until(lambda: False)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 3000
