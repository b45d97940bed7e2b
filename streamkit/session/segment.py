"""One stretch of speech while it is being recognised.

A segment is OPEN while the speaker speaks, CLOSING from the pause on until the audio up to
its end has been decoded, and DONE then. Its window moves on when it grows long: it is cut
behind a committed word, at the end of a sentence where there is one, and the words before
the cut become a final. So the cost of a pass does not grow with the length of the speech.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from dataclasses import dataclass, field

from streamkit.asr.incremental import LocalAgreement, agreement
from streamkit.asr.recognizer import Hypothesis, Word
from streamkit.vad.silero import WINDOW_SAMPLES

LOOK_BACK_WINDOWS = 125
"""4 s: how far back the quietest place is looked for when speech has to be split."""

SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


class Phase(enum.Enum):
    """How far a segment is."""

    OPEN = "open"
    CLOSING = "closing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Cut:
    """Words that are final because the window moved on to `position`."""

    words: tuple[Word, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A pass that was asked for.

    Attributes:
        end: end of its window.
        committed: how many words were committed then: its answer comes after those.
    """

    end: int
    committed: int


@dataclass(slots=True)
class Segment:
    """State of one segment; positions are 16 kHz samples.

    Attributes:
        number: counts the segments of a stream.
        onset: where the detector first heard speech; before it there is only pre-roll.
        window: start of the audio that the next pass decodes.
        heard: audio before this was in the newest hypothesis.
        end: where the segment ends, once it is closing.
        speech_final: the endpoint of the utterance has been reached.
        from_finalize: the client asked for this final.
        requested: end of the newest requested window.
        pending: requests that are not answered yet.
        words: committed and tentative words since `window`.
        language: of the newest hypothesis with words, until a word is committed; then it stays.
        failure: why the last pass failed, when nothing better came.
    """

    number: int
    onset: int
    window: int
    heard: int
    requested: int
    words: LocalAgreement
    phase: Phase = Phase.OPEN
    end: int | None = None
    speech_final: bool = False
    from_finalize: bool = False
    pending: dict[int, Pending] = field(default_factory=dict)
    language: str = "en"
    settled: bool = False
    """A word was committed, in `language`."""
    failure: str | None = None
    changed: bool = False
    probabilities: deque[float] = field(default_factory=lambda: deque(maxlen=LOOK_BACK_WINDOWS))
    """Speech probability of the newest VAD windows, newest last."""

    @property
    def complete(self) -> bool:
        """The audio up to the end has been heard."""
        return self.end is not None and self.heard >= self.end

    def hear(self, hypothesis: Hypothesis, pending: Pending) -> None:
        """Take in the answer to a request; an outdated or doubtful one changes nothing."""
        outdated = hypothesis.start != self.window or (
            hypothesis.end <= self.heard and self.heard > self.window
        )
        last = self.end is not None and hypothesis.end >= self.end
        if outdated or (hypothesis.doubtful and not last):
            return
        # Words may have been committed by another answer since this one was asked for.
        since = self.words.committed[pending.committed :]
        if agreement(since, hypothesis.words) < len(since):
            return
        words = tuple(map(self._after_onset, hypothesis.words[len(since) :]))
        self.heard = hypothesis.end
        if words and not self.settled:
            self.language = hypothesis.language
        self.changed = True
        if last:
            self.words.finish(words)
        else:
            self.words.update(words)
        self.settled |= bool(self.words.committed)

    def _after_onset(self, word: Word) -> Word:
        # The alignment gives the pre-roll to the first word, since nothing else is there.
        start = max(word.start, min(self.onset, word.end))
        return word if start == word.start else dataclasses.replace(word, start=start)

    def close(self, end: int) -> None:
        """No audio after `end` belongs to this segment.

        If the newest hypothesis has heard that far already, it is the final one.
        """
        self.phase = Phase.CLOSING
        self.end = end
        if self.complete:
            self.words.finish(self.words.tentative)

    def give_up(self, reason: str) -> None:
        """The last pass failed: the newest hypothesis is all there is."""
        assert self.end is not None
        self.failure = reason
        self.words.finish(self.words.tentative)
        self.heard = self.end

    def cut(self, sentence_after: int, word_after: int, force_after: int) -> Cut | None:
        """Move the window on if it has grown long.

        Args:
            sentence_after: length in samples from which it is cut at the end of a sentence.
            word_after: length from which it is cut behind any committed word.
            force_after: length from which tentative words are committed as they are, since
                the window must not reach what the recognizer can see.
        """
        length = self.heard - self.window
        committed = self.words.committed
        if length >= force_after and not committed:
            tentative = self.words.tentative
            keep = self.words.tentative[-1:] if len(tentative) > 1 else ()
            self.words.finish(tentative[: len(tentative) - len(keep)])
            self.words.tentative = keep
            committed = self.words.committed
            if not committed:
                # Sound without words: what was heard is over.
                return self._cut(0, max(self.window, self.heard - sentence_after))
        count = 0
        if length >= sentence_after:
            ends = [i for i, word in enumerate(committed) if word.text.endswith(SENTENCE_ENDS)]
            count = ends[-1] + 1 if ends else 0
        if count == 0 and length >= word_after:
            count = len(committed)
        if count == 0:
            return None
        after = self.words.words[count:]
        end = committed[count - 1].end
        return self._cut(count, max(end, (end + after[0].start) // 2) if after else end)

    def _cut(self, count: int, position: int) -> Cut:
        words = self.words.cut(count)
        self.window = position
        return Cut(words, position)

    def quietest(self, position: int) -> int:
        """The end of the least speech-like window of the newest ones, which end at `position`."""
        recent = self.probabilities
        index = min(range(len(recent)), key=recent.__getitem__)
        return position - (len(recent) - 1 - index) * WINDOW_SAMPLES
