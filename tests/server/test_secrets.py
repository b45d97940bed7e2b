"""Client secrets under a simulated clock."""

from __future__ import annotations

import hmac
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streamkit.server.secrets import FINDER_BYTES, HIDDEN_BYTES, PREFIX, ClientSecret, ClientSecrets

NOW = 1_800_000_000.75
FINDER_END = len(PREFIX) + 2 * FINDER_BYTES


def make(secrets: ClientSecrets, session: str = "{}", seconds: int = 600) -> ClientSecret:
    secret = secrets.make(session, seconds, NOW)
    assert secret is not None
    return secret


def test_a_secret_is_valid_until_the_second_it_says() -> None:
    secrets = ClientSecrets(2)
    secret = make(secrets, '{"type":"realtime"}', 10)
    assert secret.expires_at == 1_800_000_010
    for now in (NOW, NOW + 9, secret.expires_at - 0.001):
        assert secrets.find(secret.value, now) == '{"type":"realtime"}'
    for now in (secret.expires_at, secret.expires_at + 1e9):
        assert secrets.find(secret.value, now) is None


def test_a_secret_is_long_random_and_fit_for_a_subprotocol() -> None:
    secrets = ClientSecrets(100)
    values = [make(secrets).value for _ in range(100)]
    assert all(value.startswith("ek_") and value[3:].isalnum() for value in values)
    # 128 random bits are hidden even from whoever knows the part that finds the entry.
    assert 8 * HIDDEN_BYTES >= 128
    assert {len(value) for value in values} == {FINDER_END + 2 * HIDDEN_BYTES}
    assert len({value[:FINDER_END] for value in values}) == 100
    assert len({value[FINDER_END:] for value in values}) == 100


def changed(value: str) -> Iterator[str]:
    for at in range(len(value)):
        yield value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
    yield from (value[:-1], value + "0", value.upper(), f" {value}", "", PREFIX, "\ud800", "ek_ü")


def test_nothing_but_the_secret_itself_is_found() -> None:
    secrets = ClientSecrets(2)
    value = make(secrets).value
    assert [each for each in changed(value) if secrets.find(each, NOW) is not None] == []


def test_secrets_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(given: bytes, kept: bytes) -> bool:
        compared.extend((given, kept))
        return given == kept

    monkeypatch.setattr(hmac, "compare_digest", compare)
    secrets = ClientSecrets(2)
    secret = make(secrets)
    hidden = secret.value[FINDER_END:]
    assert hidden not in str(vars(secrets))
    assert secret.value not in repr(secret)
    wrong = secret.value[:FINDER_END] + "0" * len(hidden)
    assert secrets.find(secret.value, NOW) is not None
    assert secrets.find(wrong, NOW) is None
    # Hashes are compared, all of one length, and in constant time.
    assert [len(each) for each in compared] == [32] * 4


def test_expired_secrets_make_room_and_valid_ones_do_not() -> None:
    secrets = ClientSecrets(2)
    assert secrets.next_expiry() is None
    short, long = make(secrets, seconds=10), make(secrets, seconds=600)
    assert secrets.make("{}", 600, NOW) is None
    assert secrets.next_expiry() == short.expires_at
    assert secrets.find(short.value, NOW) == "{}"
    newer = secrets.make("{}", 600, short.expires_at)
    assert newer is not None
    assert len(secrets) == 2
    assert secrets.find(long.value, short.expires_at) == "{}"
    assert secrets.find(newer.value, short.expires_at) == "{}"
    assert secrets.make("{}", 600, short.expires_at) is None


class Life(RuleBasedStateMachine):
    """Making, using and waiting, in any order, against the plainest possible model."""

    def __init__(self) -> None:
        super().__init__()
        self.secrets = ClientSecrets(3)
        self.now = NOW
        self.known: dict[str, tuple[int, str]] = {}

    def valid(self) -> list[str]:
        return [value for value, (expires_at, _) in self.known.items() if self.now < expires_at]

    @rule(seconds=st.integers(10, 40), session=st.sampled_from(["{}", '{"a":1}']))
    def make(self, seconds: int, session: str) -> None:
        room = len(self.valid()) < 3
        secret = self.secrets.make(session, seconds, self.now)
        assert (secret is not None) == room
        if secret is not None:
            self.known[secret.value] = (secret.expires_at, session)

    @rule(seconds=st.floats(0, 30))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def exactly_the_valid_ones_are_found(self) -> None:
        for value, (expires_at, session) in self.known.items():
            expected = session if self.now < expires_at else None
            assert self.secrets.find(value, self.now) == expected
        assert len(self.secrets) <= 3


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=20, deadline=None)
