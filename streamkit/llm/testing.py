"""A model of the reply that says what a script tells it to, for tests of agents."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.lowlevel import checkpoint

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    Usage,
)
from streamkit.llm.tokens import count_request

Step = str | Delta | ReplyError | anyio.Event
"""A text to say, another delta, an error to fail with, or an event to wait for."""


@dataclass(slots=True)
class ScriptedReply:
    """What became of one reply.

    Attributes:
        request: what was asked for.
        deltas: what was handed out so far.
        closed: its context was left, or its script failed.
    """

    request: ReplyRequest
    deltas: list[Delta] = field(default_factory=list)
    closed: bool = False


class ScriptedChatModel:
    """A `ChatModel` whose replies are scripts, used up one after the other.

    ::

        goes_on = anyio.Event()
        model = ScriptedChatModel(
            ["One ", "two ", goes_on, "three."],
            [ReplyError("it is down")],
            [CallDelta(0, "call_1", "get_weather", "{}")],
        )

    A script that has neither `Finished` nor an error at its end gets the `Finished` that
    fits. When all scripts are used up, a reply fails with ReplyError.

    Args:
        scripts: the steps of each reply; a `str` is a `TextDelta`, an error is raised, an
            event is waited for.
        pace: seconds before each delta.

    Attributes:
        replies: those that were begun, in order.
        closed: `close` was called.
    """

    def __init__(self, *scripts: Sequence[Step], pace: float = 0.0) -> None:
        self.replies: list[ScriptedReply] = []
        self.closed = False
        self._scripts = scripts
        self._pace = pace

    @property
    def name(self) -> str:
        """It is "scripted"."""
        return "scripted"

    @property
    def requests(self) -> list[ReplyRequest]:
        """What was asked for so far."""
        return [reply.request for reply in self.replies]

    @asynccontextmanager
    async def reply(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Begin the next reply of the scripts; see `ChatModel.reply`."""
        if self.closed:
            raise ReplyError("the scripted model was closed")
        number = len(self.replies)
        if number >= len(self._scripts):
            raise ReplyError(
                f"the scripted model has {len(self._scripts)} replies and was asked for one more: "
                "give it another script"
            )
        record = ScriptedReply(request)
        self.replies.append(record)
        try:
            async with aclosing(self._play(self._scripts[number], record)) as deltas:
                yield deltas
        finally:
            record.closed = True

    async def close(self) -> None:
        """Reply no more."""
        self.closed = True

    async def _play(
        self, script: Sequence[Step], record: ScriptedReply
    ) -> AsyncGenerator[Delta, None]:
        try:
            for step in script:
                match step:
                    case ReplyError():
                        raise step
                    case anyio.Event():
                        await step.wait()
                        continue
                    case str():
                        delta: Delta = TextDelta(step)
                    case _:
                        delta = step
                await (anyio.sleep(self._pace) if self._pace > 0 else checkpoint())
                record.deltas.append(delta)
                yield delta
                if isinstance(delta, Finished):
                    return
            record.deltas.append(_finish(record))
            yield record.deltas[-1]
        finally:
            record.closed = True


def _finish(record: ScriptedReply) -> Finished:
    called = any(isinstance(delta, CallDelta) for delta in record.deltas)
    usage = Usage(count_request(record.request), len(record.deltas))
    return Finished("tool_calls" if called else "stop", usage)
