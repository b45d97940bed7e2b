"""From the outputs of a session to answers and events."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest

from streamkit.asr.recognizer import Task, Word
from streamkit.audio.clock import seconds
from streamkit.protocols.openai_audio import (
    Collector,
    Heard,
    Message,
    Passage,
    TranscriptionRequest,
    reply,
    text_delta,
    text_done,
)
from streamkit.session.effects import Closed, RangeFailed, SpeechBegan, Transcript, UtteranceEnded


def words(
    text: str, start: float = 0.0, *, each: float = 0.5, sure: float = 0.9, spaced: bool = True
) -> tuple[Word, ...]:
    return tuple(
        Word(
            part,
            seconds(start + n * each),
            seconds(start + (n + 1) * each),
            sure,
            tokens=(n, n + 1),
            spaced=spaced,
        )
        for n, part in enumerate(text.split())
    )


def transcript(
    said: Sequence[Word],
    committed: int | None = None,
    *,
    final: bool = False,
    ends: bool = False,
    language: str = "en",
) -> Transcript:
    return Transcript(
        start=0,
        end=seconds(60),
        words=tuple(said),
        committed=len(said) if committed is None else committed,
        is_final=final,
        speech_final=ends,
        from_finalize=False,
        utterance=0,
        language=language,
        trace=None,
    )


def texts(said: Sequence[Word]) -> list[str]:
    return [word.text for word in said]


def heard(*passages: Passage, length: float = 10.0, task: Task = Task.TRANSCRIBE) -> Heard:
    return Heard(passages, length, task)


def verbose(one: Heard, **fields: bool) -> Message:
    request = TranscriptionRequest(one.task, response_format="verbose_json", **fields)
    message, media_type = reply(one, request)
    assert media_type == "application/json"
    assert isinstance(message, dict)
    json.dumps(message, allow_nan=False)
    return message


TWO = heard(
    Passage(words("The bus is late. Take the tram."), "en", ends=False),
    Passage(words("Guten Morgen.", 5), "de", ends=True),
)


class TestCollector:
    def test_words_are_handed_out_once_and_in_order(self) -> None:
        collector = Collector()
        said = words("one two three four")
        assert texts(collector.take(transcript(said[:2], 0))) == []
        assert texts(collector.take(transcript(said[:3], 1))) == ["one"]
        assert texts(collector.take(transcript(said, 3))) == ["two", "three"]
        # A newer hypothesis that has committed nothing more.
        assert texts(collector.take(transcript(said[:3], 3))) == []
        assert texts(collector.take(transcript(said, final=True))) == ["four"]
        assert texts(collector.take(transcript(words("five"), 1))) == ["five"]
        assert texts(collector.take(transcript(words("five"), final=True))) == []
        assert [texts(each.words) for each in collector.passages] == [
            ["one", "two", "three", "four"],
            ["five"],
        ]

    def test_a_final_without_words_ends_the_one_before(self) -> None:
        collector = Collector()
        collector.take(transcript((), final=True, ends=True))
        collector.take(transcript(words("one"), final=True))
        collector.take(transcript((), final=True, ends=True))
        assert collector.passages == [Passage(words("one"), "en", ends=True)]

    def test_failure_and_duration(self) -> None:
        collector = Collector()
        first, second = RangeFailed(0, 1, "one"), RangeFailed(1, 2, "two")
        for output in (SpeechBegan(0), UtteranceEnded(0), first, second, Closed(7)):
            assert collector.take(output) == ()
        assert collector.failure == first
        assert collector.duration == 7


class TestDeltas:
    def test_together_they_are_the_text(self) -> None:
        said = TWO.words
        deltas = [
            text_delta(said[:2], first=True, logprobs=False),
            text_delta(said[2:3], first=False, logprobs=False),
            text_delta(said[3:], first=False, logprobs=False),
        ]
        done = text_done(TWO, TranscriptionRequest(stream=True))
        assert [delta["delta"] for delta in deltas[:2]] == ["The bus", " is"]
        assert "".join(delta["delta"] for delta in deltas) == done["text"] == TWO.text
        assert done["streamkit"] == {"usage": {"type": "duration", "seconds": 10.0}}
        assert "usage" not in done
        assert done["languages"] == [{"code": "en"}, {"code": "de"}]

    def test_without_blanks(self) -> None:
        said = words("你 好", spaced=False)
        assert text_delta(said, first=True, logprobs=False)["delta"] == "你好"
        assert text_delta(said, first=False, logprobs=False)["delta"] == "你好"

    def test_how_sure_each_word_is(self) -> None:
        said = words("Grüße", sure=0.5)
        [entry] = text_delta(said, first=True, logprobs=True)["logprobs"]
        assert entry == {
            "token": " Grüße",
            "bytes": list(" Grüße".encode()),
            "logprob": round(math.log(0.5), 4),
        }
        request = TranscriptionRequest(stream=True, logprobs=True)
        done = text_done(heard(Passage(said, "de", ends=True)), request)
        assert done["logprobs"] == [entry]


class TestReplies:
    def test_json(self) -> None:
        assert reply(TWO, TranscriptionRequest()) == (
            {
                "text": "The bus is late. Take the tram. Guten Morgen.",
                "languages": [{"code": "en"}, {"code": "de"}],
                "usage": {"type": "duration", "seconds": 10.0},
            },
            "application/json",
        )

    def test_logprobs(self) -> None:
        message, _ = reply(TWO, TranscriptionRequest(logprobs=True))
        assert isinstance(message, dict)
        assert [entry["token"] for entry in message["logprobs"]][:2] == [" The", " bus"]

    def test_text(self) -> None:
        expected = ("The bus is late. Take the tram. Guten Morgen.\n", "text/plain")
        assert reply(TWO, TranscriptionRequest(response_format="text")) == expected

    def test_srt(self) -> None:
        text, media_type = reply(TWO, TranscriptionRequest(response_format="srt"))
        assert media_type == "text/plain"
        assert text == (
            "1\n00:00:00,000 --> 00:00:02,000\nThe bus is late.\n\n"
            "2\n00:00:02,000 --> 00:00:03,500\nTake the tram.\n\n"
            "3\n00:00:05,000 --> 00:00:06,000\nGuten Morgen.\n"
        )

    def test_vtt(self) -> None:
        text, media_type = reply(TWO, TranscriptionRequest(response_format="vtt"))
        assert media_type == "text/vtt"
        assert isinstance(text, str)
        assert text.startswith("WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nThe bus is late.\n")

    def test_segments(self) -> None:
        message = verbose(TWO)
        assert message["task"] == "transcribe"
        assert message["language"] == "english"
        assert message["duration"] == 10.0
        assert message["usage"] == {"type": "duration", "seconds": 10.0}
        assert "words" not in message
        first, second, third = message["segments"]
        assert first == {
            "id": 0,
            "seek": 0,
            "start": 0.0,
            "end": 2.0,
            "text": " The bus is late.",
            "tokens": [0, 1, 1, 2, 2, 3, 3, 4],
            "temperature": 0.0,
            "avg_logprob": round(math.log(0.9), 4),
            "compression_ratio": pytest.approx(0.7, abs=0.2),
            "no_speech_prob": 0.0,
        }
        assert (second["id"], second["start"], second["text"]) == (1, 2.0, " Take the tram.")
        assert (third["id"], third["seek"], third["start"], third["end"]) == (2, 500, 5.0, 6.0)
        assert "".join(each["text"] for each in message["segments"]).strip() == message["text"]

    def test_words(self) -> None:
        message = verbose(TWO, words=True, segments=False)
        assert "segments" not in message
        assert message["words"][1] == {
            "word": "bus",
            "start": 0.5,
            "end": 1.0,
            "streamkit": {"confidence": 0.9},
        }
        assert len(message["words"]) == 9

    def test_a_short_sentence_is_one_segment_with_what_follows(self) -> None:
        one = heard(Passage(words("Dr. Who is late.", each=0.4), "en", ends=True))
        assert [each["text"] for each in verbose(one)["segments"]] == [" Dr. Who is late."]

    def test_a_word_that_is_not_sure_at_all(self) -> None:
        one = heard(Passage(words("hm", sure=0.0), "en", ends=True))
        [segment] = verbose(one)["segments"]
        assert segment["avg_logprob"] == pytest.approx(-13.8, abs=0.1)

    def test_a_translation(self) -> None:
        one = heard(Passage(words("Good morning."), "de", ends=True), task=Task.TRANSLATE)
        message, _ = reply(one, TranscriptionRequest(Task.TRANSLATE))
        assert message == {"text": "Good morning."}
        told = verbose(one)
        assert (told["task"], told["language"]) == ("translate", "english")

    @pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt", "verbose_json"])
    def test_nothing_was_said(self, response_format: str) -> None:
        request = TranscriptionRequest(
            language="de", response_format=response_format, words=True, logprobs=True
        )
        answer, _ = reply(heard(), request)
        match response_format:
            case "text":
                assert answer == "\n"
            case "srt":
                assert answer == ""
            case "vtt":
                assert answer == "WEBVTT\n"
            case "json":
                assert isinstance(answer, dict)
                assert (answer["text"], answer["logprobs"], answer["languages"]) == ("", [], [])
            case _:
                assert isinstance(answer, dict)
                assert (answer["words"], answer["segments"]) == ([], [])
                assert answer["language"] == "german"
