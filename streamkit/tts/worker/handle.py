"""One process of a speech model, as the process that started it holds it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import pickle
import queue
import selectors
import signal
import socket
import subprocess
import sys
import threading
from typing import Final

from streamkit.tts.worker.framing import FrameDecoder, FramingError, frame
from streamkit.tts.worker.log_lines import LogLines
from streamkit.tts.worker.messages import Report, Request, Stop
from streamkit.tts.worker.spec import Boot

READ_BYTES: Final = 1 << 18
MAX_OUTPUT_READS: Final = 16
"""In a row, so that a process that prints without end keeps nobody from its sound."""
EXIT_SECONDS: Final = 2.0
"""For a process that has closed its connection to end."""
KILL_SECONDS: Final = 10.0
"""For the system to end a process that was killed."""

_START: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[2]); "
    "from streamkit.tts.worker.process import main; main(int(sys.argv[1]))"
)

logger = logging.getLogger("streamkit.tts.worker")


class WorkerEndedError(Exception):
    """The process has closed its connection, or has sent what is no message."""


class WorkerProcess:
    """A running process; one thread reads, any may send.

    The process is a fresh interpreter that imports this package and nothing of the program
    that starts it, so a script without a guard, a notebook and a test do equally well.

    Args:
        boot: what it is told first.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, boot: Boot) -> None:
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = _start(theirs.fileno())
        except BaseException:
            self._socket.close()
            raise
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        self._lines = LogLines()
        self._decoder = FrameDecoder()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._selector.register(self._output, selectors.EVENT_READ)
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._how: str | None = None
        self._writer = threading.Thread(
            target=self._write, name="streamkit-voice-requests", daemon=True
        )
        try:
            self._writer.start()
        except BaseException:
            self._process.kill()
            self._release()
            raise
        self._send(boot)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def send(self, request: Request) -> None:
        """Ask for something; never waits, and never fails: the end is for the reader to see."""
        self._send(request)

    def read(self, timeout: float) -> tuple[Report, ...]:
        """What it has told; empty: nothing yet, and at most `timeout` seconds have passed.

        Raises:
            WorkerEndedError: nothing more will come that could be understood.
        """
        events = self._selector.select(timeout)
        reports: list[Report] = []
        for key, _ in events:
            if key.fileobj is self._socket:
                reports.extend(self._receive())
            else:
                self._read_output()
        if not events and self._process.poll() is not None:
            raise WorkerEndedError("it has ended")
        return tuple(reports)

    def stop(self) -> None:
        """Ask it to end; after this nothing is sent any more."""
        self._send(Stop())
        self._outbox.put(None)

    def terminate(self) -> None:
        """Ask the system to end it."""
        self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()

    def end(self) -> str:
        """Wait until it has ended, at most `EXIT_SECONDS` before it is killed; release all.

        For the reading thread, which reads no more after it.

        Returns:
            How it ended, as in "it was killed by SIGKILL".
        """
        if self._how is None:
            self._how = self._end()
        return self._how

    def _end(self) -> str:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        try:
            code = self._process.wait(EXIT_SECONDS)
            how = _describe_exit(code)
        except subprocess.TimeoutExpired:
            self._process.kill()
            how = "it closed its connection"
        self._outbox.put(None)
        self._writer.join(EXIT_SECONDS)
        self._read_output()
        for line in self._lines.finish():
            line.log()
        self._release()
        return how

    def _release(self) -> None:
        """Close what is open; the process is over, or is about to be."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(KILL_SECONDS)
        if self._process.returncode is None:
            logger.error("the voice's process %d cannot be killed", self.pid)
        self._selector.close()
        self._socket.close()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, message: Request | Boot) -> None:
        self._outbox.put(frame(pickle.dumps(message, pickle.HIGHEST_PROTOCOL)))

    def _write(self) -> None:
        """Send what is to be sent, which may take long when the process does not read."""
        with contextlib.suppress(OSError):
            while (data := self._outbox.get()) is not None:
                self._socket.sendall(data)
            self._socket.shutdown(socket.SHUT_WR)

    def _receive(self) -> list[Report]:
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            raise WorkerEndedError("its connection was lost") from error
        if not data:
            raise WorkerEndedError("it has closed its connection")
        reports: list[Report] = []
        try:
            for payload in self._decoder.feed(data):
                reports.extend(pickle.loads(payload))
        except FramingError as error:
            raise WorkerEndedError(f"it has sent {error}") from error
        except Exception as error:
            # Whatever unpickling raises: no message of ours does.
            raise WorkerEndedError(f"it has sent what cannot be read: {error}") from error
        return reports

    def _read_output(self) -> None:
        """Log what it has printed; never waits."""
        for _ in range(MAX_OUTPUT_READS):
            try:
                data = os.read(self._output, READ_BYTES)
            except BlockingIOError:
                return
            for line in self._lines.feed(data):
                line.log()
            if not data:
                # Nobody can print there any more.
                with contextlib.suppress(KeyError):
                    self._selector.unregister(self._output)
                return


def _start(descriptor: int) -> subprocess.Popen[bytes]:
    """Start the process with one more open file."""
    if not sys.executable:
        raise OSError("this program does not know which Python runs it (sys.executable is empty)")
    path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
    # Inherited by the process, so that Ctrl-C cannot reach it before it ignores that itself.
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _START, str(descriptor), path],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            pass_fds=[descriptor],
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        return f"it was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was killed by signal {-code}"
