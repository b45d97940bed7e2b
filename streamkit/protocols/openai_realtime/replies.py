"""What a client wants replies to be like, for a session or for one response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamkit.llm.chat_model import Tool, ToolChoice
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import (
    Members,
    Reader,
    array,
    boolean,
    integer,
    invalid_value,
    one_of,
    pairs,
    string,
)
from streamkit.protocols.openai_realtime.tools import (
    check_choice,
    tool_choice,
    tool_choice_wire,
    tools,
    tools_wire,
)
from streamkit.session.conversation_options import Modality

MAX_OUTPUT_TOKENS = 4096
UNLIMITED = "inf"

MAX_METADATA = 16
MAX_METADATA_KEY_CHARACTERS = 64
MAX_METADATA_VALUE_CHARACTERS = 512

REPLY_FIELDS = (
    "instructions",
    "output_modalities",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
)


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """What all replies of a session are like; see `ConversationOptions` for the meanings."""

    instructions: str = ""
    modalities: tuple[Modality, ...] = ("audio",)
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None

    def update(self, members: Members) -> ReplySettings:
        """Take over a partial update."""
        fresh = ReplySettings()
        changed = ReplySettings(
            instructions=members.changed(
                "instructions", string(), self.instructions, fresh.instructions
            ),
            modalities=members.changed(
                "output_modalities", modalities, self.modalities, fresh.modalities
            ),
            tools=members.changed("tools", tools, self.tools, fresh.tools),
            tool_choice=members.changed(
                "tool_choice", tool_choice, self.tool_choice, fresh.tool_choice
            ),
            parallel_tool_calls=members.changed(
                "parallel_tool_calls", boolean, self.parallel_tool_calls, fresh.parallel_tool_calls
            ),
            max_output_tokens=members.changed(
                "max_output_tokens", token_limit, self.max_output_tokens, None
            ),
        )
        check_choice(changed.tool_choice, changed.tools, members.path("tool_choice"))
        return changed

    def wire(self) -> dict[str, Any]:
        """As the server tells it."""
        return {
            "instructions": self.instructions,
            "output_modalities": list(self.modalities),
            "tools": tools_wire(self.tools),
            "tool_choice": tool_choice_wire(self.tool_choice),
            "parallel_tool_calls": self.parallel_tool_calls,
            "max_output_tokens": token_limit_wire(self.max_output_tokens),
        }


def modalities(value: object, path: str) -> tuple[Modality, ...]:
    """Read whether replies are spoken or written."""
    match array(one_of(("audio", "text")))(value, path):
        case ("audio",):
            return ("audio",)
        case ("text",):
            return ("text",)
        case several:
            raise EventError(
                f'{path}: {list(several)} was given; accepted: ["audio"], which always comes with '
                'a transcript, or ["text"]',
                code="invalid_value",
                param=path,
            )


def token_limit(value: object, path: str) -> int | None:
    """Read how long a reply may be; None: as long as the model likes."""
    if isinstance(value, str):
        if value != UNLIMITED:
            raise invalid_value(path, value, f'1 to {MAX_OUTPUT_TOKENS}, or "{UNLIMITED}"')
        return None
    return integer(1, MAX_OUTPUT_TOKENS)(value, path)


def token_limit_wire(limit: int | None) -> int | str:
    """A limit as the server tells it."""
    return UNLIMITED if limit is None else limit


metadata: Reader[Mapping[str, str]] = pairs(
    string(MAX_METADATA_VALUE_CHARACTERS), MAX_METADATA_KEY_CHARACTERS, MAX_METADATA
)
"""Reader of what a client wants to find in the response again."""
