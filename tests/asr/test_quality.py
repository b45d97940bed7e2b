"""Each doubt has an answer that raises it, and a like one of a person who means it."""

from __future__ import annotations

from typing import Any

import pytest

from streamkit.asr.phrases import is_invented_phrase
from streamkit.asr.quality import (
    Answer,
    Doubt,
    compression_ratio,
    doubts,
    is_echo,
    is_silence,
)


def answer(text: str, **given: Any) -> Answer:
    """What a sure model says at an easy pace."""
    texts = text.split()
    seconds = given.get("seconds", max(1.0, 0.4 * len(texts)))
    fields: dict[str, Any] = {
        "texts": texts,
        "starts": [seconds * index / len(texts) for index in range(len(texts))],
        "average_logprob": -0.1,
        "no_speech_probability": 0.01,
        "seconds": seconds,
    }
    return Answer(**{**fields, **given})


BUS = "The bus to Berlin is eight minutes late."

CASES: list[tuple[Doubt, str, Answer, Answer]] = [
    (
        Doubt.COMPRESSION,
        "the same long sentence over and over",
        answer("I never thought that it would come to this. " * 7),
        answer("I never thought that it would come to this, but what would you have done? " * 2),
    ),
    (
        Doubt.LOOP,
        "a phrase three times in a row",
        answer("and then he went and then he went and then he went home"),
        answer("and then he went and then he went home"),
    ),
    (
        Doubt.LOOP,
        "whatever its case and punctuation",
        answer("No. No! no, said he"),
        answer("No. No! said he, no"),
    ),
    (
        Doubt.UNLIKELY,
        "words that the model hardly believes",
        answer(BUS, average_logprob=-1.01),
        answer(BUS, average_logprob=-0.99),
    ),
    (
        Doubt.SPEED,
        "more words than fit in the time",
        answer("one two three four five six seven eight nine ten " * 2 + "and one", seconds=2.7),
        answer("one two three four five six seven eight nine ten " * 2, seconds=2.7),
    ),
    (
        Doubt.OVERRUN,
        "a word after the sound",
        answer("turn the music", starts=[0.1, 0.4, 1.31], seconds=1.0),
        answer("turn the music", starts=[0.1, 0.4, 1.29], seconds=1.0),
    ),
    (
        Doubt.ECHO,
        "the end of the prompt again",
        answer("eight minutes late. Turn", context=BUS.split()),
        answer("eight minutes early.", context=BUS.split()),
    ),
    (
        Doubt.PHRASE,
        "thanks in what is likely silence",
        answer("Thank you.", no_speech_probability=0.3),
        answer("Thank you.", no_speech_probability=0.1),
    ),
    (
        Doubt.PHRASE,
        "a long one that is not sure",
        answer("Thank you for watching!", average_logprob=-0.6),
        answer("Thank you for waiting!", average_logprob=-0.6),
    ),
]


@pytest.mark.parametrize(
    ("doubt", "odd", "innocent"),
    [(doubt, odd, innocent) for doubt, _, odd, innocent in CASES],
    ids=[f"{doubt.value}: {name}" for doubt, name, _, _ in CASES],
)
def test_what_is_doubted_and_what_is_not(doubt: Doubt, odd: Answer, innocent: Answer) -> None:
    assert doubt in doubts(odd)
    assert doubts(innocent) == frozenset()


def test_every_doubt_has_a_case() -> None:
    assert {doubt for doubt, *_ in CASES} == set(Doubt)


def test_several_doubts_at_once() -> None:
    found = doubts(answer("you you you " * 20, average_logprob=-2.0, seconds=1.0))
    assert found == {Doubt.COMPRESSION, Doubt.LOOP, Doubt.UNLIKELY, Doubt.SPEED}


def test_an_answer_without_words_is_not_doubted() -> None:
    assert doubts(answer("", average_logprob=-5.0, no_speech_probability=0.9)) == frozenset()


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_short_window_may_hold_a_few_quick_words(count: int) -> None:
    """A word's length is not known to the tenth of a second, so a second is the least."""
    words = ["now", "let", "us", "go", "to", "the", "red", "house", "and", "wait"][:count]
    assert doubts(answer(" ".join(words), seconds=0.05)) == frozenset()


@pytest.mark.parametrize(
    ("no_speech", "logprob", "silent"),
    [(0.61, -1.01, True), (0.6, -1.01, False), (0.61, -1.0, False), (0.99, -0.2, False)],
)
def test_silence_is_what_is_likely_and_whose_words_are_not(
    no_speech: float, logprob: float, silent: bool
) -> None:
    said = answer("hm", no_speech_probability=no_speech, average_logprob=logprob)
    assert is_silence(said) is silent


def test_the_compression_ratio_is_whisper_s() -> None:
    from faster_whisper.transcribe import get_compression_ratio

    for text in (BUS, "la " * 40, "¿Dónde está? " * 9, "御視聴ありがとうございました" * 5):
        assert compression_ratio(text) == pytest.approx(get_compression_ratio(text))


CONTEXT = ["the", "bus", "is", "late", "again", "today"]


class TestEcho:
    @pytest.mark.parametrize(
        "said",
        [
            "late again today",
            "late again today and tomorrow",
            "is late again today",
            "the bus is late again today",
        ],
    )
    def test_the_last_words_of_the_prompt_again(self, said: str) -> None:
        assert is_echo(said.split(), CONTEXT)

    @pytest.mark.parametrize(
        "said",
        [
            "",
            "today",
            # Two may be said twice by a person.
            "again today",
            "late again tomorrow",
            # From the middle of the prompt: nobody is going on from there.
            "the bus is",
            "and late again today",
        ],
    )
    def test_no_echo(self, said: str) -> None:
        assert not is_echo(said.split(), CONTEXT)

    def test_without_context(self) -> None:
        assert not is_echo(CONTEXT, [])
        assert not is_echo(CONTEXT, ["bus"])


@pytest.mark.parametrize(
    "text",
    [
        "Thank you.",
        "THANKS FOR WATCHING!",
        "Don't forget to like and subscribe.",
        " I'll see you in the next video.",
        "Vielen Dank fürs Zuschauen!",
        "Untertitel im Auftrag des ZDF für funk, 2017",
        "Untertitelung des ZDF, 2020",
        "¡Suscríbete al canal!",
        "Subtítulos realizados por la comunidad de Amara.org",
        "Merci d'avoir regardé cette vidéo !",
        "Sous-titres réalisés par la communauté d'Amara.org",
        "Legendas pela comunidade Amara.org",
        "Sottotitoli e revisione a cura di QTSS; sottotitoli a cura di QTSS",
        "Bedankt voor het kijken!",
        "Dziękuję za uwagę.",
        "Спасибо за просмотр!",
        "Редактор субтитров: Семкин, корректор: Егорова",
        "ご視聴ありがとうございました",
        "ご視聴ありがとうございました。",
        "谢谢观看",
        "시청해주셔서 감사합니다.",
        "字幕由Amara.org社区提供",
    ],
)
def test_phrases_of_many_languages(text: str) -> None:
    assert is_invented_phrase(text)
    assert Doubt.PHRASE in doubts(answer(text, no_speech_probability=0.5))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "Thank you for the flowers.",
        "He said: thank you.",
        "Bye bye, Maria.",
        "So what?",
        "Silence in the library.",
        "Vielen Dank für die Blumen.",
        "Gracias a ti.",
        "Merci beaucoup, madame.",
        "We will see you in the next room.",
        "Они просили продолжение.",
        "谢谢你",
    ],
)
def test_what_people_say_is_no_phrase(text: str) -> None:
    assert not is_invented_phrase(text)
    assert doubts(answer(text, no_speech_probability=0.5)) == frozenset()


@pytest.mark.parametrize("text", ["Thank you.", "Bye.", "Merci.", "Gracias.", "Vielen Dank!"])
def test_who_says_thank_you_surely_is_believed(text: str) -> None:
    assert doubts(answer(text)) == frozenset()
    # Short ones may even be less than sure, as short words often are.
    assert doubts(answer(text, average_logprob=-0.9)) == frozenset()


def test_a_long_phrase_that_is_sure_is_believed_too() -> None:
    assert doubts(answer("Thank you very much.", average_logprob=-0.2)) == frozenset()
