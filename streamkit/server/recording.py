"""Sessions that are written down whole, with sound and words, for `streamkit replay`.

Nobody waits for the disk. What passes a socket goes through a bounded queue to one thread, which
writes it into the session's own folder:

* `session.json`: what the session was asked for, and which server served it,
* `events.jsonl`: every message of both sides in order, a line each, with its time,
* `audio.bin`: the sound of all messages, which the lines point into,
* `audio.wav`: what the server has heard, for people; 16 kHz.

A line has `at` (seconds since the session began), `from` (`client`, `server` or `recorder`), and
one of `message` (JSON), `text` (text that is no JSON object), `closed` (code of the end) and, from
the recorder, `ended` (`whole`, or why the rest is missing). `sound` is offset and length in
`audio.bin`: of the message itself where it was binary, else of its sound in base64, which is left
out of it.

Keys never get here: those that the client or the server knows are struck out wherever they stand,
and so is what stands under a name like `authorization`. A recording that has become too long, or
for which the disk is too slow or full, ends; its session does not.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.types import Message
from starlette.websockets import WebSocket

from streamkit.errors import ConfigurationError
from streamkit.server.recording_files import RecordingFiles, describe, known_secrets

if TYPE_CHECKING:
    from streamkit.server.state import ServerState

logger = logging.getLogger("streamkit.record")

MAX_WAITING_BYTES: Final = 64 << 20
"""What may wait for the disk, of all sessions together."""

MESSAGE_BYTES: Final = 256
"""What a message takes beside its content."""

CLOSE_SECONDS: Final = 5.0
"""How long the server waits for the disk at its end."""

FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True)
class _Entry:
    """Something that passed the socket of a recorded session; `message` None: it is over."""

    recording: _Recording
    at: float
    side: str
    message: Message | None
    size: int


class Recorder:
    """Writes down the sessions of one server.

    Args:
        folder: gets a folder for each session; made if it is not there.
        max_bytes: of one session; beyond them its recording ends.
        max_waiting: bytes that may wait for the disk.

    Raises:
        ConfigurationError: the folder cannot be made.

    Attributes:
        broken: recordings that ended before their session.
    """

    def __init__(
        self, folder: Path, max_bytes: int, *, max_waiting: int = MAX_WAITING_BYTES
    ) -> None:
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"sessions cannot be recorded in {folder}: {error.strerror or error}; name "
                "another folder with --record, or leave that out"
            ) from error
        self.broken = 0
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_waiting = max_waiting
        self._waiting = 0
        self._lock = threading.Lock()
        self._entries: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        # Not waited for at the end of the process: a disk that hangs must not keep it.
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()

    def tap(
        self,
        state: ServerState,
        websocket: WebSocket,
        endpoint: str,
        session_id: str,
        granted: Mapping[str, Any] | None = None,
    ) -> WebSocket:
        """Record a session from when its connection is accepted.

        Args:
            state: of the server.
            websocket: not accepted yet.
            endpoint: `listen` or `realtime`.
            session_id: names the folder.
            granted: the session that the client's secret stands for.

        Returns:
            To be used in the place of `websocket`, and to be given to `finish` at the end.
        """
        began = time.strftime("%Y%m%d-%H%M%S", time.gmtime(state.now()))
        files = RecordingFiles(
            self._folder / f"{began}-{endpoint}-{session_id}",
            describe(state, websocket, endpoint, session_id, granted),
            known_secrets(state.settings, websocket),
            self._max_bytes,
        )
        return _TappedSocket(_Recording(self, files, state, websocket))

    def finish(self, websocket: WebSocket) -> None:
        """The session of a `tap` is over, however it has ended; what is no tap is left alone."""
        if isinstance(websocket, _TappedSocket):
            websocket.recording.finish()

    def put(self, entry: _Entry) -> bool:
        """Add what passed a socket, if there is room; the end of a session always has."""
        with self._lock:
            if entry.message is not None and self._waiting + entry.size > self._max_waiting:
                return False
            self._waiting += entry.size
        self._entries.put(entry)
        return True

    def close(self) -> None:
        """Write what waits; waits for the disk, `CLOSE_SECONDS` at most.

        Nothing may be recorded afterwards.
        """
        self._entries.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self.broken or self._thread.is_alive():
            logger.warning(
                "the recordings in %s are not complete: %d ended before their sessions, %d "
                "messages were not written yet",
                self._folder,
                self.broken,
                self._entries.qsize(),
            )

    def _run(self) -> None:
        while (entry := self._entries.get()) is not None:
            with self._lock:
                self._waiting -= entry.size
            files = entry.recording.files
            if files.ended is None:
                self._write(entry, files)
            elif entry.message is None:
                files.close()

    def _write(self, entry: _Entry, files: RecordingFiles) -> None:
        try:
            if entry.message is None:
                files.end(entry.at, entry.recording.lost or "whole")
                files.close()
            else:
                files.write(entry.at, entry.side, entry.message)
        except Exception as error:
            # The disk is full, most likely; what is there can be replayed. Whatever else it is, the
            # thread goes on for the other sessions.
            files.ended = getattr(error, "strerror", None) or type(error).__name__
            files.close()
        if files.ended not in (None, "whole"):
            entry.recording.lost = files.ended
            self.broken += 1
            level = logging.WARNING if self.broken == 1 else logging.DEBUG
            logger.log(level, "a recording in %s ended early: %s", self._folder, files.ended)


class _Recording:
    """One session: passes on what goes through its socket, and keeps a copy.

    Attributes:
        files: written by the recorder's thread alone.
        lost: why the rest is not recorded; None: it is.
        scope: of ASGI.
    """

    def __init__(
        self, recorder: Recorder, files: RecordingFiles, state: ServerState, websocket: WebSocket
    ) -> None:
        self.files = files
        self.lost: str | None = None
        self._recorder = recorder
        self._state = state
        self.scope = websocket.scope
        self._websocket = websocket
        self._began: float | None = None
        self._over = False

    async def receive(self) -> Message:
        """Wait for a message of the client."""
        message = await self._websocket.receive()
        self._keep("client", message)
        return message

    async def send(self, message: Message) -> None:
        """Send to the client; what is recorded has left."""
        if message["type"] == "websocket.accept":
            self._began = self._state.clock()
        try:
            await self._websocket.send(message)
        except BaseException:
            self._keep("client", {"type": "websocket.disconnect", "code": 1006})
            raise
        self._keep("server", message)

    def _keep(self, side: str, message: Message) -> None:
        if self._began is None or self._over or message["type"] == "websocket.accept":
            return
        at = self._state.clock() - self._began
        if self.lost is None:
            size = MESSAGE_BYTES + len(message.get("bytes") or message.get("text") or b"")
            if not self._recorder.put(_Entry(self, at, side, message, size)):
                self.lost = "the disk is too slow"
        if message["type"] in ("websocket.disconnect", "websocket.close"):
            self.finish()

    def finish(self) -> None:
        """Nothing more will pass; a second time is harmless."""
        if self._began is None or self._over:
            return
        self._over = True
        at = self._state.clock() - self._began
        self._recorder.put(_Entry(self, at, "recorder", None, 0))


class _TappedSocket(WebSocket):
    """The application's end of a socket that is recorded."""

    def __init__(self, recording: _Recording) -> None:
        super().__init__(recording.scope, recording.receive, recording.send)
        self.recording = recording
