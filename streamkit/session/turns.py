"""When a person has finished, and when a person wants to interrupt; pure judgements.

How long a silence is waited for depends on how finished the words sound, as in
RealtimeVoiceChat and pipecat: a question mark and no dangling "and" ends a turn at once, an
open sentence gets the patience that the client's eagerness allows.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final, Protocol

from streamkit.session.conversation_options import (
    Interruption,
    SemanticVad,
    ServerVad,
    TurnDetection,
)
from streamkit.session.turn_words import BACKCHANNELS, COMMANDS, OPEN_ENDS, QUESTION_ENDS

CERTAIN: Final = 0.8
"""From this probability on a turn is over as soon as the shortest silence has passed."""

LONGEST_WAITS: Final = {"low": 8.0, "medium": 4.0, "auto": 4.0, "high": 2.0}
"""Seconds by eagerness; the figures of the OpenAI API."""

SHORTEST_WAITS: Final = {"low": 0.5, "medium": 0.25, "auto": 0.25, "high": 0.2}

BACKCHANNEL_SECONDS: Final = 1.5
"""Whoever says "yes, yes, right" for longer than this wants to speak."""

WORDLESS_SECONDS: Final = 0.9
"""Speech that the recognizer has not put into words by then interrupts all the same."""

_ENDS: Final = (".", "?", "!", "。", "？", "！", "।", "؟")
_OPEN: Final = ("…", "...", ",", "-", "–", "—", ":", ";", "、", "，")


class TurnDetector(Protocol):
    """Judges by the words whether a turn is over.

    Guarantees: pure and quick (it is asked in the event loop, several times a second); any text
    is taken, in any language.
    """

    def finished(self, text: str, language: str | None) -> float:
        """How probable it is that nothing more will be said, 0 to 1.

        Args:
            text: all words of the turn so far.
            language: ISO 639-1 code; None: not known.
        """
        ...


class WordsTurnDetector:
    """Goes by punctuation and the last word."""

    def finished(self, text: str, language: str | None) -> float:
        """See `TurnDetector.finished`."""
        text = text.rstrip("\"'”’») ")
        words = text.split()
        if not words:
            return 0.0
        last = plain(words[-1])
        language = language or "en"
        asked = text.endswith("?") and last in QUESTION_ENDS.get(language, frozenset())
        if last in OPEN_ENDS.get(language, frozenset()) and not asked:
            return 0.1
        if text.endswith(_OPEN):
            return 0.2
        if text.endswith(_ENDS):
            return 0.95
        return 0.4


def plain(word: str) -> str:
    """A word as it is compared: without case and outer punctuation."""
    return word.casefold().strip(".,;:!?…\"'“”‘’«»()[]-–—¿¡。！？，")


def patience(detection: TurnDetection, probability: float | None) -> float:
    """Seconds of silence that end a turn.

    Args:
        detection: what the client asked for.
        probability: that it is over; None: what was said last has not been recognized yet.
    """
    match detection:
        case ServerVad(silence=silence):
            return silence
        case SemanticVad(eagerness=eagerness):
            shortest, longest = SHORTEST_WAITS[eagerness], LONGEST_WAITS[eagerness]
            missing = CERTAIN - (0.0 if probability is None else min(probability, CERTAIN))
            return float(shortest * (longest / shortest) ** (missing / CERTAIN))


class Verdict(enum.Enum):
    """What speech during a reply is."""

    INTERRUPTION = "interruption"
    BACKCHANNEL = "backchannel"
    """It was nothing, or only the noise of listening: the reply goes on."""
    OPEN = "open"
    """Not known yet."""


@dataclass(frozen=True, slots=True)
class Interjection:
    """Speech during a reply, so far.

    Attributes:
        seconds: since it began.
        text: words heard of it.
        heard_seconds: how much of it the recognizer has listened to.
        over: it has stopped for `Interruption.resume_after`.
        language: ISO 639-1 code; None: not known.
    """

    seconds: float
    text: str
    heard_seconds: float
    over: bool
    language: str | None = None


def judge(interjection: Interjection, options: Interruption) -> Verdict:
    """Tell whether somebody wants the word."""
    if options.min_seconds <= 0 or options.min_words <= 0:
        return Verdict.INTERRUPTION
    language = interjection.language or "en"
    words = [plain(word) for word in interjection.text.split()]
    ignored = BACKCHANNELS.get(language, frozenset())
    meant = [word for word in words if word and word not in ignored]
    commands = COMMANDS.get(language, frozenset())
    long_enough = interjection.seconds >= options.min_seconds
    if len(meant) >= options.min_words or any(word in commands for word in meant):
        return Verdict.INTERRUPTION
    if meant and long_enough:
        return Verdict.INTERRUPTION
    if words and not meant and interjection.seconds >= BACKCHANNEL_SECONDS:
        return Verdict.INTERRUPTION
    unheard = interjection.seconds - interjection.heard_seconds
    if not words and long_enough and unheard >= WORDLESS_SECONDS:
        # The recognizer is late; it is better to stop for a noise than to talk a person down.
        return Verdict.INTERRUPTION
    return Verdict.BACKCHANNEL if interjection.over else Verdict.OPEN
