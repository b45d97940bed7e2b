"""The ways in which endpoints say the same."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    Usage,
    Utterance,
)
from streamkit.llm.event_stream import ServerEvent
from streamkit.llm.openai_faults import Fault, Redactor
from streamkit.llm.openai_reply import ReplyReader

DONE = "[DONE]"


def read(*chunks: object) -> list[Delta]:
    made = iter(range(100))
    request = ReplyRequest((Utterance("user", "hello"),))
    reader = ReplyReader(request, Redactor(None), lambda: f"made_{next(made)}")
    deltas: list[Delta] = []
    for chunk in chunks:
        deltas += reader.read(
            ServerEvent("", chunk if isinstance(chunk, str) else json.dumps(chunk))
        )
    return deltas + reader.end()


def delta(reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"delta": fields, "finish_reason": reason}]}


def part(name: str | None = None, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}, **fields}


def calls(*parts: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Id, name and arguments of the calls in a reply of which each part is a chunk."""
    *deltas, finished = read(*(delta(tool_calls=[each]) for each in parts), delta("stop"), DONE)
    assert isinstance(finished, Finished)
    assert finished.reason == "tool_calls"
    found: dict[int, tuple[str, str, str]] = {}
    for each in deltas:
        assert isinstance(each, CallDelta)
        call_id, name, arguments = found.get(each.index, (each.call_id, each.name, ""))
        found[each.index] = call_id, name, arguments + each.arguments
    assert list(found) == list(range(len(found)))
    return list(found.values())


@pytest.mark.parametrize(
    "parts",
    [
        # as OpenAI does
        [
            part("f", "", index=0, id="a"),
            part(None, '{"x":', index=0),
            part(None, "1}", index=0),
            part("g", "{}", index=1, id="b"),
        ],
        # interleaved
        [
            part("f", '{"x":', index=0, id="a"),
            part("g", "{", index=1, id="b"),
            part(None, "1}", index=0),
            part(None, "}", index=1),
        ],
        # id and name in every part
        [
            part("f", '{"x":', index=0, id="a"),
            part("f", "1}", index=0, id="a"),
            part("g", "{}", index=1, id="b"),
        ],
        # empty id and name in the later parts
        [
            part("f", '{"x":', index=0, id="a"),
            part("", "1}", index=0, id=""),
            part("g", "{}", index=1, id="b"),
        ],
        # one index for all
        [part("f", '{"x":1}', index=0, id="a"), part("g", "{}", index=0, id="b")],
        # no index
        [part("f", '{"x":1}', id="a"), part("g", "{}", id="b")],
        [part("f", '{"x":', id="a"), part(None, "1}"), part("g", "{}", id="b")],
        # indices that begin anywhere
        [part("f", '{"x":1}', index=5, id="a"), part("g", "{}", index=2, id="b")],
        # arguments that are no text, or missing
        [part("f", {"x": 1}, index=0, id="a"), part("g", None, index=1, id="b")],
        [part("f", '{"x":1}', index=0, id="a"), part("g", "", index=1, id="b")],
        # the name behind the id
        [
            {"index": 0, "id": "a", "type": "function"},
            part(None, '{"x":', index=0),
            part("f", "1}", index=0),
            part("g", "{}", index=1, id="b"),
        ],
    ],
)
def test_two_calls(parts: list[dict[str, Any]]) -> None:
    normal = [
        (call_id, name, json.dumps(json.loads(arguments)))
        for call_id, name, arguments in calls(*parts)
    ]
    assert normal == [("a", "f", '{"x": 1}'), ("b", "g", "{}")]


def test_calls_without_ids_get_some() -> None:
    assert calls(part("f", "{}"), part("g", "{}")) == [("made_0", "f", "{}"), ("made_1", "g", "{}")]
    assert calls(part("f", "{", index=0), part(None, "}", index=0)) == [("made_0", "f", "{}")]


def test_arguments_that_are_cut_off_stay_so() -> None:
    *deltas, finished = read(delta("length", tool_calls=[part("f", "", index=0, id="a")]))
    assert deltas == [CallDelta(0, "a", "f", "")]
    assert isinstance(finished, Finished)
    assert finished.reason == "length"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"content": "a"}, "a"),
        ({"content": None, "refusal": "I will not."}, "I will not."),
        (
            {"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}, 5]},
            "a",
        ),
        ({"content": "a", "reasoning": "b"}, "a"),
        ({"content": "a", "reasoning_content": {"odd": 1}, "tool_calls": None}, "a"),
    ],
)
def test_contents(fields: dict[str, Any], said: str) -> None:
    *deltas, _ = read(delta(**fields), delta("stop"))
    assert deltas == [TextDelta(said)]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("stop", "stop"),
        ("eos", "stop"),
        ("STOP", "stop"),
        ("tool_calls", "stop"),  # but there was no call
        ("length", "length"),
        ("MAX_TOKENS", "length"),
        ("content_filter", "content_filter"),
    ],
)
def test_reasons(reason: str, told: str) -> None:
    finished = read(delta(content="a"), delta(reason))[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == told


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 2}, Usage(5, 2)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
            Usage(5, 2, 4),
        ),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": None},
            },
            Usage(5, 2),
        ),
        ({"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": None}, Usage(5, 2)),
    ],
)
@pytest.mark.parametrize("behind", [True, False])
def test_usage(usage: object, told: Usage, behind: bool) -> None:
    last = delta("stop")
    chunks: Sequence[object] = [last, {"choices": [], "usage": usage}]
    if not behind:
        chunks = [{**last, "usage": usage}]
    finished = read(delta(content="a"), *chunks, DONE)[-1]
    assert finished == Finished("stop", told)


@pytest.mark.parametrize("usage", [None, 7, {}, {"prompt_tokens": "5", "completion_tokens": 2}])
def test_usage_that_is_missing_or_wrong_is_estimated(usage: object) -> None:
    finished = read(delta(content="one two three"), {**delta("stop"), "usage": usage})[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert finished.usage.output_tokens >= 3


def test_text_that_looked_like_a_tag_is_said_at_the_end() -> None:
    assert read(delta(content="a <thin"), delta("stop"))[:-1] == [
        TextDelta("a "),
        TextDelta("<thin"),
    ]


def test_halves_of_characters_are_joined_or_replaced() -> None:
    parts = (delta(content="a\ud83d"), delta(content="\ude00b\ude00"), delta(content="c\ud83d"))
    *deltas, _ = read(*parts, delta("stop"))
    assert deltas == [
        TextDelta("a"),
        TextDelta("\U0001f600b\ufffd"),
        TextDelta("c"),
        TextDelta("\ufffd"),
    ]
    found = calls(
        part("f", '{"x": "\ud83d', index=0, id="a"),
        part(None, '\ude00"}', index=0),
    )
    assert found == [("a", "f", '{"x": "\U0001f600"}')]


odd_texts = st.text(max_size=6) | st.text("a\ud83d\ude00", max_size=4)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | odd_texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("choices", "delta", "content", "tool_calls", "function", "name", "index"),
                    *("arguments", "id", "finish_reason", "usage", "error", "message"),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
chunk_like = st.builds(
    lambda fields, reason: {"choices": [{"delta": fields, "finish_reason": reason}]},
    json_values,
    json_values,
)


@given(st.lists(st.one_of(json_values, chunk_like, st.text(max_size=9)), max_size=5))
def test_whatever_comes_is_understood_or_a_fault(chunks: list[object]) -> None:
    try:
        *deltas, finished = read(*chunks)
    except Fault as fault:
        assert fault.reason
        return
    assert isinstance(finished, Finished)
    assert not any(isinstance(each, Finished) for each in deltas)
    assert all(each.text for each in deltas if isinstance(each, TextDelta))
    for each in deltas:
        if isinstance(each, CallDelta):
            (each.call_id + each.name + each.arguments).encode()
        elif isinstance(each, TextDelta):
            each.text.encode()
