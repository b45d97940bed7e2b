"""Opening one WebSocket connection, and saying clearly why it could not be opened."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import websockets
from websockets.asyncio.client import ClientConnection, connect

from streamkit import __version__
from streamkit.errors import ConfigurationError, ConnectionLostError

OPEN_SECONDS = 10.0
"""Bound on TCP, TLS and the handshake of one attempt."""

CLOSE_SECONDS = 2.0
"""Bound on the closing handshake."""

PING_SECONDS = 10.0
"""A live connection whose peer does not answer a ping for so long counts as lost."""

PATIENT_PING_SECONDS = 600.0
"""The same for a file: it may be minutes ahead of the server, and a ping waits its turn."""

MAX_MESSAGE_BYTES = 1 << 20
"""Longest message taken from the server."""

MAX_REFUSAL_CHARACTERS = 300
"""How much of a refusal's text is shown."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


async def open_socket(url: str, headers: Mapping[str, str], live: bool) -> ClientConnection:
    """Open one connection.

    Args:
        url: complete `ws://` or `wss://` address.
        headers: further request headers.
        live: whether the audio arrives in real time, so that a slow pong means a dead peer.

    Raises:
        ConfigurationError: the server refuses this request (HTTP 4xx), or `url` is no address.
        ConnectionLostError: the server is not there, or has no room (HTTP 5xx).
    """
    try:
        return await connect(
            url,
            additional_headers=headers,
            user_agent_header=f"streamkit/{__version__}",
            compression=None,
            # A proxy of the environment does not lead back to this machine.
            proxy=None if urlsplit(url).hostname in _LOOPBACK else True,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_MESSAGE_BYTES,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS if live else PATIENT_PING_SECONDS,
        )
    except websockets.InvalidStatus as refused:
        status = refused.response.status_code
        message = f"the server at {place(url)} answered HTTP {status}: {_reason(refused)}"
        if status in (401, 403):
            message += "; check the API key (--key or STREAMKIT_API_KEY)"
        if 400 <= status < 500:
            raise ConfigurationError(message) from refused
        raise ConnectionLostError(message) from refused
    except websockets.InvalidURI as error:
        raise ConfigurationError(
            f"{place(url)!r} is no WebSocket address ({error.msg}); "
            "give one like ws://127.0.0.1:8000"
        ) from error
    except (OSError, TimeoutError, EOFError, websockets.WebSocketException) as error:
        raise ConnectionLostError(
            f"cannot reach a server at {place(url)} ({error or type(error).__name__}); "
            "check the address and that the server runs (streamkit serve)"
        ) from error


def place(url: str) -> str:
    """Return the address without user, password and query, fit to be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _reason(refused: websockets.InvalidStatus) -> str:
    response = refused.response
    text = response.headers.get("dg-error") or bytes(response.body or b"").decode(errors="replace")
    return text.strip()[:MAX_REFUSAL_CHARACTERS] or "no reason given"
