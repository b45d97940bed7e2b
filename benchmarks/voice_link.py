"""A session with any server of OpenAI's Realtime protocol (the GA names)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from streamkit.client.realtime import realtime_url
from streamkit.errors import ConfigurationError, ConnectionLostError
from streamkit_benchmarks.voice_sounds import WIRE_RATE

OPEN_SECONDS: Final = 20.0
"""A server may take so long for each step of beginning a session."""

CLOSE_SECONDS: Final = 2.0

PCM: Final = {"type": "audio/pcm", "rate": WIRE_RATE}
LOCAL: Final = ("127.0.0.1", "localhost", "::1")

INSTRUCTIONS: Final = (
    "You are being measured. Answer everything that is said, at once, in English, with four "
    "plain spoken sentences of about ten words each. Never ask anything, never call a tool."
)
"""For models that read instructions: an answer has to be long enough to be interrupted."""


@dataclass(frozen=True, slots=True)
class Target:
    """The server that is measured, and what is asked of it.

    Attributes:
        url: its address, ws, wss, http or https.
        model: of the reply, as the server calls it.
        key: API key; None: none is sent.
        voice: of the agent; None: the server's choice.
        instructions: for the model.
        turn_detection: as in the protocol; None: the server's choice.
        headers: further ones of the handshake.
    """

    url: str
    model: str = "gpt-realtime"
    key: str | None = None
    voice: str | None = None
    instructions: str = INSTRUCTIONS
    turn_detection: dict[str, Any] | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        """Where sessions are opened.

        Raises:
            ConfigurationError: the address is none.
        """
        return realtime_url(self.url, self.model)

    @property
    def local(self) -> bool:
        """It is on this machine."""
        return urlsplit(self.address).hostname in LOCAL

    def update(self) -> dict[str, Any]:
        """The event that configures a session."""
        heard: dict[str, Any] = {"format": PCM}
        if self.turn_detection is not None:
            heard["turn_detection"] = self.turn_detection
        spoken: dict[str, Any] = {"format": PCM}
        if self.voice is not None:
            spoken["voice"] = self.voice
        return {
            "type": "session.update",
            "session": {
                "type": "realtime",
                "output_modalities": ["audio"],
                "instructions": self.instructions,
                "audio": {"input": heard, "output": spoken},
            },
        }


@asynccontextmanager
async def session(target: Target) -> AsyncIterator[tuple[ClientConnection, bool]]:
    """Open a session; gives it, and whether the server is streamkit.

    Raises:
        ConfigurationError: the server refuses the key, the model or the session.
        ConnectionLostError: there is no such server, or it does not begin a session.
    """
    address = target.address
    headers = [*target.headers]
    if target.key is not None:
        headers.append(("Authorization", f"Bearer {target.key}"))
    try:
        socket = await connect(
            address,
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None if target.local else True,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=None,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        body = error.response.body.decode("utf-8", "replace")[:300]
        raise ConfigurationError(
            f"{address} answers the handshake with HTTP {status}: {body or 'no reason'}; see that "
            "--url is the address of a Realtime server, and that --key, --header and --reply-model "
            "are what it wants"
        ) from error
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise ConnectionLostError(
            f"no voice agent answers at {address}: {error or type(error).__name__}; start one with "
            "`streamkit serve`, or leave --url out"
        ) from error
    async with socket:
        yield socket, await _begin(socket, target)


async def _begin(socket: ClientConnection, target: Target) -> bool:
    """Configure the session; whether the server is streamkit."""
    created = await _await(socket, "session.created", target)
    own = created.get("session", {}).get("streamkit")
    update = target.update()
    if own is not None:
        # As the page does: silent at once when somebody speaks, and on again if it was nothing.
        update["session"]["streamkit"] = {"holds": True}
    await socket.send(json.dumps(update))
    await _await(socket, "session.updated", target)
    return own is not None


async def _await(socket: ClientConnection, wanted: str, target: Target) -> dict[str, Any]:
    try:
        with anyio.fail_after(OPEN_SECONDS):
            async for message in socket:
                event: dict[str, Any] = json.loads(message)
                if event.get("type") == wanted:
                    return event
                if event.get("type") == "error":
                    said = event.get("error", {}).get("message")
                    raise ConfigurationError(
                        f"{target.address} does not take the session: {said}; see --key, "
                        "--reply-model, --voice and --turn-detection"
                    )
    except TimeoutError as error:
        raise ConnectionLostError(
            f"{target.address} sends no {wanted} within {OPEN_SECONDS:.0f} s; a server of the "
            "OpenAI Realtime protocol (GA) is needed"
        ) from error
    except ConnectionClosed:
        pass
    raise ConnectionLostError(
        f"{target.address} hung up before {wanted}: {socket.close_code} {socket.close_reason}; "
        "its log may know why"
    )
