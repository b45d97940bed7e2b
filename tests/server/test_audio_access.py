"""Who may use the audio endpoints, from where, and what models they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

StartServer = Callable[..., LiveServer]

KEY = "a-long-and-secret-key"
PAGE = "https://captions.example.org"
SPEECH: dict[str, Any] = {"json": {"input": "Hello.", "model": "tts-1", "voice": "alloy"}}
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/v1/audio/speech", SPEECH),
    ("POST", "/v1/audio/transcriptions", {"files": {"file": b"x"}}),
    ("POST", "/v1/audio/translations", {"files": {"file": b"x"}}),
    ("GET", "/v1/models", {}),
    ("GET", "/v1/models/whisper-1", {}),
]
EVERYWHERE = pytest.mark.parametrize(
    ("method", "path", "content"), REQUESTS, ids=[path for _, path, _ in REQUESTS]
)


@pytest.fixture(scope="module")
def guarded(micro: tuple[Recognizer, ModelProfile]) -> Iterator[LiveServer]:
    """A server with a key and an allowed origin."""
    settings = Settings(port=0, api_keys=(SecretStr(KEY),), allowed_origins=(PAGE,))
    with LiveServer(settings, *micro) as running:
        yield running


def ask(
    server: LiveServer, method: str, path: str, *, key: str | None = KEY, **arguments: Any
) -> httpx.Response:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    headers |= arguments.pop("headers", {})
    return httpx.request(
        method,
        server.http_url + path,
        headers=headers,
        trust_env=False,
        timeout=PATIENCE_SECONDS,
        **arguments,
    )


def error_of(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@EVERYWHERE
def test_the_right_key(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any]
) -> None:
    # What is no sound, and asks for no model, is refused later, and otherwise.
    assert ask(guarded, method, path, **content).status_code in {200, 400}
    lower = {"authorization": f"bearer {KEY}"}
    assert ask(guarded, method, path, key=None, headers=lower, **content).status_code in {200, 400}


@EVERYWHERE
@pytest.mark.parametrize("key", [None, "wrong-key", KEY + "x", "ek_" + "0" * 64])
def test_a_wrong_key(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any], key: str | None
) -> None:
    response = ask(guarded, method, path, key=key, **content)
    error = error_of(response, 401)
    assert error["code"] == "invalid_api_key"
    assert "accepted: header `Authorization: Bearer KEY`" in error["message"]
    assert response.headers["www-authenticate"] == "Bearer"
    assert "wrong-key" not in response.text


@EVERYWHERE
def test_a_client_secret_opens_sessions_only(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any]
) -> None:
    state = guarded.server.state
    secret = state.secrets.make("{}", 60, state.now())
    assert secret is not None
    error = error_of(ask(guarded, method, path, key=secret.value, **content), 403)
    assert error["code"] == "insufficient_permissions"


@EVERYWHERE
@pytest.mark.parametrize("origin", ["https://evil.example.org", "null", f"{PAGE}.evil.example"])
def test_a_foreign_page(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any], origin: str
) -> None:
    response = ask(guarded, method, path, headers={"origin": origin}, **content)
    assert error_of(response, 403)["code"] == "origin_not_allowed"
    assert "access-control-allow-origin" not in response.headers


@EVERYWHERE
def test_a_page_that_may_come_in(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any]
) -> None:
    response = ask(guarded, method, path, headers={"origin": PAGE}, **content)
    assert response.status_code in {200, 400}
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "streamkit-first-audio-ms" in response.headers["access-control-expose-headers"]
    # It is told what is wrong, too.
    wrong = ask(guarded, method, path, key="wrong-key", headers={"origin": PAGE}, **content)
    assert wrong.status_code == 401
    assert wrong.headers["access-control-allow-origin"] == PAGE


@EVERYWHERE
def test_what_a_page_s_browser_asks_first(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any]
) -> None:
    asked = {
        "origin": PAGE,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type,x-stainless-os",
    }
    response = ask(guarded, "OPTIONS", path, key=None, headers=asked)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == PAGE
    assert "authorization" in response.headers["access-control-allow-headers"]
    foreign = ask(guarded, "OPTIONS", path, key=None, headers={**asked, "origin": "https://x.org"})
    assert foreign.status_code == 400
    assert "access-control-allow-origin" not in foreign.headers
    assert ask(guarded, "OPTIONS", path).status_code == 405


@EVERYWHERE
def test_other_methods(
    guarded: LiveServer, method: str, path: str, content: dict[str, Any]
) -> None:
    other = "PUT" if method == "GET" else "GET"
    assert ask(guarded, other, path).status_code == 405


@EVERYWHERE
def test_a_client_that_is_no_browser_may_have_to_stay_out(
    start_server: StartServer, method: str, path: str, content: dict[str, Any]
) -> None:
    server = start_server(allow_missing_origin=False)
    assert error_of(ask(server, method, path, **content), 403)["code"] == "origin_not_allowed"


def test_what_there_is(guarded: LiveServer) -> None:
    listed = ask(guarded, "GET", "/v1/models").json()
    assert listed["object"] == "list"
    told = [(model["id"], model["streamkit"]) for model in listed["data"]]
    assert told == [
        ("whisper-micro-en", {"purpose": "recognition", "languages": ["en"]}),
        ("espeak", {"purpose": "speech"}),
        ("parrot", {"purpose": "replies"}),
    ]
    for model in listed["data"]:
        assert ask(guarded, "GET", f"/v1/models/{model['id']}").json() == model


@pytest.mark.parametrize("name", ["gpt-5", "..%2f..%2fetc", "a/b", "%00", "x" * 2000])
def test_what_there_is_not(guarded: LiveServer, name: str) -> None:
    error = error_of(ask(guarded, "GET", f"/v1/models/{name}"), 404)
    assert error["code"] == "model_not_found"
    assert len(error["message"]) < 600
