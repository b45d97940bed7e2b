"""The built-in model: what it says and which tools it calls."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    NamedTool,
    ReplyRequest,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Turn,
    Utterance,
)
from streamkit.llm.parrot import MAX_CHARACTERS, Parrot
from streamkit.llm.parrot_speech import GREETING, MAX_COUNTED, MAX_WORDS, NOT_HEARD

NOON = datetime(2026, 3, 1, 12)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}
WEATHER = Tool("get_weather", "", CITY)
TIMER = Tool("setTimer", "", NOTHING)


def reply(request: ReplyRequest, now: datetime = NOON) -> list[Delta]:
    async def run() -> list[Delta]:
        async with Parrot(clock=lambda: now).reply(request) as deltas:
            return [delta async for delta in deltas]

    return anyio.run(run)


def speech(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def say(text: str, now: datetime = NOON) -> str:
    return speech(reply(ReplyRequest((Utterance("user", text),)), now))


def calls(request: ReplyRequest) -> list[tuple[str, Any]]:
    """Names and arguments of the calls of a reply, which speaks or calls and does not do both."""
    deltas = reply(request)
    found: dict[int, tuple[str, str]] = {}
    assert len({type(delta) for delta in deltas[:-1]}) == 1
    for delta in deltas[:-1]:
        if not isinstance(delta, CallDelta):
            break
        name, arguments = found.get(delta.index, (delta.name, ""))
        found[delta.index] = name, arguments + delta.arguments
    finished = deltas[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == ("tool_calls" if found else "stop")
    return [(name, json.loads(arguments)) for name, arguments in found.values()]


def ask(text: str, *tools: Tool, **options: Any) -> list[tuple[str, Any]]:
    return calls(ReplyRequest((Utterance("user", text),), tools=tools, **options))


class TestSpeech:
    def test_repeats(self) -> None:
        assert say("  Good\nmorning ") == "You said: Good morning."
        assert say("Really?") == "You said: Really?"

    def test_a_word_is_a_token(self) -> None:
        deltas = reply(ReplyRequest((Utterance("user", "Good morning"),)))
        assert deltas[:-1] == [
            TextDelta("You"),
            TextDelta(" said:"),
            TextDelta(" Good"),
            TextDelta(" morning."),
        ]

    def test_repeats_the_last_one_of_the_user(self) -> None:
        turns = (
            Utterance("user", "one"),
            Utterance("assistant", "two"),
            Utterance("user", "three"),
            Utterance("system", "four"),
        )
        assert speech(reply(ReplyRequest(turns))) == "You said: three."

    def test_a_long_text_is_cut(self) -> None:
        said = say("word " * 1000)
        assert said.endswith("word, and so on.")
        assert said.count("word") == MAX_WORDS

    def test_greets(self) -> None:
        assert speech(reply(ReplyRequest(()))) == GREETING
        assert speech(reply(ReplyRequest((Utterance("system", "hm"),)))) == GREETING

    @pytest.mark.parametrize("text", ["", " \n", "\u3000"])
    def test_has_heard_nothing(self, text: str) -> None:
        assert say(text) == NOT_HEARD

    @pytest.mark.parametrize(
        "text",
        [
            "What time is it?",
            "what is the time",
            "What's the time?",
            "Could you tell me what time it is, please?",
            "Tell me the time.",
        ],
    )
    def test_tells_the_time(self, text: str) -> None:
        assert say(text, datetime(2026, 1, 1, 15, 5)) == "It is three oh five in the afternoon."

    @pytest.mark.parametrize(
        ("hour", "minute", "told"),
        [
            (0, 0, "midnight"),
            (0, 1, "twelve oh one in the morning"),
            (9, 0, "nine o'clock in the morning"),
            (12, 0, "noon"),
            (12, 30, "twelve thirty in the afternoon"),
            (18, 45, "six forty-five in the evening"),
            (23, 59, "eleven fifty-nine in the evening"),
        ],
    )
    def test_times_of_day(self, hour: int, minute: int, told: str) -> None:
        assert say("what time is it", datetime(2026, 1, 1, hour, minute)) == f"It is {told}."

    @pytest.mark.parametrize(
        ("text", "counted"),
        [
            ("Count to five.", "One, two, three, four, five."),
            ("count to 3", "One, two, three."),
            ("Please count from three to seven!", "Three, four, five, six, seven."),
            ("Can you count up to two?", "One, two."),
            (
                "count from 98 to one hundred and one",
                "Ninety-eight, ninety-nine, one hundred, one hundred and one.",
            ),
            ("count down from three", "Three, two, one."),
            ("count from five down to 3", "Five, four, three."),
            ("count, from nine, to twelve", "Nine, ten, eleven, twelve."),
            ("count to zero", "One, zero."),
        ],
    )
    def test_counts(self, text: str, counted: str) -> None:
        assert say(text) == counted

    def test_counts_not_for_ever(self) -> None:
        said = say("count to 999999999999")
        assert said.endswith("ninety-nine, one hundred, and so on.")
        assert said.count(",") == MAX_COUNTED

    @pytest.mark.parametrize("text", ["I count on you", "count", "count to", "a count from three"])
    def test_is_not_asked_to_count(self, text: str) -> None:
        assert say(text) == f"You said: {text}."


class TestCalls:
    @pytest.mark.parametrize(
        "text", ["call get weather", "use get_weather, please", "Get weather!", "getWeather"]
    )
    def test_a_tool_that_is_mentioned(self, text: str) -> None:
        assert [name for name, _ in ask(text, WEATHER, TIMER)] == ["get_weather"]

    @pytest.mark.parametrize(
        "text", ["the weather", "get the weather", "target weather", "settimer"]
    )
    def test_a_tool_that_is_not(self, text: str) -> None:
        assert ask(text, WEATHER) == []

    def test_arguments(self) -> None:
        assert ask("call get weather in New York, please", WEATHER) == [
            ("get_weather", {"city": "New York"})
        ]

    def test_several_in_the_order_of_the_text(self) -> None:
        text = "use set timer, and then get weather for Rome"
        assert ask(text, WEATHER, TIMER) == [("setTimer", {}), ("get_weather", {"city": "Rome"})]
        assert ask(text, WEATHER, TIMER, parallel_tool_calls=False) == [("setTimer", {})]

    def test_of_two_names_the_longer_one_was_meant(self) -> None:
        short = Tool("weather", "", NOTHING)
        assert [name for name, _ in ask("get weather", short, WEATHER)] == ["get_weather"]
        assert [name for name, _ in ask("the weather", short, WEATHER)] == ["weather"]

    def test_a_tool_is_called_once(self) -> None:
        assert len(ask("get weather and get weather", WEATHER)) == 1

    def test_none(self) -> None:
        assert ask("get weather", WEATHER, tool_choice="none") == []

    def test_required(self) -> None:
        assert ask("Rome", WEATHER, TIMER, tool_choice="required") == [
            ("get_weather", {"city": "Rome"})
        ]
        assert ask("set timer", WEATHER, TIMER, tool_choice="required") == [("setTimer", {})]
        assert ask("Rome", tool_choice="required") == []

    def test_named(self) -> None:
        choice = NamedTool("setTimer")
        assert ask("get weather", WEATHER, TIMER, tool_choice=choice) == [("setTimer", {})]
        assert ask("hello", WEATHER, tool_choice=NamedTool("unknown")) == []

    def test_a_demand_without_a_user(self) -> None:
        request = ReplyRequest((), tools=(WEATHER,), tool_choice="required")
        assert calls(request) == [("get_weather", {"city": "parrot"})]

    def test_ids_are_new_and_the_same_each_time(self) -> None:
        request = ReplyRequest(
            (Utterance("user", "get weather and set timer"),), tools=(WEATHER, TIMER)
        )

        def ids(request: ReplyRequest) -> list[str]:
            deltas = reply(request)
            return [each.call_id for each in deltas if isinstance(each, CallDelta) and each.name]

        first = ids(request)
        assert len(set(first)) == 2
        assert ids(request) == first
        turns: list[Turn] = [ToolCall(call_id, "x", "{}") for call_id in first]
        assert set(ids(ReplyRequest((*turns, *request.turns), tools=request.tools))).isdisjoint(
            first
        )


class TestResults:
    CALLED = (
        Utterance("user", "get weather and set timer"),
        ToolCall("a", "get_weather", "{}"),
        ToolCall("b", "setTimer", "{}"),
    )

    def test_are_read_out(self) -> None:
        turns = (*self.CALLED, ToolResult("a", "sunny"), ToolResult("b", ""))
        said = speech(reply(ReplyRequest(turns, tools=(WEATHER, TIMER))))
        assert said == "The get weather tool says: sunny. The set timer tool says: nothing."

    @pytest.mark.parametrize(
        ("output", "said"),
        [
            ('"rain"', "rain."),
            ('{"skyIs": "clear", "degrees": 21.5}', "sky is clear, degrees 21.5."),
            ('[{"ok": true}, null, [1]]', "ok yes, nothing, 1."),
            ("{}", "nothing."),
            ("[" * 50_000, "[" * 50_000 + "."),
            ("broken {", "broken {."),
        ],
    )
    def test_json_is_said_in_words(self, output: str, said: str) -> None:
        turns = (*self.CALLED[:2], ToolResult("a", output))
        assert speech(reply(ReplyRequest(turns))) == f"The get weather tool says: {said}"

    def test_halves_of_characters_are_replaced(self) -> None:
        for output in ("\ud83d", '"\\ud83d"'):
            assert speech(reply(ReplyRequest((ToolResult("x", output),)))) == (
                "The tool says: \ufffd."
            )

    def test_without_their_call(self) -> None:
        assert speech(reply(ReplyRequest((ToolResult("x", "hm"),)))) == "The tool says: hm."

    def test_of_before_the_users_turn_are_over(self) -> None:
        turns = (*self.CALLED[:2], ToolResult("a", "sunny"), Utterance("user", "thanks"))
        assert speech(reply(ReplyRequest(turns))) == "You said: thanks."

    @pytest.mark.parametrize("choice", ["required", NamedTool("get_weather")])
    def test_meet_a_demand(self, choice: Any) -> None:
        turns = (*self.CALLED[:2], ToolResult("a", "sunny"))
        request = ReplyRequest(turns, tools=(WEATHER,), tool_choice=choice)
        assert speech(reply(request)) == "The get weather tool says: sunny."

    def test_do_not_meet_the_demand_for_another_tool(self) -> None:
        turns = (*self.CALLED[:2], ToolResult("a", "sunny"))
        request = ReplyRequest(turns, tools=(WEATHER, TIMER), tool_choice=NamedTool("setTimer"))
        assert calls(request) == [("setTimer", {})]


class TestLimits:
    @pytest.mark.parametrize("limit", [0, 1, 3])
    def test_the_reply_ends_at_the_limit(self, limit: int) -> None:
        request = ReplyRequest((Utterance("user", "count to ten"),), max_output_tokens=limit)
        *deltas, finished = reply(request)
        assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == [
            "One,",
            " two,",
            " three,",
        ][:limit]
        assert isinstance(finished, Finished)
        assert finished.reason == "length"

    def test_a_limit_that_is_just_enough(self) -> None:
        request = ReplyRequest((Utterance("user", "count to two"),), max_output_tokens=2)
        finished = reply(request)[-1]
        assert isinstance(finished, Finished)
        assert finished.reason == "stop"
        assert finished.usage is not None
        assert finished.usage.output_tokens == 2

    def test_calls_are_cut_too(self) -> None:
        request = ReplyRequest(
            (Utterance("user", "get weather in Rome"),), tools=(WEATHER,), max_output_tokens=2
        )
        *deltas, finished = reply(request)
        assert len(deltas) == 2
        assert isinstance(finished, Finished)
        assert finished.reason == "length"

    def test_pace(self) -> None:
        async def run() -> None:
            parrot = Parrot(pace=1e6)
            async with parrot.reply(ReplyRequest(())) as deltas:
                with anyio.move_on_after(0.01) as scope:
                    await deltas.__anext__()
            assert scope.cancelled_caught

        anyio.run(run)


texts = st.one_of(
    st.text(max_size=60),
    st.text("\ud83d\ude00a ", max_size=6),
    st.sampled_from(
        ["call get weather", "count to", "count from ten to", "what time is it", "get_weather 5"]
    ),
)
ids = st.sampled_from(["", "a", "b"])
turns = st.lists(
    st.one_of(
        st.builds(Utterance, st.sampled_from(["system", "user", "assistant"]), texts),
        st.builds(ToolCall, ids, st.sampled_from(["get_weather", "", "x"]), texts),
        st.builds(ToolResult, ids, texts),
    ),
    max_size=8,
).map(tuple)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
schemas = st.dictionaries(
    st.sampled_from(
        [
            "type",
            "properties",
            "required",
            "enum",
            "items",
            "anyOf",
            "$ref",
            "minimum",
            "multipleOf",
        ]
    ),
    json_values,
    max_size=5,
)
tools = st.lists(
    st.builds(Tool, st.sampled_from(["get_weather", "", "setTimer", "___"]), texts, schemas),
    max_size=3,
).map(tuple)
requests = st.builds(
    ReplyRequest,
    turns=turns,
    instructions=texts,
    tools=tools,
    tool_choice=st.sampled_from(["auto", "none", "required", NamedTool("get_weather")]),
    parallel_tool_calls=st.booleans(),
    max_output_tokens=st.none() | st.integers(-1, 40),
)


@given(requests)
def test_whatever_is_asked_it_replies(request: ReplyRequest) -> None:
    *deltas, finished = reply(request)
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert finished.usage.output_tokens == len(deltas)
    assert not any(isinstance(delta, Finished) for delta in deltas)
    if request.max_output_tokens is not None:
        assert len(deltas) <= max(0, request.max_output_tokens)
    if request.tool_choice == "none" or not request.tools:
        assert all(isinstance(delta, TextDelta) for delta in deltas)
    for delta in deltas:
        match delta:
            case TextDelta(text=text) | CallDelta(arguments=text):
                text.encode()
    if finished.reason == "tool_calls":
        calls = "".join(
            "\n" * bool(delta.name or delta.call_id) + delta.arguments
            for delta in deltas
            if isinstance(delta, CallDelta)
        )
        assert all(isinstance(json.loads(each), dict) for each in calls.split("\n")[1:])
    assert reply(request) == [*deltas, finished]


def test_a_very_long_text_takes_no_time_to_understand() -> None:
    for text in ("count from " * 100_000, "get weather " * 100_000, "7 " * 500_000):
        request = ReplyRequest((Utterance("user", text),), tools=(WEATHER,) * 20)
        assert isinstance(reply(request)[-1], Finished)
    assert MAX_CHARACTERS < 10_000
