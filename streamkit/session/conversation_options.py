"""What a client of a conversation asked for, in the session's own terms.

Durations are seconds here, since people give them; positions elsewhere are samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from streamkit.llm.chat_model import Tool, ToolChoice

Eagerness = Literal["low", "medium", "high", "auto"]
Modality = Literal["audio", "text"]


@dataclass(frozen=True, slots=True)
class ServerVad:
    """A turn ends after a fixed silence.

    Attributes:
        threshold: speech probability from which a window is speech.
        prefix_padding: audio before the speech that belongs to it, in seconds.
        silence: that ends the turn, in seconds.
        idle_timeout: of the person, after a reply was played, that makes the agent speak again.
        create_response: answer when a turn ends.
        interrupt_response: speech stops the reply that is being played.
    """

    threshold: float = 0.5
    prefix_padding: float = 0.3
    silence: float = 0.5
    idle_timeout: float | None = None
    create_response: bool = True
    interrupt_response: bool = True


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """A turn ends sooner when what was said sounds finished.

    Attributes:
        eagerness: how long is waited at most: 8, 4 or 2 s; auto is medium.
        create_response: answer when a turn ends.
        interrupt_response: speech stops the reply that is being played.
    """

    eagerness: Eagerness = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = ServerVad | SemanticVad


@dataclass(frozen=True, slots=True)
class Interruption:
    """What it takes to interrupt a reply.

    Sending stops as soon as speech is detected; these say when it is over for good, and not
    only held.

    Attributes:
        min_seconds: of speech.
        min_words: or so many words, whichever comes first.
        resume_after: seconds of quiet after which a reply that was held goes on.
    """

    min_seconds: float = 0.4
    min_words: int = 2
    resume_after: float = 0.2


@dataclass(frozen=True, slots=True)
class ConversationOptions:
    """The effective configuration of a conversation.

    Attributes:
        kind: a conversation, or transcription only (no replies).
        turn_detection: None: the client says when a turn ends.
        transcription: tell the client what the person says. The words are recognized in any
            case, since the reply stands on them.
        modalities: of replies.
        instructions: for the model.
        tools: that the model may call.
        tool_choice: whether it may, must, or must not.
        parallel_tool_calls: more than one call in a reply.
        max_output_tokens: of a reply; None: no bound but the model's.
        voice: name; None: the default.
        speed: of the voice, 1 is usual.
        language: ISO 639-1 code of what the person speaks; None: found out or the model's only one.
        output_rate: Hz of the sound that the client gets: 24000 or 8000.
        lead: seconds of sound that the client may hold in advance.
        interruption: what it takes to interrupt.
        preemptive: begin to think about a reply while the turn is not certainly over.
        holds: the client wants to be told when to play nothing for the moment.
    """

    kind: Literal["realtime", "transcription"] = "realtime"
    turn_detection: TurnDetection | None = field(default_factory=SemanticVad)
    transcription: bool = True
    modalities: tuple[Modality, ...] = ("audio",)
    instructions: str = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    voice: str | None = None
    speed: float = 1.0
    language: str | None = None
    output_rate: int = 24000
    lead: float = 0.5
    interruption: Interruption = field(default_factory=Interruption)
    preemptive: bool = True
    holds: bool = False
