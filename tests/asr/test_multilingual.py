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

from streamkit.asr.recognizer import RecognitionRequest, join
from streamkit.asr.whisper import WhisperRecognizer
from streamkit.models import resolve

RATE = 16_000


def plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W\d_]+", text.lower()))


@pytest.fixture(scope="module")
def recognizer(multilingual: Path) -> WhisperRecognizer:
    found = resolve(str(multilingual))
    return WhisperRecognizer.load(found.path, name=found.name, profile=found.profile)


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
        hypothesis = recognizer.recognize(request)
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
            heard.append(plain(join(recognizer.recognize(request).words)))
    assert jiwer.wer(said, heard) < 0.15


def test_accents_and_opening_marks_are_written(
    recognizer: WhisperRecognizer, spoken: list[Spoken]
) -> None:
    texts = []
    for sentence in spoken:
        request = RecognitionRequest(sentence.samples, 0, final=True, language=sentence.language)
        texts.append(join(recognizer.recognize(request).words))
    assert {"ä", "ñ", "é", "¿"} & set("".join(texts)) == {
        letter for letter in ("ä", "ñ", "é", "¿") if letter in "".join(s.text for s in spoken)
    }


def test_the_wrong_language_is_an_answer_too(
    recognizer: WhisperRecognizer, spoken: list[Spoken]
) -> None:
    german = next(sentence for sentence in spoken if sentence.language == "de")
    hypothesis = recognizer.recognize(RecognitionRequest(german.samples, 0, language="ja"))
    assert hypothesis.language == "ja"
    assert hypothesis.end == len(german.samples)


@pytest.mark.parametrize("language", ["de", "es", "fr"])
def test_the_model_translates(multilingual: Path, spoken: list[Spoken], language: str) -> None:
    """Through faster-whisper, the way that a translating session will ask for it."""
    from faster_whisper import WhisperModel

    model = WhisperModel(str(multilingual), device="cpu", compute_type="int8")
    meant, translated = [], []
    for sentence in spoken:
        if sentence.language == language:
            segments, _ = model.transcribe(
                sentence.samples, language=language, task="translate", without_timestamps=True
            )
            meant.append(plain(sentence.english))
            translated.append(plain("".join(segment.text for segment in segments)))
    assert jiwer.wer(meant, translated) < 0.3


def test_silence_has_no_words_in_any_language(recognizer: WhisperRecognizer) -> None:
    for language in ("en", "de", "es", "fr", None):
        for silence in (np.zeros(RATE, np.float32), np.zeros(5 * RATE, np.float32)):
            request = RecognitionRequest(silence, 0, final=True, language=language)
            assert recognizer.recognize(request).words == ()
