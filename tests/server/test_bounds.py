"""How much one client may take, send, leave unread, or be silent."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from streamkit.audio.pcm import to_linear16
from streamkit.server import connection
from streamkit.server.testing import LiveServer
from streamkit.testing import ScriptedRecognizer, SpokenWord

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]

BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
SECOND = 16_000

RUBBISH = '{"type":"' + "\N{GRINNING FACE}" * 200 + '"}'
"""Answered with 4 KB: the shortest way to fill the buffers of a reader that does not read."""
RUBBISH_MESSAGES = 3000
"""Their answers are more than the kernel keeps for a connection."""


def test_silence_on_the_line_ends_the_session(start_server: StartServer, speak: Speak) -> None:
    server = start_server(idle_timeout=1)
    audio = to_linear16(speak(BUS))
    with server.listen(**RAW) as client:
        client.send(audio, chunk=len(audio))
        client.read_to_end()
    assert client.text == BUS
    [error] = client.of_type("Error")
    assert error["code"] == "NET-0001"
    assert "KeepAlive" in error["description"]
    assert client.messages[-1]["type"] == "Metadata"
    code, reason = client.closed
    assert code == 1011
    assert reason is not None
    assert reason.startswith("NET-0001")


def test_rubbish_is_no_sign_of_life(start_server: StartServer) -> None:
    server = start_server(idle_timeout=0.5)
    stop = threading.Event()
    with server.listen(**RAW) as client:

        def babble() -> None:
            with suppress(ConnectionClosed):
                while not stop.wait(0.1):
                    client.socket.send("babble")

        babbler = threading.Thread(target=babble)
        babbler.start()
        client.read_to_end()
        stop.set()
        babbler.join()
    assert client.closed[0] == 1011


@pytest.mark.parametrize("sign", ["KeepAlive", "Finalize", "audio"])
def test_a_sign_of_life_keeps_the_session(start_server: StartServer, sign: str) -> None:
    timeout = 1.0
    server = start_server(idle_timeout=timeout)
    with server.listen(**RAW) as client:
        end = time.monotonic() + 1.5 * timeout
        while time.monotonic() < end:
            if sign == "audio":
                client.socket.send(b"\0\0")
            else:
                client.command(sign)
            time.sleep(timeout / 8)
        client.close_stream()
    assert client.closed == (1000, "")


def test_a_session_has_a_longest_duration(start_server: StartServer, speak: Speak) -> None:
    server = start_server(max_session_seconds=1.5)
    audio = to_linear16(speak(BUS))
    with server.listen(**RAW) as client:
        client.send(audio, chunk=len(audio))
        client.read_to_end()
    assert client.text == BUS
    assert client.of_type("Error")[0]["variant"] == "SessionTooLong"
    assert client.closed == (1008, "a session lasts at most 1.5 s")


def test_audio_beyond_the_speed_limit_waits_and_is_not_lost(
    start_server: StartServer, speak: Speak
) -> None:
    burst, speed, times = 1.0, 10.0, 3
    server = start_server(audio_burst=burst, max_speed=speed)
    samples = np.tile(speak(BUS), times)
    began = time.monotonic()
    with server.listen(**RAW) as client:
        client.send(to_linear16(samples))
        client.close_stream()
    assert client.text == " ".join([BUS] * times)
    assert time.monotonic() - began >= (len(samples) / SECOND - burst - 1) / speed


def test_a_flood_is_held_back_at_the_socket_and_harms_no_neighbour(
    start_server: StartServer, speak: Speak
) -> None:
    server = start_server(audio_burst=0.1, max_speed=1, drain_timeout=0.1)
    mebibytes = 64
    sent: list[int] = []
    with server.listen(**RAW) as flood, server.listen(**RAW) as neighbour:

        def pour() -> None:
            with pytest.raises(ConnectionClosed):
                for number in range(mebibytes):
                    flood.socket.send(b"\0" * 2**20)
                    sent.append(number)

        pouring = threading.Thread(target=pour)
        pouring.start()
        neighbour.send(to_linear16(speak(BUS)))
        neighbour.close_stream()
        assert neighbour.text == BUS
        # The neighbour had time for seconds of audio; the flood filled the kernel's buffers.
        assert len(sent) < mebibytes // 2
        flood.abort()
        pouring.join()


def script(speech: Samples, times: int) -> list[SpokenWord]:
    """Eight words in each repetition, where the voice is heard."""
    first, last = 6 * SECOND // 10, len(speech) - 7 * SECOND // 10
    step = (last - first) // 8
    starts = [n * len(speech) + first + word * step for n in range(times) for word in range(8)]
    return [SpokenWord(f"w{n}", start, start + step // 2) for n, start in enumerate(starts)]


def test_a_reader_that_pauses_gets_every_final_and_the_newest_partial_only(
    start_server: StartServer, speak: Speak, eventually: Eventually
) -> None:
    speech, times = speak(BUS), 4
    recognizer = ScriptedRecognizer(script(speech, times))
    server = start_server(recognizer, outbox_messages=10 * RUBBISH_MESSAGES, send_timeout=60)
    with server.listen(interim_results=True, read_ahead=1, **RAW) as client:
        for _ in range(RUBBISH_MESSAGES):
            client.socket.send(RUBBISH)
        client.send(to_linear16(np.tile(speech, times)))
        client.command("CloseStream")
        last = recognizer.script[-1].end
        eventually(lambda: any(call.final and call.end >= last for call in recognizer.calls))
        assert sum(not call.final for call in recognizer.calls) > 3
        client.read_to_end()
    assert len(client.of_type("Error")) == RUBBISH_MESSAGES
    assert client.text.split() == [word.text for word in recognizer.script]
    assert len(client.interims) <= 1
    assert client.closed == (1000, "")


@pytest.mark.anyio
async def test_a_reader_that_pauses_holds_its_own_messages_back(start_server: StartServer) -> None:
    server = start_server(outbox_messages=10, send_timeout=60)
    errors = server.server.state.metrics.errors.labels("SchemaError")
    messages = 4 * RUBBISH_MESSAGES
    url = f"{server.url}/v1/listen?encoding=linear16&sample_rate=16000"

    # The client that the other tests use cannot read while it waits to send.
    async with connect(url, max_queue=1, ping_interval=None) as client:

        async def talk() -> None:
            for _ in range(messages):
                await client.send(RUBBISH)
            await client.send('{"type":"CloseStream"}')

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(talk)
            answered, before = 0.0, -1.0
            while answered != before:
                await anyio.sleep(0.3)
                answered, before = errors._value.get(), answered
            assert answered < messages
            kinds = [json.loads(message)["type"] async for message in client]
    assert kinds == ["Error"] * messages + ["Metadata"]


def test_a_reader_that_stops_for_good_is_given_up(
    start_server: StartServer,
    speak: Speak,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "ABANDON_SECONDS", 0.2)
    server = start_server(send_timeout=0.3, outbox_messages=10, drain_timeout=0.1)
    with server.listen(read_ahead=1, **RAW) as client:
        with pytest.raises(ConnectionClosed):
            while True:
                client.socket.send(RUBBISH)
        server.wait_until_empty()
        eventually(lambda: not server.server.server_state.connections)
    assert server.server.state.permits.taken == 0
    with server.listen(**RAW) as other:
        other.send(to_linear16(speak(BUS)))
        other.close_stream()
    assert other.text == BUS


def test_back_pressure_is_not_taken_for_a_dead_line(server: LiveServer) -> None:
    # The answer to a ping would wait behind the audio, so the server must not ask for one.
    assert server.server.config.ws_ping_interval is None
