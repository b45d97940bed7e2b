"""What the client of a conversation can ask for; each carries its `event_id`, for errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from streamkit.llm.chat_model import Tool, ToolChoice
from streamkit.session.conversation_options import ConversationOptions, Modality
from streamkit.session.items import Item


@dataclass(frozen=True, slots=True)
class Configure:
    """New options, whole; what of them concerns the reply begins with the next one."""

    event_id: str | None
    options: ConversationOptions


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """What was heard so far is a turn."""

    event_id: str | None


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget what was heard and is no turn yet."""

    event_id: str | None


@dataclass(frozen=True, slots=True)
class CreateItem:
    """Put an item into the conversation.

    Attributes:
        item: with an id, which the protocol makes where the client gives none.
        after: id of the item that it is to follow, `FRONT`, or None for the end.
        audio: per part of the message, whether the client sent sound without saying what is in
            it: the part's text comes by `ItemTranscribed`.
    """

    event_id: str | None
    item: Item
    after: str | None = None
    audio: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class RetrieveItem:
    """Show an item as the conversation holds it."""

    event_id: str | None
    item_id: str


@dataclass(frozen=True, slots=True)
class DeleteItem:
    """Take an item out of the conversation."""

    event_id: str | None
    item_id: str


@dataclass(frozen=True, slots=True)
class TruncateItem:
    """Of this reply the person has heard `audio_end_ms` milliseconds and no more.

    One that is still being made is cancelled by it.
    """

    event_id: str | None
    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ResponseOverrides:
    """What is different for one response; None: as the session has it.

    Attributes:
        in_conversation: the response becomes part of the conversation.
        input: items to answer instead of the conversation; may be empty.
        metadata: given back with the response.
    """

    modalities: tuple[Modality, ...] | None = None
    instructions: str | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    unlimited_tokens: bool = False
    """The client has said that there is no bound."""
    voice: str | None = None
    in_conversation: bool = True
    input: tuple[Item | str, ...] | None = None
    """Items, and ids of items of the conversation."""
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class CreateResponse:
    """Answer now."""

    event_id: str | None
    overrides: ResponseOverrides = ResponseOverrides()


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop the response with this id, or (None) the one in progress."""

    event_id: str | None
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class PlaybackReported:
    """The client has played the sound of an item up to `audio_end_ms` milliseconds."""

    item_id: str
    content_index: int
    audio_end_ms: float
    ended: bool = False
    """It will play no more of it; if it had more to play, the reply is cancelled."""


Command = (
    Configure
    | CommitAudio
    | ClearAudio
    | CreateItem
    | RetrieveItem
    | DeleteItem
    | TruncateItem
    | CreateResponse
    | CancelResponse
    | PlaybackReported
)
