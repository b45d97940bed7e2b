"""Server processes of the benchmarks: started, waited for, and gone in the end."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psutil

from streamkit.errors import ConnectionLostError

START_SECONDS = 120.0
STOP_SECONDS = 15.0
KEPT_LINES = 30


@contextmanager
def launched(
    command: Sequence[str],
    ready: str,
    *,
    seconds: float = START_SECONDS,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[psutil.Process, re.Match[str]]]:
    """Run a server until the block is left.

    It is in a session of its own: Ctrl-C reaches the benchmark alone, which then ends it here.

    Args:
        command: program and arguments.
        ready: pattern of the line (of either output) that says that it takes clients.
        seconds: it may take until then.
        environment: variables beside those of this process.

    Raises:
        ConnectionLostError: it ended, or said nothing of the kind in time; with its last lines.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=None if environment is None else {**os.environ, **environment},
        errors="replace",
        start_new_session=True,
    )
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    found: queue.Queue[re.Match[str] | None] = queue.Queue()

    def read() -> None:
        # To the end, since a full pipe would stop the server.
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            match = re.search(ready, line)
            if match is not None:
                found.put(match)
        found.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        try:
            match = found.get(timeout=seconds)
        except queue.Empty:
            match = None
        if match is None:
            said = "\n".join(lines) or "nothing"
            raise ConnectionLostError(
                f"the server {' '.join(command)} was not ready within {seconds:.0f} s; "
                f"it said:\n{said}"
            )
        yield psutil.Process(process.pid), match
    finally:
        _end(process)
        reader.join(STOP_SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the process to end, and make it and its children if it does not."""
    try:
        tree = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        tree = []
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in tree:
        with suppress(psutil.NoSuchProcess):
            child.kill()
