"""Who comes in, whichever protocol it speaks: decided before anything of it is read or accepted."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import HTTPConnection

from streamkit.server.auth import Grant, origin_accepted, own_origins
from streamkit.server.state import ServerState

ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]{1,200}")
"""An origin that may be repeated in an answer."""


class Refused(Exception):
    """Somebody does not come in.

    Attributes:
        status: of the HTTP answer.
        reason: one word, for programs and metrics.
    """

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason


def admit(state: ServerState, connection: HTTPConnection, key: str | None, accepted: str) -> Grant:
    """Check that the server takes anybody, then origin, then key.

    Args:
        state: of the server.
        connection: a request, or the handshake of a WebSocket.
        key: as the client sent it, in whatever way its protocol has for that.
        accepted: that way, for whoever has missed it.

    Returns:
        What the key allows.

    Raises:
        Refused: with 503, 403 or 401.
    """
    settings = state.settings
    if state.draining or not state.ready:
        raise Refused(503, "draining", "the server is starting or going down; try again later")
    server = connection.scope.get("server") or (settings.host, settings.port)
    origin = connection.headers.get("origin")
    if not origin_accepted(
        origin,
        settings.allowed_origins,
        own_origins(settings.host, server[1] or settings.port),
        settings.allow_missing_origin,
    ):
        raise Refused(403, "origin", _foreign(origin))
    grant = state.authorize(key)
    if grant is None:
        raise Refused(401, "key", f"missing, wrong or expired API key; accepted: {accepted}")
    return grant


def _foreign(origin: str | None) -> str:
    """What to tell a page, and whoever runs the server, about an origin that may not connect."""
    if origin is None:
        return (
            "a request without the header Origin may not connect here; accepted: web pages of "
            "this server or of an --allowed-origin"
        )
    if not ORIGIN.fullmatch(origin):
        return "this web page's origin may not connect; the server's --allowed-origin admits one"
    return (
        f"pages of {origin} may not connect; to admit them, start the server with "
        f"--allowed-origin {origin}"
    )


def take_place(state: ServerState) -> None:
    """Take one of the places for sessions; whoever does gives it back to `state.permits`.

    Raises:
        Refused: with 503, since all are taken.
    """
    if not state.permits.take():
        raise Refused(
            503, "full", f"all {state.permits.places} sessions are taken; try again later"
        )
