"""Judgements about turns: is it over, and is it an interruption."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.session.conversation_options import Interruption, SemanticVad, ServerVad
from streamkit.session.turn_words import BACKCHANNELS, COMMANDS, OPEN_ENDS
from streamkit.session.turns import (
    BACKCHANNEL_SECONDS,
    CERTAIN,
    LONGEST_WAITS,
    SHORTEST_WAITS,
    WORDLESS_SECONDS,
    Interjection,
    Verdict,
    WordsTurnDetector,
    judge,
    patience,
    plain,
)

EAGERNESS = ("low", "medium", "auto", "high")


def finished(text: str, language: str | None = "en") -> float:
    return WordsTurnDetector().finished(text, language)


@pytest.mark.parametrize(
    "text", ["What time is it?", 'He said "no."', "Stop!", "这是什么？", "(Yes.)"]
)
def test_a_sentence_with_its_end_is_finished(text: str) -> None:
    assert finished(text) >= CERTAIN


@pytest.mark.parametrize(
    "text", ["Tell me more and", "I think the", "It is my", "And uh.", "because.", "Well, um?"]
)
def test_a_dangling_word_means_that_more_comes_whatever_its_stop(text: str) -> None:
    assert finished(text) < 0.2


@pytest.mark.parametrize("text", ["First,", "Well...", "There is one thing:", "So…", "I was —"])
def test_a_mark_that_leaves_a_sentence_open_means_that_more_comes(text: str) -> None:
    assert finished(text) < 0.5


def test_words_without_marks_are_in_between() -> None:
    assert finished("Tell me more,") < finished("Tell me more") < finished("Tell me more.")


def test_nothing_is_never_finished() -> None:
    assert finished("") == 0.0
    assert finished(' ." ') < 1.0


@pytest.mark.parametrize(
    ("text", "language"),
    [("Ich wollte und.", "de"), ("C'est le.", "fr"), ("Quiero el.", "es"), ("Ik en.", "nl")],
)
def test_each_language_has_its_own_dangling_words(text: str, language: str) -> None:
    assert finished(text, language) < 0.2
    assert finished(text, "xx") >= CERTAIN


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Wait a while.", "en"),
        ("Was ist das?", "de"),
        ("Wer ist der?", "de"),
        ("Danke sehr.", "de"),
        ("Schalte das Licht ein.", "de"),
        ("Das ist gut, oder?", "de"),
        ("Hoe gaat het?", "nl"),
        ("Gosto muito.", "pt"),
        ("É meu.", "pt"),
        ("Mi piace molto.", "it"),
        ("Perché?", "it"),
    ],
)
def test_words_with_which_sentences_do_end_are_no_dangling_ones(text: str, language: str) -> None:
    assert finished(text, language) >= CERTAIN


@pytest.mark.parametrize(("text", "language"), [("Kaffee oder", "de"), ("Non so perché", "it")])
def test_some_words_end_questions_only(text: str, language: str) -> None:
    assert finished(text, language) < 0.2
    assert finished(f"{text}.", language) < 0.2


@given(st.text(max_size=60), st.sampled_from([None, "en", "de", "ja", "zz"]))
def test_any_text_has_a_probability(text: str, language: str | None) -> None:
    assert 0.0 <= finished(text, language) <= 1.0


@pytest.mark.parametrize("eagerness", EAGERNESS)
def test_patience_goes_from_the_shortest_to_the_longest_wait(eagerness: str) -> None:
    detection = SemanticVad(eagerness)  # type: ignore[arg-type]
    assert patience(detection, 1.0) == pytest.approx(SHORTEST_WAITS[eagerness])
    assert patience(detection, CERTAIN) == pytest.approx(SHORTEST_WAITS[eagerness])
    assert patience(detection, 0.0) == pytest.approx(LONGEST_WAITS[eagerness])
    assert patience(detection, None) == pytest.approx(LONGEST_WAITS[eagerness])


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(EAGERNESS))
def test_the_surer_the_shorter(one: float, other: float, eagerness: str) -> None:
    detection = SemanticVad(eagerness)  # type: ignore[arg-type]
    less, more = sorted((one, other))
    assert patience(detection, more) <= patience(detection, less)


@given(st.floats(0, 1))
def test_the_more_eager_the_shorter(probability: float) -> None:
    waits = [patience(SemanticVad(each), probability) for each in EAGERNESS]  # type: ignore[arg-type]
    assert waits == sorted(waits, reverse=True)


@given(st.one_of(st.none(), st.floats(0, 1)))
def test_a_fixed_silence_is_fixed(probability: float | None) -> None:
    assert patience(ServerVad(silence=0.7), probability) == 0.7


def spoken(
    text: str, seconds: float = 0.3, *, heard: float | None = None, over: bool = False
) -> Interjection:
    return Interjection(seconds, text, seconds if heard is None else heard, over, "en")


@pytest.mark.parametrize(
    ("interjection", "verdict"),
    [
        (spoken(""), Verdict.OPEN),
        (spoken("", over=True), Verdict.BACKCHANNEL),
        (spoken("", 5.0), Verdict.OPEN),
        (spoken("", 0.6, heard=0.0), Verdict.OPEN),
        (spoken("", WORDLESS_SECONDS, heard=0.0), Verdict.INTERRUPTION),
        (spoken("", 3.0, heard=2.0), Verdict.INTERRUPTION),
        (spoken("uh-huh"), Verdict.OPEN),
        (spoken("uh-huh", over=True), Verdict.BACKCHANNEL),
        (spoken("Yeah, okay.", over=True), Verdict.BACKCHANNEL),
        (spoken("yes yes right", BACKCHANNEL_SECONDS - 0.1, over=True), Verdict.BACKCHANNEL),
        (spoken("yes yes right", BACKCHANNEL_SECONDS), Verdict.INTERRUPTION),
        (spoken("Stop."), Verdict.INTERRUPTION),
        (spoken("Okay, WAIT!"), Verdict.INTERRUPTION),
        (spoken("Thanks."), Verdict.OPEN),
        (spoken("Thanks.", over=True), Verdict.BACKCHANNEL),
        (spoken("Actually", 0.4), Verdict.INTERRUPTION),
        (spoken("But I", 0.2), Verdict.INTERRUPTION),
        (spoken("... —", 0.6, over=True), Verdict.BACKCHANNEL),
    ],
)
def test_what_speech_during_a_reply_is(interjection: Interjection, verdict: Verdict) -> None:
    assert judge(interjection, Interruption()) is verdict


@pytest.mark.parametrize("options", [Interruption(min_seconds=0), Interruption(min_words=0)])
def test_who_wants_to_be_interrupted_by_anything_is(options: Interruption) -> None:
    assert judge(spoken("", 0.1), options) is Verdict.INTERRUPTION


def test_more_words_can_be_asked_for() -> None:
    options = Interruption(min_seconds=2.0, min_words=3)
    assert judge(spoken("But I", 0.5), options) is Verdict.OPEN
    assert judge(spoken("But I think", 0.5), options) is Verdict.INTERRUPTION
    assert judge(spoken("But I", 2.0), options) is Verdict.INTERRUPTION
    assert judge(spoken("But I", 0.5, over=True), options) is Verdict.BACKCHANNEL


@given(
    st.text(max_size=30),
    st.floats(0, 10),
    st.floats(0, 10),
    st.booleans(),
    st.sampled_from([None, "en", "de", "zz"]),
)
def test_what_is_over_is_decided(
    text: str, seconds: float, heard: float, over: bool, language: str | None
) -> None:
    verdict = judge(
        Interjection(seconds, text, min(heard, seconds), over, language), Interruption()
    )
    if over:
        assert verdict is not Verdict.OPEN
    else:
        assert verdict is not Verdict.BACKCHANNEL


def test_the_lists_do_not_contradict_each_other() -> None:
    assert set(OPEN_ENDS) == set(BACKCHANNELS) == set(COMMANDS)
    for language, commands in COMMANDS.items():
        assert not commands & BACKCHANNELS[language]
        for word in commands | BACKCHANNELS[language] | OPEN_ENDS[language]:
            assert plain(word) == word
