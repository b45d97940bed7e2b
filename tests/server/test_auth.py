"""Keys and origins, without a socket."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from streamkit.server.auth import (
    MAX_KEY_CHARACTERS,
    Credentials,
    Grant,
    RealtimeCredentials,
    authorize,
    key_accepted,
    origin_accepted,
    own_origins,
    read_credentials,
    read_realtime_credentials,
)
from streamkit.server.secrets import ClientSecrets

KEYS = (SecretStr("first-key"), SecretStr("second-key"))

NOW = 1_800_000_000.0
SESSION: dict[str, Any] = {"type": "realtime", "instructions": "Be brief."}


@pytest.mark.parametrize(
    "header", ["Token abc", "token abc", "TOKEN abc", "Bearer abc", "bearer  abc "]
)
def test_a_key_in_the_header(header: str) -> None:
    assert read_credentials(header, ()) == Credentials("abc")


@pytest.mark.parametrize("header", [None, "", "abc", "Token", "Token ", "Basic abc", "Tokenabc x"])
def test_a_header_without_a_key(header: str | None) -> None:
    assert read_credentials(header, ()) == Credentials(None)


@pytest.mark.parametrize("scheme", ["token", "bearer", "Token"])
def test_a_key_among_the_subprotocols_names_the_one_to_select(scheme: str) -> None:
    assert read_credentials(None, [scheme, "abc"]) == Credentials("abc", subprotocol=scheme)


@pytest.mark.parametrize("offered", [[], ["token"], ["abc", "token"], ["graphql-ws", "abc"]])
def test_subprotocols_without_a_key(offered: list[str]) -> None:
    assert read_credentials(None, offered) == Credentials(None)


def test_the_header_goes_first() -> None:
    assert read_credentials("Token abc", ["token", "other"]) == Credentials("abc")


# What the SDKs offer, read off openai 7.57 (npm) and @openai/agents-realtime 0.20.
@pytest.mark.parametrize(
    ("subprotocols", "key", "beta"),
    [
        (["realtime", "openai-insecure-api-key.ek_1"], "ek_1", False),
        (
            [
                "realtime",
                "openai-insecure-api-key.ek_1",
                "openai-organization.org-1",
                "openai-project.proj_1",
            ],
            "ek_1",
            False,
        ),
        (
            ["realtime", "openai-insecure-api-key.sk-1.2", "openai-agents-sdk.0.20.0"],
            "sk-1.2",
            False,
        ),
        (
            ["realtime", "openai-insecure-api-key.ek_1", "openai-beta.realtime-v1"],
            "ek_1",
            True,
        ),
        (["realtime"], None, False),
        (["realtime", "openai-insecure-api-key."], None, False),
        (["realtime", "openai-insecure-api-key"], None, False),
    ],
)
def test_a_browser_s_key_is_one_of_the_subprotocols_of_realtime(
    subprotocols: list[str], key: str | None, beta: bool
) -> None:
    expected = RealtimeCredentials(key, subprotocol="realtime", beta=beta)
    assert read_realtime_credentials({}, subprotocols) == expected


@pytest.mark.parametrize(
    ("headers", "key", "beta"),
    [
        ({"authorization": "Bearer sk-1"}, "sk-1", False),
        ({"authorization": "bearer  sk-1 "}, "sk-1", False),
        ({"authorization": "Bearer sk-1", "openai-beta": "realtime=v1"}, "sk-1", True),
        ({"authorization": "Bearer sk-1", "openai-beta": "a=v2, realtime=v1"}, "sk-1", True),
        ({"authorization": "Bearer sk-1", "openai-beta": "assistants=v2"}, "sk-1", False),
        ({"authorization": "Token sk-1"}, None, False),
        ({"authorization": "Bearer"}, None, False),
        ({"authorization": "Bearer "}, None, False),
        ({"authorization": ""}, None, False),
        ({}, None, False),
    ],
)
def test_a_program_s_key_is_in_the_header_of_realtime(
    headers: Mapping[str, str], key: str | None, beta: bool
) -> None:
    assert read_realtime_credentials(headers, []) == RealtimeCredentials(key, None, beta)


@pytest.mark.parametrize(
    "offered", [[], ["token", "abc"], ["openai-insecure-api-key.abc"], ["Realtime"]]
)
def test_nothing_but_realtime_is_selected(offered: list[str]) -> None:
    assert read_realtime_credentials({}, offered).subprotocol is None


def test_the_header_goes_before_the_subprotocols_of_realtime() -> None:
    offered = ["realtime", "openai-insecure-api-key.other"]
    credentials = read_realtime_credentials({"authorization": "Bearer sk-1"}, offered)
    assert credentials == RealtimeCredentials("sk-1", "realtime")
    assert read_realtime_credentials({"authorization": "Bearer "}, offered).key == "other"


def test_keys_do_not_show() -> None:
    offered = ["realtime", "openai-insecure-api-key.canary"]
    assert "canary" not in repr(read_realtime_credentials({}, offered))
    assert "canary" not in repr(read_credentials("Token canary", ()))
    assert "canary" not in repr(Grant({"instructions": "canary"}, ephemeral=True))


@pytest.fixture
def secrets() -> ClientSecrets:
    return ClientSecrets(10)


def made(secrets: ClientSecrets) -> str:
    secret = secrets.make(json.dumps(SESSION), 600, NOW)
    assert secret is not None
    return secret.value


def test_an_ordinary_key_is_granted_a_session_without_configuration(
    secrets: ClientSecrets,
) -> None:
    assert authorize("first-key", KEYS, secrets, NOW) == Grant(None, ephemeral=False)
    assert authorize("third-key", KEYS, secrets, NOW) is None
    assert authorize(None, KEYS, secrets, NOW) is None


@pytest.mark.parametrize("keys", [(), KEYS], ids=["no keys", "keys"])
def test_a_client_secret_brings_its_session_until_it_expires(
    secrets: ClientSecrets, keys: tuple[SecretStr, ...]
) -> None:
    value = made(secrets)
    for _ in range(2):
        assert authorize(value, keys, secrets, NOW) == Grant(SESSION, ephemeral=True)
    assert authorize(value, keys, secrets, NOW + 599.9) == Grant(SESSION, ephemeral=True)
    assert authorize(value, keys, secrets, NOW + 600) is None
    assert authorize(f"ek_{'0' * 64}", keys, secrets, NOW) is None


def test_without_keys_everybody_but_a_wrong_client_secret_is_granted_a_session(
    secrets: ClientSecrets,
) -> None:
    for key in (None, "", "whatever", "EK_local", "ek_local", "ek_"):
        assert authorize(key, (), secrets, NOW) == Grant()
        assert authorize(key, KEYS, secrets, NOW) is None


def test_a_key_of_the_settings_may_look_like_a_client_secret(secrets: ClientSecrets) -> None:
    keys = (SecretStr("ek_local"),)
    assert authorize("ek_local", keys, secrets, NOW) == Grant()
    assert authorize(made(secrets), keys, secrets, NOW) == Grant(SESSION, ephemeral=True)


def test_sessions_of_one_secret_do_not_share_their_configuration(secrets: ClientSecrets) -> None:
    value = made(secrets)
    one, other = (authorize(value, (), secrets, NOW) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.session == other.session
    assert one.session is not other.session


@pytest.mark.parametrize("key", ["first-key", "second-key"])
def test_every_key_of_the_list_is_accepted(key: str) -> None:
    assert key_accepted(key, KEYS)


@pytest.mark.parametrize(
    "key", [None, "", "first", "first-key ", "FIRST-KEY", "first-keyx", "x" * 10_000, "schlüssel"]
)
def test_no_other_key_is(key: str | None) -> None:
    assert not key_accepted(key, KEYS)


def test_without_a_list_everybody_is_welcome() -> None:
    assert key_accepted(None, ())
    assert key_accepted("whatever", ())


@pytest.mark.parametrize("key", [None, ""])
def test_an_empty_entry_does_not_open_the_door(key: str | None) -> None:
    assert not key_accepted(key, [SecretStr("")])


def test_all_keys_are_compared_and_none_with_more_than_a_bounded_length(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(given: bytes, accepted: bytes) -> bool:
        compared.append((given, accepted))
        return given == accepted

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert key_accepted("first-key", KEYS)
    assert compared == [(b"first-key", b"first-key"), (b"first-key", b"second-key")]
    compared.clear()
    assert not key_accepted("x" * 10**6, KEYS)
    assert {len(given) for given, _ in compared} == {MAX_KEY_CHARACTERS}


def test_own_origins_are_this_machine_and_the_address_that_is_listened_on() -> None:
    own = own_origins("192.0.2.7", 8000)
    assert "http://192.0.2.7:8000" in own
    assert "https://localhost:8000" in own
    assert "http://127.0.0.1:8000" in own
    assert "http://[::1]:8000" in own
    assert "http://[2001:db8::1]:8000" in own_origins("2001:db8::1", 8000)


def test_browsers_leave_a_scheme_s_own_port_out() -> None:
    assert "http://localhost" in own_origins("127.0.0.1", 80)
    assert "https://localhost" in own_origins("127.0.0.1", 443)
    assert "http://localhost" not in own_origins("127.0.0.1", 443)


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:8001",
        "http://localhost",
        "http://localhost:8000.evil.example",
        "http://localhost:8000/",
        "http://evil.example:8000",
        "http://app.example.org",
        "https://example.org.evil.example",
        "https://sub.example.org",
        "https://EXAMPLE.org",
        "http://example.org",
        "null",
        "",
    ],
)
def test_look_alikes_are_foreign(origin: str) -> None:
    own = own_origins("127.0.0.1", 8000)
    assert not origin_accepted(origin, ["https://example.org"], own, allow_missing=True)


@pytest.mark.parametrize("origin", ["https://example.org", "http://localhost:8000"])
def test_listed_and_own_origins_are_accepted(origin: str) -> None:
    own = own_origins("127.0.0.1", 8000)
    assert origin_accepted(origin, ["https://example.org"], own, allow_missing=False)


@pytest.mark.parametrize("allow", [True, False])
def test_whether_no_origin_is_accepted_is_a_choice(allow: bool) -> None:
    assert origin_accepted(None, (), frozenset(), allow_missing=allow) is allow
