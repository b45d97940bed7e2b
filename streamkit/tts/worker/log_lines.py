"""Log records of a process on their way into the log of the one that started it.

They travel as lines on standard error, among whatever libraries print there, so that this works
from the process's first moment to its last.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

OUTPUT_LOGGER: Final = "streamkit.tts.worker.output"
"""Where lines end that are no log records; at level DEBUG, since nobody knows what they hold."""
MAX_LINE_BYTES: Final = 16_384
"""Of a line without an end; what is longer comes in pieces."""

_RECORD: Final = "\x1e"


class LineHandler(logging.Handler):
    """Writes records as lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            line = json.dumps([record.levelno, record.name, self.format(record)])
            # A line that something else has begun ends first.
            sys.stderr.write(f"\n{_RECORD}{line}\n")
            sys.stderr.flush()
        except Exception:
            # Nobody reads any more, or there is nothing left to write to: no reason to fail.
            return


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record, or a line that something printed."""

    level: int
    logger: str
    text: str

    def log(self) -> None:
        """Hand it to the log of this process."""
        logging.getLogger(self.logger).log(self.level, "%s", self.text)


class LogLines:
    """Finds records and lines in bytes that come in any pieces."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Take what has come, and give the lines that are complete."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        yield from map(_parse, filter(None, lines))

    def finish(self) -> Iterator[LogLine]:
        """Give what is left when no more comes."""
        yield from self.feed(b"\n")


def _parse(line: bytes) -> LogLine:
    text = line.decode("utf-8", "replace").rstrip("\r")
    if text.startswith(_RECORD):
        try:
            match json.loads(text[len(_RECORD) :]):
                case [int(level), str(logger), str(message)]:
                    return LogLine(level, logger, message)
        except ValueError:
            pass
    return LogLine(logging.DEBUG, OUTPUT_LOGGER, text)
