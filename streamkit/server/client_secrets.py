"""`POST /v1/realtime/client_secrets`: a program that has a key gets one for a web page."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

from starlette.routing import Route

from streamkit.errors import ProtocolError
from streamkit.protocols.openai_audio import ApiError
from streamkit.server.audio_api import Endpoint
from streamkit.server.exchange import Exchange, as_json
from streamkit.server.job import Job
from streamkit.server.state import ServerState

logger = logging.getLogger("streamkit.client_secrets")

PATH = "/v1/realtime/client_secrets"

DEFAULT_SECONDS = 600
MIN_SECONDS = 10
MAX_SECONDS = 7200

SHOWN_CHARACTERS = 40
"""So much of a wrong value stands in the message about it."""

CheckSession = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes a session as a client gave it, returns it as a connection would begin with it.

It raises `ProtocolError` for one that cannot be had. If the error has the attributes `param` and
`code`, the client is told them.
"""


def as_given(session: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take every session for a good one."""
    return session


def client_secrets_route(check_session: CheckSession = as_given) -> Route:
    """The route, for an application whose `state.streamkit` is a `ServerState`.

    A client secret does not come in here: it would make others for ever.

    Args:
        check_session: says whether a session can be had, and fills in what it leaves out.
    """

    async def create(state: ServerState, exchange: Exchange, job: Job) -> None:
        request = _read(await exchange.body(state.settings.max_client_secret_bytes))
        answer = _make(state, request, check_session)
        await exchange.reply(
            as_json(answer), "application/json", headers={"cache-control": "no-store"}
        )

    # Not for web pages, so without the headers that let one read the answer.
    return Route(PATH, Endpoint(PATH, create, works=False), methods=["POST"])


def _read(body: bytes) -> Mapping[str, Any]:
    """The request; no body at all counts as an empty object."""
    try:
        read = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise ApiError(
            "the body is no JSON; accepted: a JSON object", code="invalid_json"
        ) from error
    if not isinstance(read, dict):
        raise ApiError("the body is no object; accepted: a JSON object", code="invalid_type")
    for name in read:
        if name not in ("expires_after", "session"):
            raise ApiError(
                f"unknown parameter {_shown(name)}; accepted: expires_after, session",
                code="unknown_parameter",
            )
    return read


def _make(
    state: ServerState, request: Mapping[str, Any], check_session: CheckSession
) -> dict[str, Any]:
    seconds = _seconds(_object(request, "expires_after"))
    session, text = _checked(_object(request, "session"), check_session)
    now = state.now()
    secret = state.secrets.make(text, seconds, now)
    if secret is None:
        expiry = state.secrets.next_expiry()
        wait = 1 if expiry is None else math.ceil(expiry - now)
        raise ApiError(
            f"{state.secrets.places} client secrets are valid, and no more can be; the first of "
            f"them expires in {wait} s",
            status=429,
            code="rate_limit_exceeded",
            kind="rate_limit_error",
            retry_after=wait,
        )
    logger.info("a client secret for %d s; %d are valid", seconds, len(state.secrets))
    return {"value": secret.value, "expires_at": secret.expires_at, "session": session}


def _checked(session: Mapping[str, Any], check_session: CheckSession) -> tuple[dict[str, Any], str]:
    """The session that connections begin with, and the same as JSON."""
    try:
        checked = dict(check_session(session))
        return checked, json.dumps(checked, allow_nan=False)
    except ProtocolError as error:
        raise ApiError(
            str(error),
            param=getattr(error, "param", None) or "session",
            code=getattr(error, "code", None) or "invalid_value",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ApiError(
            "the session has an infinite number or too many levels; accepted: what JSON can say",
            param="session",
        ) from error


def _seconds(expires_after: Mapping[str, Any]) -> int:
    anchor = expires_after.get("anchor", "created_at")
    if anchor != "created_at":
        raise ApiError(
            f"the anchor {_shown(anchor)} was given; accepted: 'created_at'",
            param="expires_after.anchor",
        )
    seconds = expires_after.get("seconds", DEFAULT_SECONDS)
    # True is an int too.
    if type(seconds) is not int or not MIN_SECONDS <= seconds <= MAX_SECONDS:
        raise ApiError(
            f"{_shown(seconds)} was given; accepted: a whole number of seconds from {MIN_SECONDS} "
            f"to {MAX_SECONDS}",
            param="expires_after.seconds",
        )
    return seconds


def _object(request: Mapping[str, Any], param: str) -> Mapping[str, Any]:
    """A member that is an object; absent and null count as an empty one."""
    value = request.get(param)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(
            f"{param} is no object; accepted: a JSON object", param=param, code="invalid_type"
        )
    return value


def _shown(value: object) -> str:
    """A value as JSON in a message, not more of it than helps."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = json.dumps(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
