"""What can happen to a conversation, beside what its client asks for (`commands`)."""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.llm.chat_model import Delta
from streamkit.session.commands import Command
from streamkit.session.events import (
    AudioReceived,
    CloseRequested,
    DecodeFailed,
    DecodeSkipped,
    HypothesisReady,
    PaceChanged,
    WindowsScored,
)
from streamkit.tts.synthesizer import WordMark


@dataclass(frozen=True, slots=True)
class TokenArrived:
    """The model has said more."""

    generation: int
    delta: Delta


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The model's reply came to nothing, or broke off."""

    generation: int
    reason: str


@dataclass(frozen=True, slots=True)
class SoundReady:
    """More sound of a piece; it follows the sound before it without a gap.

    Attributes:
        generation: whose sound.
        piece: of which piece.
        samples: how many, at the session's output rate; may be 0 when it is the last.
        marks: words that begin in it; `sample` counts from the beginning of the piece's sound, at
            the output rate; text offsets are those of the `Synthesize` text.
        audible: index, in this sound, of the first sample that can be heard; None: there is none.
        last: nothing more comes of this piece.
    """

    generation: int
    piece: int
    samples: int
    marks: tuple[WordMark, ...] = ()
    audible: int | None = 0
    last: bool = False


@dataclass(frozen=True, slots=True)
class SoundFailed:
    """The voice failed on a piece."""

    generation: int
    piece: int
    reason: str


@dataclass(frozen=True, slots=True)
class TurnJudged:
    """How sure the detector that listens is that the turn was over at this pause, 0 to 1."""

    pause: int
    probability: float


@dataclass(frozen=True, slots=True)
class ItemTranscribed:
    """What the sound says that came with an item; None: the recognizer failed (`reason`)."""

    item_id: str
    content_index: int
    transcript: str | None
    seconds: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TimePassed:
    """`Conversation.wake_at` is reached."""


ConversationEvent = (
    AudioReceived
    | WindowsScored
    | HypothesisReady
    | DecodeFailed
    | DecodeSkipped
    | PaceChanged
    | TokenArrived
    | ReplyFailed
    | SoundReady
    | SoundFailed
    | TurnJudged
    | ItemTranscribed
    | TimePassed
    | CloseRequested
    | Command
)
