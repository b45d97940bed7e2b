"""Items of a conversation on the wire, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

from streamkit.protocols.openai_realtime.audio_formats import sound
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import (
    Members,
    Reader,
    array,
    free_form,
    invalid_value,
    missing,
    one_of,
    string,
)
from streamkit.protocols.openai_realtime.tools import NAME
from streamkit.session.items import (
    FRONT,
    Content,
    ContentKind,
    FunctionCall,
    FunctionOutput,
    Item,
    Message,
    Role,
    Status,
)

MakeId = Callable[[str], str]
"""Takes the kind of a thing ("item", "call", "event"), returns an id that no other has."""

MAX_ID_CHARACTERS = 64
MAX_PARTS = 256

ROLES: tuple[Role, ...] = get_args(Role)
STATUSES: tuple[Status, ...] = get_args(Status)

CONTENT: dict[Role, tuple[ContentKind, ...]] = {
    "system": ("input_text",),
    "user": ("input_text", "input_audio"),
    "assistant": ("output_text", "output_audio"),
}
"""What a message of each role may consist of."""

ITEM_TYPES = ("message", "function_call", "function_call_output")

_COMMON = ("id", "type", "object", "status")

Sounds = dict[int, bytes]
"""Encoded sound that came without a transcript, by the index of its part."""


def identifier(value: object, path: str) -> str:
    """Read the id that a client gives to an item."""
    read = reference(value, path)
    if read == FRONT:
        raise invalid_value(path, read, f"another id: {FRONT} stands for the conversation's front")
    return read


reference = string(MAX_ID_CHARACTERS, shortest=1)
"""Reader of an id that the client was given, or gave."""


def item(make_id: MakeId) -> Reader[tuple[Item, Sounds]]:
    """Reader of an item as a client writes it, and of the sound in it.

    The status that a client gives has no effect, as with OpenAI: its items are complete.
    """

    def read(value: object, path: str) -> tuple[Item, Sounds]:
        kind = _type(value, path)
        if kind == "message":
            members = Members(value, path, (*_COMMON, "role", "content"))
            given = _common(members)
            role = members.required("role", one_of(ROLES))
            parts = members.required("content", array(_part(role), MAX_PARTS))
            if not parts:
                raise invalid_value(members.path("content"), [], "at least one part")
            content = tuple(part for part, _ in parts)
            sounds = {index: audio for index, (_, audio) in enumerate(parts) if audio is not None}
            return Message(given or make_id("item"), role, content), sounds
        if kind == "function_call":
            members = Members(value, path, (*_COMMON, "call_id", "name", "arguments"))
            given = _common(members)
            name = members.required("name", NAME)
            arguments = members.required("arguments", string())
            call_id = members.optional("call_id", reference)
            call_id = call_id or make_id("call")
            return FunctionCall(given or make_id("item"), call_id, name, arguments), {}
        members = Members(value, path, (*_COMMON, "call_id", "output"))
        given = _common(members)
        call_id = members.required("call_id", reference)
        output = members.required("output", string())
        return FunctionOutput(given or make_id("item"), call_id, output), {}

    return read


def _type(value: object, path: str) -> str:
    """Which kind of item it is, before its other members are looked at."""
    given = free_form(value, path).get("type")
    if given is None:
        raise missing(f"{path}.type")
    if isinstance(given, str) and given.startswith("mcp_"):
        raise invalid_value(
            f"{path}.type",
            given,
            "message, function_call, function_call_output; this server calls no other servers",
        )
    return one_of(ITEM_TYPES)(given, f"{path}.type")


def _common(members: Members) -> str | None:
    """Read what all items may have; only the id matters."""
    members.optional("object", one_of(("realtime.item",)))
    members.optional("status", one_of(STATUSES))
    return members.optional("id", identifier)


def _part(role: Role) -> Reader[tuple[Content, bytes | None]]:
    def read(value: object, path: str) -> tuple[Content, bytes | None]:
        kind = _content_kind(role, value, path)
        match kind:
            case "input_text" | "output_text":
                members = Members(value, path, ("type", "text"))
                return Content(kind, members.required("text", string())), None
            case "input_audio":
                members = Members(value, path, ("type", "audio", "transcript"))
                transcript = members.optional("transcript", string())
                audio = members.optional("audio", sound)
                if transcript is not None:
                    return Content(kind, transcript), None
                if audio is None:
                    raise missing(members.path("audio"))
                if not audio:
                    raise invalid_value(members.path("audio"), "", "sound, or a transcript")
                return Content(kind, None), audio
            case "output_audio":
                # Sound of a reply is not kept, and what was never said was never heard.
                members = Members(value, path, ("type", "audio", "transcript"))
                members.optional("audio", sound)
                return Content(kind, members.optional("transcript", string()) or ""), None

    return read


def _content_kind(role: Role, value: object, path: str) -> ContentKind:
    given = free_form(value, path).get("type")
    if given is None:
        raise missing(f"{path}.type")
    if given == "input_image":
        raise EventError(
            f"{path} is an image, and this server's models do not see; accepted for the role "
            f"{role}: {', '.join(CONTENT[role])}; describe the image in words",
            code="invalid_value",
            param=f"{path}.type",
        )
    return one_of(CONTENT[role])(given, f"{path}.type")


def item_wire(shown: Item) -> dict[str, Any]:
    """An item as the server tells it."""
    common = {"id": shown.id, "object": "realtime.item", "status": shown.status}
    match shown:
        case Message():
            return {
                **common,
                "type": "message",
                "role": shown.role,
                "content": [content_wire(part) for part in shown.content],
            }
        case FunctionCall():
            return {
                **common,
                "type": "function_call",
                "call_id": shown.call_id,
                "name": shown.name,
                "arguments": shown.arguments,
            }
        case FunctionOutput():
            return {
                **common,
                "type": "function_call_output",
                "call_id": shown.call_id,
                "output": shown.output,
            }


def content_wire(part: Content) -> dict[str, Any]:
    """One part of a message, as it stands in an item.

    Only a transcript of the person's may be null, while it is not known; agents-js does not take
    the part at all without that key.
    """
    match part.kind:
        case "input_audio":
            return {"type": part.kind, "transcript": part.text}
        case "output_audio":
            return {"type": part.kind, "transcript": part.text or ""}
        case "input_text" | "output_text":
            return {"type": part.kind, "text": part.text or ""}


def part_wire(part: Content) -> dict[str, Any]:
    """One part of a reply, as it stands in the events about parts: under another type, no nulls."""
    if part.kind.endswith("audio"):
        return {"type": "audio", "transcript": part.text or ""}
    return {"type": "text", "text": part.text or ""}
