"""What a model thinks is not said, wherever the parts of its text end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.thoughts import ThoughtFilter


def say(*parts: str) -> str:
    thoughts = ThoughtFilter()
    return "".join([thoughts.feed(part) for part in parts] + [thoughts.end()])


CASES = [
    ("<think>Hm.</think>Hello", "Hello"),
    ("<think>\nHm.\n</think>\n\nHello\n", "Hello\n"),
    ("Hello", "Hello"),
    ("  Hello", "  Hello"),
    ("One <think>two</think> three <THINKING>x</Thinking>four", "One three four"),
    ("<think>a<think>b</think>c", "c"),
    ("<think>never ends", ""),
    ("a</think>b", "ab"),
    ("1 < 2 <b> <thin", "1 < 2 <b> <thin"),
    ("<<think>x</think>>", "<>"),
    ("<think>x</thin</think>y", "y"),
    ("<reasoning>x</reasoning><thought>y</thought>z", "z"),
    ("<thinks>x", "<thinks>x"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "said"), CASES)
def test_whole_and_letter_by_letter(text: str, said: str) -> None:
    assert say(text) == said
    assert say(*text) == said


@given(
    st.lists(st.sampled_from(["<", "think>", "/", ">", "<think>", "</think>", "a", " "])).map(
        "".join
    ),
    st.lists(st.integers(0, 80), max_size=6),
)
def test_where_the_parts_end_makes_no_difference(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(text)]
    assert say(*(text[a:b] for a, b in pairwise(places))) == say(text)


def test_what_cannot_be_a_tag_is_said_at_once() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("a <thi") == "a "
    assert thoughts.feed("s is said") == "<this is said"
    assert thoughts.feed("<") == ""
    assert thoughts.feed("3") == "<3"
