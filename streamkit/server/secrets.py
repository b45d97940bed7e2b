"""Client secrets: keys that expire, so that a web page never has to be given a real one.

As OpenAI's do, a secret opens any number of sessions until it expires, and a session goes on
after its secret has expired. A secret carries the configuration that those sessions begin with.

Pure: time is passed in, in Unix seconds. What is kept of a secret is its hash.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_hex

PREFIX = "ek_"
"""All client secrets begin so, as those of OpenAI do; browser SDKs insist on it."""

FINDER_BYTES = 8
"""The first part of a secret finds its entry; it is not what keeps it secret."""

HIDDEN_BYTES = 24
"""The rest, 192 random bits, is."""

_FORM = re.compile(f"{PREFIX}[0-9a-f]{{{2 * FINDER_BYTES},}}.*", re.DOTALL)
_FINDER_END = len(PREFIX) + 2 * FINDER_BYTES


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A new secret, on its way to whoever asked for it.

    Attributes:
        value: the key; nobody can be told it again.
        expires_at: Unix time in seconds from which on it opens nothing.
    """

    value: str = field(repr=False)
    expires_at: int


@dataclass(frozen=True, slots=True)
class _Kept:
    digest: bytes
    expires_at: int
    session: str


class ClientSecrets:
    """The secrets of one server, a bounded number.

    Args:
        places: secrets that may be valid at the same time.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._kept: dict[str, _Kept] = {}

    def __len__(self) -> int:
        """Entries, with those that have expired since the last secret was made."""
        return len(self._kept)

    def make(self, session: str, seconds: int, now: float) -> ClientSecret | None:
        """Make a secret that is valid for `seconds` from the second in which `now` lies.

        Args:
            session: what its sessions begin with, as JSON. Text, because that is all there is
                to bound and nobody changes it by accident.
            seconds: how long it is valid.
            now: Unix time in seconds.

        Returns:
            The secret; None when as many as there are places for are still valid.
        """
        self._forget_expired(now)
        if len(self._kept) >= self.places:
            return None
        value = PREFIX + token_hex(FINDER_BYTES + HIDDEN_BYTES)
        secret = ClientSecret(value, expires_at=int(now) + seconds)
        self._kept[value[:_FINDER_END]] = _Kept(_digest(value), secret.expires_at, session)
        return secret

    def find(self, value: str, now: float) -> str | None:
        """The session that a secret was made with, as JSON; None for one that is not valid.

        How long the search takes depends on the first part of `value` only.
        """
        kept = self._kept.get(value[:_FINDER_END])
        if kept is None or not hmac.compare_digest(_digest(value), kept.digest):
            return None
        return kept.session if now < kept.expires_at else None

    def next_expiry(self) -> int | None:
        """Unix time at which the first of the secrets expires; None when there is none."""
        return min((kept.expires_at for kept in self._kept.values()), default=None)

    def _forget_expired(self, now: float) -> None:
        for finder in [each for each, kept in self._kept.items() if kept.expires_at <= now]:
            del self._kept[finder]


def looks_like_secret(value: str) -> bool:
    """Tell whether a key may be meant for one of those that are made here, if a garbled one."""
    return _FORM.fullmatch(value) is not None


def _digest(value: str) -> bytes:
    # The value is random and long, so a plain hash of it cannot be turned round.
    return sha256(value.encode("utf-8", "surrogatepass")).digest()
