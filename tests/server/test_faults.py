"""A recognizer that fails: the client is told, and the session lives on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.recognizer import (
    FrontEnd,
    Hypothesis,
    ModelInfo,
    RecognitionRequest,
    Recognizer,
)
from streamkit.audio.pcm import to_linear16
from streamkit.errors import RecognitionError
from streamkit.server.channel import Channel, Heard
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

MUSIC = "Turn the music down."
BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}


@dataclass
class FailingRecognizer:
    """The real one, except that it fails when `fails` says so."""

    inner: Recognizer
    fails: Callable[[RecognitionRequest], Exception | None]

    @property
    def info(self) -> ModelInfo:
        return self.inner.info

    def front_end(self, capacity: int) -> FrontEnd | None:
        return self.inner.front_end(capacity)

    def batch_key(self, request: RecognitionRequest) -> Hashable | None:
        return self.inner.batch_key(request)

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        for request in requests:
            error = self.fails(request)
            if error is not None:
                raise error
        return self.inner.recognize(requests)


@pytest.mark.parametrize(
    "error", [RecognitionError("out of memory"), ValueError("out of memory")], ids=type
)
def test_a_sentence_that_fails_is_reported_and_the_next_one_heard(
    start_server: StartServer, speak: Speak, micro: tuple[Recognizer, Any], error: Exception
) -> None:
    first = speak(MUSIC)
    middle = len(first)
    recognizer = FailingRecognizer(
        micro[0], lambda request: error if request.start < middle - 8000 else None
    )
    server = start_server(recognizer)
    with server.listen(**RAW) as client:
        client.send(to_linear16(np.concatenate([first, speak(BUS)])))
        client.close_stream()
    [reported] = client.of_type("Error")
    assert reported["variant"] == "RecognitionFailed"
    assert "out of memory" in reported["description"]
    assert client.text == BUS
    assert client.closed == (1000, "")


def test_a_final_that_fails_once_is_tried_again(
    start_server: StartServer, speak: Speak, micro: tuple[Recognizer, Any]
) -> None:
    failed: list[RecognitionRequest] = []

    def fails(request: RecognitionRequest) -> Exception | None:
        if request.final and not any(request is each for each in failed):
            failed.append(request)
            return RecognitionError("a passing weakness")
        return None

    server = start_server(FailingRecognizer(micro[0], fails))
    with server.listen(**RAW) as client:
        client.send(to_linear16(np.concatenate([speak(MUSIC), speak(BUS)])))
        client.close_stream()
    assert len(failed) >= 2
    assert client.of_type("Error") == []
    assert client.text == f"{MUSIC} {BUS}"


def test_partials_that_fail_are_not_missed(
    start_server: StartServer, speak: Speak, micro: tuple[Recognizer, Any]
) -> None:
    recognizer = FailingRecognizer(
        micro[0], lambda request: None if request.final else RecognitionError("no")
    )
    server = start_server(recognizer)
    with server.listen(interim_results=True, **RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    assert client.of_type("Error") == []
    assert client.text == BUS


def test_a_final_that_hangs_once_is_tried_again_by_another_worker(
    start_server: StartServer, speak: Speak, micro: tuple[Recognizer, Any]
) -> None:
    hung: list[RecognitionRequest] = []
    go_on = threading.Event()

    def hangs(request: RecognitionRequest) -> None:
        if request.final and not hung:
            hung.append(request)
            go_on.wait(PATIENCE_SECONDS)

    server = start_server(FailingRecognizer(micro[0], hangs), workers=1, pass_timeout=1)
    try:
        with server.listen(**RAW) as client, server.listen(**RAW) as other:
            client.send(to_linear16(speak(BUS)))
            other.send(to_linear16(speak(MUSIC)))
            client.close_stream()
            other.close_stream()
        assert not go_on.is_set()
    finally:
        go_on.set()
    assert client.of_type("Error") == []
    assert (client.text, other.text) == (BUS, MUSIC)
    assert server.server.state.scheduler.replaced_workers == 1


def test_a_sentence_on_which_the_engine_always_hangs_is_reported(
    start_server: StartServer, speak: Speak, micro: tuple[Recognizer, Any]
) -> None:
    go_on = threading.Event()
    first = speak(MUSIC)

    def hangs(request: RecognitionRequest) -> None:
        if request.start < len(first) - 8000:
            go_on.wait(PATIENCE_SECONDS)

    server = start_server(FailingRecognizer(micro[0], hangs), workers=1, pass_timeout=0.5)
    try:
        with server.listen(**RAW) as client:
            client.send(to_linear16(np.concatenate([first, speak(BUS)])))
            client.close_stream()
        assert not go_on.is_set()
    finally:
        go_on.set()
    [reported] = client.of_type("Error")
    assert reported["variant"] == "RecognitionFailed"
    assert "did not answer" in reported["description"]
    assert client.text == BUS
    assert client.closed == (1000, "")


def test_a_fault_of_the_server_itself_closes_the_session_and_no_other(
    start_server: StartServer,
    speak: Speak,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    unlucky = 5000
    digest = Channel.digest

    def explode(channel: Channel, samples: Samples | None) -> Heard:
        assert samples is None or len(samples) != unlucky, "a mistake in the program"
        return digest(channel, samples)

    monkeypatch.setattr(Channel, "digest", explode)
    server = start_server()
    with server.listen(**RAW) as other, server.listen(**RAW) as client:
        other.send(to_linear16(speak(MUSIC)[:8000]))
        client.send(to_linear16(speak(BUS)[:unlucky]), chunk=2 * unlucky)
        client.read_to_end()
        assert client.closed == (1011, "internal error; the server's log knows more")
        other.send(to_linear16(speak(MUSIC)[8000:]))
        other.close_stream()
    assert other.text == MUSIC
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0
    assert any(
        record.exc_info and record.levelno == logging.ERROR
        for record in caplog.records
        if record.name == "streamkit.listen"
    )
