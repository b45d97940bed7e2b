"""What a conversation wants done, and what it tells the client.

Positions in the person's audio are 16 kHz samples since the stream's start; positions in a
reply's sound are samples at `ConversationOptions.output_rate` since its item's start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from streamkit.asr.recognizer import Word
from streamkit.latency.trace import Trace
from streamkit.llm.chat_model import ReplyRequest, Usage
from streamkit.session.conversation_options import Modality
from streamkit.session.effects import Decode, Hasten
from streamkit.session.items import Content, Item

# Work for the engines. A *generation* is one reply being made; whatever an engine still has to
# say about an older one is dropped by the session.


@dataclass(frozen=True, slots=True)
class Generate:
    """Ask the model for a reply; answered by `TokenArrived`s or `ReplyFailed`."""

    generation: int
    request: ReplyRequest


@dataclass(frozen=True, slots=True)
class Synthesize:
    """Speak one piece of a reply; answered by `SoundReady`s, the last one marked, or `SoundFailed`.

    Attributes:
        piece: counts the pieces of the generation from 0.
        text: what to say.
        first: nothing of this reply was heard yet: leading silence is to be cut.
    """

    generation: int
    piece: int
    text: str
    voice: str | None
    language: str | None
    speed: float
    first: bool


@dataclass(frozen=True, slots=True)
class Abandon:
    """Nothing more is wanted of a generation: stop its model and voice, forget its sound."""

    generation: int


@dataclass(frozen=True, slots=True)
class JudgeTurn:
    """Ask the detector that listens whether the turn is over; answered by `TurnJudged`.

    Attributes:
        pause: number of this pause, to answer with.
        start: of the speech.
        end: where the silence begins.
        words: heard so far.
    """

    pause: int
    start: int
    end: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class TranscribeItem:
    """Recognize the sound that came with an item; answered by `ItemTranscribed`."""

    item_id: str
    content_index: int


@dataclass(frozen=True, slots=True)
class ForgetAudio:
    """Sound that came with this item is not needed (any more)."""

    item_id: str


# What the client gets; one class per event of the protocol.


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The person speaks, since `position`; the item will hold what is said."""

    item_id: str
    position: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The turn is over; speech ended at `position`."""

    item_id: str
    position: int


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    """The person has said nothing for so long after the reply: [start, end) was silence."""

    item_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """What was heard is now an item, behind `previous`."""

    item_id: str
    previous: str | None


@dataclass(frozen=True, slots=True)
class AudioCleared:
    """What was heard is forgotten."""


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """An item is in the conversation, behind `previous`."""

    item: Item
    previous: str | None


@dataclass(frozen=True, slots=True)
class ItemDone:
    """An item is complete (but for the transcript of the person's sound)."""

    item: Item
    previous: str | None


@dataclass(frozen=True, slots=True)
class ItemRetrieved:
    """An item as the conversation holds it."""

    item: Item


@dataclass(frozen=True, slots=True)
class ItemDeleted:
    """An item is gone."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ItemTruncated:
    """A reply holds only what was heard of it."""

    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class TranscriptionDelta:
    """More words of the person's that will never change; `delta` begins with a blank if needed."""

    item_id: str
    content_index: int
    delta: str
    words: tuple[Word, ...] = ()
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionCompleted:
    """All that the person has said.

    Attributes:
        seconds: of audio that was transcribed.
        words: with times in the stream and probabilities.
        language: ISO 639-1 code.
        trace: the way of the last word's last sample.
    """

    item_id: str
    content_index: int
    transcript: str
    seconds: float
    words: tuple[Word, ...] = ()
    language: str | None = None
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """The recognizer failed on (a part of) what the person said."""

    item_id: str
    content_index: int
    reason: str


ResponseStatus = Literal["in_progress", "completed", "cancelled", "failed", "incomplete"]
StatusReason = Literal["turn_detected", "client_cancelled", "max_output_tokens", "content_filter"]


@dataclass(frozen=True, slots=True)
class ResponseState:
    """A response as it stands.

    Attributes:
        id: of the response.
        status: in progress, or how it ended.
        reason: why it was cancelled or is incomplete.
        error: what went wrong, if it failed; for people.
        error_code: for programs.
        output: its items.
        in_conversation: whether they are part of the conversation.
        modalities: of the reply.
        voice: as asked for.
        max_output_tokens: None: no bound.
        metadata: as the client gave it.
        usage: of the model; None while that is not known.
        audio_seconds: of sound that was sent.
        latency: stage -> seconds; see `streamkit.latency.turn`.
        speech_end: position after the person's last loud sample; see `Turn.sound_end`.
        speech_received_at: when that sample had arrived, server's clock.
        speech_captured_at: when it was captured, Unix seconds by the client's clock.
        began_at: since when somebody waits for it, server's clock: the end of speech, or when it
            was asked for.
        stages: stage -> when it was passed, server's clock; early ones as well.
    """

    id: str
    status: ResponseStatus
    modalities: tuple[Modality, ...]
    output: tuple[Item, ...] = ()
    in_conversation: bool = True
    reason: StatusReason | None = None
    error: str | None = None
    error_code: str | None = None
    voice: str | None = None
    max_output_tokens: int | None = None
    metadata: Mapping[str, str] | None = None
    usage: Usage | None = None
    audio_seconds: float = 0.0
    latency: Mapping[str, float] = field(default_factory=dict)
    speech_end: int | None = None
    speech_received_at: float | None = None
    speech_captured_at: float | None = None
    began_at: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """A response begins."""

    response: ResponseState


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A response is over; exactly one for each `ResponseCreated`."""

    response: ResponseState


@dataclass(frozen=True, slots=True)
class ReplyHeld:
    """The person perhaps wants to interrupt this response: play nothing for the moment.

    Only for clients that have asked for it. It ends with `ReplyResumed`, or with `SpeechStarted`.
    """

    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyResumed:
    """It was nothing: play on where the sound was held with this response."""

    response_id: str


@dataclass(frozen=True, slots=True)
class OutputItemAdded:
    """A response has a new item, still in progress and empty."""

    response_id: str
    output_index: int
    item: Item


@dataclass(frozen=True, slots=True)
class OutputItemDone:
    """An item of a response is finished."""

    response_id: str
    output_index: int
    item: Item


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a response something belongs."""

    response_id: str
    item_id: str
    output_index: int
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class ContentPartAdded:
    """A part of a message begins; it is empty."""

    place: Place
    part: Content


@dataclass(frozen=True, slots=True)
class ContentPartDone:
    """A part of a message is complete."""

    place: Place
    part: Content


@dataclass(frozen=True, slots=True)
class TextAdded:
    """More text of a written reply."""

    place: Place
    delta: str


@dataclass(frozen=True, slots=True)
class TextDone:
    """The text of a written reply is complete."""

    place: Place
    text: str


@dataclass(frozen=True, slots=True)
class TranscriptAdded:
    """More text of a spoken reply; goes out just before its sound."""

    place: Place
    delta: str


@dataclass(frozen=True, slots=True)
class TranscriptDone:
    """All text of a spoken reply that was sent."""

    place: Place
    transcript: str


@dataclass(frozen=True, slots=True)
class SendSound:
    """Send the samples [start, end) of a generation's sound.

    Attributes:
        generation: whose sound.
        start: position since the beginning of the item's sound.
        words: offsets of the words that begin in it: (sample, word) pairs, sample since the
            beginning of the item's sound.
        response: as it stands, with the first sound that can be heard: what the silence before
            it was made of.
    """

    place: Place
    generation: int
    start: int
    end: int
    words: tuple[tuple[int, str], ...] = ()
    response: ResponseState | None = None


@dataclass(frozen=True, slots=True)
class SoundDone:
    """No more sound will come for this part."""

    place: Place


@dataclass(frozen=True, slots=True)
class ArgumentsAdded:
    """More of a function call's arguments."""

    place: Place
    call_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class ArgumentsDone:
    """A function call's arguments are complete."""

    place: Place
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command was not carried out; the session lives on.

    Attributes:
        event_id: of the command.
        code: for programs.
        message: says what was given, what is accepted, what to do.
        param: the field that is wrong.
    """

    event_id: str | None
    code: str
    message: str
    param: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something failed on our side; the session lives on."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ConversationClosed:
    """Everything was said."""


Work = Decode | Hasten | Generate | Synthesize | Abandon | JudgeTurn | TranscribeItem | ForgetAudio
"""Effects for the engines."""

Said = (
    SpeechStarted
    | SpeechStopped
    | IdleTimeout
    | AudioCommitted
    | AudioCleared
    | ItemAdded
    | ItemDone
    | ItemRetrieved
    | ItemDeleted
    | ItemTruncated
    | TranscriptionDelta
    | TranscriptionCompleted
    | TranscriptionFailed
    | ResponseCreated
    | ResponseDone
    | ReplyHeld
    | ReplyResumed
    | OutputItemAdded
    | OutputItemDone
    | ContentPartAdded
    | ContentPartDone
    | TextAdded
    | TextDone
    | TranscriptAdded
    | TranscriptDone
    | SendSound
    | SoundDone
    | ArgumentsAdded
    | ArgumentsDone
    | Rejected
    | Trouble
    | ConversationClosed
)
"""Effects that go to the client."""

ConversationEffect = Work | Said
