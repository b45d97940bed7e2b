"""What every model of the reply promises: a conversation in, a reply out, token by token.

The Protocol is made for a reply that may be interrupted at any moment: it is a context, and
leaving the context is how one says that no more of it is wanted.

What is said here are plain values, so the pure rooms can use them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal, Protocol


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody said or wrote.

    What the assistant said is what was heard of it: an interrupted reply ends where it was
    interrupted.
    """

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asked for a tool."""

    call_id: str
    name: str
    arguments: str
    """JSON text of an object, as the model wrote it: it may be malformed."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered; belongs to the call before it that has the same `call_id`."""

    call_id: str
    output: str


Turn = Utterance | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Tool:
    """Something that the model may ask for."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON schema of an object: the arguments."""


@dataclass(frozen=True, slots=True)
class NamedTool:
    """As a tool choice: this one must be called."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | NamedTool


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """What a model is asked for.

    Attributes:
        turns: the conversation so far, oldest first; empty at its beginning.
        instructions: what the model is to be; goes before all turns. See
            `streamkit.llm.prompt`.
        tools: what it may call.
        tool_choice: "auto": as it likes; "none": no call; "required": at least one.
        parallel_tool_calls: whether one reply may hold several calls. An endpoint that does
            not know this wish may ignore it.
        max_output_tokens: the reply ends there, with the reason "length"; None: the model's
            own limit.
        model: another one of the same endpoint; None: the one that was chosen for all. A model
            that is no endpoint does not look at it.
    """

    turns: tuple[Turn, ...]
    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next part of what is to be said, never empty; parts are joined as they are.

    Like all texts of a reply it can be encoded: no part ends within a character.
    """

    text: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """Part of a call.

    The first delta of an index has `call_id` and `name`; in those that follow both are empty.
    """

    index: int
    """Which of the reply's calls, counted from 0 in the order in which they begin."""
    call_id: str
    name: str
    arguments: str
    """The next part of the arguments' JSON text, possibly empty; parts are joined as they are."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a reply cost, in the model's tokens or an estimate of them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    """Those of the input that the model did not have to read again."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The reply is complete, or as complete as it gets.

    Attributes:
        reason: "tool_calls" when the reply holds calls that are whole; "length" when a limit
            cut it off, possibly within the arguments of a call.
        usage: always there from the models of this package, which estimate it where their
            endpoint does not say; None is for others.
    """

    reason: Literal["stop", "length", "tool_calls", "content_filter"]
    usage: Usage | None


Delta = TextDelta | CallDelta | Finished


class ChatModel(Protocol):
    """A model that replies.

    Guarantees:
        * The deltas of a reply end with exactly one `Finished`. A reply that fails has none:
          its iteration, or entering its context, raises ReplyError.
        * Nothing happens before the context is entered. When it has been left, by whatever
          way, cancellation included, the reply's connection is closed, or given back if the
          reply was over, and nothing goes on in the background. Iterating to the end, beyond
          `Finished`, is what allows a connection to be used again.
        * Several replies may be open at once; each is entered, iterated and left by one task.
        * Every failure of the model or of the way to it is a ReplyError, whose message is a
          sentence that a person can act on and holds no key and no turn of the conversation.
          After it the reply is over, and the model can be asked again.
        * A reply that nobody iterates waits; it is not read ahead beyond a fixed amount.
        * All calls of one model are made in one event loop.
    """

    @property
    def name(self) -> str:
        """What to call the model in messages and metrics."""
        ...

    def reply(self, request: ReplyRequest) -> AbstractAsyncContextManager[AsyncIterator[Delta]]:
        """Begin a reply; the iterator can be used once, inside the context.

        ::

            async with model.reply(request) as deltas:
                async for delta in deltas:
                    ...

        Raises:
            ReplyError: while entering the context or iterating.
        """
        ...

    async def close(self) -> None:
        """Give up what the model holds; a second time is harmless.

        Leave all replies first. A reply that is begun afterwards fails with ReplyError.
        """
        ...
