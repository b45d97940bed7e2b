from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.incremental import LocalAgreement, loop_start, normalise
from streamkit.asr.recognizer import Word


def words(text: str, probability: float = 1.0) -> list[Word]:
    return [
        Word(each, 1600 * index, 1600 * index + 1600, probability)
        for index, each in enumerate(text.split())
    ]


def texts(some: tuple[Word, ...]) -> str:
    return " ".join(word.text for word in some)


def test_two_hypotheses_have_to_agree() -> None:
    policy = LocalAgreement()
    assert policy.update(words("the white bottle")) == ()
    assert texts(policy.update(words("the white picture is"))) == "the white"
    assert texts(policy.tentative) == "picture is"
    assert texts(policy.update(words("picture is near"))) == "picture"


def test_case_and_punctuation_do_not_count_and_the_newer_spelling_is_kept() -> None:
    policy = LocalAgreement()
    policy.update(words("stop. The music now"))
    assert texts(policy.update(words("Stop the music, now please"))) == "Stop the music,"


def test_the_last_word_of_either_waits() -> None:
    policy = LocalAgreement()
    policy.update(words("turn the"))
    assert texts(policy.update(words("turn the"))) == "turn"
    policy = LocalAgreement()
    policy.update(words("turn"))
    assert policy.update(words("turn the music")) == ()


def test_an_improbable_word_holds_back_all_after_it() -> None:
    policy = LocalAgreement(min_probability=0.5)
    first = [*words("turn"), *words("the", 0.3), *words("music down now")]
    policy.update(first)
    assert texts(policy.update(first)) == "turn"


def test_a_loop_is_not_committed() -> None:
    policy = LocalAgreement()
    loop = words("and so " + "on and on " * 6)
    policy.update(loop)
    committed = policy.update(loop)
    assert texts(committed) == "and so on and on"
    assert len(policy.words) == len(loop)


def test_a_loop_across_the_committed_border_is_noticed() -> None:
    policy = LocalAgreement()
    policy.finish(words("again again"))
    policy.update(words("again again again stop"))
    assert policy.update(words("again again again stop")) == ()


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a b c d", None),
        ("no no", None),
        ("no no no", 1),
        ("x no no no", 2),
        ("a b a b a b c", 2),
        ("one two three one two three one two three", 3),
    ],
)
def test_where_a_loop_begins(text: str, start: int | None) -> None:
    assert loop_start(text.split()) == start


def test_cut_takes_committed_words_only() -> None:
    policy = LocalAgreement()
    policy.finish(words("one two three"))
    assert texts(policy.cut(2)) == "one two"
    assert texts(policy.committed) == "three"
    with pytest.raises(ValueError, match="cannot cut 2"):
        policy.cut(2)


def test_normalise() -> None:
    assert normalise("Berlin's,") == "berlins"


vocabulary = st.sampled_from(["the", "white", "Bottle", "bottle.", "is", "near"])
hypotheses = st.lists(st.lists(vocabulary, max_size=8), max_size=12)


@given(hypotheses)
def test_committed_words_only_grow_and_nothing_is_lost(all_hypotheses: list[list[str]]) -> None:
    """Each hypothesis continues what is committed, as the recognizer's are forced to."""
    policy = LocalAgreement()
    for hypothesis in all_hypotheses:
        before = policy.committed
        new = policy.update(words(" ".join(hypothesis)))
        assert policy.committed == before + new
        assert [word.text for word in new + policy.tentative] == hypothesis
    policy.finish(policy.tentative)
    assert policy.tentative == ()
