"""One response on the wire: what a client asks for, and how it stands."""

from __future__ import annotations

from typing import Any

from streamkit.llm.chat_model import Usage
from streamkit.protocols.openai_realtime.audio import anything, voice
from streamkit.protocols.openai_realtime.audio_formats import encoding, format_wire
from streamkit.protocols.openai_realtime.config import SessionConfig
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import (
    Members,
    Reader,
    array,
    boolean,
    free_form,
    one_of,
    string,
)
from streamkit.protocols.openai_realtime.items import MakeId, item, item_wire, reference
from streamkit.protocols.openai_realtime.kept import prompt, reasoning
from streamkit.protocols.openai_realtime.replies import (
    REPLY_FIELDS,
    metadata,
    modalities,
    token_limit,
    token_limit_wire,
)
from streamkit.protocols.openai_realtime.tools import check_choice, tool_choice, tools
from streamkit.session.commands import ResponseOverrides
from streamkit.session.conversation_effects import ResponseState
from streamkit.session.items import Item

MAX_INPUT_ITEMS = 1000

_FIELDS = (*REPLY_FIELDS, "audio", "conversation", "input", "metadata", "prompt", "reasoning")


def overrides(make_id: MakeId, config: SessionConfig | None) -> Reader[ResponseOverrides]:
    """Reader of what is different for one response.

    Args:
        make_id: for items that have none.
        config: of the session; without it the voice, the sound's format, and whether the chosen
            tool is there, are not checked.
    """

    def read(value: object, path: str) -> ResponseOverrides:
        members = Members(value, path, _FIELDS)
        # A prompt template and reasoning have no effect here; see `kept`.
        members.optional("prompt", prompt)
        members.optional("reasoning", reasoning)
        offered = members.optional("tools", tools)
        choice = members.optional("tool_choice", tool_choice)
        if config is not None and choice is not None:
            known = config.replies.tools if offered is None else offered
            check_choice(choice, known, members.path("tool_choice"))
        limit = members.optional("max_output_tokens", token_limit)
        conversation = members.optional("conversation", one_of(("auto", "none")))
        return ResponseOverrides(
            modalities=members.optional("output_modalities", modalities),
            instructions=members.optional("instructions", string()),
            tools=offered,
            tool_choice=choice,
            parallel_tool_calls=members.optional("parallel_tool_calls", boolean),
            max_output_tokens=limit,
            unlimited_tokens="max_output_tokens" in members and limit is None,
            voice=_voice(members, config),
            in_conversation=conversation != "none",
            input=members.optional("input", array(_input(make_id), MAX_INPUT_ITEMS)),
            metadata=members.optional("metadata", metadata),
        )

    return read


def _voice(members: Members, config: SessionConfig | None) -> str | None:
    """Read `audio.output`: the voice may be another one, the format may not."""
    output = members.section("audio", "output").section("output", "voice", "format")
    if config is None:
        output.optional("format", encoding("audio/pcm"))
        return output.optional("voice", voice(anything))
    wanted = output.optional("format", encoding(config.output_encoding))
    if wanted is not None and wanted != config.output_encoding:
        path = output.path("format")
        raise EventError(
            f"{path}: {wanted} was given, but the session's sound is {config.output_encoding}; "
            "accepted: that, or nothing; to change it, send session.update first",
            code="invalid_value",
            param=path,
        )
    return output.optional("voice", voice(config.offer.check_voice))


def _input(make_id: MakeId) -> Reader[Item | str]:
    def read(value: object, path: str) -> Item | str:
        if free_form(value, path).get("type") == "item_reference":
            return Members(value, path, ("type", "id")).required("id", reference)
        read_item, sounds = item(make_id)(value, path)
        for index in sounds:
            raise EventError(
                f"{path}.content[{index}] is sound that nobody has transcribed; accepted here: "
                "sound with a transcript; or create the item in the conversation, and refer to it "
                'by {"type": "item_reference", "id": …}',
                code="invalid_value",
                param=f"{path}.content[{index}].audio",
            )
        return read_item

    return read


def response_wire(state: ResponseState, config: SessionConfig) -> dict[str, Any]:
    """A response as the server tells it."""
    return {
        "object": "realtime.response",
        "id": state.id,
        "status": state.status,
        "status_details": _details(state),
        "output": [item_wire(shown) for shown in state.output],
        "conversation_id": config.conversation_id if state.in_conversation else None,
        "output_modalities": list(state.modalities),
        "max_output_tokens": token_limit_wire(state.max_output_tokens),
        "audio": {
            "output": {
                "format": format_wire(config.output_encoding),
                "voice": state.voice or config.output.voice,
            }
        },
        "usage": None if state.usage is None else _usage(state.usage),
        "metadata": None if state.metadata is None else dict(state.metadata),
    }


def _details(state: ResponseState) -> dict[str, Any] | None:
    """Why a response ended; OpenAI says nothing about one that is complete or goes on."""
    match state.status:
        case "in_progress" | "completed":
            return None
        case "failed":
            code = state.error_code or "server_error"
            error = {"type": "server_error", "code": code}
            if state.error is not None:
                error["message"] = state.error
            return {"type": "failed", "error": error}
        case "cancelled" | "incomplete":
            details = {"type": state.status}
            return details if state.reason is None else {**details, "reason": state.reason}


def _usage(usage: Usage) -> dict[str, Any]:
    """Tokens of the model; it reads and writes text, whatever is said and heard."""
    return {
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "input_token_details": {
            "text_tokens": usage.input_tokens,
            "audio_tokens": 0,
            "image_tokens": 0,
            "cached_tokens": usage.cached_tokens,
            "cached_tokens_details": {
                "text_tokens": usage.cached_tokens,
                "audio_tokens": 0,
                "image_tokens": 0,
            },
        },
        "output_token_details": {"text_tokens": usage.output_tokens, "audio_tokens": 0},
    }
