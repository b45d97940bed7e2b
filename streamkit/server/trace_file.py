"""One line of JSON for each turn and each response, in a file, for whoever wants to look closer.

What is written is what `records` makes of a session's effects. Nobody waits for the disk: lines
go through a bounded queue to a thread, and when the disk is too slow, or full, they are left out
and counted.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from streamkit.errors import ConfigurationError

logger = logging.getLogger("streamkit.trace")

PLACES: Final = 4096
"""Lines that may wait for the disk."""

CLOSE_SECONDS: Final = 5.0
"""How long the server waits for the disk at its end."""


class TraceFile:
    """A file that grows by a line for each record, and survives the server.

    Args:
        path: of the file; it is continued if it is there.
        places: lines that may wait.

    Raises:
        ConfigurationError: it cannot be written.

    Attributes:
        lost: records that could not be written.
    """

    def __init__(self, path: Path, places: int = PLACES) -> None:
        try:
            # Without a buffer: a line is in the file as soon as it is written.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise ConfigurationError(
                f"the trace file {path} cannot be written: {error.strerror or error}; "
                "name another one with --trace, or leave that out"
            ) from error
        self.lost = 0
        self._path = path
        self._lines: queue.Queue[bytes | None] = queue.Queue(places)
        self._failed = False
        # Not waited for at the end of the process: a disk that hangs must not keep it.
        self._thread = threading.Thread(target=self._run, name="trace", daemon=True)
        self._thread.start()

    def write(self, record: Mapping[str, Any]) -> None:
        """Add a record; never waits."""
        line = json.dumps(record, separators=(",", ":"))
        try:
            self._lines.put_nowait(line.encode() + b"\n")
        except queue.Full:
            self.lost += 1

    def close(self) -> None:
        """Write what waits, and close; waits for the disk, `CLOSE_SECONDS` at most.

        Nothing may be written afterwards.
        """
        try:
            self._lines.put(None, timeout=CLOSE_SECONDS)
        except queue.Full:
            pass
        else:
            self._thread.join(CLOSE_SECONDS)
        if self.lost or self._thread.is_alive():
            logger.warning(
                "the trace file %s is not complete: %d records were left out, %d not written yet",
                self._path,
                self.lost,
                self._lines.qsize(),
            )

    def _run(self) -> None:
        with self._file:
            while (line := self._lines.get()) is not None:
                self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
        except OSError as error:
            self._lose(error)

    def _lose(self, error: OSError) -> None:
        self.lost += 1
        if not self._failed:
            self._failed = True
            logger.warning("the trace file %s cannot be written: %s", self._path, error.strerror)
