"""Who comes in to `/v1/realtime`, and how those learn it who do not."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit.server.testing_realtime import RealtimeClient

StartServer = Callable[..., LiveServer]

KEY = "canary-key-1234567890"
WRONG = "canary-wrong-key"


def rejected(client: RealtimeClient) -> dict[str, Any]:
    """The only thing that a client is told, and with which code the connection closed."""
    [message] = client.read_to_end()
    assert message["type"] == "error"
    error: dict[str, Any] = message["error"]
    return {**error, "closed": client.closed}


@pytest.mark.parametrize("key", [None, WRONG, KEY.upper()])
def test_a_wrong_key_is_told_after_the_upgrade(start_server: StartServer, key: str | None) -> None:
    server = start_server(api_keys=[KEY])
    with RealtimeClient(server, key=key) as client:
        error = rejected(client)
    assert error["code"] == "invalid_api_key"
    assert error["type"] == "invalid_request_error"
    assert error["closed"] == (3000, "invalid_api_key")
    assert "Bearer" in error["message"]
    assert server.server.state.permits.taken == 0


def test_a_program_s_key_opens_a_session(start_server: StartServer) -> None:
    with RealtimeClient(start_server(api_keys=[KEY]), key=KEY) as client:
        client.until("session.created")
        assert client.socket.subprotocol is None


@pytest.mark.parametrize("key", [KEY, WRONG])
def test_a_browser_s_key_comes_as_a_subprotocol(start_server: StartServer, key: str) -> None:
    server = start_server(api_keys=[KEY])
    offered = ["realtime", f"openai-insecure-api-key.{key}"]
    with RealtimeClient(server, subprotocols=offered) as client:
        assert client.socket.subprotocol == "realtime"
        if key == KEY:
            client.until("session.created")
        else:
            assert rejected(client)["closed"] == (3000, "invalid_api_key")


def test_a_client_secret_brings_its_session(start_server: StartServer) -> None:
    server = start_server(api_keys=[KEY])
    session = {
        "type": "realtime",
        "model": "gpt-realtime",
        "instructions": "Be kind.",
        "audio": {"output": {"voice": "coral"}},
    }
    made = httpx.post(
        f"{server.http_url}/v1/realtime/client_secrets",
        headers={"Authorization": f"Bearer {KEY}"},
        json={"session": session},
        trust_env=False,
    ).json()
    assert made["session"]["audio"]["output"]["voice"] == "coral"
    for _ in range(2):
        with RealtimeClient(server, model=None, key=made["value"]) as client:
            begun = client.until("session.created")["session"]
        assert begun["instructions"] == "Be kind."
        assert begun["model"] == "gpt-realtime"
        assert begun["audio"]["output"]["voice"] == "coral"
        assert begun["id"] != made["session"]["id"]


def test_a_client_secret_for_transcription(start_server: StartServer) -> None:
    server = start_server(api_keys=[KEY])
    made = httpx.post(
        f"{server.http_url}/v1/realtime/client_secrets",
        headers={"Authorization": f"Bearer {KEY}"},
        json={"session": {"type": "transcription"}},
        trust_env=False,
    ).json()
    with RealtimeClient(server, model=None, key=made["value"]) as client:
        assert client.until("session.created")["session"]["type"] == "transcription"


def test_a_session_that_cannot_be_had_gets_no_client_secret(start_server: StartServer) -> None:
    server = start_server()
    answer = httpx.post(
        f"{server.http_url}/v1/realtime/client_secrets",
        json={"session": {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}},
        trust_env=False,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "session.audio.output.voice"


@pytest.mark.parametrize("model", [None, ""])
def test_a_model_has_to_be_named(start_server: StartServer, model: str | None) -> None:
    with RealtimeClient(start_server(), model=model) as client:
        error = rejected(client)
    assert (error["code"], error["param"]) == ("missing_model", "model")
    assert error["closed"] == (4000, "missing_model")
    assert "parrot" in error["message"]


def test_the_beta_is_not_spoken(start_server: StartServer) -> None:
    server = start_server()
    with RealtimeClient(server, subprotocols=["realtime", "openai-beta.realtime-v1"]) as client:
        assert rejected(client)["closed"] == (4000, "beta_api_shape_disabled")
    url = f"{server.url}/v1/realtime?model=m"
    headers = {"OpenAI-Beta": "realtime=v1"}
    with connect(url, additional_headers=headers, proxy=None) as socket:
        error = json.loads(socket.recv(timeout=PATIENCE_SECONDS))["error"]
    assert error["code"] == "beta_api_shape_disabled"


def refused(server: LiveServer, **arguments: Any) -> Response:
    with pytest.raises(InvalidStatus) as caught, RealtimeClient(server, **arguments):
        pass
    return caught.value.response


def test_a_foreign_page_is_refused_before_the_upgrade(start_server: StartServer) -> None:
    server = start_server(allowed_origins=["https://example.org"])
    answer = refused(server, origin="https://example.org.evil.net")
    assert answer.status_code == 403
    assert json.loads(answer.body or b"")["error"]["code"] == "origin"
    with RealtimeClient(server, origin="https://example.org") as client:
        client.until("session.created")


def test_a_full_server_refuses_before_the_upgrade_and_places_come_back(
    start_server: StartServer,
) -> None:
    server = start_server(max_sessions=2)
    raw: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
    with server.listen(**raw), RealtimeClient(server) as client:
        client.until("session.created")
        answer = refused(server)
        assert answer.status_code == 503
        assert json.loads(answer.body or b"")["error"]["code"] == "full"
        # Whoever may not come in anyway learns that first, and takes no place.
        with RealtimeClient(server, model=None) as other:
            assert rejected(other)["code"] == "missing_model"
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0
    with RealtimeClient(server) as client:
        client.until("session.created")


def test_no_key_in_the_log(start_server: StartServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "websockets.client")
    caplog.set_level(logging.DEBUG)
    server = start_server(api_keys=[KEY])
    for key in (KEY, WRONG):
        with RealtimeClient(server, key=key, model="canary-model") as client:
            client.until("session.created", "error")
        offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{key}")]
        with RealtimeClient(server, subprotocols=offered) as client:
            client.until("session.created", "error")
    server.wait_until_empty()
    log = "\n".join(f"{record.getMessage()} {record.args}" for record in caplog.records)
    assert "rejected (invalid_api_key)" in log
    assert "canary" not in log
    metrics = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    assert "canary" not in metrics
    assert 'streamkit_sessions_refused_total{reason="invalid_api_key"} 2.0' in metrics
