"""The process that owns a speech model: reads requests, takes steps, reports; one loop.

It is started by `streamkit.tts.worker.handle`, with one end of a socket pair. It ends when the
other end is closed, so it never outlives the process that started it, not even a killed one.
"""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Final, cast

from streamkit.errors import SynthesisError
from streamkit.tts.worker.engine import Engine
from streamkit.tts.worker.framing import FrameDecoder, FramingError, frame
from streamkit.tts.worker.log_lines import LineHandler
from streamkit.tts.worker.memory import release_memory, resident_memory
from streamkit.tts.worker.messages import (
    Broken,
    Cancel,
    Clone,
    Cloned,
    Failed,
    Heartbeat,
    Ready,
    Report,
    Request,
    Speak,
    Stop,
)
from streamkit.tts.worker.spec import Boot

READ_BYTES: Final = 1 << 16
GRACE_SECONDS: Final = 1.0
"""For a model that is busy when nobody wants it any more; then the process ends without it."""

logger = logging.getLogger("streamkit.tts.worker")


class ParentGoneError(Exception):
    """Nobody is at the other end any more."""


class Channel:
    """This process's end of the connection.

    Args:
        connection: a connected stream socket.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._sending = threading.Lock()

    def listen(self) -> None:
        """Read until the other end is closed, then end the process; a thread of its own.

        So the end is noticed even while a model is being loaded, or hangs.
        """
        decoder = FrameDecoder()
        with contextlib.suppress(OSError, FramingError):
            while data := self._connection.recv(READ_BYTES):
                for payload in decoder.feed(data):
                    self._frames.put(payload)
        self._frames.put(None)
        time.sleep(GRACE_SECONDS)
        os._exit(0)

    def take(self, timeout: float) -> object | None:
        """The next message; None: none came in `timeout` seconds.

        Raises:
            ParentGoneError: and none will come.
        """
        try:
            payload = self._frames.get(timeout=timeout)
        except queue.Empty:
            return None
        if payload is None:
            raise ParentGoneError
        message: object = pickle.loads(payload)
        return message

    def send(self, *reports: Report) -> None:
        """Tell something; from any thread.

        Raises:
            ParentGoneError: nobody hears it.
        """
        if not reports:
            return
        data = frame(pickle.dumps(reports, pickle.HIGHEST_PROTOCOL))
        try:
            with self._sending:
                self._connection.sendall(data)
        except OSError as error:
            raise ParentGoneError from error


class Loop:
    """Carries requests to a model and its sound back, until there is no more to do."""

    def __init__(self, engine: Engine, channel: Channel, heartbeat: float) -> None:
        self._engine = engine
        self._channel = channel
        self._heartbeat = heartbeat
        self._next_beat = 0.0

    def run(self) -> None:
        """Work until `Stop`.

        Raises:
            ParentGoneError: nobody is there any more.
            Exception: the model failed as a whole.
        """
        while True:
            for request in self._waiting_requests():
                if isinstance(request, Stop):
                    return
                self._handle(request)
            self._channel.send(*self._engine.advance())
            self._beat()

    def _waiting_requests(self) -> Iterator[Request]:
        """All that has come; with nothing to do, wait for it until the next heartbeat."""
        busy = self._engine.active or self._engine.waiting
        timeout = 0.0 if busy else max(0.0, self._next_beat - time.monotonic())
        while (request := self._channel.take(timeout)) is not None:
            timeout = 0.0
            yield cast(Request, request)

    def _handle(self, request: Speak | Cancel | Clone) -> None:
        try:
            match request:
                case Speak():
                    self._engine.begin(request)
                case Cancel(id):
                    self._engine.cancel(id)
                case Clone(id, samples):
                    self._channel.send(Cloned(id, self._engine.clone(samples)))
        except SynthesisError as error:
            self._channel.send(Failed(request.id, str(error), permanent=True))
        except ParentGoneError:
            raise
        except Exception as error:
            log_without_words("a request", error)
            reason = f"the voice failed with {type(error).__name__}"
            self._channel.send(Failed(request.id, reason, permanent=False))

    def _beat(self) -> None:
        now = time.monotonic()
        if now < self._next_beat:
            return
        self._next_beat = now + self._heartbeat
        engine = self._engine
        memory = resident_memory() + engine.memory()
        self._channel.send(Heartbeat(memory, engine.active, engine.waiting))


@contextlib.contextmanager
def beating(channel: Channel, heartbeat: float) -> Iterator[None]:
    """Tell that the process is alive while its main thread is loading."""
    over = threading.Event()

    def beat() -> None:
        with contextlib.suppress(ParentGoneError):
            while not over.wait(heartbeat):
                channel.send(Heartbeat(resident_memory(), 0, 0))

    thread = threading.Thread(target=beat, name="streamkit-loading", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def log_without_words(what: str, error: Exception) -> None:
    """Log where something failed; the error's own words may be those of a conversation."""
    where = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s failed with %s\n%s", what, type(error).__name__, where)


def serve(channel: Channel) -> None:
    """Load what the first message says, and work until nobody wants it.

    Raises:
        ParentGoneError: nobody is there any more.
    """
    boot: Boot | None = None
    try:
        while boot is None:
            boot = cast("Boot | None", channel.take(GRACE_SECONDS))
    except ParentGoneError:
        raise
    except Exception as error:
        reason = f"what the voice is to load cannot be read in its process: {error}"
        channel.send(Broken(reason, permanent=True))
        return
    _set_up(boot)
    try:
        with beating(channel, boot.heartbeat):
            engine = boot.spec.load()
            release_memory()
    except Exception as error:
        broken = boot.spec.explain(error)
        # What only a person can mend is told to the person; all else is for whoever looks for it.
        level = logging.DEBUG if broken.permanent else logging.ERROR
        logger.log(level, "the voice cannot be loaded", exc_info=True)
        channel.send(broken)
        return
    try:
        # A model that takes too much is not to be used at all, so that is told first.
        channel.send(Heartbeat(resident_memory() + engine.memory(), 0, 0), Ready(engine.info))
        Loop(engine, channel, boot.heartbeat).run()
    except ParentGoneError:
        raise
    except Exception as error:
        log_without_words("the voice", error)
        reason = f"the voice failed with {type(error).__name__}"
        channel.send(Broken(reason, permanent=False))


def main(descriptor: int) -> None:
    """Be that process.

    Args:
        descriptor: of a connected stream socket, this process's end.
    """
    # Ctrl-C goes to everybody in the terminal; whoever started this process decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    # What this process starts must not keep the connection open when it ends.
    os.set_inheritable(descriptor, False)
    channel = Channel(socket.socket(fileno=descriptor))
    threading.Thread(target=channel.listen, name="streamkit-requests", daemon=True).start()
    with contextlib.suppress(ParentGoneError):
        serve(channel)


def _set_up(boot: Boot) -> None:
    if boot.niceness and hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(boot.niceness)
    # A crash below Python says where it was.
    faulthandler.enable()
    # Both go into one pipe; lines of libraries come when they are printed.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    logging.basicConfig(handlers=[LineHandler()], level=logging.WARNING, format="%(message)s")
    logging.getLogger("streamkit").setLevel(boot.log_level)
    logging.captureWarnings(True)
