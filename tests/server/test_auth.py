"""Keys and origins, without a socket."""

from __future__ import annotations

import hmac

import pytest
from pydantic import SecretStr

from streamkit.server.auth import (
    MAX_KEY_CHARACTERS,
    Credentials,
    key_accepted,
    origin_accepted,
    own_origins,
    read_credentials,
)

KEYS = (SecretStr("first-key"), SecretStr("second-key"))


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
