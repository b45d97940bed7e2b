"""Server-sent events out of bytes, each line and each event bounded.

Why not httpx-sse? Its 0.4.3 release was read for this: it is small and sound, but it waits for
the end of a line however long that gets, and a peer that never ends its line fills the memory.
"""

from __future__ import annotations

from dataclasses import dataclass

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventTooLongError(Exception):
    """A line or an event exceeds the bound."""


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One event of a stream."""

    kind: str
    """What the field `event` says; "" without one."""
    data: str
    """The lines of data, joined by line feeds; bytes that are no UTF-8 are replaced."""


class EventStreamReader:
    """Cuts a stream of bytes into events, wherever its pieces end.

    As the HTML standard's "Server-sent events" has it: lines end with LF, CR LF or CR, an empty
    line ends an event, one without data is none, and lines that begin with a colon are
    comments.

    Args:
        max_bytes: bound on a line, and on the data of an event.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._line = bytearray()
        self._kind = ""
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False
        self._at_start = True

    def feed(self, piece: bytes) -> list[ServerEvent]:
        """Take the next bytes; returns the events that they complete.

        Raises:
            EventTooLongError: a bound is exceeded; the reader cannot be used further.
        """
        if self._after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        events: list[ServerEvent] = []
        *ended, rest = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._after_return = piece.endswith(b"\r")
        for end in ended:
            self._extend(end)
            event = self._end_line()
            if event is not None:
                events.append(event)
        self._extend(rest)
        return events

    def end(self) -> list[ServerEvent]:
        """The stream is over; returns the last event if the line that ends it is missing.

        The standard drops such an event, but a server that forgets the empty line after its
        last one has said it nevertheless.
        """
        events = [self._end_line(), self._end_event()]
        return [event for event in events if event is not None]

    def _extend(self, part: bytes) -> None:
        if len(self._line) + len(part) > self._max_bytes:
            raise EventTooLongError
        self._line += part

    def _end_line(self) -> ServerEvent | None:
        line = bytes(self._line)
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(_BYTE_ORDER_MARK)
            self._at_start = False
        if not line:
            return self._end_event()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value) + 1
            if self._size > self._max_bytes:
                raise EventTooLongError
            self._data.append(value)
        elif name == b"event":
            self._kind = value.decode("utf-8", "replace")
        return None

    def _end_event(self) -> ServerEvent | None:
        kind, data = self._kind, self._data
        self._kind, self._data, self._size = "", [], 0
        if not data:
            return None
        return ServerEvent(kind, b"\n".join(data).decode("utf-8", "replace"))
