"""Who may open a session: origin and key, both checked before the upgrade is accepted."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import SecretStr

SCHEMES = ("token", "bearer")
"""Of the Authorization header (any case) and of the subprotocols that browsers send instead."""

MAX_KEY_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key as the client sent it.

    Attributes:
        key: the key; None when there is none.
        subprotocol: what the server has to select when the key came as a subprotocol.
    """

    key: str | None
    subprotocol: str | None = None


def read_credentials(authorization: str | None, subprotocols: Sequence[str]) -> Credentials:
    """Find the key in `Authorization: Token KEY` or in the subprotocols `token, KEY`."""
    if authorization:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() in SCHEMES and key.strip():
            return Credentials(key.strip())
    if len(subprotocols) >= 2 and subprotocols[0].lower() in SCHEMES:
        return Credentials(subprotocols[1], subprotocol=subprotocols[0])
    return Credentials(None)


def key_accepted(key: str | None, accepted: Iterable[SecretStr]) -> bool:
    """Compare with every accepted key in constant time; without any, all are welcome.

    An empty key fits nothing, not even an empty entry in the list of accepted ones.
    """
    keys = [each.get_secret_value().encode() for each in accepted]
    if not keys:
        return True
    given = (key or "")[:MAX_KEY_CHARACTERS].encode()
    # No early exit: the time must not tell which key was close.
    matches = [hmac.compare_digest(given, each) for each in keys]
    return any(matches) and bool(given)


def own_origins(host: str, port: int) -> frozenset[str]:
    """Origins of pages that this server itself serves."""
    names = {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host}
    return frozenset(f"{scheme}://{name}:{port}" for scheme in ("http", "https") for name in names)


def origin_accepted(
    origin: str | None, allowed: Iterable[str], own: frozenset[str], allow_missing: bool
) -> bool:
    """Exact comparison: a look-alike or a subdomain is another origin.

    The `Host` header is not consulted, since a page whose name was made to resolve to this
    machine sends a matching one.
    """
    if origin is None:
        return allow_missing
    return origin in own or origin in frozenset(allowed)
