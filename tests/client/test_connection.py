from __future__ import annotations

from itertools import pairwise

import anyio
import numpy as np
import pytest
from websockets.asyncio.server import serve

from streamkit.client import connection as module
from streamkit.client.backoff import Backoff
from streamkit.client.connection import CaptionConnection
from streamkit.client.events import (
    Event,
    Finished,
    Reconnected,
    Reconnecting,
    SpeechStarted,
    Transcript,
)
from streamkit.client.options import StreamOptions
from streamkit.client.testing import Refusal, ScriptedServer
from streamkit.errors import AudioFormatError, ConfigurationError, ConnectionLostError

pytestmark = pytest.mark.anyio

RATE = 8000
AT_ONCE = Backoff(first=0.0, attempts=5)
OPTIONS = StreamOptions(sample_rate=RATE)


def speech(*runs: tuple[int, float]) -> np.ndarray:
    """Runs of (word number or 0 for silence, seconds)."""
    return np.concatenate([np.full(round(s * RATE), v, dtype=np.int16) for v, s in runs])


DIALOGUE = speech(
    (0, 0.3),
    (1, 0.2),
    (2, 0.3),
    (0, 0.1),
    (3, 0.25),
    (0, 0.8),
    (4, 0.4),
    (5, 0.1),
    (0, 0.7),
    (6, 0.3),
)
WORDS = [
    ("w1", 0.3, 0.5), ("w2", 0.5, 0.8), ("w3", 0.9, 1.15),
    ("w4", 1.95, 2.35), ("w5", 2.35, 2.45), ("w6", 3.15, 3.45),
]  # fmt: skip


def connection(server: ScriptedServer, **options: object) -> CaptionConnection:
    settings: dict[str, object] = {"options": OPTIONS, "backoff": AT_ONCE, **options}
    return CaptionConnection(server.url, **settings)  # type: ignore[arg-type]


async def feed(captions: CaptionConnection, samples: np.ndarray, block: int = 400) -> None:
    for start in range(0, len(samples), block):
        await captions.send(samples[start : start + block], captured_at=1000.0 + start / RATE)
    await captions.finish()


async def collect(captions: CaptionConnection, samples: np.ndarray) -> list[Event]:
    events: list[Event] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(feed, captions, samples)
        events += [event async for event in captions]
    return events


def final_words(events: list[Event]) -> list[tuple[str, float, float]]:
    return [
        (word.word, round(word.start, 6), round(word.end, 6))
        for event in events
        if isinstance(event, Transcript) and event.is_final
        for word in event.words
    ]


async def test_words_arrive_with_their_times_and_latency() -> None:
    async with ScriptedServer() as server, connection(server) as captions:
        events = await collect(captions, DIALOGUE)
    assert final_words(events) == WORDS
    assert isinstance(events[-1], Finished)
    assert events[-1].metadata["duration"] == pytest.approx(len(DIALOGUE) / RATE)
    assert any(isinstance(event, SpeechStarted) for event in events)
    partials = [e for e in events if isinstance(e, Transcript) and not e.is_final]
    assert partials
    assert all(e.latency is not None and e.latency.emit_ms is not None for e in partials)
    captured = [e.latency.captured_at or 0.0 for e in partials if e.latency]
    assert captured == sorted(captured)
    assert captured[0] == pytest.approx(1000.0 + partials[0].end - 0.05)
    utterances = {e.utterance for e in events if isinstance(e, Transcript) and e.words}
    assert utterances == {0, 1, 2}


async def test_query_headers_and_capture_times_on_the_wire() -> None:
    options = StreamOptions(RATE, language="en", model="m", endpointing=300, utterance_end_ms=1000)
    async with (
        ScriptedServer() as server,
        connection(server, key="secret", options=options) as captions,
    ):
        await collect(captions, DIALOGUE[:800])
        visit = server.visits[0]
    assert visit.query == {
        "encoding": "linear16",
        "channels": "1",
        "interim_results": "true",
        "vad_events": "true",
        "sample_rate": "8000",
        "language": "en",
        "model": "m",
        "endpointing": "300",
        "utterance_end_ms": "1000",
    }
    assert visit.headers["authorization"] == "Token secret"
    assert "sec-websocket-extensions" not in visit.headers
    assert visit.texts == [
        {"type": "KeepAlive", "streamkit": {"captured_at": 1000.0}},
        {"type": "KeepAlive", "streamkit": {"captured_at": 1000.05}},
        {"type": "CloseStream"},
    ]
    assert b"".join(visit.audio) == DIALOGUE[:800].astype("<i2").tobytes()


@pytest.mark.parametrize("live", [True, False])
async def test_no_word_is_lost_or_doubled_wherever_the_connection_drops(live: bool) -> None:
    for drop in range(1, 90, 4):
        async with (
            ScriptedServer(drops=[drop], words_per_final=2) as server,
            connection(server, live=live) as captions,
        ):
            events = await collect(captions, DIALOGUE)
            assert len(server.visits) == 2
        assert final_words(events) == WORDS, f"dropped after message {drop}"
        assert [e.lost for e in events if isinstance(e, Reconnected)] == [0.0]
        assert [e.attempt for e in events if isinstance(e, Reconnecting)] == [1]


async def test_several_drops_in_one_stream() -> None:
    async with (
        ScriptedServer(drops=[20, 7, 33, 1], words_per_final=1) as server,
        connection(server) as captions,
    ):
        events = await collect(captions, DIALOGUE)
    assert final_words(events) == WORDS
    assert sum(isinstance(event, Reconnected) for event in events) == 4


async def test_a_full_server_is_tried_again_after_a_drop() -> None:
    async with ScriptedServer(drops=[9]) as server, connection(server) as captions:
        server.refusals += [Refusal(503, "no room"), Refusal(503, "no room")]
        events = await collect(captions, DIALOGUE)
    waits = [event for event in events if isinstance(event, Reconnecting)]
    assert [event.attempt for event in waits] == [1, 2, 3]
    assert "no room" in waits[-1].reason
    assert final_words(events) == WORDS


async def test_a_refusal_after_a_drop_ends_the_stream() -> None:
    async with ScriptedServer(drops=[9]) as server, connection(server) as captions:
        server.refusals.append(Refusal(401, "the key was revoked"))
        with pytest.raises(ConfigurationError, match="the key was revoked"):
            await feed(captions, DIALOGUE)
        with pytest.raises(ConfigurationError, match="HTTP 401"):
            await captions.send(DIALOGUE)
        assert server.attempts == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refused_request_is_a_configuration_error(status: int) -> None:
    async with ScriptedServer(refusals=[Refusal(status, "this is why")]) as server:
        with pytest.raises(ConfigurationError, match=f"HTTP {status}: this is why"):
            await connection(server, key="secret").__aenter__()
        assert server.attempts == 1


async def test_a_full_server_is_a_lost_connection() -> None:
    async with ScriptedServer(refusals=[Refusal(503, "all seats are taken")]) as server:
        with pytest.raises(ConnectionLostError, match="HTTP 503: all seats are taken"):
            await connection(server).__aenter__()


async def test_no_server_there(free_tcp_port: int) -> None:
    with pytest.raises(ConnectionLostError, match=f"cannot reach .*:{free_tcp_port}/v1/listen"):
        await CaptionConnection(f"ws://user:pass@127.0.0.1:{free_tcp_port}").__aenter__()


async def test_the_server_stays_away() -> None:
    async with ScriptedServer() as server, connection(server) as captions:
        await captions.send(DIALOGUE)
        await server.stop()
        with pytest.raises(ConnectionLostError, match="gave up after 5 attempts"):
            await captions.finish()
        events = aiter(captions)
        reasons = [
            event.reason for _ in range(5) if isinstance(event := await anext(events), Reconnecting)
        ]
        with pytest.raises(ConnectionLostError, match="gave up"):
            await anext(events)
    assert "1001" in reasons[0]
    assert "cannot reach" in reasons[-1]


async def test_a_server_that_accepts_and_drops_for_ever_is_given_up() -> None:
    async with ScriptedServer(drops=[1] * 50) as server, connection(server) as captions:
        with pytest.raises(ConnectionLostError, match="gave up after 5 attempts"):
            await feed(captions, DIALOGUE)
        assert server.attempts == 6


async def test_refused_audio_is_not_sent_again() -> None:
    async with ScriptedServer(close_codes=[1008]) as server, connection(server) as captions:
        await captions.send(DIALOGUE)
        with pytest.raises(ConnectionLostError, match="close code 1008 scripted"):
            await captions.finish()
        assert server.attempts == 1


async def test_audio_lost_in_a_long_outage_is_reported() -> None:
    async with (
        ScriptedServer(close_codes=[1012]) as server,
        connection(server, keep_seconds=1.0) as captions,
    ):
        await captions.send(DIALOGUE[:8])
        events = aiter(captions)
        async for event in events:
            if isinstance(event, Reconnecting):
                break
        await captions.send(DIALOGUE)
        async for event in events:
            if isinstance(event, Reconnected):
                assert event.lost == pytest.approx((8 + len(DIALOGUE)) / RATE - 1.0)
                break
        else:
            pytest.fail("no Reconnected event")


async def test_send_waits_for_a_slow_server_only_when_it_may() -> None:
    minute = np.zeros(60 * RATE, dtype=np.int16)
    async with ScriptedServer(held=True) as server:
        async with connection(server) as live:
            with anyio.fail_after(10):
                for _ in range(20):
                    await live.send(minute)
        async with connection(server, live=False, keep_seconds=1e9) as patient:
            sent = 0
            with anyio.move_on_after(0.5) as scope:
                for _ in range(200):
                    await patient.send(minute)
                    sent += 1
            assert scope.cancelled_caught
            assert sent < 200


async def test_slow_answers_arrive_and_unread_partials_give_way() -> None:
    async with ScriptedServer(held=True) as server, connection(server) as captions:
        for start in range(0, len(DIALOGUE), 400):
            await captions.send(DIALOGUE[start : start + 400])
        server.release()
        await captions.finish()
        events = [event async for event in captions]
    assert final_words(events) == WORDS
    kinds = [e.is_final for e in events if isinstance(e, Transcript)]
    assert (False, False) not in set(pairwise(kinds))


async def test_finalize_brings_a_final_at_once() -> None:
    async with ScriptedServer() as server, connection(server) as captions:
        await captions.send(speech((7, 0.5)))
        await captions.finalize()
        async for event in captions:
            if isinstance(event, Transcript) and event.is_final:
                break
        assert isinstance(event, Transcript)
        assert event.from_finalize
        assert [word.word for word in event.words] == ["w7"]


async def test_keepalive_while_no_audio_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEPALIVE_SECONDS", 0.01)
    # The scripted recognizer drops the connection at the third message of the client.
    async with ScriptedServer(drops=[3]) as server, connection(server) as captions:
        await anext(aiter(captions))
        assert server.visits[0].texts == [{"type": "KeepAlive"}] * 3


async def test_a_server_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FINISH_SILENCE_SECONDS", 0.05)
    async with ScriptedServer(held=True) as server, connection(server) as captions:
        await captions.send(DIALOGUE)
        with pytest.raises(ConnectionLostError, match="after its last audio"):
            await captions.finish()
        assert server.attempts == 1


async def test_leaving_without_finish_closes_the_socket() -> None:
    async with ScriptedServer() as server:
        captions = connection(server)
        await captions.__aenter__()
        await captions.send(DIALOGUE)
        await captions.__aexit__(None, None, None)
        with anyio.fail_after(5):
            await server.stop()


async def test_an_error_of_the_caller_stays_as_it_is() -> None:
    async def misuse(server: ScriptedServer) -> None:
        async with connection(server):
            raise KeyError("mine")

    async with ScriptedServer() as server:
        with pytest.raises(KeyError, match="mine"):
            await misuse(server)


@pytest.mark.parametrize(
    ("audio", "says"),
    [
        (b"abc", "3 bytes"),
        (np.zeros(4, dtype=np.float32), "float32"),
        (np.zeros((4, 2), dtype=np.int16), r"\(4, 2\)"),
    ],
)
async def test_audio_of_another_kind_is_refused(audio: bytes | np.ndarray, says: str) -> None:
    async with ScriptedServer() as server, connection(server) as captions:
        with pytest.raises(AudioFormatError, match=says):
            await captions.send(audio)
        assert final_words(await collect(captions, DIALOGUE)) == WORDS


async def test_a_peer_that_speaks_something_else() -> None:
    async def greet(socket: object) -> None:
        await socket.send("hello")  # type: ignore[attr-defined]
        await socket.wait_closed()  # type: ignore[attr-defined]

    async with serve(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with CaptionConnection(f"ws://127.0.0.1:{port}") as captions:
            with pytest.raises(Exception, match=r"'hello'.*not a message of the live") as caught:
                await captions.finish()
    assert type(caught.value).__name__ == "ProtocolError"
