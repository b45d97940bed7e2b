"""What the built-in model says; pure: the time is an argument."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from streamkit.llm.calls import match_results
from streamkit.llm.chat_model import ToolCall, ToolResult, Turn, Utterance
from streamkit.llm.names import split_name
from streamkit.wording.english_numbers import find_numbers, say_number

GREETING: Final = (
    "Hello! I am the parrot that comes with streamkit. Say something, and I will repeat it."
)
NOT_HEARD: Final = "I did not hear any words. Could you say that again?"
MAX_WORDS: Final = 40
"""Of what is repeated; longer texts are cut."""
MAX_COUNTED: Final = 100
"""Numbers that are counted in one reply."""

_AND_SO_ON: Final = "and so on."
_TIME: Final = re.compile(
    r"\bwhat(?:'s|’s| is)? the time\b|\bwhat time (?:is it|it is)\b|\btell me the time\b"
)
_COUNT: Final = re.compile(
    r"\bcount(?P<down> down)?(?: up| for me| again| please| slowly)*(?: from (?P<start>.*?))?"
    r"(?: (?:up to|down to|to|till|until|through) (?P<stop>.*))?$"
)
_MAX_DEPTH: Final = 8


def answer(text: str, now: datetime) -> str:
    """What to say to a user.

    The time when asked for it, numbers when asked to count, else what the user said.
    """
    words = text.split()
    if not words:
        return NOT_HEARD
    plain = " ".join(words).lower()
    if _TIME.search(plain):
        return f"It is {say_time(now)}."
    return _count(plain) or f"You said: {_shorten(text)}"


def say_time(now: datetime) -> str:
    """A time of day in words: "noon", "three oh five in the afternoon"."""
    match now.hour, now.minute:
        case 0, 0:
            return "midnight"
        case 12, 0:
            return "noon"
        case hour, 0:
            minutes = "o'clock"
        case hour, minute if minute < 10:
            minutes = f"oh {say_number(minute)}"
        case hour, minute:
            minutes = say_number(minute)
    if hour < 12:
        part = "in the morning"
    elif hour < 18:
        part = "in the afternoon"
    else:
        part = "in the evening"
    return f"{say_number((hour - 1) % 12 + 1)} {minutes} {part}"


def report_results(turns: Sequence[Turn]) -> str:
    """What the tools' results say that came since the user spoke last; "" if all is told."""
    spoken = [isinstance(turn, Utterance) and turn.role == "user" for turn in turns]
    first = len(turns) - spoken[::-1].index(True) if True in spoken else 0
    calls = {result: call for call, result in match_results(turns).items()}
    reports: list[str] = []
    for index, turn in enumerate(turns[first:], first):
        call = turns[calls[index]] if index in calls else None
        name = " ".join(split_name(call.name)) if isinstance(call, ToolCall) else ""
        if isinstance(turn, ToolResult):
            said = _shorten(_say_output(turn.output)) if turn.output.strip() else "nothing."
            report = " ".join(["The", *name.split(), "tool says:", said])
            later = (each for each in turns[index:] if isinstance(each, Utterance))
            if not any(report in each.text for each in later):
                reports.append(report)
    return " ".join(reports)


def _count(text: str) -> str:
    """The numbers that one is asked to count, or "" if one is not asked to."""
    asked = _COUNT.search(text.replace(", ", " "))
    if asked is None:
        return ""
    starts, stops = (find_numbers(asked[name] or "") for name in ("start", "stop"))
    if not stops and not (starts and asked["down"]):
        return ""
    start = int(starts[0]) if starts else 1
    stop = int(stops[0]) if stops else 1
    step = 1 if start <= stop else -1
    length = abs(stop - start) + 1
    numbers = [say_number(start + step * i) for i in range(min(length, MAX_COUNTED))]
    end = "." if length <= MAX_COUNTED else f", {_AND_SO_ON}"
    return ", ".join(numbers).capitalize() + end


def _shorten(text: str) -> str:
    """One sentence of at most `MAX_WORDS` words."""
    words = text.split()
    if len(words) > MAX_WORDS:
        return f"{' '.join(words[:MAX_WORDS]).rstrip(',.;:')}, {_AND_SO_ON}"
    text = " ".join(words)
    return text if text.endswith((".", "!", "?", "…", "。", "！", "？")) else f"{text}."


def _say_output(output: str) -> str:
    try:
        return _say_value(json.loads(output), _MAX_DEPTH) or "nothing"
    except (ValueError, RecursionError):
        return output


def _say_value(value: Any, depth: int) -> str:
    match value:
        case True:
            return "yes"
        case False:
            return "no"
        case None:
            return "nothing"
        case dict() | list() if not depth:
            return "more"
        case dict():
            named = {" ".join(split_name(key)): each for key, each in value.items()}
            return ", ".join(f"{key} {_say_value(each, depth - 1)}" for key, each in named.items())
        case list():
            return ", ".join(_say_value(each, depth - 1) for each in value)
        case _:
            return str(value)
