"""Transcripts in the forms that clients ask for, and the events of one that is streamed.

Read off openai 3.54 (Python): `types/audio/transcription*.py`, whose types take all of them. Ours
rides in the extra key `streamkit`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streamkit import subtitles
from streamkit.asr.quality import compression_ratio
from streamkit.asr.recognizer import Task, Word, join
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.protocols.openai_audio.collect import Passage, joined
from streamkit.protocols.openai_audio.errors import Message
from streamkit.protocols.openai_audio.languages import language_name
from streamkit.protocols.openai_audio.transcription import TranscriptionRequest

MIN_SEGMENT_SECONDS = 1.0
"""A sentence that is over sooner ("Dr.", "Yes.") is one segment with what follows."""

LEAST_PROBABILITY = 1e-6
"""Its logarithm, -13.8, stands for that of nothing."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was made of a file.

    Attributes:
        passages: in order.
        seconds: of sound.
        task: what was done with it.
    """

    passages: tuple[Passage, ...]
    seconds: float
    task: Task = Task.TRANSCRIBE

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order."""
        return tuple(word for passage in self.passages for word in passage.words)

    @property
    def text(self) -> str:
        """All words as one text."""
        return join(self.words)

    @property
    def languages(self) -> list[str]:
        """ISO 639-1 codes of what was said, that of the most words first."""
        counts: dict[str, int] = {}
        for passage in self.passages:
            counts[passage.language] = counts.get(passage.language, 0) + len(passage.words)
        return sorted(counts, key=lambda code: -counts[code])


def reply(heard: Heard, request: TranscriptionRequest) -> tuple[str | Message, str]:
    """The answer: text, or a message to be sent as JSON; and its media type."""
    match request.response_format:
        case "text":
            return f"{heard.text}\n", "text/plain"
        case "srt":
            return subtitles.srt(_utterances(heard.passages)), "text/plain"
        case "vtt":
            return subtitles.vtt(_utterances(heard.passages)), "text/vtt"
        case "verbose_json":
            return _verbose(heard, request), "application/json"
        case _:
            return _plain(heard, request), "application/json"


def text_delta(words: Sequence[Word], *, first: bool, logprobs: bool) -> Message:
    """Words that follow those of the deltas before and will not change.

    Args:
        words: at least one.
        first: nothing was sent before.
        logprobs: the client wants to know how sure they are.
    """
    event: Message = {"type": "transcript.text.delta", "delta": joined(words, first=first)}
    if logprobs:
        event["logprobs"] = _logprobs(words)
    return event


def text_done(heard: Heard, request: TranscriptionRequest) -> Message:
    """The whole text: the deltas one after the other.

    The event has no field for a duration, only for tokens, which nobody here counts; so `usage`
    is in our own key.
    """
    event: Message = {
        "type": "transcript.text.done",
        "text": heard.text,
        "languages": [{"code": code} for code in heard.languages],
        "streamkit": {"usage": _usage(heard)},
    }
    if request.logprobs:
        event["logprobs"] = _logprobs(heard.words)
    return event


def _plain(heard: Heard, request: TranscriptionRequest) -> Message:
    if heard.task is Task.TRANSLATE:
        return {"text": heard.text}
    message: Message = {
        "text": heard.text,
        "languages": [{"code": code} for code in heard.languages],
        "usage": _usage(heard),
    }
    if request.logprobs:
        message["logprobs"] = _logprobs(heard.words)
    return message


def _verbose(heard: Heard, request: TranscriptionRequest) -> Message:
    translated = heard.task is Task.TRANSLATE
    # OpenAI's has to name a language, even where nothing was said.
    spoken = next(iter(heard.languages), request.language or "en")
    message: Message = {
        "task": heard.task.value,
        # Of the text, not of the speech.
        "language": "english" if translated else language_name(spoken),
        "duration": round(heard.seconds, 3),
        "text": heard.text,
    }
    if request.segments:
        message["segments"] = [
            _segment(number, words) for number, words in enumerate(_sentences(heard.passages))
        ]
    if request.words:
        message["words"] = [
            {
                "word": word.text,
                "start": _seconds(word.start),
                "end": _seconds(word.end),
                "streamkit": {"confidence": round(word.probability, 4)},
            }
            for word in heard.words
        ]
    if not translated:
        message["usage"] = _usage(heard)
    return message


def _segment(number: int, words: Sequence[Word]) -> Message:
    """A sentence in the fields of Whisper's segments.

    `avg_logprob` is the mean over the words of the logarithm of their probability.
    Two fields tell nothing here: `temperature` is the one that decoding begins at, and
    `no_speech_prob` is 0, since what is no speech is never decoded.
    """
    text = joined(words, first=False)
    return {
        "id": number,
        "seek": words[0].start * 100 // SAMPLE_RATE,
        "start": _seconds(words[0].start),
        "end": _seconds(max(word.end for word in words)),
        "text": text,
        "tokens": [token for word in words for token in word.tokens],
        "temperature": 0.0,
        "avg_logprob": round(sum(map(_logprob, words)) / len(words), 4),
        "compression_ratio": round(compression_ratio(text), 4),
        "no_speech_prob": 0.0,
    }


def _sentences(passages: Iterable[Passage]) -> list[Sequence[Word]]:
    """Divide each passage behind its sentences."""
    sentences: list[Sequence[Word]] = []
    for passage in passages:
        first = 0
        for index, word in enumerate(passage.words, 1):
            text = word.text.rstrip(subtitles.CLOSING_MARKS)
            length = (word.end - passage.words[first].start) / SAMPLE_RATE
            if text.endswith(subtitles.SENTENCE_ENDS) and length >= MIN_SEGMENT_SECONDS:
                sentences.append(passage.words[first:index])
                first = index
        if first < len(passage.words):
            sentences.append(passage.words[first:])
    return sentences


def _utterances(passages: Iterable[Passage]) -> list[list[subtitles.SubtitleWord]]:
    utterances: list[list[subtitles.SubtitleWord]] = [[]]
    for passage in passages:
        utterances[-1] += [
            subtitles.SubtitleWord(
                word.text, word.start / SAMPLE_RATE, word.end / SAMPLE_RATE, word.spaced
            )
            for word in passage.words
        ]
        if passage.ends:
            utterances.append([])
    return utterances


def _logprobs(words: Sequence[Word]) -> list[Message]:
    """One entry a word, since that is how sure the recognizer says it is."""
    return [
        {
            "token": joined([word], first=False),
            "bytes": list(joined([word], first=False).encode()),
            "logprob": round(_logprob(word), 4),
        }
        for word in words
    ]


def _logprob(word: Word) -> float:
    return math.log(max(word.probability, LEAST_PROBABILITY))


def _usage(heard: Heard) -> Message:
    return {"type": "duration", "seconds": round(heard.seconds, 3)}


def _seconds(position: int) -> float:
    return round(position / SAMPLE_RATE, 3)
