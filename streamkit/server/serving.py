"""Running the application on uvicorn: for `streamkit serve`, and inside another program."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

import anyio
import uvicorn
from anyio.to_thread import run_sync
from starlette.applications import Starlette

from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.server.app import create_app
from streamkit.server.connection import Connection
from streamkit.server.parallelism import parallelism
from streamkit.server.state import ServerState
from streamkit.server.tls import Tls, read_tls

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.llm.chat_model import ChatModel
    from streamkit.tts.speech_engine import SpeechEngine

HARD_LIMIT_FACTOR = 4
"""A message over our own limit is answered with finals and an error; over this multiple of it
the WebSocket library closes the connection before the message is in memory."""

HANG_UP_SECONDS = 0.5
"""At shutdown a peer may take so long to answer that an encrypted connection is closed. Whoever
keeps one for later requests does not look at it, and never answers."""

KEEP_ALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3))
"""A peer that is gone is known to be so after two minutes; a system that does not have these
options takes its own time."""

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def load_recognizer(settings: Settings) -> tuple[Recognizer, ModelProfile, str | None]:
    """Find and load the model of the settings.

    Returns:
        The recognizer, its profile, and a one-line notice for the person, if there is one.

    Raises:
        ModelError: there is no such model, or it cannot be loaded.
    """
    from streamkit.asr.whisper import WhisperRecognizer
    from streamkit.models import resolve

    found = resolve(settings.model, cache=settings.cache)
    chosen = parallelism(settings, found.profile)
    recognizer = WhisperRecognizer.load(
        found.path,
        name=found.name,
        profile=found.profile,
        device=settings.device,
        compute_type=settings.compute_type,
        threads=chosen.threads,
        workers=chosen.workers,
    )
    return recognizer, found.profile, found.notice


def check_exposure(settings: Settings) -> None:
    """Refuse to listen to the network without a key.

    Raises:
        ConfigurationError: the address is not this machine's own and there is no key.
    """
    if settings.host not in LOOPBACK and not settings.api_keys:
        raise ConfigurationError(
            f"host {settings.host} can be reached from other machines and no API key is set; "
            "set one with --api-key or STREAMKIT_API_KEYS='[\"…\"]', or listen on 127.0.0.1"
        )


class Server(uvicorn.Server):
    """Uvicorn that lets sessions say their last words before it closes their sockets.

    Signals are the business of whoever runs it (`stop` is what they should call).

    Attributes:
        state: what its sessions share.
        listening: set once connections are taken.
        tls: how its connections are encrypted; None: they are not.
    """

    def __init__(self, config: uvicorn.Config, state: ServerState, tls: Tls | None) -> None:
        super().__init__(config)
        self.tls = tls
        self.listening = anyio.Event()
        self.stopped = anyio.Event()
        self.state = state
        self._forced = anyio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def stop(self) -> None:
        """Drain and close; called again: close at once."""
        if self.should_exit:
            self.force_exit = True
            self._forced.set()
        self.should_exit = True
        # Uvicorn looks at that ten times a second; nobody comes in meanwhile.
        self.state.draining = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, and say so."""
        await super().startup(sockets)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then close."""
        async with anyio.create_task_group() as tasks:

            async def drain() -> None:
                with anyio.move_on_after(self.state.settings.drain_timeout):
                    await self.state.drain()
                tasks.cancel_scope.cancel()

            tasks.start_soon(drain)
            await self._forced.wait()
            tasks.cancel_scope.cancel()
        self.state.abort()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._hang_up)
            await super().shutdown(sockets)
            tasks.cancel_scope.cancel()
        self.stopped.set()

    async def _hang_up(self) -> None:
        """Drop the connections that are closed but for the answer of TLS."""
        if self.tls is None:
            return
        await anyio.sleep(HANG_UP_SECONDS)
        for connection in tuple(self.server_state.connections):
            if not connection.transport.is_closing():
                continue
            if isinstance(connection, Connection):
                connection.abandon()
            else:
                connection.transport.abort()


def make_server(app: Starlette, settings: Settings, tls: Tls | None) -> Server:
    """Configure uvicorn; nothing is bound yet."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ws=Connection,
        ws_max_size=max(settings.max_message_bytes * HARD_LIMIT_FACTOR, settings.max_event_bytes),
        # Audio does not get smaller, and a small message that unpacks to a large one is a trap.
        ws_per_message_deflate=False,
        # The answer to a ping waits behind audio that back-pressure holds back; who is really gone
        # is found out by `idle_timeout`.
        ws_ping_interval=None,
        # Query strings can hold what a person said or will say; they stay out of the log.
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls.context,
    )
    state: ServerState = app.state.streamkit
    return Server(config, state, tls)


def bind(settings: Settings) -> socket.socket:
    """Take the port now, so that it is known before the server runs.

    Raises:
        ConfigurationError: the address or port cannot be had.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named, since asyncio lets small messages go at once only where it is. Else
    # each reply would wait for the client's next sound: 20 ms and more.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigurationError(
            f"cannot listen on {settings.host}:{settings.port}: {error}; "
            "choose another one with --host and --port (0 takes a free port)"
        ) from error
    listener.listen(128)
    listener.setblocking(False)
    _look_after(listener)
    return listener


def _look_after(listener: socket.socket) -> None:
    """Let the kernel find out which peers are gone: connections inherit this from the listener.

    In a conversation nobody has to say anything for an hour, and a peer whose network went away
    says nothing either.
    """
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def url_of(listener: socket.socket, scheme: str = "ws") -> str:
    """Address of a bound socket, without a trailing slash."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def _make_ready(speech: SpeechEngine, settings: Settings) -> socket.socket:
    """Load the voice and take the port; without both, the voice is ended."""
    try:
        await run_sync(speech.prepare, abandon_on_cancel=True)
        return bind(settings)
    except BaseException:
        # It also lets the thread go that still waits for it.
        speech.close()
        raise


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    recognizer: Recognizer,
    profile: ModelProfile,
    *,
    chat_model: ChatModel | None = None,
    speech: SpeechEngine | None = None,
) -> AsyncIterator[tuple[Server, str]]:
    """Run a server inside this event loop; gives it and its address.

    The address is `ws://HOST:PORT`, or `wss://HOST:PORT` if its connections are encrypted. It
    takes connections when its voice is loaded. At the end of the block the server drains and
    closes.

    Args:
        settings: of the server.
        recognizer: shared by all sessions.
        profile: how its model wants to be decoded.
        chat_model: replies for all; None: that of the settings.
        speech: speaks for all; None: that of the settings.

    Raises:
        ConfigurationError: the address cannot be had, or the certificate, the settings for
            replies or the voice, or the trace file cannot be used.
        ModelError: the voice activity detector cannot be loaded, or there are no weights for the
            voice.
        SynthesisError: the voice cannot be loaded.
    """
    tls = read_tls(settings)
    app = create_app(settings, recognizer, profile, chat_model=chat_model, speech=speech)
    server = make_server(app, settings, tls)
    listener = await _make_ready(server.state.speech, settings)
    async with anyio.create_task_group() as tasks:

        async def serve() -> None:
            # Whoever gives up waits for the few milliseconds of an orderly end: uvicorn takes a
            # cancellation for a crash of the application.
            with anyio.CancelScope(shield=True):
                await server.serve(sockets=[listener])

        tasks.start_soon(serve)
        try:
            await server.listening.wait()
            yield server, url_of(listener, "ws" if tls is None else "wss")
        finally:
            server.should_exit = True
