"""When a word is believed: the policies that commit words before the speaker has paused.

A policy looks at two hypotheses and at how far the newer one has heard, and says how many of its
words will stand. It keeps nothing itself, so it can be tried on recorded hypotheses.

* `LocalAgreement` (Macháček, Dabre, Bojar: Turning Whisper into Real-Time Transcription System,
  2023): what two passes in a row agree on. It costs one more pass for each word.
* `HoldBack`, after AlignAtt (Papi, Turchi, Negri: AlignAtt, 2023): what the model's attention
  places far enough from the end of the sound. One pass is enough. The word times come from the
  alignment on the same encoder output.
* `Either`: whichever of them is sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from streamkit.asr.incremental import agreement
from streamkit.asr.recognizer import Word


class CommitPolicy(Protocol):
    """Says which words of a hypothesis are committed."""

    def stable(self, before: Sequence[Word], words: Sequence[Word], heard: int) -> int:
        """How many of the first words will stand.

        Args:
            before: the hypothesis before this one, without what was committed since.
            words: the newest hypothesis, after all committed words.
            heard: position after the last sample that it heard.
        """
        ...


@dataclass(frozen=True, slots=True)
class LocalAgreement:
    """Two passes agree on the word and on all before it, and neither has it last.

    The last word of a hypothesis may be cut by the end of the sound, and the punctuation after
    it is a guess. Two passes over nearly the same sound can make the same mistake, so a word
    needs some probability too.

    Attributes:
        min_probability: of each word, 0..1.
    """

    min_probability: float = 0.5

    def stable(self, before: Sequence[Word], words: Sequence[Word], heard: int) -> int:
        """See `CommitPolicy`."""
        agreed = min(agreement(before, words), len(words) - 1, len(before) - 1)
        count = 0
        while count < agreed and words[count].probability >= self.min_probability:
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class HoldBack:
    """The word ended long enough before the end of the sound.

    Attributes:
        samples: how long.
        min_probability: of each word, 0..1.
    """

    samples: int
    min_probability: float = 0.5

    def stable(self, before: Sequence[Word], words: Sequence[Word], heard: int) -> int:
        """See `CommitPolicy`."""
        count = 0
        for word in words:
            if word.end > heard - self.samples or word.probability < self.min_probability:
                break
            count += 1
        return count


@dataclass(frozen=True, slots=True)
class Either:
    """What any of several policies commits."""

    policies: tuple[CommitPolicy, ...]

    def stable(self, before: Sequence[Word], words: Sequence[Word], heard: int) -> int:
        """See `CommitPolicy`."""
        return max(policy.stable(before, words, heard) for policy in self.policies)
