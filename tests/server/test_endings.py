"""Sessions that end otherwise than by the client's wish."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.uri import parse_uri

from streamkit.asr.recognizer import Hypothesis, ModelInfo, RecognitionRequest, Word
from streamkit.audio.pcm import to_linear16
from streamkit.server.runner import ListenSession
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]

BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}


@dataclass
class GatedRecognizer:
    """Says one word for each window, but only while the gate is open."""

    gate: threading.Event = field(default_factory=threading.Event)
    waiting: threading.Event = field(default_factory=threading.Event)

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("gated")

    def front_end(self, capacity: int) -> None:
        return None

    def batch_key(self, request: RecognitionRequest) -> None:
        return None

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        self.waiting.set()
        assert self.gate.wait(PATIENCE_SECONDS)
        [request] = requests
        words = () if request.prefix else (Word("heard", request.start, request.end, 1.0),)
        return [Hypothesis(words, request.start, request.end)]


@pytest.fixture
def gated() -> Iterator[GatedRecognizer]:
    recognizer = GatedRecognizer()
    yield recognizer
    recognizer.gate.set()


def crash(url: str, query: str, audio: bytes) -> None:
    """Connect, send a message and half of another one, and reset the connection."""
    address = urlsplit(url)
    protocol = ClientProtocol(parse_uri(f"{url}/v1/listen?{query}"))
    with socket.create_connection((address.hostname, address.port)) as line:
        protocol.send_request(protocol.connect())
        line.sendall(b"".join(protocol.data_to_send()))
        while not protocol.events_received():
            protocol.receive_data(line.recv(4096))
        protocol.send_binary(audio)
        protocol.send_binary(audio)
        frames = b"".join(protocol.data_to_send())
        line.sendall(frames[: -len(audio) // 2])
        # Close without lingering: the peer gets a reset instead of an orderly end.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def tasks(server: LiveServer) -> int:
    return server.portal.call(lambda: len(asyncio.all_tasks()))


@pytest.mark.parametrize("container", [None, "ogg-opus"])
def test_a_client_that_is_gone_in_mid_word_leaves_nothing_behind(
    start_server: StartServer,
    speak: Speak,
    contain: Callable[[Samples, str], bytes],
    eventually: Eventually,
    container: str | None,
) -> None:
    server = start_server()
    if container is None:
        query, audio = "encoding=linear16&sample_rate=16000", to_linear16(speak(BUS))
    else:
        query, audio = f"encoding={container}", contain(speak(BUS, 48_000), container)
    with server.listen(**RAW) as neighbour:
        middle = len(to_linear16(speak(BUS))) // 2
        neighbour.send(to_linear16(speak(BUS))[:middle])
        before = tasks(server)
        for _ in range(3):
            crash(server.url, query, audio[: len(audio) // 2])
        eventually(lambda: server.sessions == 1)
        eventually(lambda: tasks(server) == before)
        assert server.server.state.permits.taken == 1
        assert [t for t in threading.enumerate() if t.name.startswith("decode-")] == []
        neighbour.send(to_linear16(speak(BUS))[middle:])
        neighbour.close_stream()
    assert neighbour.text == BUS
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0
    eventually(lambda: not server.server.server_state.connections)
    gc.collect()
    assert [each for each in gc.get_objects() if type(each) is ListenSession] == []


def test_a_client_may_leave_without_closing_the_stream(
    start_server: StartServer, speak: Speak
) -> None:
    server = start_server()
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
    server.wait_until_empty()
    assert client.closed[0] == 1000
    assert server.server.state.permits.taken == 0


def status(server: LiveServer, path: str) -> int:
    return httpx.get(f"{server.http_url}{path}", trust_env=False).status_code


def test_a_server_that_goes_down_lets_sessions_have_their_last_words(
    start_server: StartServer, speak: Speak, gated: GatedRecognizer
) -> None:
    server = start_server(gated)
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        assert gated.waiting.wait(PATIENCE_SECONDS)
        assert status(server, "/readyz") == 200
        server.stop()
        # The last words are being decoded, and meanwhile nobody new comes in.
        with pytest.raises(InvalidStatus) as caught, server.listen(**RAW):
            pass
        assert caught.value.response.status_code == 503
        assert "going down" in caught.value.response.headers["dg-error"]
        assert status(server, "/readyz") == 503
        assert status(server, "/healthz") == 200
        gated.gate.set()
        client.read_to_end()
    assert client.text == "heard"
    assert client.finals[-1]["speech_final"]
    assert client.messages[-1]["type"] == "Metadata"
    assert client.closed == (1012, "service restart")


def test_a_server_that_goes_down_with_nothing_open_is_gone_at_once(
    start_server: StartServer,
) -> None:
    server = start_server()
    with server.listen(**RAW) as client:
        client.close_stream()
    server.stop()
    server.wait_until_empty()


@pytest.mark.parametrize("twice", [False, True], ids=["at the deadline", "when told twice"])
def test_a_session_that_does_not_come_to_an_end_is_closed(
    start_server: StartServer,
    speak: Speak,
    gated: GatedRecognizer,
    caplog: pytest.LogCaptureFixture,
    twice: bool,
) -> None:
    server = start_server(gated, drain_timeout=600 if twice else 0.2)
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        assert gated.waiting.wait(PATIENCE_SECONDS)
        server.stop()
        if twice:
            server.stop()
        client.read_to_end()
    assert client.closed[0] == 1012
    server.wait_until_empty()
    gated.gate.set()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_decoder_that_never_answers_does_not_hold_the_end_of_the_stream(
    start_server: StartServer, speak: Speak, gated: GatedRecognizer
) -> None:
    server = start_server(gated, finish_timeout=0.2)
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    [error] = client.of_type("Error")
    assert error["variant"] == "Timeout"
    assert client.messages[-1]["type"] == "Metadata"
    assert client.closed == (1000, "")


def test_nothing_can_be_sent_after_the_end(server: LiveServer) -> None:
    with server.listen(**RAW) as client:
        client.close_stream()
        with pytest.raises(ConnectionClosed):
            client.send(b"\0\0")
