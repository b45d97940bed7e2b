"""What a client says: text frames in, commands out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from streamkit.latency.clock import ClockReport
from streamkit.protocols.openai_realtime.audio_formats import sound
from streamkit.protocols.openai_realtime.config import SessionConfig
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import (
    Members,
    array,
    boolean,
    free_form,
    integer,
    invalid_value,
    listed,
    missing,
    number,
    string,
)
from streamkit.protocols.openai_realtime.items import MakeId, item, reference
from streamkit.protocols.openai_realtime.responses import overrides
from streamkit.session.commands import (
    CancelResponse,
    ClearAudio,
    Command,
    CommitAudio,
    CreateItem,
    CreateResponse,
    DeleteItem,
    PlaybackReported,
    ResponseOverrides,
    RetrieveItem,
    TruncateItem,
)
from streamkit.session.items import Message

MAX_EVENT_ID_CHARACTERS = 512
MAX_DEPTH = 64
"""Levels of objects and arrays in an event; JSON schemas of tools are what nests most."""
MAX_INDEX = 1 << 16
MAX_MILLISECONDS = 1 << 31
MAX_UNIX_SECONDS = 1e11
MAX_PLAYED = 16
"""Playback reports in one event."""


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """Change the session: `SessionConfig.update` takes the patch."""

    event_id: str | None
    patch: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """More of what the microphone hears.

    Attributes:
        audio: in the session's input format, possibly not whole samples; empty if the event only
            reports.
        captured_at: Unix seconds of its first sample, by the client's clock.
        played: how far the client has played what it was sent.
        clock: the client wants to compare clocks.
    """

    event_id: str | None
    audio: bytes
    captured_at: float | None = None
    played: tuple[PlaybackReported, ...] = ()
    clock: ClockReport | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """Put an item into the conversation.

    Attributes:
        command: for the session.
        sounds: in the session's input format, by the index of their part; for the parts that
            `command.audio` marks.
    """

    command: CreateItem
    sounds: dict[int, bytes]


ClientEvent = SessionUpdate | AppendAudio | NewItem | Command


def parse(text: str, make_id: MakeId, config: SessionConfig | None = None) -> ClientEvent:
    """Read a text frame.

    Args:
        text: of the frame.
        make_id: makes ids for items and calls that come without.
        config: of the session; without it a response's own voice, format and tool choice are not
            compared with it.

    Raises:
        EventError: it is no event that can be carried out.
    """
    message = _json(text)
    event_id = message.get("event_id")
    if event_id is not None:
        event_id = string(MAX_EVENT_ID_CHARACTERS)(event_id, "event_id")
    try:
        return _event(message, event_id, make_id, config)
    except EventError as error:
        raise error.caused_by(event_id) from None


def _json(text: str) -> Mapping[str, Any]:
    """Read a JSON object that can be written again as it is."""
    try:
        message = json.loads(text, parse_constant=_not_json)
        _check_values(message)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise EventError(
            "the message is no JSON object; accepted: an object with a type, in a text frame",
            code="invalid_json",
        )
    return message


def _not_json(constant: str) -> NoReturn:
    raise ValueError(constant)


def _check_values(message: object) -> None:
    """Refuse what Python's parser takes but what cannot be passed on.

    Raises:
        EventError: nested deeper than `MAX_DEPTH`.
        ValueError: an infinite number, or half of a surrogate pair.
    """
    level, depth = [message], 0
    while level:
        below: list[object] = []
        deeper = False
        for value in level:
            match value:
                case str():
                    if not value.isascii():
                        value.encode()
                case float():
                    if not math.isfinite(value):
                        raise ValueError(value)
                case dict():
                    deeper = True
                    below += value
                    below += value.values()
                case list():
                    deeper = True
                    below += value
        depth += deeper
        if depth > MAX_DEPTH:
            raise EventError(
                f"the message is nested deeper than {MAX_DEPTH} levels; accepted: up to that",
                code="invalid_value",
            )
        level = below


def _event(
    message: Mapping[str, Any], event_id: str | None, make_id: MakeId, config: SessionConfig | None
) -> ClientEvent:
    kind = message.get("type")
    if kind is None:
        raise missing("type")
    read = EVENTS.get(string()(kind, "type"))
    if read is None:
        hint = (
            "; that event is for WebRTC; here the client stops its own playback"
            if kind == "output_audio_buffer.clear"
            else ""
        )
        raise invalid_value("type", kind, f"{listed(EVENTS)}{hint}")
    return read(_Event(message, event_id, make_id, config))


@dataclass(frozen=True, slots=True)
class _Event:
    """One event that is being read."""

    message: Mapping[str, Any]
    event_id: str | None
    make_id: MakeId
    config: SessionConfig | None

    def members(self, *accepted: str) -> Members:
        """Its members beside those that every event has."""
        return Members(self.message, "", ("type", "event_id", *accepted))


def _session_update(event: _Event) -> SessionUpdate:
    return SessionUpdate(event.event_id, event.members("session").required("session", free_form))


def _append(event: _Event) -> AppendAudio:
    members = event.members("audio", "streamkit")
    audio = members.required("audio", sound)
    if not audio and "streamkit" not in members:
        raise invalid_value(
            "audio", "", "sound; it may only be empty in an event with a report under streamkit"
        )
    own = members.section("streamkit", "captured_at", "played", "clock")
    return AppendAudio(
        event.event_id,
        audio,
        own.optional("captured_at", number(0, MAX_UNIX_SECONDS)),
        own.optional("played", _played) or (),
        own.optional("clock", _clock),
    )


def _clock(value: object, path: str) -> ClockReport:
    """Read what a client says of its clock."""
    members = Members(value, path, ("sent_at", "last"))
    unix = number(0, MAX_UNIX_SECONDS)
    sent_at = members.required("sent_at", unix)
    if "last" not in members:
        return ClockReport(sent_at)
    last = members.section("last", "server_sent_at", "received_at")
    return ClockReport(
        sent_at, last.required("server_sent_at", unix), last.required("received_at", unix)
    )


def _played(value: object, path: str) -> tuple[PlaybackReported, ...]:
    """Read one report or a list of them."""
    if isinstance(value, list):
        return array(_report, MAX_PLAYED)(value, path)
    return (_report(value, path),)


def _report(value: object, path: str) -> PlaybackReported:
    members = Members(value, path, ("item_id", "content_index", "audio_end_ms", "ended"))
    return PlaybackReported(
        members.required("item_id", reference),
        members.optional("content_index", integer(0, MAX_INDEX)) or 0,
        members.required("audio_end_ms", number(0, MAX_MILLISECONDS)),
        members.optional("ended", boolean) or False,
    )


def _commit(event: _Event) -> CommitAudio:
    event.members()
    return CommitAudio(event.event_id)


def _clear(event: _Event) -> ClearAudio:
    event.members()
    return ClearAudio(event.event_id)


def _create_item(event: _Event) -> NewItem:
    members = event.members("item", "previous_item_id")
    after = members.optional("previous_item_id", reference)
    created, sounds = members.required("item", item(event.make_id))
    parts = len(created.content) if isinstance(created, Message) else 0
    audio = tuple(index in sounds for index in range(parts))
    return NewItem(CreateItem(event.event_id, created, after, audio), sounds)


def _retrieve_item(event: _Event) -> RetrieveItem:
    return RetrieveItem(event.event_id, event.members("item_id").required("item_id", reference))


def _delete_item(event: _Event) -> DeleteItem:
    return DeleteItem(event.event_id, event.members("item_id").required("item_id", reference))


def _truncate_item(event: _Event) -> TruncateItem:
    members = event.members("item_id", "content_index", "audio_end_ms")
    return TruncateItem(
        event.event_id,
        members.required("item_id", reference),
        members.required("content_index", integer(0, MAX_INDEX)),
        members.required("audio_end_ms", integer(0, MAX_MILLISECONDS)),
    )


def _create_response(event: _Event) -> CreateResponse:
    read = event.members("response").optional("response", overrides(event.make_id, event.config))
    return CreateResponse(event.event_id, ResponseOverrides() if read is None else read)


def _cancel_response(event: _Event) -> CancelResponse:
    members = event.members("response_id")
    return CancelResponse(event.event_id, members.optional("response_id", reference))


EVENTS: dict[str, Callable[[_Event], ClientEvent]] = {
    "session.update": _session_update,
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": _commit,
    "input_audio_buffer.clear": _clear,
    "conversation.item.create": _create_item,
    "conversation.item.retrieve": _retrieve_item,
    "conversation.item.delete": _delete_item,
    "conversation.item.truncate": _truncate_item,
    "response.create": _create_response,
    "response.cancel": _cancel_response,
}
"""What a client can say, and how it is read."""
