"""Languages on real output: the test-only multilingual micro model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
import soundfile

from streamkit.asr.recognizer import (
    Guidance,
    Hypothesis,
    RecognitionRequest,
    Recognizer,
    Task,
    join,
)
from streamkit.asr.whisper import WhisperRecognizer
from streamkit.errors import RecognitionError
from streamkit.models import resolve

RATE = 16_000


def plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W\d_]+", text.lower()))


@pytest.fixture(scope="module")
def recognizer(multilingual: Path) -> WhisperRecognizer:
    found = resolve(str(multilingual))
    return WhisperRecognizer.load(found.path, name=found.name, profile=found.profile)


def alone(recognizer: Recognizer, request: RecognitionRequest) -> Hypothesis:
    (hypothesis,) = recognizer.recognize([request])
    return hypothesis


class Spoken:
    """One sentence of a recording, cut out with a little silence on both sides."""

    def __init__(self, samples: Any, sentence: dict[str, Any]) -> None:
        first = max(0, round((sentence["start"] - 0.2) * RATE))
        self.samples = samples[first : round((sentence["end"] + 0.3) * RATE)]
        self.text: str = sentence["text"]
        self.language: str = sentence.get("language", "en")
        self.english: str = sentence.get("english", self.text)


@pytest.fixture(scope="module")
def spoken(languages: Path) -> list[Spoken]:
    sentences = []
    for entry in json.loads((languages / "reference.json").read_text("utf-8")):
        samples, rate = soundfile.read(languages / entry["file"], dtype="float32")
        assert rate == RATE
        sentences += [Spoken(samples, sentence) for sentence in entry["sentences"]]
    return sentences


def test_it_takes_many_languages(recognizer: WhisperRecognizer) -> None:
    assert {"en", "de", "es", "fr", "ja"} <= recognizer.info.languages


def test_the_language_is_detected(recognizer: WhisperRecognizer, spoken: list[Spoken]) -> None:
    wrong = []
    for sentence in spoken:
        request = RecognitionRequest(sentence.samples, 0, final=True, language=None)
        hypothesis = alone(recognizer, request)
        if hypothesis.language != sentence.language:
            wrong.append((sentence.language, hypothesis.language, sentence.text))
    assert not wrong


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_the_words_are_right(
    recognizer: WhisperRecognizer, spoken: list[Spoken], language: str
) -> None:
    said, heard = [], []
    for sentence in spoken:
        if sentence.language == language:
            request = RecognitionRequest(sentence.samples, 0, final=True, language=language)
            said.append(plain(sentence.text))
            heard.append(plain(join(alone(recognizer, request).words)))
    assert jiwer.wer(said, heard) < 0.15


def test_accents_and_opening_marks_are_written(
    recognizer: WhisperRecognizer, spoken: list[Spoken]
) -> None:
    texts = []
    for sentence in spoken:
        request = RecognitionRequest(sentence.samples, 0, final=True, language=sentence.language)
        texts.append(join(alone(recognizer, request).words))
    assert {"ä", "ñ", "é", "¿"} & set("".join(texts)) == {
        letter for letter in ("ä", "ñ", "é", "¿") if letter in "".join(s.text for s in spoken)
    }


def test_the_wrong_language_is_an_answer_too(
    recognizer: WhisperRecognizer, spoken: list[Spoken]
) -> None:
    german = next(sentence for sentence in spoken if sentence.language == "de")
    hypothesis = alone(recognizer, RecognitionRequest(german.samples, 0, language="ja"))
    assert hypothesis.language == "ja"
    assert hypothesis.end == len(german.samples)


def translation(sentence: Spoken, language: str | None) -> RecognitionRequest:
    """Not as a final: a doubtful one may be sampled, and then no two answers are alike."""
    guidance = Guidance(language=language, task=Task.TRANSLATE)
    return RecognitionRequest(sentence.samples, 0, guidance=guidance, language=language)


@pytest.mark.parametrize("language", ["de", "es", "fr"])
def test_it_translates_into_english(
    recognizer: WhisperRecognizer, spoken: list[Spoken], language: str
) -> None:
    assert recognizer.info.translates
    meant, translated = [], []
    for sentence in spoken:
        if sentence.language == language:
            hypothesis = alone(recognizer, translation(sentence, language))
            assert hypothesis.language == language
            meant.append(plain(sentence.english))
            translated.append(plain(join(hypothesis.words)))
    # faster-whisper itself has as many; it is a very small model.
    assert jiwer.wer(meant, translated) < 0.35


def test_a_translation_of_what_language_is_detected(
    recognizer: WhisperRecognizer, spoken: list[Spoken]
) -> None:
    for sentence in spoken:
        if sentence.language != "en":
            detected = alone(recognizer, translation(sentence, None))
            told = alone(recognizer, translation(sentence, sentence.language))
            assert detected.language == sentence.language
            assert join(detected.words) == join(told.words)


def test_words_of_one_language_go_together_whatever_they_say(
    recognizer: WhisperRecognizer, spoken: list[Spoken]
) -> None:
    for language in ("en", "de", "es", "fr"):
        requests = [
            RecognitionRequest(each.samples, 0, language=language)
            for each in spoken
            if each.language == language
        ][:6]
        assert len({recognizer.batch_key(each) for each in requests}) == 1
        together = recognizer.recognize(requests)
        singles = [alone(recognizer, each) for each in requests]
        assert [plain(join(each.words)) for each in together] == [
            plain(join(each.words)) for each in singles
        ]


SILENCE = np.zeros(RATE, np.float32)


class TestKeys:
    def test_languages_and_tasks_do_not_go_together(self, recognizer: WhisperRecognizer) -> None:
        keys = {
            recognizer.batch_key(
                RecognitionRequest(SILENCE, 0, language=language, guidance=Guidance(language, task))
            )
            for language in ("en", "de", "fr")
            for task in Task
        }
        assert None not in keys
        assert len(keys) == 6

    def test_what_language_it_is_has_to_be_known_before(
        self, recognizer: WhisperRecognizer, spoken: list[Spoken]
    ) -> None:
        unknown = RecognitionRequest(spoken[0].samples, 0, language=None)
        assert recognizer.batch_key(unknown) is None
        with pytest.raises(RecognitionError, match="language"):
            recognizer.recognize([unknown, unknown])
        assert alone(recognizer, unknown).language == spoken[0].language


class TestLikelyLanguage:
    def ask(
        self, recognizer: WhisperRecognizer, sentence: Spoken, likely: str | None, part: float = 1.0
    ) -> str:
        samples = sentence.samples[: round(part * len(sentence.samples))]
        request = RecognitionRequest(samples, 0, language=None, likely_language=likely)
        return alone(recognizer, request).language

    def test_a_sure_detection_does_not_listen_to_it(
        self, recognizer: WhisperRecognizer, spoken: list[Spoken]
    ) -> None:
        for sentence in spoken:
            for likely in ("en", "de", "ja"):
                assert self.ask(recognizer, sentence, likely) == sentence.language

    def test_an_unsure_one_keeps_to_it(
        self, recognizer: WhisperRecognizer, spoken: list[Spoken]
    ) -> None:
        """The first sixth of a sentence is a word at most, or none."""
        kept = 0
        for sentence in spoken:
            alone_says = self.ask(recognizer, sentence, None, 1 / 6)
            told = {
                likely: self.ask(recognizer, sentence, likely, 1 / 6)
                for likely in ("en", "de", "es", "fr")
            }
            if told["en"] != told["de"]:
                assert told == {each: each for each in told}
                kept += 1
            else:
                assert set(told.values()) == {alone_says}
        assert kept >= len(spoken) // 4

    def test_a_language_that_the_model_does_not_rank_is_no_help(
        self, recognizer: WhisperRecognizer, spoken: list[Spoken]
    ) -> None:
        for sentence in spoken[:8]:
            expected = self.ask(recognizer, sentence, None, 1 / 6)
            assert self.ask(recognizer, sentence, "tlh", 1 / 6) == expected

    def test_a_language_that_was_asked_for_is_not_detected(
        self, recognizer: WhisperRecognizer, spoken: list[Spoken]
    ) -> None:
        request = RecognitionRequest(
            spoken[0].samples, 0, language="fr", likely_language="de", final=True
        )
        assert alone(recognizer, request).language == "fr"


def test_silence_has_no_words_in_any_language(recognizer: WhisperRecognizer) -> None:
    for language in ("en", "de", "es", "fr", None):
        for silence in (np.zeros(RATE, np.float32), np.zeros(5 * RATE, np.float32)):
            request = RecognitionRequest(silence, 0, final=True, language=language)
            assert alone(recognizer, request).words == ()
