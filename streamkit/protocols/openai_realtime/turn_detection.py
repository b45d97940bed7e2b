"""How the end of a turn is found: the wire's milliseconds, the session's seconds."""

from __future__ import annotations

from typing import Any, get_args

from streamkit.protocols.openai_realtime.fields import (
    Members,
    Reader,
    boolean,
    integer,
    missing,
    number,
    one_of,
)
from streamkit.session.conversation_options import Eagerness, SemanticVad, ServerVad, TurnDetection

EAGERNESS: tuple[Eagerness, ...] = get_args(Eagerness)

SERVER_VAD = "server_vad"
SEMANTIC_VAD = "semantic_vad"

MIN_THRESHOLD = 0.01
MAX_THRESHOLD = 0.99
"""No probability is below 0 or above 1: 0 and 1 themselves, which OpenAI takes, are moved here."""
MAX_PREFIX_PADDING_MS = 5000
MIN_SILENCE_MS = 100
"""Shorter silences happen inside words."""
MAX_SILENCE_MS = 30_000
MIN_IDLE_TIMEOUT_MS = 1000
MAX_IDLE_TIMEOUT_MS = 600_000

_SERVER_VAD_FIELDS = (
    "type",
    "threshold",
    "prefix_padding_ms",
    "silence_duration_ms",
    "idle_timeout_ms",
    "create_response",
    "interrupt_response",
    # An option of the agents SDKs, which names a version of OpenAI's detector.
    "model_version",
)
_SEMANTIC_VAD_FIELDS = (
    "type",
    "eagerness",
    "create_response",
    "interrupt_response",
    "model_version",
)


def turn_detection(current: TurnDetection | None) -> Reader[TurnDetection]:
    """Reader of a partial update; another type begins with that type's defaults."""

    def read(value: object, path: str) -> TurnDetection:
        # A member of the other type is told by its name once the type is known.
        every = Members(value, path, (*_SERVER_VAD_FIELDS, "eagerness"))
        kind = every.optional("type", one_of((SERVER_VAD, SEMANTIC_VAD)))
        if kind is None and current is None:
            raise missing(every.path("type"))
        if kind == SERVER_VAD or (kind is None and isinstance(current, ServerVad)):
            members = Members(value, path, _SERVER_VAD_FIELDS)
            return _server_vad(members, current if isinstance(current, ServerVad) else ServerVad())
        members = Members(value, path, _SEMANTIC_VAD_FIELDS)
        return _semantic_vad(
            members, current if isinstance(current, SemanticVad) else SemanticVad()
        )

    return read


def _server_vad(members: Members, old: ServerVad) -> ServerVad:
    default = ServerVad()
    return ServerVad(
        threshold=members.changed("threshold", _threshold, old.threshold, default.threshold),
        prefix_padding=members.changed(
            "prefix_padding_ms",
            milliseconds(0, MAX_PREFIX_PADDING_MS),
            old.prefix_padding,
            default.prefix_padding,
        ),
        silence=members.changed(
            "silence_duration_ms",
            milliseconds(MIN_SILENCE_MS, MAX_SILENCE_MS),
            old.silence,
            default.silence,
        ),
        idle_timeout=members.changed(
            "idle_timeout_ms",
            milliseconds(MIN_IDLE_TIMEOUT_MS, MAX_IDLE_TIMEOUT_MS),
            old.idle_timeout,
            default.idle_timeout,
        ),
        create_response=members.changed(
            "create_response", boolean, old.create_response, default.create_response
        ),
        interrupt_response=members.changed(
            "interrupt_response", boolean, old.interrupt_response, default.interrupt_response
        ),
    )


def _threshold(value: object, path: str) -> float:
    return min(max(number(0, 1)(value, path), MIN_THRESHOLD), MAX_THRESHOLD)


def _semantic_vad(members: Members, old: SemanticVad) -> SemanticVad:
    default = SemanticVad()
    return SemanticVad(
        eagerness=members.changed("eagerness", one_of(EAGERNESS), old.eagerness, default.eagerness),
        create_response=members.changed(
            "create_response", boolean, old.create_response, default.create_response
        ),
        interrupt_response=members.changed(
            "interrupt_response", boolean, old.interrupt_response, default.interrupt_response
        ),
    )


def milliseconds(least: int, most: int) -> Reader[float]:
    """Reader of whole milliseconds as seconds."""
    return lambda value, path: integer(least, most)(value, path) / 1000


def in_milliseconds(seconds: float) -> int:
    """Seconds as whole milliseconds."""
    return round(seconds * 1000)


def turn_detection_wire(chosen: TurnDetection | None) -> dict[str, Any] | None:
    """The detection as the server tells it, every field filled in."""
    match chosen:
        case None:
            return None
        case ServerVad():
            return {
                "type": SERVER_VAD,
                "threshold": chosen.threshold,
                "prefix_padding_ms": in_milliseconds(chosen.prefix_padding),
                "silence_duration_ms": in_milliseconds(chosen.silence),
                "idle_timeout_ms": None
                if chosen.idle_timeout is None
                else in_milliseconds(chosen.idle_timeout),
                "create_response": chosen.create_response,
                "interrupt_response": chosen.interrupt_response,
            }
        case SemanticVad():
            return {
                "type": SEMANTIC_VAD,
                "eagerness": chosen.eagerness,
                "create_response": chosen.create_response,
                "interrupt_response": chosen.interrupt_response,
            }
