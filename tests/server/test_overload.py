"""More clients than the recognizer can serve: all are told, and nobody loses a word."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.cadence import Pace
from streamkit.asr.quality import Decision, Doubt
from streamkit.asr.recognizer import Hypothesis, ModelInfo, RecognitionRequest, Word
from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer, WireClient

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
CLIENTS = 5
CHUNK = 1600


@dataclass
class SlowRecognizer:
    """Says one word for each window, one window at a time, and is slow while told to be."""

    slow: bool = False
    info: ModelInfo = field(default_factory=lambda: ModelInfo("slow"))
    doubts: frozenset[Doubt] = frozenset()

    def front_end(self, capacity: int) -> None:
        return None

    def batch_key(self, request: RecognitionRequest) -> None:
        return None

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        [request] = requests
        if self.slow:
            threading.Event().wait(0.05)
        words = () if request.prefix else (Word("heard", request.start, request.end, 1.0),)
        decision = Decision.MENDED if self.doubts else Decision.ACCEPTED
        return [
            Hypothesis(words, request.start, request.end, decision=decision, doubts=self.doubts)
        ]


def overloads(client: WireClient) -> list[dict[str, Any] | None]:
    return [message["streamkit"]["overload"] for message in client.of_type("Results")]


def listen_all(clients: list[WireClient]) -> list[threading.Thread]:
    """Each client reads to its end in a thread of its own."""
    threads = [threading.Thread(target=client.read_to_end) for client in clients]
    for thread in threads:
        thread.start()
    return threads


def test_normally_there_is_none(start_server: StartServer, speak: Speak) -> None:
    server = start_server(SlowRecognizer(), workers=1)
    with server.listen(interim_results=True, **RAW) as client:
        client.send(to_linear16(np.tile(speak(BUS), 3)))
        client.close_stream()
    assert client.finals
    assert set(overloads(client)) == {None}
    assert server.server.state.scheduler.cadence.pace == Pace()


def test_clients_are_told_while_the_recognizer_has_too_many_of_them(
    start_server: StartServer, speak: Speak
) -> None:
    recognizer = SlowRecognizer(slow=True)
    server = start_server(recognizer, workers=1, partial_interval=0.1)
    cadence = server.server.state.scheduler.cadence
    sound = to_linear16(np.trim_zeros(speak(BUS)))
    with ExitStack() as exits:
        clients = [
            exits.enter_context(server.listen(interim_results=True, **RAW)) for _ in range(CLIENTS)
        ]
        readers = listen_all(clients)
        deadline = time.monotonic() + PATIENCE_SECONDS
        position = 0
        # A microphone's pace, more or less: what matters is that there is always more to do.
        while not all(any(overloads(client)) for client in clients):
            assert time.monotonic() < deadline, "nobody was told"
            piece = sound[position : position + 2 * CHUNK]
            position = (position + 2 * CHUNK) % len(sound)
            for client in clients:
                client.socket.send(piece)
            time.sleep(0.05)
        assert cadence.pace.overloaded
        text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
        [line] = [each for each in text.splitlines() if each.startswith("streamkit_partial_s")]
        assert float(line.split()[1]) > 1
        recognizer.slow = False
        for client in clients:
            client.command("CloseStream")
        for reader in readers:
            reader.join(PATIENCE_SECONDS)
    for client in clients:
        assert client.closed == (1000, "")
        told = overloads(client)
        first = next(n for n, each in enumerate(told) if each)
        assert set(map(str, told[:first])) <= {"None"}, "not before it is so"
        for each in filter(None, told):
            assert set(each) == {"interval_ms"}
            # Told from twice the interval on, and until one and a half of it.
            assert 150 <= each["interval_ms"] <= 800


def test_it_is_told_no_more_once_it_is_over(start_server: StartServer, speak: Speak) -> None:
    server = start_server(SlowRecognizer(), workers=1)
    server.server.state.scheduler.cadence.pace = Pace(4.0, overloaded=True)
    with server.listen(interim_results=True, **RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.read_until(lambda message: message["type"] == "Results")
        server.server.state.scheduler.cadence.pace = Pace(1.0, overloaded=False)
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    assert overloads(client)[-1] is None


@pytest.mark.parametrize("doubts", [frozenset(), frozenset({Doubt.LOOP, Doubt.SPEED})])
def test_the_gate_s_decisions_are_in_the_metrics(
    start_server: StartServer, speak: Speak, doubts: frozenset[Doubt]
) -> None:
    server = start_server(SlowRecognizer(doubts=doubts))
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    found = {
        line.split()[0]: float(line.split()[1])
        for line in text.splitlines()
        if line.startswith(("streamkit_gate_total", "streamkit_doubts_total"))
    }
    decision = "mended" if doubts else "accepted"
    passes = found.pop(f'streamkit_gate_total{{decision="{decision}"}}')
    assert passes >= 1
    assert found == {f'streamkit_doubts_total{{doubt="{each.value}"}}': passes for each in doubts}
