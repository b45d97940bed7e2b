"""`/v1/audio/speech`: sound that comes while it is spoken, and voices that fail."""

from __future__ import annotations

import base64
import dataclasses
import io
import itertools
import json
import logging
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import pytest

from streamkit.audio.encoders import ENCODED_RATE, MEDIA_TYPES
from streamkit.audio.files import read_audio
from streamkit.errors import SynthesisError
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit.testing import FakeSpeech, FakeSynthesizer, wait_until_closed
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.synthesizer import SpeechPiece

StartServer = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]

PATH = "/v1/audio/speech"
BUS = "The bus to Berlin is eight minutes late."


SOUND = SpeechPiece(np.full(2400, 0.1, np.float32), 24_000, ())


def scripted(pieces: int, then: Callable[[FakeSpeech, int], None]) -> FakeSynthesizer:
    """A voice that gives so many pieces of 100 ms, and does `then` before each further one."""

    def before(stream: FakeSpeech, piece: int) -> None:
        if piece >= pieces:
            then(stream, piece)

    return FakeSynthesizer(itertools.repeat(SOUND), before=before)


def fail(stream: FakeSpeech, piece: int) -> None:
    raise SynthesisError("out of breath")


def with_voice(server: LiveServer, voice: FakeSynthesizer) -> LiveServer:
    server.server.state.speech = dataclasses.replace(load_espeak(), synthesizer=voice)
    return server


def talking_to(server: LiveServer) -> httpx.Client:
    return httpx.Client(base_url=server.http_url, trust_env=False, timeout=PATIENCE_SECONDS)


def body(**fields: Any) -> dict[str, Any]:
    return {"input": BUS, "model": "tts-1", "voice": "alloy", **fields}


def post(server: LiveServer, **fields: Any) -> httpx.Response:
    with talking_to(server) as client:
        return client.post(PATH, json=body(**fields))


def refusal(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


def counted(status: str, server: LiveServer) -> bool:
    """One request has ended so."""
    text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    return f'streamkit_http_requests_total{{path="{PATH}",status="{status}"}} 1.0' in text


def events(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.split("\n\n") if line]


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_every_format(server: LiveServer, name: str) -> None:
    response = post(server, response_format=name)
    assert response.status_code == 200
    assert response.headers["content-type"] == MEDIA_TYPES[name]
    assert response.headers["transfer-encoding"] == "chunked"
    assert float(response.headers["streamkit-first-audio-ms"]) > 0
    assert response.headers["x-request-id"]
    if name == "pcm":
        samples = np.frombuffer(response.content, "<i2") / 32768
    else:
        samples = np.concatenate(list(read_audio(io.BytesIO(response.content), ENCODED_RATE)))
    assert len(samples) / ENCODED_RATE == pytest.approx(1.9, abs=0.2)
    assert np.abs(samples).max() > 0.1


def test_events(server: LiveServer) -> None:
    response = post(server, response_format="pcm", stream_format="sse")
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert float(response.headers["streamkit-first-audio-ms"]) > 0
    *deltas, done = events(response.text)
    assert {delta["type"] for delta in deltas} == {"speech.audio.delta"}
    sound = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert done["type"] == "speech.audio.done"
    assert done["usage"] == {
        "input_tokens": len(BUS),
        "output_tokens": 0,
        "total_tokens": len(BUS),
    }
    assert done["streamkit"]["seconds"] == pytest.approx(len(sound) / 2 / ENCODED_RATE, abs=0.001)


def test_voices_differ_and_speed_counts(server: LiveServer) -> None:
    usual = post(server, response_format="pcm").content
    assert post(server, response_format="pcm", voice="nova").content[:9600] != usual[:9600]
    slow = post(server, response_format="pcm", speed=0.25).content
    assert len(slow) / len(usual) == pytest.approx(4, rel=0.1)
    fast = post(server, response_format="pcm", speed=4).content
    assert len(usual) / len(fast) == pytest.approx(4, rel=0.15)


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_the_beginning_comes_before_the_end_is_spoken(
    start_server: StartServer, stream_format: str
) -> None:
    voice = scripted(3, wait_until_closed)
    server = with_voice(start_server(), voice)
    request = body(response_format="wav", stream_format=stream_format)
    with talking_to(server) as client, client.stream("POST", PATH, json=request) as response:
        chunks = response.iter_bytes()
        got = b""
        while len(got) < 3 * 4800:
            got += next(chunks)
        assert response.headers["streamkit-first-audio-ms"]
        assert voice.waiting.wait(PATIENCE_SECONDS)
        assert not voice.closed.is_set()
    # Leaving the block closed the connection.
    assert voice.closed.wait(PATIENCE_SECONDS)
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0


def test_a_client_that_leaves_before_the_first_sound(start_server: StartServer) -> None:
    voice = scripted(0, wait_until_closed)
    server = with_voice(start_server(), voice)
    address = urlsplit(server.http_url)
    content = json.dumps(body()).encode()
    with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        assert voice.waiting.wait(PATIENCE_SECONDS)
        assert not voice.closed.is_set()
    assert voice.closed.wait(PATIENCE_SECONDS)
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0


def test_nobody_speaks_for_a_client_that_does_not_read(
    start_server: StartServer, eventually: Eventually
) -> None:
    voice = FakeSynthesizer(itertools.repeat(SOUND))
    server = with_voice(start_server(send_timeout=0.3), voice)
    request = body(response_format="wav")
    with talking_to(server) as client, client.stream("POST", PATH, json=request) as response:
        chunks = response.iter_raw(1)
        next(chunks)
        assert voice.closed.wait(PATIENCE_SECONDS)
        server.wait_until_empty()
    eventually(lambda: counted("gone", server))


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_a_voice_that_fails_at_once(start_server: StartServer, stream_format: str) -> None:
    voice = scripted(0, fail)
    server = with_voice(start_server(), voice)
    error = refusal(post(server, stream_format=stream_format), 500)
    assert (error["type"], error["code"]) == ("server_error", "synthesis_failed")
    assert "out of breath" in error["message"]
    assert voice.closed.is_set()


def test_a_voice_that_fails_later_breaks_the_file_off(
    start_server: StartServer, eventually: Eventually
) -> None:
    server = with_voice(start_server(), scripted(3, fail))
    request = body(response_format="wav")
    got = b""
    with talking_to(server) as client, client.stream("POST", PATH, json=request) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
            for chunk in response.iter_bytes():
                got += chunk
    assert len(got) >= 3 * 4800
    eventually(lambda: counted("broken", server))


def test_a_voice_that_fails_later_ends_the_events_with_an_error(start_server: StartServer) -> None:
    server = with_voice(start_server(), scripted(3, fail))
    response = post(server, response_format="wav", stream_format="sse")
    assert response.status_code == 200
    *deltas, last = events(response.text)
    assert len(deltas) >= 3
    assert last["error"]["code"] == "synthesis_failed"


def test_a_voice_with_a_mistake_in_it(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(stream: FakeSpeech, piece: int) -> None:
        raise ZeroDivisionError("a mistake in the engine")

    server = with_voice(start_server(), scripted(0, explode))
    error = refusal(post(server), 500)
    assert error["code"] == "internal_error"
    assert "mistake" not in error["message"]
    assert "a mistake in the engine" in caplog.text


def test_a_voice_that_hangs(start_server: StartServer) -> None:
    voice = scripted(0, wait_until_closed)
    server = with_voice(start_server(synthesis_timeout=0.2), voice)
    error = refusal(post(server), 500)
    assert "did not answer within 0.2 s" in error["message"]
    assert voice.closed.is_set()


def test_places_are_counted(start_server: StartServer) -> None:
    voice = scripted(3, wait_until_closed)
    server = with_voice(start_server(max_sessions=1), voice)
    with (
        talking_to(server) as client,
        client.stream("POST", PATH, json=body(response_format="wav")) as response,
    ):
        chunks = response.iter_raw(1)
        next(chunks)
        second = post(server)
        assert refusal(second, 503)["code"] == "service_unavailable"
        assert int(second.headers["retry-after"]) >= 1
        assert not voice.closed.is_set()
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_shutdown_breaks_off_what_does_not_end(
    start_server: StartServer, stream_format: str
) -> None:
    voice = scripted(3, wait_until_closed)
    server = with_voice(start_server(drain_timeout=0.1), voice)
    request = body(response_format="wav", stream_format=stream_format)
    with talking_to(server) as client, client.stream("POST", PATH, json=request) as response:
        chunks = response.iter_text() if stream_format == "sse" else response.iter_raw()
        got = [next(chunks)]
        server.stop()
        if stream_format == "sse":
            text = "".join([*map(str, got), *map(str, chunks)])
            assert events(text)[-1]["error"]["code"] == "service_unavailable"
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                list(chunks)
    assert voice.closed.is_set()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"voice": "../../etc/passwd"}, "voice"),
        ({"voice": {"id": "gandalf"}}, "voice"),
        ({"voice": "en-us\x00"}, "voice"),
        ({"input": ""}, "input"),
        ({"input": "x" * 4097}, "input"),
        ({"speed": 5}, "speed"),
        ({"response_format": "m4a"}, "response_format"),
    ],
    ids=repr,
)
def test_what_cannot_be_used(server: LiveServer, fields: dict[str, Any], param: str) -> None:
    error = refusal(post(server, **fields), 400)
    assert error["param"] == param
    assert "accepted" in error["message"]


def test_an_unknown_model(server: LiveServer) -> None:
    assert refusal(post(server, model="whisper-1"), 404)["code"] == "model_not_found"


@pytest.mark.parametrize("text", [" ", "\n", "…", "🎉", "\u200b", "\ud800"], ids=ascii)
def test_nothing_to_say(server: LiveServer, text: str) -> None:
    with talking_to(server) as client:
        # The escape is the only way in which half of a surrogate pair can come.
        raw = json.dumps(body(input=text, response_format="wav"))
        response = client.post(PATH, content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 200
    assert sum(map(len, read_audio(io.BytesIO(response.content)))) > 0


def test_half_of_a_surrogate_pair_in_a_refusal(server: LiveServer) -> None:
    with talking_to(server) as client:
        raw = json.dumps(body(voice="\ud800"))
        response = client.post(PATH, content=raw, headers={"content-type": "application/json"})
    assert refusal(response, 400)["param"] == "voice"


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"input": BUS}},
        {"content": json.dumps({"input": BUS}), "headers": {"content-type": "text/plain"}},
        {"files": {"input": b"x"}},
    ],
    ids=["form", "text", "multipart"],
)
def test_what_is_no_json(server: LiveServer, request_: dict[str, Any]) -> None:
    with talking_to(server) as client:
        error = refusal(client.post(PATH, **request_), 400)
    assert error["code"] == "unsupported_content_type"


def test_a_body_that_is_too_large(server: LiveServer) -> None:
    error = refusal(post(server, instructions="x" * (1 << 18)), 413)
    assert error["code"] == "request_too_large"


def test_metrics(start_server: StartServer, eventually: Eventually) -> None:
    server = start_server()
    post(server)
    # They are counted when they are over, which is after the answer.
    eventually(lambda: counted("200", server))
    text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    assert "streamkit_first_audio_seconds_count 1.0" in text
    assert re.search(r"streamkit_spoken_seconds_total 1\.", text)


def test_no_canary_in_the_log(
    start_server: StartServer, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.WARNING, name)
    caplog.set_level(logging.DEBUG)
    server = start_server()
    assert post(server, input="canary").status_code == 200
    refusal(post(server, voice="canary"), 400)
    refusal(post(server, model="canary"), 404)
    eventually(lambda: caplog.text.count("ended with") == 3)
    assert "canary" not in caplog.text
