"""One line of JSON for each record of a trace, in a file, for whoever wants to look closer.

What is written is what `records` makes. Nobody waits for the disk: when it is too slow, or full,
records are left out and counted.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

from streamkit.errors import ConfigurationError
from streamkit.server.records import Note, Samples, level_dbfs, record_of
from streamkit.server.trace_thread import PLACES, TraceThread

logger = logging.getLogger("streamkit.trace")

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
"""`json.dumps` with separators would make an encoder for each record."""

_CHUNK: Final = (
    '{"kind":"chunk","session":%s,"channel":%d,"start":%d,"end":%d,"captured_at":%s,'
    '"received_at":%.4f,"scored_at":%.4f,"level":%.1f,"speech":%s%s}\n'
)


class TraceFile:
    """A file that grows by a line for each record, and survives the server (a `TraceSink`).

    Args:
        path: of the file; it is continued if it is there.
        places: records that may wait.

    Raises:
        ConfigurationError: it cannot be written.

    Attributes:
        write: adds a record, which is made when it is written; never waits.
    """

    write: Callable[[Note], None]

    def __init__(self, path: Path, places: int = PLACES) -> None:
        try:
            # Without a buffer: a line is in the file as soon as it is written.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise ConfigurationError(
                f"the trace file {path} cannot be written: {error.strerror or error}; "
                "name another one with --trace, or leave that out"
            ) from error
        self._path = path
        self._unwritten = 0
        self._failed = False
        self._torn = False
        self._lines: list[str] = []
        self._thread = TraceThread("trace", self._take, self._flush, self._file.close, places)
        # Without a step between: it is called for each chunk.
        self.write = self._thread.write

    @property
    def lost(self) -> int:
        """Records that could not be written."""
        return self._thread.lost + self._unwritten

    def close(self) -> None:
        """Write what waits, and close; waits for the disk, a few seconds at most.

        Nothing may be written afterwards.
        """
        done = self._thread.close()
        if self.lost or not done:
            logger.warning(
                "the trace file %s is not complete: %d records were left out, %d not written yet",
                self._path,
                self.lost,
                len(self._thread),
            )

    def _take(self, note: Note) -> None:
        self._lines.append(line_of(note))

    def _flush(self) -> None:
        lines = "".join(self._lines).encode()
        self._lines.clear()
        # A line that was not written whole must not spoil the next one.
        data, done = (b"\n" + lines if self._torn else lines), 0
        try:
            while done < len(data):
                done += self._file.write(memoryview(data)[done:])
        except OSError as error:
            self._lose(data[max(done, int(self._torn)) :].count(b"\n"), error)
        if done:
            self._torn = not data[:done].endswith(b"\n")

    def _lose(self, count: int, error: OSError) -> None:
        self._unwritten += count
        if not self._failed:
            self._failed = True
            logger.warning("the trace file %s cannot be written: %s", self._path, error.strerror)


def line_of(note: Note) -> str:
    """What has happened as a line of JSON."""
    if note[0] == "chunk":
        return _chunk(*note[1:])
    return f"{_encode(record_of(note))}\n"


def _chunk(
    session: str,
    channel: int,
    start: int,
    end: int,
    captured_at: float | None,
    received_at: float,
    scored_at: float,
    sound: Samples | float,
    probabilities: tuple[float, ...],
    epoch: float,
    offset: float | None,
) -> str:
    """The line of `records.chunk_record`, which nearly all are, in half of the time."""
    captured, more = "null", ""
    if captured_at is not None:
        captured = f"{captured_at + (offset or 0.0):.4f}"
        more = ',"mapped":false' if offset is None else ""
    return _CHUNK % (
        _quoted(session),
        channel,
        start,
        end,
        captured,
        received_at + epoch,
        scored_at + epoch,
        sound if isinstance(sound, float) else level_dbfs(sound),
        f"{max(probabilities):.3f}" if probabilities else "null",
        more,
    )


_quoted: Final = lru_cache(1024)(_encode)
