"""A long conversation, cut to what the model can read at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from streamkit.llm.calls import match_results
from streamkit.llm.chat_model import ReplyRequest, ToolCall, ToolResult, Turn, Utterance
from streamkit.llm.tokens import (
    Counter,
    count_frame,
    count_turn,
    estimate_tokens,
)

DEFAULT_ANSWER_TOKENS: Final = 512
"""Room for the answer where the request sets no limit: some three minutes of speech."""
LEAST_TURN_TOKENS: Final = 32
"""What the last user turn gets, even where instructions and tools leave nothing."""

_WORD_SEARCH: Final = 40
"""Characters that a cut may move to fall between two words."""

_Unit = tuple[Turn, ...]
"""Turns in a row that stay or go together."""


def fit(
    request: ReplyRequest, context_tokens: int, count: Counter = estimate_tokens
) -> ReplyRequest:
    """Drop the oldest turns until the rest fits, with room for the answer.

    What stays:

    * the instructions and the tools, always;
    * the last user turn, always, and what came after it, as far as there is room: calls and
      results of the turn that is being answered go, oldest first, before it does;
    * of what came before, as much as fits without a gap, from a turn of the user (or the
      system) on, since some chat templates accept no other beginning;
    * a call of a tool with its results: both or neither.

    When the last user turn and the last turns after it are too long by themselves, their texts
    are shortened, the longest ones most: utterances keep their end, results of tools
    their beginning. The arguments of a call are never cut, since half a JSON text is none.

    The answer gets `max_output_tokens` of the request, or else `DEFAULT_ANSWER_TOKENS`, but
    at most half of the context.

    Args:
        request: what would be asked; it is returned as it is if it fits.
        context_tokens: what the model can hold, question and answer together.
        count: tokens of a text; default: an estimate on the safe side.

    Returns:
        A request that fits by that count. The one exception: when instructions and tools leave
        less than `LEAST_TURN_TOKENS`, the last user turn keeps an end of about that size,
        and the model has to cope, or to refuse.
    """
    answer = max(1, request.max_output_tokens or DEFAULT_ANSWER_TOKENS)
    room = context_tokens - min(answer, context_tokens // 2) - count_frame(request, count)
    if not request.turns or _cost(request.turns, count) <= room:
        return request
    return replace(request, turns=_trim(request.turns, room, count))


def _trim(turns: Sequence[Turn], room: int, count: Counter) -> tuple[Turn, ...]:
    units = _join_calls_to_results(turns)
    costs = [_cost(unit, count) for unit in units]
    anchor = next((i for i in reversed(range(len(units))) if any(map(_is_user, units[i]))), None)
    if anchor is None:
        anchor = len(units) - 1
    sums = list(accumulate(reversed(costs)))[::-1]  # of a unit and all behind it
    if sums[anchor] <= room:
        first = next(i for i in range(anchor + 1) if sums[i] <= room)
        while first < anchor and not _may_begin(units[first][0]):
            first += 1
        return _flatten(units[first:])
    for later in range(anchor + 1, len(units)):
        if costs[anchor] + sums[later] <= room:
            return _flatten([units[anchor], *units[later:]])
    last = units[anchor] if anchor == len(units) - 1 else units[anchor] + units[-1]
    return _shorten(last, room, count)


def _join_calls_to_results(turns: Sequence[Turn]) -> list[_Unit]:
    results = match_results(turns)
    units: list[_Unit] = []
    first = end = 0
    for index in range(len(turns)):
        end = max(end, results.get(index, index))
        if index == end:
            units.append(tuple(turns[first : index + 1]))
            first = end = index + 1
    return units


def _is_user(turn: Turn) -> bool:
    return isinstance(turn, Utterance) and turn.role == "user"


def _may_begin(turn: Turn) -> bool:
    return isinstance(turn, Utterance) and turn.role != "assistant"


def _flatten(units: Sequence[_Unit]) -> tuple[Turn, ...]:
    return tuple(turn for unit in units for turn in unit)


def _cost(turns: Sequence[Turn], count: Counter) -> int:
    return sum(count_turn(turn, count) for turn in turns)


def _shorten(turns: Sequence[Turn], room: int, count: Counter) -> tuple[Turn, ...]:
    """Cut texts until the turns fit; where their calls alone do not, the user's turn stays."""
    frames = [count_turn(_with_text(turn, ""), count) for turn in turns]
    user = next((turn for turn in reversed(turns) if _is_user(turn)), None)
    if room - sum(frames) < LEAST_TURN_TOKENS:
        if user is not None:
            turns, frames = (user,), [count_turn(_with_text(user, ""), count)]
        elif any(isinstance(turn, ToolCall) for turn in turns):
            return ()
    room = max(room - sum(frames), LEAST_TURN_TOKENS)
    sizes = sorted(count(_text(turn)) for turn in turns)
    # The longest ones get the same share each, the others are shorter than that.
    share = 0
    for index, size in enumerate(sizes):
        share = room // (len(sizes) - index)
        if size > share:
            break
        room -= size
    return tuple(_with_text(turn, _cut(turn, share, count)) for turn in turns)


def _text(turn: Turn) -> str:
    match turn:
        case Utterance(text=text) | ToolResult(output=text):
            return text
        case ToolCall():
            return ""


def _with_text(turn: Turn, text: str) -> Turn:
    match turn:
        case Utterance():
            return replace(turn, text=text)
        case ToolResult():
            return replace(turn, output=text)
        case ToolCall():
            return turn


def _cut(turn: Turn, room: int, count: Counter) -> str:
    text = _text(turn)
    if count(text) <= room:
        return text
    if isinstance(turn, ToolResult):
        length = _most(len(text), lambda size: count(text[:size]) <= room)
        kept = text[:length]
        blank = kept.rfind(" ", max(1, length - _WORD_SEARCH))
        return kept if blank < 0 else kept[:blank]
    length = _most(len(text), lambda size: count(text[len(text) - size :]) <= room)
    kept = text[len(text) - length :]
    blank = kept.find(" ", 0, _WORD_SEARCH)
    return kept if blank < 0 else kept[blank + 1 :] or kept


def _most(limit: int, fits: Callable[[int], bool]) -> int:
    """The largest size up to a limit that fits, found by halving."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low
