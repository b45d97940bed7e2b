"""Words that grow: committed ones stand, a loop waits, and nothing is said twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.incremental import GrowingWords, agreement, loop_start, normalise
from streamkit.asr.policy import CommitPolicy, Either, HoldBack, LocalAgreement
from streamkit.asr.recognizer import Word

STEP = 1600
FAR = 10**9


def words(text: str, probability: float = 1.0) -> list[Word]:
    return [
        Word(each, STEP * index, STEP * index + STEP, probability)
        for index, each in enumerate(text.split())
    ]


def texts(some: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in some)


def agreeing(min_probability: float = 0.5) -> GrowingWords:
    return GrowingWords(LocalAgreement(min_probability))


def test_two_hypotheses_have_to_agree() -> None:
    growing = agreeing()
    assert growing.update(words("the white bottle"), FAR) == ()
    assert texts(growing.update(words("the white picture is"), FAR)) == "the white"
    assert texts(growing.tentative) == "picture is"
    assert texts(growing.update(words("picture is near"), FAR)) == "picture"
    assert texts(growing.words) == "the white picture is near"


def test_case_and_punctuation_do_not_count_and_the_newer_spelling_is_kept() -> None:
    growing = agreeing()
    growing.update(words("stop. The music now"), FAR)
    assert texts(growing.update(words("Stop the music, now please"), FAR)) == "Stop the music,"


def test_the_last_word_of_either_waits() -> None:
    growing = agreeing()
    growing.update(words("turn the"), FAR)
    assert texts(growing.update(words("turn the"), FAR)) == "turn"
    growing = agreeing()
    growing.update(words("turn"), FAR)
    assert growing.update(words("turn the music"), FAR) == ()


def test_an_empty_hypothesis_takes_tentative_words_back_and_no_committed_ones() -> None:
    growing = agreeing()
    growing.update(words("turn the music"), FAR)
    growing.update(words("turn the music"), FAR)
    assert growing.update([], FAR) == ()
    assert (texts(growing.committed), growing.tentative) == ("turn the", ())
    # What comes after has nothing to agree with yet.
    assert growing.update(words("music down"), FAR) == ()
    assert texts(growing.words) == "turn the music down"


def test_a_word_that_comes_late_is_agreed_on_where_it_stands_then() -> None:
    growing = agreeing()
    growing.update(words("turn music down now"), FAR)
    assert texts(growing.update(words("turn the music down now"), FAR)) == "turn"
    assert texts(growing.update(words("the music down now"), FAR)) == "the music down"


def test_how_far_was_heard_reaches_the_policy() -> None:
    growing = GrowingWords(HoldBack(STEP))
    assert texts(growing.update(words("one two three"), 3 * STEP)) == "one two"
    assert texts(growing.tentative) == "three"


def test_an_improbable_word_holds_back_all_after_it() -> None:
    growing = agreeing(0.5)
    first = [*words("turn"), *words("the", 0.3), *words("music down now")]
    growing.update(first, FAR)
    assert texts(growing.update(first, FAR)) == "turn"


def test_words_that_were_said_twice_are_no_loop() -> None:
    growing = agreeing()
    growing.update(words("bye bye my dear dear friend"), FAR)
    assert texts(growing.update(words("bye bye my dear dear friend"), FAR)) == (
        "bye bye my dear dear"
    )


def test_a_loop_is_not_committed() -> None:
    growing = agreeing()
    loop = words("and so " + "on and on " * 6)
    growing.update(loop, FAR)
    committed = growing.update(loop, FAR)
    assert texts(committed) == "and so on and on"
    assert len(growing.words) == len(loop)


def test_a_loop_across_the_committed_border_is_noticed() -> None:
    growing = agreeing()
    growing.finish(words("again again"))
    growing.update(words("again again again stop"), FAR)
    assert growing.update(words("again again again stop"), FAR) == ()


def test_a_loop_that_grows_by_one_word_a_pass_stops_where_it_is_seen() -> None:
    growing = GrowingWords(HoldBack(0))
    for _ in range(10):
        growing.update(words("no"), FAR)
    # The third "no" makes it one; two were believed by then.
    assert texts(growing.committed) == "no no"


def test_what_was_cut_is_no_part_of_a_loop_any_more() -> None:
    growing = agreeing()
    growing.update(words("no no no I said"), FAR)
    growing.update(words("no no no I said"), FAR)
    assert texts(growing.committed) == "no"
    growing.cut(1)
    growing.update(words("no no I said so"), FAR)
    assert texts(growing.committed) == "no no I"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("", None),
        ("a b c d", None),
        ("no no", None),
        ("no no no", 1),
        ("x no no no", 2),
        ("a b a b a b c", 2),
        ("one two three one two three one two three", 3),
        ("a b c d e f g h " * 3, 8),
        ("a b c d e f g h i " * 3, None),
    ],
)
def test_where_a_loop_begins(text: str, start: int | None) -> None:
    assert loop_start(text.split()) == start


def test_cut_takes_committed_words_only_and_counts_them() -> None:
    growing = agreeing()
    growing.finish(words("one two three"))
    assert texts(growing.cut(2)) == "one two"
    assert texts(growing.committed) == "three"
    assert (growing.gone, growing.count) == (2, 3)
    for wrong in (2, -1):
        with pytest.raises(ValueError, match=f"cannot cut {wrong}"):
            growing.cut(wrong)
    assert growing.cut(0) == ()


def test_words_of_an_earlier_session_stand_from_the_beginning() -> None:
    growing = GrowingWords(LocalAgreement(), tuple(words("turn the")))
    assert growing.count == 2
    growing.update(words("music down"), FAR)
    assert texts(growing.words) == "turn the music down"


@pytest.mark.parametrize(
    ("text", "plain"), [("Berlin's,", "berlins"), ("...", ""), ("¿Qué?", "qué"), ("50%", "50")]
)
def test_normalise(text: str, plain: str) -> None:
    assert normalise(text) == plain


def test_agreement_counts_whole_words_from_the_beginning() -> None:
    assert agreement(words("a b c"), words("A, b. d")) == 2
    assert agreement(words("a b"), words("a b c")) == 2
    assert agreement(words("x a"), words("a")) == 0
    assert agreement([], words("a")) == 0


vocabulary = st.sampled_from(["the", "white", "Bottle", "bottle.", "is", "near", "the near is"])
hypotheses = st.lists(
    st.tuples(
        st.lists(vocabulary, max_size=8).map(" ".join),
        st.integers(0, 12 * STEP),
        st.sampled_from([0.2, 0.6, 1.0]),
        st.integers(0, 3),
    ),
    max_size=12,
)
policies = st.sampled_from(
    [
        LocalAgreement(),
        LocalAgreement(0.0),
        HoldBack(0, 0.0),
        HoldBack(2 * STEP),
        Either((LocalAgreement(), HoldBack(3 * STEP))),
    ]
)


@given(policies, hypotheses, st.lists(vocabulary, max_size=6).map(" ".join))
def test_committed_words_only_grow_and_each_comes_out_once(
    policy: CommitPolicy, all_hypotheses: list[tuple[str, int, float, int]], last: str
) -> None:
    """Each hypothesis continues what is committed, as the recognizer's are forced to."""
    growing = GrowingWords(policy)
    out: list[Word] = []
    expected: list[Word] = []
    for text, heard, probability, cut in all_hypotheses:
        hypothesis = words(text, probability)
        before, gone = growing.committed, growing.gone
        new = growing.update(hypothesis, heard)
        expected += new
        assert growing.committed == before + new
        assert new + growing.tentative == tuple(hypothesis)
        assert growing.gone == gone
        tentative = growing.tentative
        out += growing.cut(min(cut, len(growing.committed)))
        assert growing.tentative == tentative
        assert [*out, *growing.committed] == expected
        assert growing.count == len(expected)
    final = words(last)
    growing.finish(final)
    assert growing.tentative == ()
    out += growing.cut(len(growing.committed))
    assert out == expected + final
    assert growing.words == ()


@given(st.lists(st.sampled_from("ab"), max_size=12), st.integers(2, 12))
def test_nothing_after_the_first_repetition_of_a_loop_is_committed_early(
    before: list[str], times: int
) -> None:
    growing = GrowingWords(HoldBack(0, 0.0))
    text = " ".join([*before, *(["x", "y", "z"] * (times + 1))])
    growing.update(words(text), FAR)
    start = loop_start(text.split())
    assert start is not None
    assert len(growing.committed) == start
    assert start <= len(before) + 3
