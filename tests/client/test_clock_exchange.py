"""Comparing clocks with a server of ours, and with nobody else."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.client.clock_exchange import PATIENCE_SECONDS, PAUSE_SECONDS, QUICK, ClockExchange
from streamkit.client.connection import CaptionConnection
from streamkit.client.realtime import RealtimeConnection
from streamkit.client.realtime_events import SessionConfigured
from streamkit.client.realtime_messages import append
from streamkit.server.testing import PATIENCE_SECONDS as LIMIT
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]
NOW = 1_800_000_000.0


def answer(exchange: ClockExchange, asked: dict[str, float], ahead: float = 5.0) -> None:
    """The server's clock is ahead, and a message takes 10 ms each way."""
    at = asked["sent_at"]
    exchange.answered(at, at + ahead + 0.01, at + ahead + 0.02, at + 0.03)


def test_three_questions_at_once_and_then_one_now_and_then() -> None:
    exchange = ClockExchange()
    exchange.ours = True
    at = NOW
    for number in range(QUICK):
        asked = exchange.question(at)
        assert asked is not None
        assert ("last" in asked) == (number > 0)
        assert exchange.question(at + 0.01) is None
        answer(exchange, asked)
        at += 0.04
    assert exchange.map.offset == pytest.approx(5, abs=0.011)
    assert exchange.map.error == pytest.approx(0.01, abs=1e-3)
    assert exchange.question(at + PAUSE_SECONDS - 1) is None
    later = exchange.question(at + PAUSE_SECONDS)
    assert later is not None
    # The server learns of the way back.
    last = NOW + 0.08 + 5.02, NOW + 0.08 + 0.03
    assert tuple(later["last"].values()) == pytest.approx(last, abs=1e-6)


def test_nobody_else_is_asked() -> None:
    assert ClockExchange().question(NOW) is None


def test_a_question_without_an_answer_is_asked_again() -> None:
    exchange = ClockExchange()
    exchange.ours = True
    assert exchange.question(NOW) is not None
    assert exchange.question(NOW + PATIENCE_SECONDS - 0.1) is None
    assert exchange.question(NOW + PATIENCE_SECONDS) is not None


@pytest.mark.anyio
async def test_captions_know_the_server_s_clock(
    server: LiveServer, speak: Callable[..., Samples]
) -> None:
    sound = to_linear16(speak("Turn the music down."))

    async def feed(captions: CaptionConnection) -> None:
        while captions.clock.error is None:
            await captions.send(sound)
            # So that the server's words come in between.
            await anyio.sleep(0.05)
        await captions.finish()

    with anyio.fail_after(LIMIT):
        async with (
            CaptionConnection(server.url, live=False) as captions,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(feed, captions)
            async for _ in captions:
                pass
    # Both are this machine's.
    assert captions.clock.offset == pytest.approx(0, abs=0.5)


@pytest.mark.anyio
async def test_a_conversation_knows_the_server_s_clock(server: LiveServer) -> None:
    silence = append(np.zeros(480, np.int16), None, None, ended=False)
    with anyio.fail_after(LIMIT):
        async with RealtimeConnection(server.url, model="any") as talk:
            async for event in talk:
                if isinstance(event, SessionConfigured):
                    break
            while talk.clock.error is None:
                talk.send(silence)
                await anyio.sleep(0.01)
    assert talk.clock.offset == pytest.approx(0, abs=0.5)
