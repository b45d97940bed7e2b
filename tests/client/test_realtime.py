from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import numpy as np
import pytest

from streamkit.client import realtime as module
from streamkit.client.backoff import Backoff
from streamkit.client.events import Reconnected, Reconnecting
from streamkit.client.realtime import RealtimeConnection, realtime_url
from streamkit.client.realtime_events import (
    RealtimeError,
    RealtimeEvent,
    ReplySound,
    ReplyWords,
    ResponseDone,
    SessionConfigured,
    UserTranscript,
)
from streamkit.client.realtime_messages import TalkOptions, append
from streamkit.client.realtime_testing import LEVEL, Reply, ScriptedRealtimeServer
from streamkit.client.testing import Refusal
from streamkit.errors import ConfigurationError, ConnectionLostError, ProtocolError

pytestmark = pytest.mark.anyio

AT_ONCE = Backoff(first=0.0, attempts=5)
LIMIT = 30.0
UPDATE = TalkOptions().update()
SOUND = (1000 + np.arange(9600) % 5000).astype(np.int16)


def speech(*runs: tuple[int, float]) -> np.ndarray:
    """Runs of (word number or 0 for silence, seconds)."""
    return np.concatenate([np.full(round(s * 24000), v * LEVEL, np.int16) for v, s in runs])


async def say(talk: RealtimeConnection, samples: np.ndarray) -> None:
    for start in range(0, len(samples), 480):
        assert talk.send(append(samples[start : start + 480], None, None, ended=False))
    await anyio.lowlevel.checkpoint()


async def until(
    talk: RealtimeConnection, wanted: Callable[[RealtimeEvent], bool]
) -> list[RealtimeEvent]:
    events: list[RealtimeEvent] = []
    with anyio.fail_after(LIMIT):
        async for event in talk:
            events.append(event)
            if wanted(event):
                return events
    raise AssertionError("the connection ended")


def is_a(kind: type) -> Callable[[RealtimeEvent], bool]:
    return lambda event: isinstance(event, kind)


def check(messages: list[dict[str, Any]], union: str) -> None:
    """Everything is of the types that OpenAI publishes."""
    openai = pytest.importorskip("openai.types.realtime")
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(getattr(openai, union))
    for message in messages:
        adapter.validate_python(message)


@pytest.mark.parametrize("ours", [True, False])
async def test_a_turn_over_the_wire(ours: bool) -> None:
    replies = [Reply("one two three", SOUND, latency={"endpoint": 12.0})]
    async with ScriptedRealtimeServer(replies, ours=ours) as server:
        async with RealtimeConnection(server.url, key="k", opening=lambda: [UPDATE]) as talk:
            await say(talk, speech((0, 0.2), (1, 0.3), (2, 0.3), (0, 0.5)))
            events = await until(talk, is_a(ResponseDone))
        visit = server.visits[0]
    assert visit.headers["authorization"] == "Bearer k"
    assert visit.received[0] == UPDATE
    sessions = [event for event in events if isinstance(event, SessionConfigured)]
    assert sessions[0].ours is ours
    transcripts = [event for event in events if isinstance(event, UserTranscript)]
    assert [event.transcript for event in transcripts] == ["w1 w2"]
    sounds = [event for event in events if isinstance(event, ReplySound)]
    np.testing.assert_array_equal(np.concatenate([event.samples for event in sounds]), SOUND)
    words = "".join(event.delta for event in events if isinstance(event, ReplyWords))
    assert words == "one two three"
    assert events[-1] == ResponseDone(
        sounds[0].response_id, "completed", latency={"endpoint": 12.0} if ours else {}
    )
    check(visit.sent, "RealtimeServerEvent")
    check(visit.received, "RealtimeClientEvent")


async def test_what_the_scripted_server_says_of_trouble_is_of_the_published_types() -> None:
    replies = [Reply(error="no model"), Reply("in writing"), Reply("spoken", SOUND, 2400, 1, 2)]
    async with ScriptedRealtimeServer(replies) as server:
        async with RealtimeConnection(server.url) as talk:
            await say(talk, speech((1, 0.3), (0, 0.3)))
            failed = (await until(talk, is_a(ResponseDone)))[-1]
            assert isinstance(failed, ResponseDone)
            assert (failed.status, failed.error) == ("failed", "no model")
            talk.send({"type": "response.create"})
            await until(talk, is_a(ResponseDone))
            talk.send({"type": "response.create"})
            await until(talk, is_a(ReplySound))
            await say(talk, speech((1, 0.3)))
            cancelled = await until(talk, is_a(ResponseDone))
            assert len([event for event in cancelled if isinstance(event, ReplySound)]) == 2
            talk.send({"type": "response.cancel"})
            talk.send({"type": "input_audio_buffer.clear"})
            talk.send({"type": "nonsense"})
            for _ in range(2):
                await until(talk, is_a(RealtimeError))
        check(server.visits[0].sent, "RealtimeServerEvent")


async def test_a_server_that_goes_away_and_comes_back() -> None:
    openings = [[UPDATE], [UPDATE, {"type": "conversation.item.create", "item": {}}]]
    async with ScriptedRealtimeServer() as server:
        connection = RealtimeConnection(
            server.url, opening=lambda: openings.pop(0), backoff=AT_ONCE
        )
        async with connection as talk:
            await until(talk, is_a(SessionConfigured))
            with anyio.fail_after(LIMIT):
                await server.wait_for("session.update")
            server.refusals = [Refusal(503, "full")]
            server.cut()
            events = await until(talk, is_a(Reconnected))
            assert [type(event) for event in events[-3:]] == [
                Reconnecting,
                Reconnecting,
                Reconnected,
            ]
            with anyio.fail_after(LIMIT):
                await server.wait_for("conversation.item.create")
            assert talk.connected
        assert [m["type"] for m in server.visits[1].received[:2]] == [
            "session.update",
            "conversation.item.create",
        ]


async def test_nothing_is_sent_while_there_is_no_connection() -> None:
    async with ScriptedRealtimeServer() as server:
        slow = Backoff(first=0.2, jitter=0.0)
        async with RealtimeConnection(server.url, backoff=slow) as talk:
            await until(talk, is_a(SessionConfigured))
            server.cut()
            await until(talk, is_a(Reconnecting))
            assert not talk.connected
            assert not talk.send({"type": "input_audio_buffer.clear"})
            await until(talk, is_a(Reconnected))
            assert talk.send({"type": "input_audio_buffer.commit"})
            with anyio.fail_after(LIMIT):
                await server.wait_for("input_audio_buffer.commit")
        # The clocks are compared anew in each connection.
        received = [m for m in server.visits[1].received if "clock" not in m.get("streamkit", {})]
        assert [m["type"] for m in received] == ["input_audio_buffer.commit"]


@pytest.mark.parametrize("code", [1008, 3000, 4000])
async def test_a_server_that_refuses_the_client_is_left(code: int) -> None:
    async with ScriptedRealtimeServer() as server:
        async with RealtimeConnection(server.url, backoff=AT_ONCE) as talk:
            await until(talk, is_a(SessionConfigured))
            await server.close(code, "not you")
            with pytest.raises(ConnectionLostError, match=f"{code} not you"):
                await until(talk, is_a(Reconnecting))
            assert not talk.send(UPDATE)
        assert server.attempts == 1


async def test_giving_up_says_how_often_it_was_tried() -> None:
    async with ScriptedRealtimeServer() as server:
        two = Backoff(first=0.0, attempts=2)
        async with RealtimeConnection(server.url, backoff=two) as talk:
            await until(talk, is_a(SessionConfigured))
            server.refusals = [Refusal(503, "full")] * 2
            server.cut()
            with pytest.raises(ConnectionLostError, match="gave up after 2 attempts"):
                await until(talk, is_a(Reconnected))


async def test_a_key_that_is_refused() -> None:
    async with ScriptedRealtimeServer(refusals=[Refusal(401, "wrong key")]) as server:
        with pytest.raises(ConfigurationError, match="HTTP 401: wrong key"):
            await RealtimeConnection(server.url, key="canary").__aenter__()


async def test_what_is_no_protocol_ends_the_conversation() -> None:
    async with ScriptedRealtimeServer() as server, RealtimeConnection(server.url) as talk:
        await until(talk, is_a(SessionConfigured))
        await server.say({"type": "input_audio_buffer.speech_started"})
        with pytest.raises(ProtocolError):
            await until(talk, is_a(Reconnecting))


async def test_a_server_that_does_not_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_UNSENT", 20)
    async with (
        ScriptedRealtimeServer() as server,
        RealtimeConnection(server.url, backoff=AT_ONCE) as talk,
    ):
        await until(talk, is_a(SessionConfigured))
        # No checkpoint between them, so none of them can go out.
        while talk.send(append(SOUND, None, None, ended=False)):
            pass
        events = await until(talk, is_a(Reconnected))
    reasons = [event.reason for event in events if isinstance(event, Reconnecting)]
    assert reasons == ["the server did not take the sound as fast as it came"]


@pytest.mark.parametrize(
    ("server", "model", "url"),
    [
        ("ws://host:8000", None, "ws://host:8000/v1/realtime"),
        ("http://host:8000/", None, "ws://host:8000/v1/realtime"),
        ("https://host", "a b", "wss://host/v1/realtime?model=a+b"),
        ("wss://host/own?x=1", "m", "wss://host/own?x=1&model=m"),
    ],
)
def test_addresses(server: str, model: str | None, url: str) -> None:
    assert realtime_url(server, model) == url


@pytest.mark.parametrize("server", ["host:8000", "ftp://host", "ws://", ""])
def test_what_is_no_address(server: str) -> None:
    with pytest.raises(ConfigurationError, match="no server address"):
        realtime_url(server)
