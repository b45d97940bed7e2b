"""Is this text speech, or is it what a decoder says when it has lost its way?

Whisper fails in known ways: it goes round in circles, it goes on talking after the speech is
over, it repeats its prompt, and in silence it says what stood under the videos that it was trained
on. Each has a sign that can be read from the answer alone.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from streamkit.asr.incremental import loop_start, normalise
from streamkit.asr.phrases import is_invented_phrase

# The thresholds of the Whisper paper's decoder (section 4.5, openai/whisper transcribe.py).
COMPRESSION_RATIO = 2.4
AVERAGE_LOGPROB = -1.0
NO_SPEECH = 0.6

WORDS_PER_SECOND = 7.5
"""Nobody speaks faster for long: more words than this are invented, or heard twice."""

OVERRUN_SECONDS = 0.3
"""A word that begins so long after the sound is over was not said in it."""

ECHO_WORDS = 3
"""So many words that repeat the prompt's last ones are no chance."""

PHRASE_NO_SPEECH = 0.2
PHRASE_LOGPROB = -0.5
PHRASE_WORDS = 3
"""A phrase that Whisper is known to invent has to be surer than others to be believed. The short
ones are said too often by people for their probability alone to speak against them."""


class Doubt(enum.Enum):
    """A sign that an answer is not what was said."""

    COMPRESSION = "compression"
    """The text is far too easy to compress: it repeats itself."""
    LOOP = "loop"
    """A phrase comes several times in a row."""
    UNLIKELY = "unlikely"
    """The model itself gives its words little probability."""
    SPEED = "speed"
    """More words than anyone could say in the time."""
    OVERRUN = "overrun"
    """Words begin after the sound is over."""
    ECHO = "echo"
    """The answer is the end of the prompt again."""
    PHRASE = "phrase"
    """A phrase that Whisper invents in silence, and not a sure one."""


class Decision(enum.Enum):
    """What became of an answer."""

    ACCEPTED = "accepted"
    """No doubt about the first one."""
    SILENT = "silent"
    """Taken for silence: there are no words."""
    MENDED = "mended"
    """The full window gave one without doubts."""
    FALLBACK = "fallback"
    """Sampling at a higher temperature gave one without doubts."""
    REJECTED = "rejected"
    """Doubtful to the end. A partial is not used; a final is all there is."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate looks at.

    Attributes:
        texts: the words.
        starts: where each begins, in seconds since the beginning of the window.
        average_logprob: of the tokens; 0 where there are none.
        no_speech_probability: 0..1.
        seconds: length of the sound in the window.
        context: words of the prompt, the newest last.
    """

    texts: Sequence[str]
    starts: Sequence[float]
    average_logprob: float
    no_speech_probability: float
    seconds: float
    context: Sequence[str] = ()


def is_silence(answer: Answer) -> bool:
    """Whisper's own rule: no speech is likely, and the words are not."""
    return answer.no_speech_probability > NO_SPEECH and answer.average_logprob < AVERAGE_LOGPROB


def doubts(answer: Answer) -> frozenset[Doubt]:
    """All that speaks against an answer; nothing for an empty one."""
    if not answer.texts:
        return frozenset()
    text = " ".join(answer.texts)
    plain = [normalise(each) for each in answer.texts]
    found = set()
    if compression_ratio(text) > COMPRESSION_RATIO:
        found.add(Doubt.COMPRESSION)
    if loop_start(plain) is not None:
        found.add(Doubt.LOOP)
    if answer.average_logprob < AVERAGE_LOGPROB:
        found.add(Doubt.UNLIKELY)
    if len(plain) > max(1.0, answer.seconds) * WORDS_PER_SECOND:
        found.add(Doubt.SPEED)
    if any(start > answer.seconds + OVERRUN_SECONDS for start in answer.starts):
        found.add(Doubt.OVERRUN)
    if is_echo(plain, [normalise(each) for each in answer.context]):
        found.add(Doubt.ECHO)
    unsure = answer.no_speech_probability > PHRASE_NO_SPEECH or (
        answer.average_logprob < PHRASE_LOGPROB and len(plain) >= PHRASE_WORDS
    )
    if unsure and is_invented_phrase(text):
        found.add(Doubt.PHRASE)
    return frozenset(found)


def compression_ratio(text: str) -> float:
    """Bytes of a text by its bytes after zlib, as Whisper computes it."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def is_echo(words: Sequence[str], context: Sequence[str]) -> bool:
    """Tell whether an answer begins with the last words of its prompt once more.

    The window begins after those words, so they can be heard again only if they were said
    twice; a few words may be, a long run hardly.
    """
    longest = min(len(words), len(context))
    return any(
        list(words[:count]) == list(context[-count:]) for count in range(ECHO_WORDS, longest + 1)
    )
