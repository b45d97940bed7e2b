"""What is left out of a conversation that is too long for its model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.calls import match_results
from streamkit.llm.chat_model import ReplyRequest, Tool, ToolCall, ToolResult, Turn, Utterance
from streamkit.llm.context import DEFAULT_ANSWER_TOKENS, LEAST_TURN_TOKENS, fit
from streamkit.llm.tokens import TURN_TOKENS, count_frame, count_request, estimate_tokens


def words(text: str) -> int:
    return len(text.split())


def user(text: str) -> Utterance:
    return Utterance("user", text)


def bot(text: str) -> Utterance:
    return Utterance("assistant", text)


def call(name: str) -> ToolCall:
    return ToolCall(name, "tool", "{}")


def result(name: str, text: str = "done") -> ToolResult:
    return ToolResult(name, text)


def fit_words(turns: Sequence[Turn], room: int, **options: object) -> tuple[Turn, ...]:
    """Fit turns into `room` words, a turn counting `TURN_TOKENS` more."""
    request = ReplyRequest(tuple(turns), max_output_tokens=1)
    frame = count_frame(request, words)
    return fit(request, frame + room + 1, words).turns


EMPTY = TURN_TOKENS
"""What a turn costs without its words."""


class TestWhatStays:
    def test_what_fits_is_not_touched(self) -> None:
        request = ReplyRequest((bot("Hello"), user("Hi")), "Be brief.")
        assert fit(request, 4096) is request

    def test_the_newest_turns(self) -> None:
        turns = [user("one"), bot("two"), user("three"), bot("four"), user("five")]
        assert fit_words(turns, 3 * (EMPTY + 1)) == tuple(turns[2:])

    def test_it_begins_with_the_user(self) -> None:
        turns = [user("one"), bot("two"), user("three"), bot("four"), user("five")]
        assert fit_words(turns, 4 * (EMPTY + 1)) == tuple(turns[2:])
        assert fit_words(turns, 2 * (EMPTY + 1)) == tuple(turns[4:])

    def test_without_a_gap(self) -> None:
        turns = [user("one"), bot("two " * 50), user("three"), bot("four"), user("five")]
        assert fit_words(turns, 4 * (EMPTY + 1)) == tuple(turns[2:])

    def test_the_last_user_turn_and_what_came_after_it(self) -> None:
        turns = [user("one"), user("two"), call("a"), result("a"), bot("three")]
        room = sum((EMPTY + 1, EMPTY + 2, EMPTY + 1, EMPTY + 1))
        assert fit_words(turns, room) == tuple(turns[1:])

    def test_calls_after_the_last_user_turn_go_before_it_does(self) -> None:
        turns = [user("one"), call("a"), result("a"), call("b"), result("b")]
        room = EMPTY + 1 + EMPTY + 2 + EMPTY + 1
        assert fit_words(turns, room) == (turns[0], *turns[3:])

    def test_the_instructions_and_tools(self) -> None:
        tool = Tool("get_weather", "tells the weather", {"type": "object"})
        request = ReplyRequest((user("a " * 5000),), "word " * 3000, (tool,))
        fitting = fit(request, 4096)
        assert (fitting.instructions, fitting.tools) == (request.instructions, request.tools)

    def test_room_for_the_answer(self) -> None:
        turns = tuple(user("word " * 20) for _ in range(100))
        for limit, room in ((None, DEFAULT_ANSWER_TOKENS), (1000, 1000), (9999, 2048)):
            request = ReplyRequest(turns, max_output_tokens=limit)
            used = count_request(fit(request, 4096))
            assert 4096 - room - 100 < used <= 4096 - room


class TestCallsAndResults:
    def test_stay_together(self) -> None:
        turns = [user("one"), call("a"), result("a"), bot("two"), user("three")]
        # The result would fit, its call would not.
        assert fit_words(turns, 3 * (EMPTY + 1)) == (turns[4],)

    def test_with_what_is_between_them(self) -> None:
        turns = [user("one"), call("a"), user("two"), result("a"), user("three")]
        room = sum((EMPTY + 2, EMPTY + 1, EMPTY + 1, EMPTY + 1))
        assert fit_words(turns, room - 1) == (turns[4],)

    def test_around_the_last_user_turn(self) -> None:
        turns = [user("one"), call("a"), user("two"), result("a")]
        assert fit_words(turns, EMPTY + 2 + EMPTY + 1 + EMPTY + 1) == tuple(turns[1:])

    def test_are_matched_by_id_and_order(self) -> None:
        turns = [
            result("a"),
            call("a"),
            call("b"),
            result("b"),
            result("a"),
            result("a"),
            call("a"),
        ]
        assert match_results(turns) == {2: 3, 1: 4}


class TestWhatIsCut:
    def test_a_long_last_turn_keeps_its_end(self) -> None:
        said = " ".join(f"w{number}" for number in range(1000))
        (kept,) = fit_words([user("before"), user(said)], EMPTY + 50)
        assert kept == user(" ".join(f"w{number}" for number in range(950, 1000)))

    def test_a_long_result_keeps_its_beginning(self) -> None:
        output = " ".join(f"w{number}" for number in range(1000))
        turns = [user("what is it"), call("a"), result("a", output)]
        kept = fit_words(turns, 3 * EMPTY + 3 + 2 + 50)
        assert kept[:2] == (turns[0], turns[1])
        assert isinstance(kept[2], ToolResult)
        assert kept[2].output == " ".join(f"w{number}" for number in range(50))

    def test_the_longest_texts_are_cut_most(self) -> None:
        turns = [user("a " * 30), call("a"), result("a", "b " * 500)]
        kept = fit_words(turns, 3 * EMPTY + 2 + 100)
        assert kept[0] == turns[0]
        assert isinstance(kept[2], ToolResult)
        assert words(kept[2].output) == 70

    def test_calls_that_are_too_long_go_whole(self) -> None:
        turns = [user("what is it"), ToolCall("a", "tool", "x " * 900), result("a")]
        assert fit_words(turns, 3 * EMPTY + 100) == (turns[0],)

    def test_no_room_at_all(self) -> None:
        request = ReplyRequest((user("word " * 500),), "word " * 5000)
        (kept,) = fit(request, 100, words).turns
        assert kept == user("word " * LEAST_TURN_TOKENS)

    def test_a_text_without_blanks(self) -> None:
        (kept,) = fit(ReplyRequest((user("語" * 9000),)), 1024).turns
        assert isinstance(kept, Utterance)
        assert 100 < len(kept.text) < 1000

    def test_without_a_user(self) -> None:
        (kept,) = fit_words([bot("one"), bot("w " * 500 + "end")], EMPTY + 40)
        assert isinstance(kept, Utterance)
        assert words(kept.text) == 40
        assert kept.text.endswith("end")
        assert fit_words([ToolCall("a", "tool", "x " * 500)], EMPTY + 40) == ()


texts = st.one_of(
    st.text(max_size=40),
    st.integers(0, 400).map(lambda n: "word " * n),
    st.integers(0, 400).map(lambda n: "語" * n),
)
ids = st.sampled_from("abc")
turns = st.lists(
    st.one_of(
        st.builds(Utterance, st.sampled_from(["system", "user", "assistant"]), texts),
        st.builds(ToolCall, ids, st.just("tool"), texts),
        st.builds(ToolResult, ids, texts),
    ),
    max_size=12,
).map(tuple)
requests = st.builds(
    ReplyRequest, turns=turns, instructions=texts, max_output_tokens=st.none() | st.integers(0, 500)
)


def origin(kept: Turn, given: Sequence[Turn], after: int) -> int:
    """Index of the turn that a kept one was, cut or not; raises where there is none."""
    for index in range(after, len(given)):
        match kept, given[index]:
            case (Utterance(r, text), Utterance(role, whole)) if r == role and whole.endswith(text):
                return index
            case (ToolResult(i, text), ToolResult(call_id, whole)) if (
                i == call_id and whole.startswith(text)
            ):
                return index
            case (ToolCall(), same) if same == kept:
                return index
            case _:
                pass
    raise AssertionError(f"{kept} is not what was given, or not in its order")


@given(requests, st.integers(0, 3000))
def test_what_comes_out(request: ReplyRequest, context: int) -> None:
    fitting = fit(request, context)
    answer = min(request.max_output_tokens or DEFAULT_ANSWER_TOKENS, context // 2)
    room = context - answer
    least = count_frame(request) + TURN_TOKENS + LEAST_TURN_TOKENS
    # It fits, wherever there is room for anything beside the instructions.
    assert count_request(fitting) <= max(room, least) or fitting is request
    if count_request(request) <= room:
        assert fitting is request
    assert fitting.instructions == request.instructions
    # In its order, and nothing new.
    place = 0
    for turn in fitting.turns:
        place = origin(turn, request.turns, place) + 1
    # The last user turn is there, if only its end.
    said = [turn for turn in request.turns if isinstance(turn, Utterance) and turn.role == "user"]
    kept = [turn for turn in fitting.turns if isinstance(turn, Utterance) and turn.role == "user"]
    if said:
        assert kept
        assert said[-1].text.endswith(kept[-1].text)
        assert kept[-1].text or not said[-1].text.strip()


unique_calls = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)), min_size=1, max_size=12)


@given(unique_calls, st.integers(100, 2000))
def test_calls_and_results_are_never_separated(shape: list[tuple[int, int]], context: int) -> None:
    conversation: list[Turn] = []
    for number, (kind, length) in enumerate(shape):
        if kind == 0:
            conversation.append(user("word " * length))
        elif kind == 1:
            conversation.append(bot("word " * length))
        elif kind == 2:
            conversation += [call(f"{number}"), result(f"{number}", "word " * length)]
        else:
            first, second = f"{number}a", f"{number}b"
            conversation += [call(first), call(second), result(first), result(second)]
    kept = fit(ReplyRequest(tuple(conversation)), context).turns
    called = [turn.call_id for turn in kept if isinstance(turn, ToolCall)]
    answered = [turn.call_id for turn in kept if isinstance(turn, ToolResult)]
    assert sorted(called) == sorted(answered)


@given(requests, st.integers(200, 3000))
def test_what_fits_once_fits_again(request: ReplyRequest, context: int) -> None:
    once = fit(request, context)
    if count_frame(request) + TURN_TOKENS + LEAST_TURN_TOKENS < context // 2:
        assert fit(once, context) is once


@pytest.mark.parametrize("count", [len, words, lambda text: len(text.encode()), lambda text: 0])
def test_another_counter(count: object) -> None:
    request = ReplyRequest(tuple(user("some words " * 20) for _ in range(50)))
    fitting = fit(request, 2000, count)  # type: ignore[arg-type]
    assert count_request(fitting, count) <= 2000 - DEFAULT_ANSWER_TOKENS  # type: ignore[arg-type]
    assert fitting.turns


@given(st.text(), st.integers(0, 50))
def test_a_part_of_a_text_has_no_more_tokens(text: str, cut: int) -> None:
    assert estimate_tokens(text[cut:]) <= estimate_tokens(text)
    assert estimate_tokens(text[:cut]) <= estimate_tokens(text)


@given(st.text(st.characters(codec=None)))
def test_tokens_of_anything(text: str) -> None:
    assert 0 <= estimate_tokens(text) <= 1 + 1.1 * (len(text.encode("utf-8", "surrogatepass")) + 1)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        # Counted with the vocabulary of multilingual Whisper, which is smaller than those of
        # chat models.
        ("Could you tell me what the weather will be like tomorrow?", 12, 24),
        ("今天天气怎么样？我想预订明天晚上七点的餐厅，四个人，靠窗的位置。", 38, 90),
        ("Какая сегодня погода? Я хочу заказать столик на четверых.", 17, 70),
        ("ዛሬ የአየር ሁኔታ እንዴት ነው?", 45, 80),
        ("0123456789", 5, 15),
    ],
)
def test_estimates(text: str, least: int, most: int) -> None:
    assert least <= estimate_tokens(text) <= most
