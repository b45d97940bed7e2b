"""Which result belongs to which call of a tool."""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.llm.chat_model import ToolCall, ToolResult, Turn


def match_results(turns: Sequence[Turn]) -> dict[int, int]:
    """Indices of the calls that have a result, each with the index of that.

    A result belongs to the last call before it that has its `call_id` and no result yet. One
    without such a call is an orphan, and not in the answer.
    """
    matched: dict[int, int] = {}
    waiting: dict[str, list[int]] = {}
    for index, turn in enumerate(turns):
        match turn:
            case ToolCall(call_id=call_id):
                waiting.setdefault(call_id, []).append(index)
            case ToolResult(call_id=call_id) if waiting.get(call_id):
                matched[waiting[call_id].pop()] = index
    return matched
