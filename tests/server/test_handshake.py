"""Who comes in on `/v1/listen`, and what the others are told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import InvalidStatus

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.decoders import ACCEPTED_ENCODINGS
from streamkit.config import Settings
from streamkit.server.testing import LiveServer

StartServer = Callable[..., LiveServer]

KEY = "a-long-and-secret-key"
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}


@pytest.fixture(scope="module")
def guarded(micro: tuple[Recognizer, ModelProfile]) -> Iterator[LiveServer]:
    """A server with two keys and an allowed origin."""
    settings = Settings(
        port=0,
        api_keys=(SecretStr(KEY), SecretStr("another-key")),
        allowed_origins=("https://captions.example.org",),
    )
    with LiveServer(settings, *micro) as running:
        yield running


def refusal(server: LiveServer, **arguments: Any) -> tuple[int, str]:
    """Try to come in; status and `dg-error` of the refusal, whose form is checked here."""
    with pytest.raises(InvalidStatus) as caught, server.listen(**arguments):
        pass
    response = caught.value.response
    text = response.headers["dg-error"]
    body = json.loads(response.body)
    assert body["err_msg"] == text
    assert body["request_id"] == response.headers["dg-request-id"]
    assert body["err_code"]
    assert server.sessions == 0
    assert server.server.state.permits.taken == 0
    return response.status_code, text


def welcome(server: LiveServer, **arguments: Any) -> str | None:
    """Come in and go; the subprotocol that the server has selected."""
    with server.listen(**arguments) as client:
        messages = client.close_stream()
        assert [message["type"] for message in messages] == ["Metadata"]
        assert client.closed == (1000, "")
        response = client.socket.response
        assert response is not None
        assert response.headers["dg-request-id"] == messages[0]["request_id"]
        return client.socket.subprotocol


def test_the_right_key(guarded: LiveServer) -> None:
    assert welcome(guarded, key=KEY, **RAW) is None
    assert welcome(guarded, key="another-key", **RAW) is None


def test_a_wrong_key(guarded: LiveServer) -> None:
    status, text = refusal(guarded, key="wrong-key", **RAW)
    assert status == 401
    assert "Authorization: Token KEY" in text
    assert "wrong-key" not in text


def test_no_key(guarded: LiveServer) -> None:
    assert refusal(guarded, **RAW)[0] == 401


def test_a_refusal_is_no_error_of_the_server(
    guarded: LiveServer, caplog: pytest.LogCaptureFixture
) -> None:
    refusal(guarded, key="wrong-key", **RAW)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_refused_client_is_told_the_scheme(guarded: LiveServer) -> None:
    with pytest.raises(InvalidStatus) as caught, guarded.listen(**RAW):
        pass
    assert caught.value.response.headers["www-authenticate"] == "Token"


@pytest.mark.parametrize("scheme", ["token", "bearer"])
def test_a_key_as_subprotocol_as_browsers_send_it(guarded: LiveServer, scheme: str) -> None:
    assert welcome(guarded, subprotocols=[scheme, KEY], **RAW) == scheme


def test_a_wrong_key_as_subprotocol(guarded: LiveServer) -> None:
    assert refusal(guarded, subprotocols=["token", "wrong-key"], **RAW)[0] == 401


def test_a_key_in_the_query_counts_for_nothing(guarded: LiveServer) -> None:
    assert refusal(guarded, token=KEY, api_key=KEY, **RAW)[0] == 401


def test_a_browser_page_with_a_key_where_none_is_asked_for(server: LiveServer) -> None:
    assert welcome(server, subprotocols=["token", "whatever"], **RAW) == "token"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "https://captions.example.org.evil.example",
        "https://sub.captions.example.org",
        "http://captions.example.org",
        "https://captions.example.org:8443",
        "null",
    ],
)
def test_a_foreign_origin_even_with_the_right_key(guarded: LiveServer, origin: str) -> None:
    status, text = refusal(guarded, key=KEY, origin=origin, **RAW)
    assert status == 403
    assert "origin" in text


def test_the_allowed_origin(guarded: LiveServer) -> None:
    assert welcome(guarded, key=KEY, origin="https://captions.example.org", **RAW) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_server_s_own_pages(guarded: LiveServer, host: str) -> None:
    port = guarded.url.rpartition(":")[2]
    assert welcome(guarded, key=KEY, origin=f"http://{host}:{port}", **RAW) is None
    assert refusal(guarded, key=KEY, origin=f"http://{host}:1{port}", **RAW)[0] == 403


def test_clients_without_origin_can_be_shut_out(start_server: StartServer) -> None:
    server = start_server(allow_missing_origin=False)
    assert refusal(server, **RAW)[0] == 403
    assert welcome(server, origin=server.http_url, **RAW) is None


def test_an_unknown_encoding_is_answered_with_those_that_are_accepted(server: LiveServer) -> None:
    status, text = refusal(server, encoding="linear17", sample_rate=16000)
    assert status == 400
    assert "linear17" in text
    assert all(encoding in text for encoding in ACCEPTED_ENCODINGS)


@pytest.mark.parametrize(
    ("parameters", "accepted"),
    [
        ({"encoding": "linear16"}, "sample_rate"),
        ({**RAW, "sample_rate": 7999}, "8000 to 48000"),
        ({**RAW, "channels": 9}, "1 to 8"),
        ({**RAW, "multichannel": "both"}, "true, false"),
        ({**RAW, "interim_results": "yes"}, "true, false"),
        ({**RAW, "vad_events": "1"}, "true, false"),
        ({**RAW, "punctuate": "ü\r\nX-Injected: 1"}, "true, false"),
        ({**RAW, "endpointing": "later"}, "milliseconds"),
        ({**RAW, "utterance_end_ms": 1000}, "interim_results=true"),
        ({**RAW, "utterance_end_ms": 10, "interim_results": True}, "1000 to 60000"),
        ({**RAW, "model": "gpt-4o-transcribe"}, "whisper-micro-en"),
        ({**RAW, "model": "../../etc/passwd"}, "whisper-micro-en"),
        ({**RAW, "language": "tlh"}, "en"),
        ({"encoding": "opus", "sample_rate": 48000, "channels": 3}, "1 or 2"),
        ({**RAW, "task": "summarise"}, "transcribe, translate"),
        ({**RAW, "task": "translate"}, "model whisper-micro-en knows English only"),
        ({**RAW, "keyterm": "x" * 101}, "up to 100 of up to 100 characters"),
        ({**RAW, "prompt": "x" * 2001}, "up to 2000"),
    ],
    ids=lambda value: "-" if isinstance(value, str) else ascii([*value.values()])[:80],
)
def test_a_bad_parameter_is_named_with_what_is_accepted(
    server: LiveServer, parameters: dict[str, Any], accepted: str
) -> None:
    status, text = refusal(server, **parameters)
    assert status == 400
    assert accepted in text


def test_parameters_that_are_not_known_do_no_harm(server: LiveServer) -> None:
    welcome(server, smart_format=True, diarize=True, redact="a b", no_such_thing="ü", **RAW)


def test_exactly_as_many_as_there_are_places(start_server: StartServer) -> None:
    places = 4
    server = start_server(max_sessions=places)
    all_tried = Barrier(2 * places)

    def visit(_: int) -> int:
        try:
            with server.listen(**RAW) as client:
                all_tried.wait(timeout=30)
                client.close_stream()
                return client.closed[0] or 0
        except InvalidStatus as error:
            assert "4 sessions are taken" in error.response.headers["dg-error"]
            all_tried.wait(timeout=30)
            return error.response.status_code

    with ThreadPoolExecutor(2 * places) as pool:
        outcomes = list(pool.map(visit, range(2 * places)))
    assert sorted(outcomes) == [503] * places + [1000] * places
    server.wait_until_empty()
    welcome(server, **RAW)


def test_a_refused_client_leaves_no_place_taken(start_server: StartServer) -> None:
    server = start_server(max_sessions=1, api_keys=[KEY])
    for _ in range(3):
        assert refusal(server, key="wrong", **RAW)[0] == 401
        assert refusal(server, key=KEY, encoding="linear17")[0] == 400
        assert refusal(server, key=KEY, encoding="opus", sample_rate=8000, channels=5)[0] == 400
    welcome(server, key=KEY, **RAW)


def test_an_ordinary_request_is_not_a_session(server: LiveServer) -> None:
    assert httpx.get(f"{server.http_url}/v1/listen", trust_env=False).status_code in (404, 426)
    assert server.sessions == 0
