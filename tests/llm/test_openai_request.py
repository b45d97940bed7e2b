"""Conversations as endpoints want them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.chat_model import ReplyRequest, Tool, ToolCall, ToolResult, Turn, Utterance
from streamkit.llm.openai_request import (
    BEGIN,
    NO_RESULT,
    Dialect,
    write_messages,
    write_request,
)


def user(text: str) -> Utterance:
    return Utterance("user", text)


def bot(text: str) -> Utterance:
    return Utterance("assistant", text)


def called(*ids: str) -> list[dict[str, Any]]:
    function = {"name": "tool", "arguments": "{}"}
    return [{"id": call_id, "type": "function", "function": function} for call_id in ids]


def answered(call_id: str, output: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": output}


def call(call_id: str, arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id, "tool", arguments)


@pytest.mark.parametrize(
    ("turns", "messages"),
    [
        (
            [user("a"), user("b"), bot("c"), bot("d"), Utterance("system", "e"), user(" ")],
            [
                {"role": "user", "content": "a\nb"},
                {"role": "assistant", "content": "c\nd"},
                {"role": "system", "content": "e"},
            ],
        ),
        (
            [user("a"), bot("b"), call("x"), call("y"), ToolResult("y", "2"), ToolResult("x", "1")],
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b", "tool_calls": called("x", "y")},
                answered("x", "1"),
                answered("y", "2"),
            ],
        ),
        (
            [user("a"), call("x"), ToolResult("x", "1"), call("y"), ToolResult("y", "2")],
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": None, "tool_calls": called("x")},
                answered("x", "1"),
                {"role": "assistant", "content": None, "tool_calls": called("y")},
                answered("y", "2"),
            ],
        ),
        (  # the result comes late: it is moved to its call
            [call("x"), bot("one moment"), user("hurry"), ToolResult("x", "1"), bot("done")],
            [
                {"role": "assistant", "content": "one moment", "tool_calls": called("x")},
                answered("x", "1"),
                {"role": "user", "content": "hurry"},
                {"role": "assistant", "content": "done"},
            ],
        ),
        (  # orphans
            [user("a"), ToolResult("z", "lost"), call("x"), user("b")],
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": None, "tool_calls": called("x")},
                answered("x", NO_RESULT),
                {"role": "user", "content": "b"},
            ],
        ),
        (  # one id twice, and none at all
            [user("a"), call("x"), ToolResult("x", "1"), call("x"), call("")],
            [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": None, "tool_calls": called("x")},
                answered("x", "1"),
                {"role": "assistant", "content": None, "tool_calls": called("x_3", "call_4")},
                answered("x_3", NO_RESULT),
                answered("call_4", NO_RESULT),
            ],
        ),
        ([], [{"role": "user", "content": BEGIN}]),
        ([bot("Hi")], [{"role": "assistant", "content": "Hi"}, {"role": "user", "content": BEGIN}]),
    ],
)
def test_messages(turns: list[Turn], messages: list[dict[str, Any]]) -> None:
    assert write_messages("", turns) == messages
    with_instructions = [{"role": "system", "content": "Be brief."}, *messages]
    assert write_messages("Be brief.", turns) == with_instructions


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("[1]", {"unreadable": "[1]"}),
        ('{"a": ', {"unreadable": '{"a": '}),
        ("[" * 100_000, {"unreadable": "[" * 100_000}),
    ],
)
def test_arguments_are_always_an_object(arguments: str, sent: object) -> None:
    (message, *_) = write_messages("", [call("x", arguments)])
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == sent


ids = st.sampled_from(["", "a", "b", "a_1"])
texts = st.sampled_from(["", " ", "text", "{}"])
turns = st.lists(
    st.one_of(
        st.builds(Utterance, st.sampled_from(["system", "user", "assistant"]), texts),
        st.builds(ToolCall, ids, st.just("tool"), texts),
        st.builds(ToolResult, ids, texts),
    ),
    max_size=12,
)


@given(turns)
def test_whatever_was_said_endpoints_accept_it(turns: list[Turn]) -> None:
    messages = write_messages("", turns)
    waiting: list[str] = []
    seen: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            # Directly behind the calls, each of them once.
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        assert waiting == []
        waiting = [each["id"] for each in message.get("tool_calls", [])]
        seen += waiting
        assert message["content"] or waiting
    assert waiting == []
    assert len(seen) == len(set(seen))
    assert seen == [] or all(seen)
    assert any(message["role"] in ("user", "tool") for message in messages)
    roles = [message["role"] for message in messages if message["role"] != "system"]
    if not any(message["role"] == "system" for message in messages):
        assert ("user", "user") not in pairwise(roles)
        assert ("assistant", "assistant") not in pairwise(roles)


def test_own_fields_go_before_extra_ones() -> None:
    extra = {"model": "other", "stream": False, "temperature": 0.1}
    body = write_request(ReplyRequest(()), "m", Dialect(), extra)
    assert (body["model"], body["stream"], body["temperature"]) == ("m", True, 0.1)


@pytest.mark.parametrize("choice", ["none", "required"])
def test_choices_are_sent_with_tools_only(choice: Any) -> None:
    tool = Tool("a", "", {})
    with_tools = write_request(ReplyRequest((), "", (tool,), choice), "m", Dialect(), {})
    assert with_tools["tool_choice"] == choice
    assert "description" not in with_tools["tools"][0]["function"]
    without = write_request(ReplyRequest((), "", (), choice), "m", Dialect(), {})
    assert {"tools", "tool_choice", "parallel_tool_calls"}.isdisjoint(without)
