"""What a caption session wants done. Positions are 16 kHz samples since the stream's start."""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.asr.recognizer import Word
from streamkit.latency.trace import Trace


@dataclass(frozen=True, slots=True)
class Decode:
    """Decode the samples [start, end).

    Attributes:
        request: number to answer with.
        segment: a newer partial of the same segment replaces this one while it waits.
        prefix: committed words in the window; the answer continues them.
        context: committed words before the window, the newest last.
        language: ISO 639-1 code of what was committed of this speech; None: nothing was yet.
        likely_language: of the speech before this.
        thorough: the answer may become a final: worth a second try when it is doubtful.
        urgent: somebody waits for this final; it goes before all partials.
    """

    request: int
    segment: int
    start: int
    end: int
    prefix: tuple[Word, ...]
    context: tuple[Word, ...]
    language: str | None
    likely_language: str | None
    thorough: bool
    urgent: bool


@dataclass(frozen=True, slots=True)
class Hasten:
    """A `Decode` that was asked for earlier has become urgent."""

    request: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words to show.

    Attributes:
        start: where the range of this transcript begins: the end of the last final.
        end: audio up to here was heard.
        words: all words of the range, committed ones first.
        committed: how many of them will never change; all, when `is_final`.
        is_final: the range is closed for good.
        speech_final: the speaker has finished.
        from_finalize: the client had asked for it.
        utterance: counts the utterances of the stream from 0.
        language: ISO 639-1 code.
        trace: the way of the last sample of the last word.
        overload: seconds between two partials, while the recognizer has more sessions than it can
            serve as often as they should be; None: all is well.
    """

    start: int
    end: int
    words: tuple[Word, ...]
    committed: int
    is_final: bool
    speech_final: bool
    from_finalize: bool
    utterance: int
    language: str
    trace: Trace | None
    overload: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """Speech was detected; it began at `position`."""

    position: int


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """No word has followed the last one, which ended at `last_word_end`, for long enough."""

    last_word_end: int


@dataclass(frozen=True, slots=True)
class RangeFailed:
    """The recognizer failed on [start, end); the final beside this has all the words there are."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Everything was said; `duration` samples were heard in all."""

    duration: int


Output = Transcript | SpeechBegan | UtteranceEnded | RangeFailed | Closed
"""Effects that go to the client."""

Effect = Decode | Hasten | Output
