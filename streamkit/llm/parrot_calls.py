"""Which tools the built-in model calls; pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from streamkit.llm.chat_model import NamedTool, ReplyRequest, Tool
from streamkit.llm.names import SpokenText, split_name
from streamkit.llm.parrot_arguments import make_arguments


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call to be made."""

    name: str
    arguments: str
    """JSON text of an object."""


@dataclass(frozen=True, slots=True)
class _Mention:
    """A tool, and where in the user's text its name stands."""

    tool: Tool
    start: int
    end: int


def plan_calls(request: ReplyRequest, text: str, answered: Sequence[str]) -> list[PlannedCall]:
    """The calls that a user asks for by the names of tools, or that the request demands.

    Args:
        request: with the tools and the choice.
        text: what the user said last.
        answered: names of the tools whose results have just come in. They meet a demand, so
            that a conversation that demands a call each time comes to an end.
    """
    mentions = [] if answered else _find_mentions(request.tools, text)
    # A tool that is called without being mentioned gets the whole text.
    match request.tool_choice:
        case "none":
            return []
        case NamedTool(name=name) if name not in answered:
            unnamed = [_Mention(tool, 0, 0) for tool in request.tools if tool.name == name]
            mentions = [each for each in mentions if each.tool.name == name] or unnamed[:1]
        case NamedTool():
            mentions = []
        case "required" if not answered and not mentions:
            mentions = [_Mention(tool, 0, 0) for tool in request.tools[:1]]
        case _:
            pass
    if not request.parallel_tool_calls:
        mentions = mentions[:1]
    ends = [mention.start for mention in mentions[1:]] + [len(text)]
    calls: list[PlannedCall] = []
    for mention, end in zip(mentions, ends, strict=False):
        arguments = make_arguments(mention.tool.parameters, text[mention.end : end], text)
        calls.append(
            PlannedCall(mention.tool.name, json.dumps(arguments, ensure_ascii=False, default=str))
        )
    return calls


def _find_mentions(tools: Sequence[Tool], text: str) -> list[_Mention]:
    """The first mention of each tool, in the order of the text.

    Where two names overlap ("weather", "get weather"), the longer one was meant.
    """
    spoken = SpokenText(text)
    found: list[tuple[int, int, Tool]] = []
    for tool in {tool.name: tool for tool in tools}.values():
        name = split_name(tool.name)
        found += [(place, place + len(name), tool) for place in spoken.find(name)]
    found.sort(key=lambda each: (each[0] - each[1], each[0]))
    taken: set[int] = set()
    mentions: dict[str, _Mention] = {}
    for first, end, tool in found:
        if taken.isdisjoint(range(first, end)):
            taken.update(range(first, end))
            mention = _Mention(tool, spoken.words[first].start, spoken.words[end - 1].end)
            known = mentions.setdefault(tool.name, mention)
            if mention.start < known.start:
                mentions[tool.name] = mention
    return sorted(mentions.values(), key=lambda mention: mention.start)
