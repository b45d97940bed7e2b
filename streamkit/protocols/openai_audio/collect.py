"""From what a caption session says about a file to the words of its transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamkit.asr.recognizer import Word
from streamkit.session.effects import Closed, Output, RangeFailed, Transcript


@dataclass(frozen=True, slots=True)
class Passage:
    """The words of one final.

    Attributes:
        words: at least one.
        language: ISO 639-1 code.
        ends: a pause follows.
    """

    words: tuple[Word, ...]
    language: str
    ends: bool


@dataclass(slots=True)
class Collector:
    """Takes the outputs of one session in order.

    Attributes:
        passages: the finals so far.
        failure: the first range of the sound that could not be recognised.
        duration: samples that were heard in all, once that is known.
    """

    passages: list[Passage] = field(default_factory=list)
    failure: RangeFailed | None = None
    duration: int | None = None
    _told: int = 0
    """Words of the final to come that were handed out already."""

    def take(self, output: Output) -> tuple[Word, ...]:
        """Take in an output.

        Returns:
            Words that were not handed out before and will not change any more. All of them
            together are the words of all passages.
        """
        match output:
            case Transcript(words=words, committed=committed):
                new = words[self._told : committed]
                self._told = max(self._told, committed)
                if output.is_final:
                    self._told = 0
                    self._end(output)
                return new
            case RangeFailed():
                self.failure = self.failure or output
            case Closed(duration=duration):
                self.duration = duration
            case _:
                pass
        return ()

    def _end(self, final: Transcript) -> None:
        if final.words:
            self.passages.append(Passage(final.words, final.language, final.speech_final))
        elif final.speech_final and self.passages:
            # The pause became long enough only after the words had left.
            last = self.passages[-1]
            self.passages[-1] = Passage(last.words, last.language, ends=True)


def joined(words: Sequence[Word], *, first: bool) -> str:
    """Words as they continue a text, or, when they are the first ones, begin it."""
    text = "".join(f" {word.text}" if word.spaced else word.text for word in words)
    return text.lstrip() if first else text
