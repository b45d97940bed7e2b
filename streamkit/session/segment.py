"""One stretch of speech while it is being recognised.

A segment is OPEN while the speaker speaks, CLOSING from the pause on until the audio up to
its end has been decoded, and DONE then. Two things keep long speech cheap and its finals readable.
The *window*, which each pass decodes, moves on behind committed words (`trim`); the words before it
become the context of the next pass. The *range* of words that are not final yet is cut at the end
of a sentence, where there is one (`cut`).
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from dataclasses import dataclass, field

from streamkit.asr.incremental import GrowingWords, agreement
from streamkit.asr.recognizer import Hypothesis, Word
from streamkit.audio.clock import on_grid
from streamkit.vad.silero import WINDOW_SAMPLES

LOOK_BACK_WINDOWS = 125
"""4 s: how far back the quietest place is looked for when speech has to be split."""

PATIENCE_PASSES = 2
"""So many doubtful answers in a row change nothing; what looks odd for longer is odd speech."""

SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


class Phase(enum.Enum):
    """How far a segment is."""

    OPEN = "open"
    CLOSING = "closing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Cut:
    """Words that are final, up to `position`."""

    words: tuple[Word, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Pending:
    """A pass that was asked for.

    Attributes:
        end: end of its window.
        committed: how many words of the segment were committed then: its answer comes after those.
    """

    end: int
    committed: int


@dataclass(slots=True)
class Segment:
    """State of one segment; positions are 16 kHz samples.

    Attributes:
        number: counts the segments of a stream.
        onset: where the detector first heard speech; before it there is only pre-roll.
        window: start of the audio that the next pass decodes; a multiple of 160.
        origin: where the words that are not final yet begin.
        heard: audio before this was in the newest hypothesis.
        end: where the segment ends, once it is closing.
        speech_final: the endpoint of the utterance has been reached.
        from_finalize: the client asked for this final.
        requested: end of the newest requested window.
        pending: requests that are not answered yet.
        words: committed and tentative words since `origin`.
        behind: how many of the committed ones lie before the window.
        history: words before those, the newest last.
        language: of the newest hypothesis with words, until a word is committed; then it stays.
        failure: why the last pass failed, when nothing better came.
    """

    number: int
    onset: int
    window: int
    origin: int
    heard: int
    requested: int
    words: GrowingWords
    history: deque[Word]
    behind: int = 0
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
    doubted: int = 0
    """Doubtful answers in a row."""
    probabilities: deque[float] = field(default_factory=lambda: deque(maxlen=LOOK_BACK_WINDOWS))
    """Speech probability of the newest VAD windows, newest last."""

    @property
    def complete(self) -> bool:
        """The audio up to the end has been heard."""
        return self.end is not None and self.heard >= self.end

    @property
    def committed_until(self) -> int | None:
        """Where its last committed word ends; None: none is committed."""
        if self.words.committed:
            return self.words.committed[-1].end
        return self.history[-1].end if self.words.gone else None

    @property
    def prefix(self) -> tuple[Word, ...]:
        """Committed words in the window."""
        return self.words.committed[self.behind :]

    @property
    def context(self) -> tuple[Word, ...]:
        """Committed words before the window, the newest last."""
        words = (*self.history, *self.words.committed[: self.behind])
        return words[max(0, len(words) - (self.history.maxlen or 0)) :]

    def hear(self, hypothesis: Hypothesis, pending: Pending) -> None:
        """Take in the answer to a request; an outdated or doubtful one changes nothing."""
        last = self.end is not None and hypothesis.end >= self.end
        old = hypothesis.end <= self.heard and self.heard > self.origin
        if old:
            return
        self.doubted = self.doubted + 1 if hypothesis.doubtful else 0
        if 0 < self.doubted <= PATIENCE_PASSES and not last:
            return
        # Words may have been committed by another answer since this one was asked for.
        known = pending.committed - self.words.gone
        since = self.words.committed[max(0, known) :]
        if known < 0 or agreement(since, hypothesis.words) < len(since):
            return
        words = self._in_order(hypothesis.words[len(since) :])
        self.heard = max(self.heard, hypothesis.end)
        if words and not self.settled:
            self.language = hypothesis.language
        self.changed = True
        if last:
            self.words.finish(words)
        else:
            self.words.update(words, hypothesis.end)
        self.settled |= bool(self.words.count)

    def _in_order(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Words that begin at speech, and each not before the one before it has ended.

        The alignment gives the pre-roll to the first word, since nothing else is there; and a
        pass places a word a little otherwise than an earlier pass did the one before it.
        """
        committed = self.words.committed
        floor = committed[-1].end if committed else 0
        ordered = []
        for word in words:
            start = max(word.start, min(self.onset, word.end), floor)
            end = max(word.end, start)
            same = (start, end) == (word.start, word.end)
            ordered.append(word if same else dataclasses.replace(word, start=start, end=end))
            floor = end
        return tuple(ordered)

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

    def trim(self, length: int) -> None:
        """Move the window on if it is longer than `length`.

        It then begins after the last committed sentence; in the middle of a sentence only
        once it is twice as long, since what the model hears first it hears worst.
        """
        committed = self.words.committed
        behind = _sentences_end(committed)
        if self.heard - self.window >= 2 * length:
            behind = len(committed)
        if self.heard - self.window >= length and behind > self.behind:
            self._move_window(behind)

    def _move_window(self, behind: int) -> None:
        """Let the window begin after the first `behind` committed words."""
        end = self.words.committed[behind - 1].end
        after = self.words.words[behind:]
        self.behind = behind
        self.window = on_grid(max(self.window, end, (end + after[0].start) // 2 if after else end))

    def cut(self, sentence_after: int, word_after: int, force_after: int) -> Cut | None:
        """Let words become final if there is much that is not.

        Args:
            sentence_after: length in samples from which it is cut at the end of a sentence.
            word_after: length from which it is cut behind any committed word.
            force_after: length from which tentative words are committed as they are, since
                the window must not reach what the recognizer can see.
        """
        if self.heard - self.window >= force_after and not self.prefix:
            tentative = self.words.tentative
            keep = tentative[-1:] if len(tentative) > 1 else ()
            self.words.finish(tentative[: len(tentative) - len(keep)])
            self.words.tentative = keep
            if not self.prefix:
                # Sound without words: what was heard is over.
                words = self.words.cut(len(self.words.committed))
                self.history.extend(words)
                self.behind = 0
                self.window = on_grid(max(self.window, self.heard - sentence_after))
                self.origin = self.window
                return Cut(words, self.window)
        length = self.heard - self.origin
        committed = self.words.committed
        count = 0
        if length >= sentence_after:
            count = _sentences_end(committed)
        if count == 0 and length >= word_after:
            count = len(committed)
        if count == 0:
            return None
        if count > self.behind:
            self._move_window(count)
        self.behind -= count
        words = self.words.cut(count)
        self.history.extend(words)
        after = self.words.words
        end = words[-1].end
        self.origin = max(end, (end + after[0].start) // 2) if after else end
        return Cut(words, self.origin)

    def quietest(self, position: int) -> int:
        """The end of the least speech-like window of the newest ones, which end at `position`."""
        recent = self.probabilities
        index = min(range(len(recent)), key=recent.__getitem__)
        return position - (len(recent) - 1 - index) * WINDOW_SAMPLES


def _sentences_end(words: tuple[Word, ...]) -> int:
    """How many words there are up to the end of the last whole sentence."""
    counts = range(len(words), 0, -1)
    return next((each for each in counts if words[each - 1].text.endswith(SENTENCE_ENDS)), 0)
