"""The built-in model of the reply: needs nothing, knows nothing, and always says the same.

It is for trying the agent without a language model, for tests and for measuring what the rest
of the agent costs.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Final

import anyio
from anyio.lowlevel import checkpoint

from streamkit.errors import ReplyError
from streamkit.llm.characters import mend
from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    ToolCall,
    ToolResult,
    Turn,
    Usage,
    Utterance,
)
from streamkit.llm.parrot_calls import PlannedCall, plan_calls
from streamkit.llm.parrot_speech import GREETING, answer, report_results
from streamkit.llm.tokens import count_request

NAME: Final = "parrot"
MAX_CHARACTERS: Final = 4000
"""Of what the user said; more is not listened to."""

_TOKEN: Final = re.compile(r"\s*\S+|\s+$")


class Parrot:
    """A `ChatModel` that repeats what the user said; the reply to a request is always the same.

    * "What time is it?" is answered with the time.
    * "Count to five", "count from three to seven", "count down from ten" are obeyed.
    * A tool whose name is mentioned ("get weather", "call get_weather", "getWeather") is
      called, several if several are mentioned; so is one that the request demands: the first
      one where it demands any, and none where it names one that is not declared. See
      `streamkit.llm.parrot_arguments` for the arguments.
    * Results of tools are read out.
    * Where the user has not said anything, it greets.

    A token is a word. Times and numbers are in English, the rest in the user's language. The
    instructions are not looked at.

    Args:
        clock: what time it is, for the user; default: the local time of this machine.
        pace: seconds before each token.
    """

    def __init__(self, *, clock: Callable[[], datetime] = datetime.now, pace: float = 0.0) -> None:
        self._clock = clock
        self._pace = pace
        self._closed = False

    @property
    def name(self) -> str:
        """It is "parrot"."""
        return NAME

    @asynccontextmanager
    async def reply(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Begin a reply; see `ChatModel.reply`. It fails only after `close`."""
        if self._closed:
            raise ReplyError("the parrot was closed: make another one")
        async with aclosing(self._deltas(request)) as deltas:
            yield deltas

    async def close(self) -> None:
        """Say nothing more."""
        self._closed = True

    async def _deltas(self, request: ReplyRequest) -> AsyncGenerator[Delta, None]:
        limit = request.max_output_tokens
        calls = plan_calls(request, _last_words(request.turns), _answered(request.turns))
        tokens = _write_calls(calls, request.turns) if calls else self._speak(request.turns)
        count = 0
        for token in tokens:
            if limit is not None and count >= limit:
                yield Finished("length", Usage(count_request(request), count))
                return
            if self._pace > 0:
                await anyio.sleep(self._pace)
            else:
                await checkpoint()
            count += 1
            yield token
        reason: Final = "tool_calls" if calls else "stop"
        yield Finished(reason, Usage(count_request(request), count))

    def _speak(self, turns: Sequence[Turn]) -> Iterator[Delta]:
        if not any(_is_user(turn) for turn in turns):
            text = report_results(turns) or GREETING
        else:
            text = report_results(turns) or answer(_last_words(turns), self._clock())
        return (TextDelta(token) for token in _TOKEN.findall(mend(text)))


def _write_calls(calls: Sequence[PlannedCall], turns: Sequence[Turn]) -> Iterator[Delta]:
    """The calls in pieces, as other models give them.

    The ids are the same whenever the conversation is, and none that is in it already.
    """
    known = {turn.call_id for turn in turns if isinstance(turn, ToolCall | ToolResult)}
    for index, call in enumerate(calls):
        number = 0
        while (call_id := _make_id(turns, index, number)) in known:
            number += 1
        yield CallDelta(index, call_id, call.name, "")
        for token in _TOKEN.findall(mend(call.arguments)):
            yield CallDelta(index, "", "", token)


def _make_id(turns: Sequence[Turn], index: int, number: int) -> str:
    content = repr((turns, index, number)).encode("utf-8", "backslashreplace")
    return f"call_{hashlib.sha256(content).hexdigest()[:24]}"


def _is_user(turn: Turn) -> bool:
    return isinstance(turn, Utterance) and turn.role == "user"


def _last_words(turns: Sequence[Turn]) -> str:
    """What the user said last."""
    for turn in reversed(turns):
        if isinstance(turn, Utterance) and _is_user(turn):
            return turn.text[:MAX_CHARACTERS]
    return ""


def _answered(turns: Sequence[Turn]) -> list[str]:
    """Names of the tools that have answered since the user spoke last.

    A client with several calls may ask for a reply after each result, while others are missing.
    """
    results: set[str] = set()
    for turn in reversed(turns):
        if _is_user(turn):
            break
        if isinstance(turn, ToolResult):
            results.add(turn.call_id)
    calls = (turn for turn in turns if isinstance(turn, ToolCall) and turn.call_id in results)
    return [call.name for call in calls]
