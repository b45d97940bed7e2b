"""What can happen to a caption session. Times are seconds on the caller's monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.asr.recognizer import Hypothesis, Word


@dataclass(frozen=True, slots=True)
class AudioReceived:
    """The samples [start, end) are in the ring buffer (16 kHz positions).

    Attributes:
        received_at: when the message that brought them arrived.
        captured_at: when the first sample of that message was captured, in Unix seconds by the
            client's clock.
        span: positions of the sound of that message; None: [start, end). They lie behind those
            where a resampler holds some of it back, and gives it with the next one.
    """

    start: int
    end: int
    received_at: float
    captured_at: float | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class WordsCommitted:
    """Words that an earlier session committed for the audio that this one begins with.

    They are continued, not decoded again, so that they stay as the client has shown them.
    Comes before the first audio.
    """

    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class WindowsScored:
    """Speech probabilities of the next windows of 512 samples.

    Attributes:
        probabilities: one for each window.
        loud: how much of each window lies before its last loud sample, that one included; 0: none
            is loud. Empty: nobody has looked.
    """

    probabilities: tuple[float, ...]
    loud: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class HypothesisReady:
    """The answer to a `Decode` effect."""

    request: int
    hypothesis: Hypothesis
    started_at: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class DecodeFailed:
    """A `Decode` effect came to nothing, after whatever retries the runner makes."""

    request: int
    reason: str


@dataclass(frozen=True, slots=True)
class DecodeSkipped:
    """A partial `Decode` was replaced by a newer one before it began."""

    request: int


@dataclass(frozen=True, slots=True)
class PaceChanged:
    """How well the recognizer keeps up with all its sessions.

    Attributes:
        stretch: what the interval between two partials is multiplied with, at least 1.
        overloaded: so much that the client should know.
    """

    stretch: float
    overloaded: bool


@dataclass(frozen=True, slots=True)
class FinalizeRequested:
    """The client wants everything so far as a final, now."""


@dataclass(frozen=True, slots=True)
class CloseRequested:
    """No more audio will come; finals, then `Closed`."""


Event = (
    AudioReceived
    | WordsCommitted
    | WindowsScored
    | HypothesisReady
    | DecodeFailed
    | DecodeSkipped
    | PaceChanged
    | FinalizeRequested
    | CloseRequested
)
