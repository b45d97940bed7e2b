"""From speech probabilities to where speech starts, pauses and ends.

A pure state machine over windows of 512 samples:

```
            >= threshold for `min_speech`          < release for `tail`
   QUIET ----------------------------> SPEAKING ------------------------> PAUSED
     ^                                    ^                                 |  |
     |                                    +------- >= threshold ------------+  |
     +-------------------------------- < release for `pause` -----------------+
```

Two thresholds make it hold on (hysteresis): speech begins above the higher one and lasts
until the probability has fallen below the lower one. The start that is reported lies
`pre_roll` before the first loud window, because the detector needs a moment to be sure and
the first consonant is quieter than the vowel after it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from streamkit.audio.clock import seconds
from streamkit.vad.silero import WINDOW_SAMPLES

LIKELY = 0.7
"""Sum of probabilities from which a candidate is likely to be speech: a window that is clearly
speech, or two that may be. Of 1080 coughs, knocks, keys, breaths, hums, tunes and barks 166 were
above the threshold once, 124 came to this sum and 98 were believed; 150 sentences came to it 54 ms
before they were believed."""


@dataclass(frozen=True, slots=True)
class SegmenterOptions:
    """Thresholds (probabilities) and durations (samples at 16 kHz)."""

    threshold: float = 0.5
    release: float = 0.35
    min_speech: int = 3 * WINDOW_SAMPLES
    """Loud windows, in a row but for dips above `release`, before a start is believed."""
    pre_roll: int = seconds(0.3)
    tail: int = 6 * WINDOW_SAMPLES
    """Silence after which the speaker has probably stopped; what is decoded after the speech."""
    pause: int = seconds(0.3)
    """Silence that ends the segment; at least `tail`."""

    def __post_init__(self) -> None:
        if not 0 < self.release <= self.threshold < 1:
            raise ValueError(
                f"release {self.release} and threshold {self.threshold} must satisfy "
                "0 < release <= threshold < 1"
            )
        if self.pause < self.tail:
            raise ValueError(f"pause {self.pause} must be at least tail {self.tail} samples")


class Voice(enum.Enum):
    """What the segmenter believes at the end of the last window."""

    QUIET = "quiet"
    SPEAKING = "speaking"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Speech begins; `start` includes the pre-roll, `onset` is the first loud sample."""

    start: int
    onset: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech stopped at `speech_end` at least `tail` samples ago; it may go on."""

    speech_end: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """The pause was too short to end the segment."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Speech stopped at `speech_end` at least `pause` samples ago: the segment is over."""

    speech_end: int


SegmentEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechEnded


class Segmenter:
    """Turns one probability per window into segment events.

    Attributes:
        voice: what it believes now.
        position: samples seen so far, a multiple of 512.
        speech_end: end of the last loud window of the current or last segment.
    """

    def __init__(self, options: SegmenterOptions | None = None) -> None:
        self.options = options or SegmenterOptions()
        self.voice = Voice.QUIET
        self.position = 0
        self.speech_end = 0
        self._onset: int | None = None
        self._loud = 0
        self._evidence = 0.0
        self._floor = 0

    @property
    def candidate(self) -> int | None:
        """Where speech has perhaps begun, while that is not yet believed."""
        return self._onset if self.voice is Voice.QUIET else None

    @property
    def likely(self) -> bool:
        """There is a candidate, and it is likely to be speech: for what can be taken back."""
        return self.candidate is not None and self._evidence >= LIKELY

    def push(self, probability: float) -> SegmentEvent | None:
        """Take in the next window; at most one thing happens in one window."""
        start = self.position
        self.position += WINDOW_SAMPLES
        match self.voice:
            case Voice.QUIET:
                return self._quiet(probability, start)
            case Voice.SPEAKING:
                self._hear(probability)
                if self.position - self.speech_end >= self.options.tail:
                    self.voice = Voice.PAUSED
                    return SpeechPaused(self.speech_end)
                return None
            case Voice.PAUSED:
                if probability >= self.options.threshold:
                    self.voice = Voice.SPEAKING
                    self.speech_end = self.position
                    return SpeechResumed()
                if self.position - self.speech_end >= self.options.pause:
                    self._rest()
                    return SpeechEnded(self.speech_end)
                return None

    def force_start(self) -> SpeechStarted | None:
        """Believe a candidate now (the stream is being flushed), if there is one."""
        if self.voice is Voice.QUIET and self._onset is not None:
            self.speech_end = self.position
            return self._begin(self._onset)
        return None

    def force_end(self, position: int) -> None:
        """The segment was ended from outside; no later start may reach before `position`."""
        self._rest()
        self._floor = max(self._floor, position)

    def _quiet(self, probability: float, start: int) -> SegmentEvent | None:
        if probability >= self.options.threshold:
            if self._onset is None:
                self._onset = start
            self._evidence += probability
            self._loud += WINDOW_SAMPLES
            self.speech_end = self.position
            if self._loud >= self.options.min_speech:
                return self._begin(self._onset)
        elif probability < self.options.release:
            self._forget()
        return None

    def _begin(self, onset: int) -> SpeechStarted:
        self.voice = Voice.SPEAKING
        self._forget()
        return SpeechStarted(start=max(self._floor, onset - self.options.pre_roll), onset=onset)

    def _hear(self, probability: float) -> None:
        if probability >= self.options.release:
            self.speech_end = self.position

    def _rest(self) -> None:
        self.voice = Voice.QUIET
        self._forget()
        # What was decoded after the speech belongs to this segment, not to the next one too.
        self._floor = min(self.speech_end + self.options.tail, self.position)

    def _forget(self) -> None:
        """There is no candidate (any more)."""
        self._onset, self._loud, self._evidence = None, 0, 0.0
