"""Input that cannot be used: it is named, and nothing that came before it is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from websockets.exceptions import ConnectionClosed

from streamkit.audio.pcm import to_linear16
from streamkit.protocols.deepgram.commands import MAX_TEXT_CHARACTERS
from streamkit.server import connection
from streamkit.server.serving import HARD_LIMIT_FACTOR
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
LIMIT = 200_000


@pytest.fixture
def narrow(start_server: StartServer) -> LiveServer:
    """A server that takes small messages only."""
    return start_server(max_message_bytes=LIMIT)


def test_samples_may_be_cut_anywhere(server: LiveServer, speak: Speak) -> None:
    samples = speak(BUS)
    with server.listen(**RAW) as client:
        client.send(to_linear16(samples), chunk=3333)
        client.close_stream()
    assert client.text == BUS
    assert client.of_type("Error") == []


@pytest.mark.parametrize(
    ("channels", "missing"), [(1, 1), (2, 1), (2, 3)], ids=["mono", "stereo", "stereo by half"]
)
def test_an_incomplete_sample_at_the_end(
    server: LiveServer, speak: Speak, channels: int, missing: int
) -> None:
    samples = np.repeat(speak(BUS)[:, None], channels, axis=1)
    with server.listen(channels=channels, **RAW) as client:
        client.send(to_linear16(samples)[:-missing])
        client.close_stream()
    [error] = client.of_type("Error")
    assert (error["variant"], error["code"]) == ("IncompleteSample", "DATA-0001")
    assert f"{2 * channels - missing} byte" in error["description"]
    assert f"{2 * channels}-byte frames" in error["description"]
    assert client.text == BUS
    assert client.messages[-1]["type"] == "Metadata"
    assert client.messages[-2] == error
    assert client.closed == (1000, "")


TEXTS = {
    "no JSON": "this is no JSON",
    "an unknown type": '{"type":"Speak","text":"hello"}',
    "no type": "{}",
    "an array": '["CloseStream"]',
    "deep nesting": "[" * 1900 + "]" * 1900,
    "deep nesting beyond the limit": "[" * 100_000,
    "huge": '{"type":"KeepAlive","padding":"' + "x" * 500_000 + '"}',
    "base64 audio": json.dumps({"type": "Audio", "data": "AAAA" * 1000}),
    "broken extra": '{"type":"KeepAlive","streamkit":{"captured_at":"noon"}}',
    "an error of streamkit's own": '{"type":"Error\\u0000\\n\\ud800"}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_that_is_no_command(server: LiveServer, speak: Speak, text: str) -> None:
    audio = to_linear16(speak(BUS))
    middle = len(audio) // 2
    with server.listen(**RAW) as client:
        client.send(audio[:middle])
        client.socket.send(text)
        client.send(audio[middle:])
        client.close_stream()
    [error] = client.of_type("Error")
    assert error["variant"] == "SchemaError"
    assert len(error["description"]) < 500
    assert "KeepAlive" in error["description"] or str(MAX_TEXT_CHARACTERS) in error["description"]
    assert client.text == BUS
    assert client.closed == (1000, "")


def test_a_flood_of_rubbish_is_answered_message_by_message(server: LiveServer) -> None:
    with server.listen(**RAW) as client:
        for _ in range(2000):
            client.socket.send("{")
        client.close_stream()
    assert len(client.of_type("Error")) == 2000
    assert client.closed == (1000, "")


def test_a_message_of_just_the_limit(narrow: LiveServer, speak: Speak) -> None:
    audio = to_linear16(np.pad(speak(BUS), (0, LIMIT))).ljust(LIMIT, b"\0")[:LIMIT]
    with narrow.listen(**RAW) as client:
        client.socket.send(audio)
        client.close_stream()
    assert client.text == BUS
    assert client.of_type("Error") == []


@pytest.mark.parametrize("kind", [bytes, str])
def test_a_message_beyond_the_limit(narrow: LiveServer, speak: Speak, kind: type) -> None:
    with narrow.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.socket.send(b"\0" * (LIMIT + 1) if kind is bytes else "x" * (LIMIT + 1))
        client.read_to_end()
    assert client.text == BUS
    [error] = client.of_type("Error")
    assert error["variant"] == "MessageTooBig"
    assert str(LIMIT + 1) in error["description"]
    assert str(LIMIT) in error["description"]
    assert client.messages[-1]["type"] == "Metadata"
    assert client.closed == (1009, "message too big")


def test_fragments_count_together(narrow: LiveServer, speak: Speak) -> None:
    with narrow.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.socket.send(b"\0" * 1000 for _ in range(LIMIT // 1000 + 1))
        client.read_to_end()
    assert client.text == BUS
    assert client.closed == (1009, "message too big")


def test_a_message_far_beyond_the_limit(
    server: LiveServer, speak: Speak, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.3)
    limit = server.server.state.settings.max_message_bytes
    # Without lingering the close frame arrives now and then, by luck.
    for _ in range(6):
        with server.listen(**RAW) as client:
            client.send(to_linear16(speak(BUS)))
            with suppress(ConnectionClosed):
                client.socket.send(b"\0" * (HARD_LIMIT_FACTOR * limit + limit))
            client.read_to_end()
        assert client.closed[0] == 1009
    server.wait_until_empty()


def test_what_is_no_container(server: LiveServer) -> None:
    with server.listen() as client:
        client.socket.send(b"this is not audio, in no container that anybody knows")
        client.read_to_end()
    [error] = client.of_type("Error")
    assert (error["variant"], error["code"]) == ("BadAudio", "DATA-0000")
    assert "ogg" in error["description"]
    assert client.messages[-1]["type"] == "Metadata"
    assert client.closed == (1008, "DATA-0000: bad audio")


def test_damage_in_the_middle_keeps_what_came_before(
    server: LiveServer, speak: Speak, opus_packets: Callable[[Samples], list[bytes]]
) -> None:
    with server.listen(encoding="opus", sample_rate=48000) as client:
        for packet in opus_packets(speak(BUS, 48_000)):
            client.socket.send(packet)
        client.socket.send(b"\xff" * 3)
        client.read_to_end()
    assert client.text == BUS
    [error] = client.of_type("Error")
    assert error["variant"] == "BadAudio"
    assert client.messages[-2:] == [error, client.of_type("Metadata")[0]]
    assert client.closed == (1008, "DATA-0000: bad audio")


def test_a_container_that_ends_before_its_first_sound(server: LiveServer) -> None:
    with server.listen() as client:
        client.socket.send(b"OggS")
        client.close_stream()
    [error] = client.of_type("Error")
    assert error["variant"] == "BadAudio"
    assert "4 bytes" in error["description"]


def test_a_text_that_is_no_utf8_ends_the_connection(server: LiveServer) -> None:
    with server.listen(**RAW) as client:
        client.socket.send(b"\xff\xfe", text=True)
        client.read_to_end()
    assert client.closed[0] == 1007
    server.wait_until_empty()
