"""A real server in a thread, and a client that keeps all it is told: for tests of either side.

```python
settings = Settings(model="whisper-micro-en", port=0)
with LiveServer(settings, recognizer, profile) as server:
    with server.listen(encoding="linear16", sample_rate=16000) as client:
        client.send(audio)
        client.close_stream()
assert client.text == "Turn the music down."
```

Nothing is simulated here: the way of the data is the one of `streamkit serve`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlencode

from anyio import fail_after
from anyio.from_thread import BlockingPortal, start_blocking_portal
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.llm.chat_model import ChatModel
from streamkit.protocols.deepgram import Message
from streamkit.server.serving import Server, running
from streamkit.server.shared_socket import trusting
from streamkit.tts.speech_engine import SpeechEngine

PATIENCE_SECONDS = 30.0
"""How long anything may take before a test is told that it will not happen."""

CHUNK_BYTES = 6400
"""200 ms of linear16 at 16 kHz."""


ClientT = TypeVar("ClientT", bound="WireClient")


class LiveServer:
    """A server on its own event loop in a thread, while the `with` block runs.

    Args:
        settings: port 0 takes a free one.
        recognizer: a loaded one, or a `streamkit.testing.ScriptedRecognizer`.
        profile: how its model wants to be decoded.
        chat_model: replies for all; None: that of the settings.
        speech: speaks for all; None: that of the settings.

    Attributes:
        url: `ws://HOST:PORT`, or `wss://HOST:PORT` if the settings ask for TLS.
        server: to look inside; its methods belong to the loop of `portal`.
        portal: calls functions on the server's loop.
    """

    url: str
    server: Server
    portal: BlockingPortal

    def __init__(
        self,
        settings: Settings,
        recognizer: Recognizer,
        profile: ModelProfile | None = None,
        *,
        chat_model: ChatModel | None = None,
        speech: SpeechEngine | None = None,
    ) -> None:
        self._settings = settings
        self._recognizer = recognizer
        self._profile = profile or ModelProfile()
        self._chat_model = chat_model
        self._speech = speech
        self._exits = ExitStack()

    def __enter__(self) -> LiveServer:
        """Start; returns when the server listens."""
        self.portal = self._exits.enter_context(start_blocking_portal())
        block = running(
            self._settings,
            self._recognizer,
            self._profile,
            chat_model=self._chat_model,
            speech=self._speech,
        )
        try:
            self.server, self.url = self._exits.enter_context(
                self.portal.wrap_async_context_manager(block)
            )
        except BaseException:
            self._exits.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    @property
    def http_url(self) -> str:
        """`http://HOST:PORT`, or `https://HOST:PORT`."""
        return self.url.replace("ws", "http", 1)

    @property
    def certificate(self) -> Path | None:
        """What clients have to trust, a file in PEM; None where nothing is encrypted.

        It is the authority of a certificate that was made here, and otherwise the certificate of
        the settings itself, which not every client takes for something to trust.
        """
        return None if self.server.tls is None else self.server.tls.authority

    @property
    def sessions(self) -> int:
        """Open sessions."""
        return len(self.server.state.sessions)

    def listen(
        self,
        *,
        key: str | None = None,
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
        read_ahead: int | None = None,
        **parameters: object,
    ) -> WireClient:
        """A client for `/v1/listen`; the arguments are those of `WireClient`."""
        return WireClient(
            f"{self.url}/v1/listen",
            parameters,
            key=key,
            origin=origin,
            subprotocols=subprotocols,
            read_ahead=read_ahead,
            certificate=self.certificate,
        )

    def wait_until_empty(self) -> None:
        """Wait until no session is open.

        Raises:
            TimeoutError: one is, after `PATIENCE_SECONDS`.
        """

        async def wait() -> None:
            with fail_after(PATIENCE_SECONDS):
                await self.server.state.empty()

        self.portal.call(wait)

    def stop(self) -> None:
        """Begin to drain, as `streamkit serve` does at SIGTERM; returns at once."""
        self.portal.call(self.server.stop)


class WireClient:
    """A client that speaks the bare wire and keeps every message, while the `with` block runs.

    Args:
        url: with the path.
        parameters: of the query; True and False become `true` and `false`, None is left out.
        key: sent as `Authorization: Token KEY`.
        scheme: in the place of `Token`.
        origin: sent as `Origin`, as browsers do.
        subprotocols: offered.
        read_ahead: messages that are taken from the socket before anybody asks for them; None:
            all. A small number makes a client that stops reading when the test does.
        certificate: what it trusts instead of the system's authorities, a file in PEM.

    Attributes:
        messages: all that were read so far.
        socket: the websocket below.
    """

    socket: ClientConnection

    def __init__(
        self,
        url: str,
        parameters: Mapping[str, object],
        *,
        key: str | None = None,
        scheme: str = "Token",
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
        read_ahead: int | None = None,
        certificate: Path | None = None,
    ) -> None:
        query = urlencode({k: _text(v) for k, v in parameters.items() if v is not None})
        self.messages: list[Message] = []
        self._exits = ExitStack()
        self._connect = partial(
            connect,
            f"{url}?{query}",
            additional_headers={} if key is None else {"Authorization": f"{scheme} {key}"},
            origin=None if origin is None else Origin(origin),
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            max_queue=read_ahead,
            max_size=None,
            ping_interval=None,
            proxy=None,
            ssl=None if certificate is None else trusting(certificate),
        )

    def __enter__(self: ClientT) -> ClientT:
        """Connect.

        Raises:
            InvalidStatus: (of websockets) the server refused.
        """
        self.socket = self._exits.enter_context(self._connect())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.close()

    def send(self, audio: bytes, chunk: int = CHUNK_BYTES) -> None:
        """Send audio as fast as the server takes it, in messages of `chunk` bytes."""
        for first in range(0, len(audio), chunk):
            self.socket.send(audio[first : first + chunk])

    def command(self, kind: str, **fields: Any) -> None:
        """Send a control message."""
        self.socket.send(json.dumps({"type": kind, **fields}))

    def abort(self) -> None:
        """Leave without a word, as a program does that has crashed."""
        with suppress(OSError):
            self.socket.socket.shutdown(socket.SHUT_RDWR)

    def read_until(self, wanted: Callable[[Message], bool]) -> Message:
        """Read on until a message is the wanted one.

        Raises:
            TimeoutError: nothing came for `PATIENCE_SECONDS`.
            ConnectionClosed: (of websockets) the stream ended before.
        """
        while True:
            message: Message = json.loads(self.socket.recv(timeout=PATIENCE_SECONDS))
            self.messages.append(message)
            if wanted(message):
                return message

    def read_to_end(self) -> list[Message]:
        """Read until the server closes; returns all messages of the session."""
        with suppress(ConnectionClosed):
            self.read_until(lambda message: False)
        return self.messages

    def close_stream(self) -> list[Message]:
        """Say that there is no more audio, and read to the end."""
        self.command("CloseStream")
        return self.read_to_end()

    def of_type(self, kind: str) -> list[Message]:
        """The messages of one type."""
        return [message for message in self.messages if message["type"] == kind]

    @property
    def finals(self) -> list[Message]:
        """`Results` that will not change."""
        return [message for message in self.of_type("Results") if message["is_final"]]

    @property
    def interims(self) -> list[Message]:
        """`Results` that may change."""
        return [message for message in self.of_type("Results") if not message["is_final"]]

    def transcript(self, channel: int = 0) -> str:
        """The finals of one channel as one text."""
        texts = (
            transcript_of(message)
            for message in self.finals
            if message["channel_index"][0] == channel
        )
        return " ".join(filter(None, texts))

    @property
    def text(self) -> str:
        """The finals of the first channel as one text."""
        return self.transcript()

    @property
    def closed(self) -> tuple[int | None, str | None]:
        """Code and reason of the close frame."""
        return self.socket.close_code, self.socket.close_reason


def transcript_of(message: Message) -> str:
    """The text of a `Results` message."""
    text: str = message["channel"]["alternatives"][0]["transcript"]
    return text


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
