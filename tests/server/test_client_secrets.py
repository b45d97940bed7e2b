"""Keys for web pages: who may make them, what they are good for, and for how long."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from websockets.exceptions import InvalidStatus

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.errors import ProtocolError
from streamkit.server.client_secrets import (
    PATH,
    CheckSession,
    as_given,
    client_secrets_route,
)
from streamkit.server.testing import LiveServer

StartServer = Callable[..., LiveServer]

KEY = "canary-key-1234567890"
WORD = "canaryword"
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
SESSION: dict[str, Any] = {"type": "realtime", "model": "m", "instructions": "Be brief."}


@pytest.fixture(scope="module")
def guarded(micro: tuple[Recognizer, ModelProfile]) -> Iterator[LiveServer]:
    """A server with a key."""
    settings = Settings(port=0, api_keys=(SecretStr(KEY),))
    with LiveServer(settings, *micro) as running:
        yield running


def post(
    server: LiveServer,
    body: object = None,
    *,
    key: str | None = KEY,
    content: bytes | None = None,
    **headers: str,
) -> httpx.Response:
    """Ask for a client secret."""
    if key is not None:
        headers["Authorization"] = f"Bearer {key}"
    if content is None:
        content = b"" if body is None else json.dumps(body).encode()
    return httpx.post(server.http_url + PATH, content=content, headers=headers, trust_env=False)


def secret(server: LiveServer, **arguments: Any) -> str:
    """A new one."""
    value: str = post(server, **arguments).json()["value"]
    return value


def error(response: httpx.Response) -> dict[str, Any]:
    """What a refusal says, whose form is checked here."""
    body: dict[str, Any] = response.json()
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert response.headers["content-type"] == "application/json"
    refusal: dict[str, Any] = body["error"]
    return refusal


def enters(server: LiveServer, **arguments: Any) -> bool:
    """Whether `/v1/listen` lets somebody in."""
    try:
        with server.listen(**arguments, **RAW) as client:
            client.close_stream()
    except InvalidStatus as refusal:
        assert refusal.response.status_code == 401
        return False
    return client.closed[0] == 1000


def answer(check_session: CheckSession, guarded: LiveServer, content: bytes) -> httpx.Response:
    """What a server with another check of sessions answers; it has the state of `guarded`."""
    app = Starlette(routes=[client_secrets_route(check_session)])
    app.state.streamkit = guarded.server.state

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            headers = {"Authorization": f"Bearer {KEY}"}
            return await client.post(PATH, content=content, headers=headers)

    return guarded.portal.call(ask)


def test_a_secret_as_openai_answers_it(guarded: LiveServer) -> None:
    before = time.time()
    response = post(guarded, {"session": SESSION})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert set(answer) == {"value", "expires_at", "session"}
    assert answer["value"].startswith("ek_")
    assert SESSION.items() <= answer["session"].items()
    assert type(answer["expires_at"]) is int
    assert math.floor(before) + 600 <= answer["expires_at"] <= time.time() + 600


@pytest.mark.parametrize(
    "body", [None, {}, {"session": None, "expires_after": None}, {"session": {}}]
)
def test_everything_may_be_left_out(guarded: LiveServer, body: object) -> None:
    response = post(guarded, body)
    assert response.status_code == 200
    assert isinstance(response.json()["session"], dict)


@pytest.mark.parametrize("seconds", [10, 7200])
def test_how_long_it_is_valid_is_a_choice(guarded: LiveServer, seconds: int) -> None:
    body = {"expires_after": {"anchor": "created_at", "seconds": seconds}}
    expires_at = post(guarded, body).json()["expires_at"]
    assert 0 <= time.time() + seconds - expires_at < 60


@pytest.mark.parametrize(
    ("body", "code", "param", "accepted"),
    [
        ([], "invalid_type", None, "a JSON object"),
        ("x", "invalid_type", None, "a JSON object"),
        ({"expires": 5}, "unknown_parameter", None, "expires_after, session"),
        ({"x" * 9000: 5}, "unknown_parameter", None, "expires_after, session"),
        ({"session": "x"}, "invalid_type", "session", "a JSON object"),
        ({"session": math.inf}, "invalid_type", "session", "a JSON object"),
        ({"expires_after": 600}, "invalid_type", "expires_after", "a JSON object"),
        *(
            ({"expires_after": {"anchor": anchor}}, "invalid_value", "expires_after.anchor", "'cre")
            for anchor in ("now", None, 5, {}, ["created_at"], "x" * 9000)
        ),
        *(
            (
                {"expires_after": {"seconds": seconds}},
                "invalid_value",
                "expires_after.seconds",
                "10 to 7200",
            )
            for seconds in (9, 7201, -600, 0, 600.5, 600.0, "600", True, None, [], 10**4000)
        ),
    ],
    ids=lambda value: json.dumps(value)[:50],
)
def test_what_cannot_be_had_is_named_with_what_can(
    guarded: LiveServer, body: object, code: str, param: str | None, accepted: str
) -> None:
    response = post(guarded, body)
    assert response.status_code == 400
    refusal = error(response)
    assert (refusal["code"], refusal["param"]) == (code, param)
    assert refusal["type"] == "invalid_request_error"
    assert accepted in refusal["message"]
    assert len(refusal["message"]) < 200


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"nonsense", b"[" * 60_000, b'{"session":' * 5_000, b"1" * 60_000],
    ids=["half", "no UTF-8", "no JSON", "deep array", "deep object", "long number"],
)
def test_a_body_that_is_no_json(guarded: LiveServer, content: bytes) -> None:
    response = post(guarded, content=content)
    assert response.status_code == 400
    assert error(response)["code"] == "invalid_json"


def test_levels_beyond_counting(guarded: LiveServer) -> None:
    levels = 20_000
    content = b'{"session":{"a":' + b"[" * levels + b"]" * levels + b"}}"
    response = post(guarded, content=content)
    assert response.status_code == 400
    # Which one finds out depends on the version of Python.
    assert error(response)["code"] in ("invalid_json", "invalid_value")


def test_half_a_surrogate_pair_can_be_answered(guarded: LiveServer) -> None:
    content = b'{"session":{"instructions":"\\ud83d"}}'
    assert answer(as_given, guarded, content).json()["session"] == {"instructions": "\ud83d"}
    assert post(guarded, content=b'{"\\ud83d":1}').status_code == 400


def test_an_infinite_number_is_no_json(guarded: LiveServer) -> None:
    for content in (b'{"session":{"speed":1e999}}', b'{"session":{"speed":NaN}}'):
        response = answer(as_given, guarded, content)
        assert response.status_code == 400
        assert error(response)["param"] == "session"


def test_a_body_up_to_the_limit(start_server: StartServer) -> None:
    server = start_server(max_client_secret_bytes=100)
    fits = b'{"session":{"instructions":"' + b"x" * 69 + b'"}}'
    assert len(fits) == 100
    assert post(server, content=fits).status_code == 200
    response = post(server, content=fits + b" ")
    assert response.status_code == 413
    assert "up to 100" in error(response)["message"]

    def pieces() -> Iterator[bytes]:
        yield from (fits, b" ")

    response = httpx.post(server.http_url + PATH, content=pieces(), trust_env=False)
    assert response.status_code == 413
    assert len(server.server.state.secrets) == 1


@pytest.mark.parametrize("key", [None, "wrong", "ek_wrong"])
def test_a_missing_or_wrong_key(guarded: LiveServer, key: str | None) -> None:
    response = post(guarded, key=key)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert error(response)["code"] == "invalid_api_key"
    assert "Authorization: Bearer KEY" in error(response)["message"]


def test_a_key_in_the_query_counts_for_nothing(guarded: LiveServer) -> None:
    url = f"{guarded.http_url}{PATH}?key={KEY}"
    assert httpx.post(url, trust_env=False).status_code == 401


@pytest.mark.parametrize("keys", [[], [KEY]], ids=["no keys", "keys"])
def test_a_secret_makes_no_other_secrets(start_server: StartServer, keys: list[str]) -> None:
    server = start_server(api_keys=keys)
    response = post(server, key=secret(server))
    assert response.status_code == 403
    assert error(response)["code"] == "insufficient_permissions"
    assert len(server.server.state.secrets) == 1


def test_where_no_key_is_asked_for_none_is_needed(server: LiveServer) -> None:
    assert post(server, key=None).status_code == 200
    assert post(server, key="whatever").status_code == 200
    assert post(server, key="ek_local").status_code == 200
    assert post(server, key="ek_" + "0" * 64).status_code == 401


def test_another_page_s_origin(start_server: StartServer) -> None:
    server = start_server(allowed_origins=["https://captions.example.org"])
    response = post(server, Origin="https://evil.example")
    assert response.status_code == 403
    assert error(response)["code"] == "origin_not_allowed"
    assert len(server.server.state.secrets) == 0
    assert post(server, Origin="https://captions.example.org").status_code == 200
    assert post(server, Origin=server.http_url).status_code == 200


def test_only_posting_makes_one(server: LiveServer) -> None:
    assert httpx.get(server.http_url + PATH, trust_env=False).status_code == 405


def test_a_server_that_goes_down_makes_none(start_server: StartServer) -> None:
    server = start_server()
    server.server.state.draining = True
    response = post(server)
    assert response.status_code == 503
    assert error(response)["type"] == "server_error"


def test_as_many_as_there_are_places(start_server: StartServer) -> None:
    server = start_server(max_client_secrets=2)
    short = {"expires_after": {"seconds": 10}}
    first = secret(server, body=short)
    secret(server)
    response = post(server)
    assert response.status_code == 429
    assert error(response)["code"] == "rate_limit_exceeded"
    assert 1 <= int(response.headers["retry-after"]) <= 10
    assert enters(server, key=first)
    server.server.state.epoch += int(response.headers["retry-after"])
    assert post(server).status_code == 200


@pytest.mark.parametrize("keys", [[], [KEY]], ids=["no keys", "keys"])
def test_a_secret_opens_captions_until_it_expires(
    start_server: StartServer, keys: list[str]
) -> None:
    server = start_server(api_keys=keys)
    value = secret(server)
    ways: list[dict[str, Any]] = [
        {"key": value},
        {"subprotocols": ["token", value]},
        {"subprotocols": ["bearer", value]},
    ]
    with server.listen(key=value, **RAW) as early:
        assert all(enters(server, **way) for way in ways)
        assert not enters(server, key=value[:-1])
        server.server.state.epoch += 600
        assert not any(enters(server, **way) for way in ways)
        # A session goes on when its secret has expired.
        early.close_stream()
        assert early.closed[0] == 1000


def test_the_state_tells_what_a_key_allows(guarded: LiveServer) -> None:
    state = guarded.server.state
    value = secret(guarded, body={"session": SESSION})
    grant = state.authorize(value)
    assert grant is not None
    assert grant.ephemeral
    assert grant.session is not None
    assert SESSION.items() <= grant.session.items()
    ordinary = state.authorize(KEY)
    assert ordinary is not None
    assert not ordinary.ephemeral
    assert ordinary.session is None
    assert state.authorize(None) is None


class WrongVoiceError(ProtocolError):
    """As the protocol's own errors are."""

    param = "session.audio.output.voice"
    code = "unknown_voice"


def test_the_session_is_the_one_that_was_checked(guarded: LiveServer) -> None:
    def fill_in(session: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"type": "realtime", "voice": "default", **session}

    response = answer(fill_in, guarded, b'{"session":{"model":"m"}}')
    expected = {"type": "realtime", "voice": "default", "model": "m"}
    assert response.json()["session"] == expected
    grant = guarded.server.state.authorize(response.json()["value"])
    assert grant is not None
    assert grant.session == expected


@pytest.mark.parametrize(
    ("problem", "code", "param"),
    [
        (ProtocolError("no such voice"), "invalid_value", "session"),
        (WrongVoiceError("no such voice"), "unknown_voice", "session.audio.output.voice"),
    ],
)
def test_a_session_that_cannot_be_had(
    guarded: LiveServer, problem: ProtocolError, code: str, param: str
) -> None:
    def refuse(session: Mapping[str, Any]) -> Mapping[str, Any]:
        raise problem

    before = len(guarded.server.state.secrets)
    response = answer(refuse, guarded, b'{"session":{"voice":"nobody"}}')
    assert response.status_code == 400
    refusal = error(response)
    assert refusal["message"] == "no such voice"
    assert (refusal["code"], refusal["param"]) == (code, param)
    assert len(guarded.server.state.secrets) == before


def test_no_secret_and_no_session_in_the_log(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    # The library of the test's own client would log what it sends.
    caplog.set_level(logging.WARNING, "websockets.client")
    caplog.set_level(logging.DEBUG)
    server = start_server(api_keys=[KEY])
    session = {"type": "realtime", "instructions": WORD}
    value = secret(server, body={"session": session})
    assert enters(server, key=value)
    assert enters(server, subprotocols=["token", value])
    assert not enters(server, key=f"{value}0")
    refused: list[dict[str, Any]] = [
        {"key": "canary-wrong-key"},
        {"key": value},
        {"body": {"session": WORD}},
        {"body": {WORD: 1}},
        {"body": {"expires_after": {"anchor": WORD}}},
        {"content": f'{{"{WORD}'.encode()},
    ]
    for arguments in refused:
        assert post(server, **arguments).is_error
    metrics = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    log = "\n".join(
        f"{record.name} {record.getMessage()} {record.args}" for record in caplog.records
    )
    assert "a client secret for 600 s" in log
    state = server.server.state
    for text in (log, caplog.text, metrics, repr(state), repr(state.authorize(value))):
        assert value[3:] not in text
        assert "canary" not in text
