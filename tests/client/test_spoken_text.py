from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.playback import REALTIME_RATE
from streamkit.client.spoken_text import SAMPLES_PER_CHARACTER, SpokenText

SECOND = REALTIME_RATE


def test_words_are_spread_over_the_sound_of_their_clause() -> None:
    text = SpokenText()
    text.add("One two three.", 0)
    text.add(" Four five.", SECOND)
    text.complete()
    heard = [text.split(at * SECOND // 10, 2 * SECOND)[0] for at in range(0, 21, 2)]
    assert heard == [
        "",
        "One",
        "One two",
        "One two three.",
        "One two three.",
        "One two three.",
        "One two three. Four",
        "One two three. Four",
        "One two three. Four five.",
        "One two three. Four five.",
        "One two three. Four five.",
    ]


def test_the_rest_is_what_was_not_heard() -> None:
    text = SpokenText()
    text.add("One two three four", 0)
    text.complete()
    assert text.split(0, SECOND) == ("", "One two three four")
    assert text.split(SECOND // 2, SECOND) == ("One two three", " four")
    # A word that was cut in the middle was not heard.
    assert text.split(SECOND // 2, SECOND, whole=True) == ("One two", " three four")
    assert text.split(SECOND, SECOND, whole=True) == ("One two three four", "")


def test_marks_of_words_are_exact() -> None:
    text = SpokenText()
    text.add("Well, well then", 0)
    text.mark("Well", 0)
    text.mark("well", 9000)
    text.mark("then", 20000)
    text.complete()
    assert text.split(9000, SECOND)[0] == "Well,"
    assert text.split(9001, SECOND)[0] == "Well, well"
    assert text.split(20000, SECOND)[0] == "Well, well"
    assert text.split(20001, SECOND)[0] == "Well, well then"
    assert text.split(20000, SECOND, whole=True)[0] == "Well, well"


def test_marks_that_make_no_sense_are_left_out() -> None:
    text = SpokenText()
    text.add("one two three", 0)
    text.mark("two", 12000)
    text.mark("three", 11000)
    text.mark("four", 13000)
    text.mark("", 13000)
    text.complete()
    assert text.split(12001, SECOND)[0] == "one two"


def test_text_whose_sound_is_still_to_come_is_not_heard_at_once() -> None:
    text = SpokenText()
    text.add("A long sentence that is on its way", 0)
    assert text.split(0, 0) == ("", text.text)
    arrived = 4 * SAMPLES_PER_CHARACTER
    assert text.split(arrived, arrived)[0] == "A long"
    # Text that came all at once before its sound is spread over all of it.
    text.add(" and goes on", 0)
    text.complete()
    assert text.split(SECOND // 2, SECOND)[0] == "A long sentence that is"


def test_nothing_was_said() -> None:
    assert SpokenText().split(100, 100) == ("", "")


@given(
    deltas=st.lists(
        st.tuples(st.sampled_from(["a", " bc", " def ghi", ", jkl"]), st.integers(0, 5000)),
        max_size=8,
    ),
    marks=st.lists(st.tuples(st.sampled_from(["a", "bc", "ghi", "x"]), st.integers(0, 40000))),
    whole=st.booleans(),
    complete=st.booleans(),
)
def test_more_sound_never_means_fewer_words(
    deltas: list[tuple[str, int]], marks: list[tuple[str, int]], whole: bool, complete: bool
) -> None:
    text, arrived = SpokenText(), 0
    for delta, length in deltas:
        text.add(delta, arrived)
        arrived += length
    for word, at in marks:
        text.mark(word, at)
    if complete:
        text.complete()
    before = ""
    for heard in range(0, arrived + 1, 500):
        first, rest = text.split(heard, arrived, whole=whole)
        assert first + rest == text.text
        assert first.startswith(before)
        before = first
    if complete:
        assert text.split(arrived, arrived, whole=whole) == (text.text, "")
