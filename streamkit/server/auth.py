"""Who may open a session: origin and key, as the two protocols send them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from streamkit.server.secrets import ClientSecrets, looks_like_secret

SCHEMES = ("token", "bearer")
"""Of the Authorization header (any case) and of the subprotocols that browsers send instead."""

REALTIME = "realtime"
"""The subprotocol of OpenAI's Realtime protocol, and the only one of its list that is selected."""

REALTIME_KEY = "openai-insecure-api-key."
"""A subprotocol that begins so holds the key. The others of the list (`openai-organization.…`,
`openai-project.…`, the name of an SDK) say nothing that matters here."""

BETA_SUBPROTOCOL = "openai-beta.realtime-v1"
BETA_HEADER = "realtime=v1"

MAX_KEY_CHARACTERS = 512


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key as the client sent it.

    Attributes:
        key: the key; None when there is none.
        subprotocol: what the server has to select when the key came as a subprotocol.
    """

    key: str | None = field(repr=False)
    subprotocol: str | None = None


@dataclass(frozen=True, slots=True)
class RealtimeCredentials:
    """What a client of the Realtime protocol says about itself.

    Attributes:
        key: the key; None when there is none.
        subprotocol: what the server has to select; None when the client offers nothing that it
            could select.
        beta: the client asks for the beta version, whose events have other names.
    """

    key: str | None = field(repr=False)
    subprotocol: str | None = None
    beta: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key that was accepted allows.

    Attributes:
        session: the configuration that came with a client secret; None for other keys.
        ephemeral: it is a client secret, which may open sessions and nothing else.
    """

    session: Mapping[str, Any] | None = field(default=None, repr=False)
    ephemeral: bool = False


def read_credentials(authorization: str | None, subprotocols: Sequence[str]) -> Credentials:
    """Find the key in `Authorization: Token KEY` or in the subprotocols `token, KEY`."""
    if authorization:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() in SCHEMES and key.strip():
            return Credentials(key.strip())
    if len(subprotocols) >= 2 and subprotocols[0].lower() in SCHEMES:
        return Credentials(subprotocols[1], subprotocol=subprotocols[0])
    return Credentials(None)


def read_realtime_credentials(
    headers: Mapping[str, str], subprotocols: Sequence[str]
) -> RealtimeCredentials:
    """Find key and version as the SDKs of the Realtime protocol send them.

    Programs send `Authorization: Bearer KEY`. Browsers cannot, and send the subprotocols
    `realtime, openai-insecure-api-key.KEY, …`. The header goes first.

    Args:
        headers: of the request; names are in lower case, or looked up in any case.
        subprotocols: as offered.
    """
    scheme, _, key = headers.get("authorization", "").partition(" ")
    keys = [key.strip()] if scheme.lower() == "bearer" else []
    keys += [each[len(REALTIME_KEY) :] for each in subprotocols if each.startswith(REALTIME_KEY)]
    versions = [each.strip() for each in headers.get("openai-beta", "").split(",")]
    return RealtimeCredentials(
        key=next(filter(None, keys), None),
        subprotocol=REALTIME if REALTIME in subprotocols else None,
        beta=BETA_SUBPROTOCOL in subprotocols or BETA_HEADER in versions,
    )


def authorize(
    key: str | None, accepted: Iterable[SecretStr], secrets: ClientSecrets, now: float
) -> Grant | None:
    """What a key allows; None: nothing.

    A client secret is checked even by a server that asks for no key: whoever sends one counts on
    the configuration that it stands for. One that cannot have been made by any streamkit, such as
    the "ek_local" that some SDKs have to be given, is a key like any other there. A key that
    the server was given goes first, however it begins.

    Args:
        key: as the client sent it.
        accepted: keys of the settings; without any, all are welcome.
        secrets: those that were made.
        now: Unix time in seconds.
    """
    accepted = tuple(accepted)
    if accepted and key_accepted(key, accepted):
        return Grant()
    if key is not None and looks_like_secret(key):
        session = secrets.find(key[:MAX_KEY_CHARACTERS], now)
        return None if session is None else Grant(json.loads(session), ephemeral=True)
    return None if accepted else Grant()


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
    origins = {f"{scheme}://{name}:{port}" for scheme in ("http", "https") for name in names}
    # A scheme's own port is left out of an origin.
    usual = {80: "http", 443: "https"}.get(port)
    return frozenset(origins | {f"{usual}://{name}" for name in names if usual})


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
