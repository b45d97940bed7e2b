"""One line of a trace -> a record: looks at every field, and believes none."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from streamkit.report.records import (
    Begin,
    Caption,
    Chunk,
    Clock,
    End,
    Hypothesis,
    Record,
    Response,
    SpokenWord,
    Turn,
)

MAX_TEXT: Final = 2000
"""Characters of a text that are kept."""
MAX_WORDS: Final = 2000
"""Words of one hypothesis; a window of 30 s has some hundred at most."""
MAX_STAGES: Final = 64
"""Names in one table of durations."""
MAX_SIZE: Final = 1e12
"""Of any number: far beyond the Unix seconds and the positions of this century."""


class Fields:
    """The fields of one record; each reader raises ValueError with a reason for people."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def number(self, name: str) -> float:
        """A number that has to be there."""
        value = self.maybe(name)
        if value is None:
            raise ValueError(f"{name} is missing")
        return value

    def maybe(self, name: str) -> float | None:
        """A number, or None."""
        value = self._fields.get(name)
        return None if value is None else _number(name, value)

    def position(self, name: str) -> int:
        """Samples."""
        return int(self.number(name))

    def text(self, name: str) -> str:
        """A text, perhaps shortened; empty where there is none."""
        value = self._fields.get(name)
        if value is None:
            return ""
        if isinstance(value, str):
            return value[:MAX_TEXT]
        if isinstance(value, int | float):
            return str(value)
        raise ValueError(f"{name} is not a text")

    def flag(self, name: str, otherwise: bool = False) -> bool:
        """True or false."""
        value = self._fields.get(name)
        if value is None:
            return otherwise
        if not isinstance(value, bool):
            raise ValueError(f"{name} is neither true nor false")
        return value

    def has(self, name: str) -> bool:
        """There is a value, not None."""
        return self._fields.get(name) is not None

    def inner(self, name: str) -> Fields:
        """The fields of an object in the record; none where it is not there."""
        value = self._fields.get(name)
        if value is None:
            return Fields({})
        if not isinstance(value, dict):
            raise ValueError(f"{name} is not an object")
        return Fields(value)

    def durations(self, name: str) -> dict[str, float]:
        """Stage -> seconds; stages without a number are left out."""
        found = self.inner(name)._fields
        if len(found) > MAX_STAGES:
            raise ValueError(f"{name} has more than {MAX_STAGES} entries")
        return {
            stage: _number(f"{name}.{stage}", value)
            for stage, value in found.items()
            if value is not None and stage not in ("received_at", "captured_at")
        }

    def words(self, name: str) -> tuple[SpokenWord, ...]:
        """Rows of text, start, end and whether it is committed."""
        rows = self._fields.get(name)
        if rows is None:
            return ()
        if not isinstance(rows, list) or len(rows) > MAX_WORDS:
            raise ValueError(f"{name} is not a list of at most {MAX_WORDS} words")
        return tuple(_word(name, row) for row in rows)


def parse(line: bytes) -> Record | str:
    """Read one line.

    Args:
        line: with or without its end.

    Returns:
        The record, or the kind of a record that is not known here.

    Raises:
        ValueError: it is no record; the message says why.
    """
    try:
        fields = json.loads(line.decode("utf-8-sig"), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg}") from None
    if not isinstance(fields, dict) or not isinstance(kind := fields.get("kind"), str):
        raise ValueError("it is not an object with a kind")
    make = MAKERS.get(kind)
    return kind[:MAX_TEXT] if make is None else make(Fields(fields))


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is not a number")
    # Compared before it is converted: an integer may be too big for a float.
    if not -MAX_SIZE < value < MAX_SIZE or not math.isfinite(value):
        raise ValueError(f"{name} is out of range")
    return float(value)


def _word(name: str, row: Any) -> SpokenWord:
    match row:
        case [str() as text, start, end, bool() as committed]:
            begin, stop = _number(name, start), _number(name, end)
            return SpokenWord(text[:MAX_TEXT], int(begin), int(stop), committed)
        case _:
            raise ValueError(f"{name} has a row that is not [text, start, end, committed]")


def _begin(fields: Fields) -> Begin:
    return Begin(
        fields.text("session"),
        fields.number("at"),
        fields.text("endpoint"),
        fields.text("side") or "server",
        fields.text("version"),
        fields.text("recognizer"),
        fields.text("reply_model"),
        fields.text("voice"),
    )


def _end(fields: Fields) -> End:
    return End(
        fields.text("session"),
        fields.number("at"),
        fields.text("code"),
        fields.maybe("audio_seconds"),
    )


def _clock(fields: Fields) -> Clock:
    offset, error = fields.maybe("offset"), fields.maybe("error")
    return Clock(fields.text("session"), fields.number("at"), offset, error)


def _chunk(fields: Fields) -> Chunk:
    start, end = fields.position("start"), fields.position("end")
    if end < start:
        raise ValueError("end lies before start")
    captured = fields.maybe("captured_at")
    return Chunk(
        fields.text("session"),
        int(fields.maybe("channel") or 0),
        start,
        end,
        # By a clock that was not compared it says nothing about latency.
        captured if fields.flag("mapped", True) else None,
        fields.maybe("sent_at"),
        fields.maybe("received_at"),
        fields.maybe("scored_at"),
        fields.maybe("level"),
        fields.maybe("speech"),
    )


def _hypothesis(fields: Fields) -> Hypothesis:
    committed = fields.maybe("committed_until")
    return Hypothesis(
        fields.text("session"),
        int(fields.maybe("channel") or 0),
        int(fields.maybe("segment") or 0),
        fields.position("start"),
        fields.position("end"),
        fields.number("asked_at"),
        fields.maybe("started_at"),
        fields.maybe("ended_at"),
        fields.flag("final"),
        fields.text("outcome") or "done",
        None if committed is None else int(committed),
        fields.words("words"),
    )


def _caption(fields: Fields) -> Caption:
    arrived, at = fields.maybe("received_at_client"), fields.maybe("at")
    latency = fields.inner("latency")
    captured = latency.maybe("captured_at")
    return Caption(
        fields.text("session"),
        int(fields.maybe("channel") or 0),
        # A page does not know when the server sent what has no latency.
        fields.number("at") if at is None and arrived is None else at or arrived or 0.0,
        fields.position("start"),
        fields.position("end"),
        fields.flag("is_final"),
        fields.flag("speech_final"),
        int(fields.maybe("word_count") or 0),
        int(fields.maybe("committed_count") or 0),
        fields.durations("latency"),
        fields.maybe("captured_at") if captured is None else captured,
        latency.maybe("received_at"),
        arrived,
        fields.maybe("shown_at"),
        fields.text("text"),
    )


def _turn(fields: Fields) -> Turn:
    end = fields.maybe("end")
    return Turn(
        fields.text("session"),
        fields.number("at"),
        fields.text("status"),
        fields.maybe("seconds") or 0.0,
        int(fields.maybe("words") or 0),
        fields.durations("latency"),
        fields.text("transcript"),
        None if end is None else int(end),
        fields.maybe("received_at"),
    )


def _response(fields: Fields) -> Response:
    speech = fields.inner("speech")
    return Response(
        fields.text("session"),
        fields.number("at"),
        fields.text("response") or fields.text("response_id"),
        fields.text("status"),
        fields.text("reason"),
        fields.maybe("audio_seconds") or 0.0,
        fields.durations("latency"),
        fields.durations("parts"),
        speech.maybe("captured_at") if speech.flag("mapped", True) else None,
        speech.maybe("received_at"),
        # Since format 2 a trace says what was answered; before that nobody knows.
        fields.has("speech") or not fields.has("stages"),
        fields.maybe("audible_sent_at"),
        fields.maybe("heard_at"),
        fields.text("text"),
    )


MAKERS: Final[Mapping[str, Callable[[Fields], Record]]] = {
    "begin": _begin,
    "end": _end,
    "clock": _clock,
    "chunk": _chunk,
    "hypothesis": _hypothesis,
    "caption": _caption,
    "turn": _turn,
    "response": _response,
}
"""Who reads which kind of record."""
