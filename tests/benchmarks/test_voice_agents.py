"""The voice benchmark against agents whose every fault, and every time, is known.

An agent here is a real WebSocket server in a thread of its own, on the same clock as the
benchmark. It hears nothing but loudness, and notes when it has heard and sent what.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streamkit.errors import ConfigurationError, ConnectionLostError
from streamkit_benchmarks.voice_link import Target
from streamkit_benchmarks.voice_run import Plan, climb
from streamkit_benchmarks.voice_sounds import CHUNK, FULL_SCALE, LOUD, WIRE_RATE, Voices

PIECE = WIRE_RATE // 10
SLACK = 0.3
"""Seconds that a busy machine may add to the middle one of several times."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How an agent behaves.

    Attributes:
        endpoint: seconds of quiet after which it answers; None: it never does.
        think: seconds until it does.
        confirm: seconds of loud sound, first to last, after which it stops talking; None: never.
        burst: a reply is sent at once, and not as it is spoken.
        reply: seconds of one, of which the first 50 ms cannot be heard.
    """

    endpoint: float | None = 0.7
    think: float = 0.12
    confirm: float | None = 0.8
    burst: bool = False
    reply: float = 2.2


@dataclass(slots=True)
class Noted:
    """When things happened, on the clock of the benchmark.

    Attributes:
        answered: arrival of the last loud sample of a turn, and departure of the first one of
            its answer.
        stopped: arrival of the first loud sample of an interruption, and departure of the word of
            it.
        last_sound: departure of the last sound before that, and milliseconds sent by then.
    """

    answered: list[tuple[float, float]] = field(default_factory=list)
    stopped: list[tuple[float, float]] = field(default_factory=list)
    last_sound: list[tuple[float, int]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    truncated: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)


class Agent:
    """A scripted server of the Realtime protocol; runs while the block does."""

    def __init__(self, manners: Manners, *, status: int | None = None, refusal: str = "") -> None:
        self.manners = manners
        self.noted = Noted()
        self.url = ""
        self._status = status
        self._refusal = refusal
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: Server

    def __enter__(self) -> Agent:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _begin(self) -> None:
        self._server = await serve(
            self._serve, "127.0.0.1", 0, process_request=self._admit, compression=None
        )
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _end(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.noted.headers.append({"path": request.path, **dict(request.headers.raw_items())})
        return None if self._status is None else connection.respond(self._status, "no such key")

    async def _serve(self, socket: ServerConnection) -> None:
        talk = _Talk(socket, self.manners, self.noted)
        try:
            await talk.send("session.created", session={"type": "realtime"})
            async for message in socket:
                event = json.loads(message)
                match event["type"]:
                    case "session.update" if self._refusal:
                        await talk.send("error", error={"message": self._refusal})
                    case "session.update":
                        self.noted.updates.append(event["session"])
                        await talk.send("session.updated", session=event["session"])
                    case "input_audio_buffer.append":
                        self.noted.keys |= set(event)
                        await talk.hear(np.frombuffer(base64.b64decode(event["audio"]), "<i2"))
                    case "conversation.item.truncate":
                        self.noted.truncated.append(event["audio_end_ms"])
        except ConnectionClosed:
            pass
        finally:
            talk.stop()


class _Talk:
    """One session of an agent."""

    def __init__(self, socket: ServerConnection, manners: Manners, noted: Noted) -> None:
        self._socket, self._manners, self._noted = socket, manners, noted
        self._heard = 0
        self._first: tuple[int, float] | None = None
        self._last: tuple[int, float] = (0, 0.0)
        self._reply: asyncio.Task[None] | None = None
        self._plays_until = 0.0
        self._numbers = count(1)
        self._sent_at, self._sent_ms = 0.0, 0

    async def send(self, kind: str, **content: Any) -> None:
        await self._socket.send(json.dumps({"type": kind, **content}))

    def stop(self) -> None:
        if self._reply is not None:
            self._reply.cancel()

    async def hear(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        at = time.monotonic()
        loud = np.flatnonzero(np.abs(samples.astype(int)) >= LOUD * FULL_SCALE)
        if len(loud):
            if self._first is None:
                self._first = (self._heard + int(loud[0]), at)
            self._last = (self._heard + int(loud[-1]), at)
        self._heard += len(samples)
        if self._first is None:
            return
        if at < self._plays_until:
            await self._consider(at)
        elif self._quiet(self._manners.endpoint):
            await self._answer()
        elif self._manners.endpoint is None and self._quiet(1.0):
            self._first = None

    def _quiet(self, seconds: float | None) -> bool:
        return seconds is not None and self._heard - self._last[0] >= seconds * WIRE_RATE

    async def _consider(self, at: float) -> None:
        """Somebody makes a sound while the agent talks."""
        assert self._first is not None
        confirm = self._manners.confirm
        if confirm is not None and self._last[0] - self._first[0] >= confirm * WIRE_RATE:
            self.stop()
            self._plays_until = 0.0
            self._noted.last_sound.append((self._sent_at, self._sent_ms))
            self._noted.stopped.append((self._first[1], time.monotonic()))
            await self.send("input_audio_buffer.speech_started", item_id="item", audio_start_ms=0)
            await self._done("cancelled")
        elif self._quiet(0.5):
            self._first = None

    async def _answer(self) -> None:
        ended_at, self._first = self._last[1], None
        # Who speaks on before the answer is sent is not waited for.
        self._id = f"resp_{next(self._numbers)}"
        self._plays_until = time.monotonic() + self._manners.think + self._manners.reply
        self._reply = asyncio.create_task(self._speak(ended_at))

    async def _speak(self, ended_at: float) -> None:
        await self.send("response.created", response={"id": self._id})
        await asyncio.sleep(self._manners.think)
        sound = np.full(round(self._manners.reply * WIRE_RATE), 8000, "<i2")
        sound[: WIRE_RATE // 20] = 0
        began = time.monotonic()
        for start in range(0, len(sound), PIECE):
            if not self._manners.burst:
                await asyncio.sleep(max(0.0, began + start / WIRE_RATE - time.monotonic()))
            self._sent_at = time.monotonic()
            self._sent_ms = (start + PIECE) * 1000 // WIRE_RATE
            if start == 0:
                self._noted.answered.append((ended_at, self._sent_at))
                self._plays_until = self._sent_at + self._manners.reply
            piece = base64.b64encode(sound[start : start + PIECE].tobytes()).decode()
            await self.send(
                "response.output_audio.delta",
                response_id=self._id, item_id=f"item_{self._id}", content_index=0, delta=piece,
            )  # fmt: skip
        await self._done("completed")

    async def _done(self, status: str) -> None:
        await self.send("response.done", response={"id": self._id, "status": status})


def plan(agent: Agent, kind: str, *, turns: int, patience: float = 10.0) -> Plan:
    target = Target(
        agent.url, model="some model", key="sesame", turn_detection={"type": "server_vad"},
        headers=(("X-Name", "value"),),
    )  # fmt: skip
    return Plan(target, Voices(1, None, None), (kind,), turns, 0.06, patience, 1, least=1)


AGENTS = {
    "patient": (Manners(endpoint=1.3), "thinking", 1, 1),
    "hasty": (Manners(endpoint=0.4), "thinking", 1, 1),
    "attentive": (Manners(), "barge-in", 1, 1),
    "deaf": (Manners(confirm=None, burst=True), "barge-in", 1, 1),
    "unmoved": (Manners(), "noise", 1, 1),
    "startled": (Manners(confirm=0.1), "noise", 1, 1),
    "quick": (Manners(endpoint=0.3, burst=True, reply=1.0), "plain", 2, 2),
    "mute": (Manners(endpoint=None), "plain", 1, 1),
}
"""How they behave, what is done to them, how often, and by how many at once."""


@dataclass(slots=True)
class Measured:
    figures: dict[str, Any]
    noted: Noted
    told: list[str]


@pytest.fixture(scope="module")
def measured() -> Iterator[dict[str, Measured]]:
    """All agents, measured at the same time: as long as the slowest takes."""

    def measure(name: str) -> Measured:
        _, kind, turns, users = AGENTS[name]
        steps: list[dict[str, Any]] = []
        told: list[str] = []
        patience = 1.0 if name == "mute" else 10.0
        asked = plan(agents[name], kind, turns=turns, patience=patience)
        climb(asked, [users, users + 1], 0.0, told.append, steps.append)
        assert len(steps) == 1, "the limit was passed with the first number of users"
        return Measured(steps[0], agents[name].noted, told)

    with ExitStack() as exits:
        agents = {
            name: exits.enter_context(Agent(manners)) for name, (manners, *_) in AGENTS.items()
        }
        with ThreadPoolExecutor(len(AGENTS)) as pool:
            yield dict(zip(AGENTS, pool.map(measure, AGENTS), strict=True))


def close_to_log(found: list[float], logged: list[tuple[float, float]], later: float) -> None:
    """What was measured is what was logged, and up to a chunk more.

    The agent's times lie within those of the benchmark: a sample arrives after it was captured,
    and an event after it was sent.

    Args:
        found: seconds, measured.
        logged: when the agent had heard it, and when it did something about it.
        later: seconds until that could be heard.
    """
    between = sorted(after - before for before, after in logged)
    assert len(found) == len(between) > 0
    more = [a - b - later for a, b in zip(sorted(found), between, strict=True)]
    assert min(more) >= -1e-4
    assert median(more) <= CHUNK / WIRE_RATE + SLACK


@pytest.mark.parametrize("name", ["patient", "attentive", "unmoved", "quick"])
def test_the_wait_is_what_the_agent_has_let_one_wait(
    measured: dict[str, Measured], name: str
) -> None:
    figures, noted = measured[name].figures, measured[name].noted
    # The first 50 ms of a reply cannot be heard.
    close_to_log(figures["values"]["voice_to_voice"], noted.answered, 0.05)
    waits, buffered = figures["voice_to_voice"], figures["voice_to_voice_buffered"]
    assert buffered["p50"] == pytest.approx(waits["p50"] + 0.06, abs=0.002)
    assert figures["unanswered"] == figures["stray_replies"] == 0
    assert figures["failures"] == figures["errors"] == []
    assert figures["passes_limit"]


def test_many_talk_at_once(measured: dict[str, Measured]) -> None:
    figures = measured["quick"].figures
    assert figures["users"] == 2
    assert figures["scenes"] == figures["sentences"] == 2
    assert len(measured["quick"].noted.updates) == 2


def test_who_waits_for_the_end_has_no_false_endpoint(measured: dict[str, Measured]) -> None:
    found = measured["patient"].figures["false_endpoints"]
    none = {"of": 1, "count": 0}
    assert found == {**none, "heard": 0, "by_kind": {"thinking": none}}


def test_answers_in_a_pause_for_thought_are_false_endpoints(measured: dict[str, Measured]) -> None:
    figures = measured["hasty"].figures
    found = figures["false_endpoints"]
    assert found["by_kind"] == {"thinking": {"of": 1, "count": 1}}
    assert found["count"] == found["heard"] == 1
    # A sentence that was answered too soon has no wait, but it was answered.
    assert figures["voice_to_voice"]["count"] == figures["unanswered"] == 0


def test_silence_comes_when_the_client_is_told_that_somebody_speaks(
    measured: dict[str, Measured],
) -> None:
    figures, noted = measured["attentive"].figures, measured["attentive"].noted
    assert figures["barge_ins"] == {"of": 1, "count": 0, "not_judged": 0}
    close_to_log(figures["values"]["time_to_silence"], noted.stopped, 0.0)
    ((onset, _),) = noted.stopped
    ((last, sent_ms),) = noted.last_sound
    (sent,) = figures["values"]["last_sound_sent"]
    assert last - onset - 1e-4 <= sent <= figures["values"]["time_to_silence"][0] + SLACK
    # The agent is told how much of it was heard, and that is not more than has been sent.
    (heard,) = noted.truncated
    assert 0 < heard <= sent_ms


def test_a_reply_that_goes_on_is_a_missed_barge_in(measured: dict[str, Measured]) -> None:
    figures = measured["deaf"].figures
    assert figures["barge_ins"] == {"of": 1, "count": 1, "not_judged": 0}
    assert figures["time_to_silence"]["count"] == 0


@pytest.mark.parametrize(("name", "count"), [("unmoved", 0), ("startled", 1)])
def test_a_cough_that_stops_the_reply_is_a_false_barge_in(
    measured: dict[str, Measured], name: str, count: int
) -> None:
    figures = measured[name].figures
    found = figures["false_barge_ins"]
    assert found["noise"] == {"of": 1, "count": count, "not_judged": 0}
    assert found["back-channel"]["of"] == figures["barge_ins"]["of"] == 0
    assert figures["time_to_silence"]["count"] == 0


def test_no_answer_is_no_wait(measured: dict[str, Measured]) -> None:
    figures = measured["mute"].figures
    assert figures["unanswered"] == figures["sentences"] == 1
    assert figures["voice_to_voice"]["p95"] is None
    assert figures["passes_limit"]
    assert any("no answers" in line for line in measured["mute"].told)


def test_what_a_foreign_server_is_asked(measured: dict[str, Measured]) -> None:
    noted = measured["patient"].noted
    (headers,) = noted.headers
    assert headers["path"] == "/v1/realtime?model=some+model"
    assert headers["Authorization"] == "Bearer sesame"
    assert headers["X-Name"] == "value"
    (update,) = noted.updates
    assert update["audio"]["input"]["turn_detection"] == {"type": "server_vad"}
    assert "four" in update["instructions"]
    # Only streamkit is told what only streamkit understands, and only it tells of stages.
    assert noted.keys == {"type", "audio"}
    assert measured["patient"].figures["stages"] == {}
    assert measured["patient"].figures["difference"] is None


def test_the_benchmark_measures_itself(measured: dict[str, Measured]) -> None:
    load = measured["patient"].figures["load"]
    assert load["chunks"] > 100
    assert 0 <= load["chunk_late_p99"] <= load["chunk_late_max"]
    assert load["own_cpu"] > 0


def nothing(_: Any) -> None:
    pass


def test_a_server_that_refuses_the_key() -> None:
    with (
        Agent(Manners(), status=401) as agent,
        pytest.raises(ConfigurationError, match=r"HTTP 401: no such key.*--key"),
    ):
        climb(plan(agent, "plain", turns=1), [1], 1.0, nothing, nothing)


def test_a_server_that_refuses_the_session() -> None:
    with (
        Agent(Manners(), refusal="no such voice") as agent,
        pytest.raises(ConfigurationError, match=r"no such voice; see .*--voice"),
    ):
        climb(plan(agent, "plain", turns=1), [1], 1.0, nothing, nothing)


def test_a_server_that_is_not_there() -> None:
    with Agent(Manners()) as agent:
        gone = plan(agent, "plain", turns=1)
    with pytest.raises(ConnectionLostError, match="streamkit serve"):
        climb(gone, [1], 1.0, nothing, nothing)
