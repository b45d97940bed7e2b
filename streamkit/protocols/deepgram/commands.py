"""What a client says in text frames."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypeGuard

from streamkit.asr.recognizer import Word
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.errors import ProtocolError
from streamkit.latency.clock import ClockReport
from streamkit.protocols.deepgram.quoting import echo

MAX_TEXT_CHARACTERS = 16_384
"""Longest control message: room for the committed words of a window, which is 30 s at most."""
MAX_COMMITTED_WORDS = 300
MAX_WORD_CHARACTERS = 100
MAX_WINDOW_SECONDS = 30
MAX_UNIX_SECONDS = 1e11


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """The client is there.

    Attributes:
        captured_at: Unix seconds of the first sample of its next audio message.
        committed: words that an earlier connection committed for the audio that follows.
        clock: the client wants to compare clocks.
    """

    captured_at: float | None = None
    committed: tuple[Word, ...] = ()
    clock: ClockReport | None = None


@dataclass(frozen=True, slots=True)
class Finalize:
    """Everything so far as a final, now."""


@dataclass(frozen=True, slots=True)
class CloseStream:
    """No more audio: finals, `Metadata`, close."""


@dataclass(frozen=True, slots=True)
class Configure:
    """Change settings of the running stream, which is answered but not offered."""


Command = KeepAlive | Finalize | CloseStream | Configure
COMMANDS = ("KeepAlive", "Finalize", "CloseStream", "Configure")


def parse_command(text: str) -> Command:
    """Read a text frame.

    Raises:
        ProtocolError: it is no JSON object of a known type.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ProtocolError(
            f"a text message of {len(text)} characters was given; accepted: up to "
            f"{MAX_TEXT_CHARACTERS}; audio goes into binary messages"
        )
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(
            f"the text message is no JSON; accepted: an object with type {', '.join(COMMANDS)}; "
            "audio goes into binary messages"
        ) from None
    kind = message.get("type") if isinstance(message, dict) else None
    match kind:
        case "KeepAlive":
            return _keep_alive(message.get("streamkit", {}))
        case "Finalize":
            return Finalize()
        case "CloseStream":
            return CloseStream()
        case "Configure":
            return Configure()
        case _:
            given = echo(str(kind)) if isinstance(message, dict) else type(message).__name__
            raise ProtocolError(
                f"a message of type {given} was given; accepted: {', '.join(COMMANDS)}"
            )


def _keep_alive(extra: object) -> KeepAlive:
    """Read our own key of `KeepAlive`."""
    if not isinstance(extra, dict):
        raise ProtocolError(
            f"KeepAlive.streamkit is {type(extra).__name__}; accepted: an object with "
            "captured_at, committed, clock"
        )
    captured_at = extra.get("captured_at")
    if captured_at is not None and not _is_number(captured_at, MAX_UNIX_SECONDS):
        raise ProtocolError("KeepAlive.streamkit.captured_at must be Unix seconds")
    committed = extra.get("committed", [])
    if not isinstance(committed, list) or len(committed) > MAX_COMMITTED_WORDS:
        raise ProtocolError(
            "KeepAlive.streamkit.committed must be a list of at most "
            f"{MAX_COMMITTED_WORDS} words [text, start, end]"
        )
    return KeepAlive(
        None if captured_at is None else float(captured_at),
        tuple(map(_committed_word, committed)),
        _clock(extra.get("clock")),
    )


def _clock(wire: object) -> ClockReport | None:
    match wire:
        case None:
            return None
        case {"sent_at": sent_at, **others} if _is_number(sent_at, MAX_UNIX_SECONDS):
            match others.get("last"):
                case None:
                    return ClockReport(float(sent_at))
                case {"server_sent_at": answer, "received_at": at} if _is_number(
                    answer, MAX_UNIX_SECONDS
                ) and _is_number(at, MAX_UNIX_SECONDS):
                    return ClockReport(float(sent_at), float(answer), float(at))
    raise ProtocolError(
        "KeepAlive.streamkit.clock cannot be used; accepted: {sent_at, last: {server_sent_at, "
        "received_at}} in Unix seconds, without last in the first one"
    )


def _committed_word(entry: object) -> Word:
    match entry:
        case [str(text), start, end] if (
            0 < len(text) <= MAX_WORD_CHARACTERS
            and _is_number(start, MAX_WINDOW_SECONDS)
            and _is_number(end, MAX_WINDOW_SECONDS)
            and start <= end
        ):
            return Word(text, round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), 1.0)
        case _:
            raise ProtocolError(
                "a word of KeepAlive.streamkit.committed must be [text, start, end], with up to "
                f"{MAX_WORD_CHARACTERS} characters, and seconds since the first sample of this "
                f"connection, up to {MAX_WINDOW_SECONDS}"
            )


def _is_number(value: object, most: float) -> TypeGuard[float]:
    """Whether a JSON value is a number from 0 to `most`."""
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= most
