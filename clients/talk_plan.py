"""What a conversation is to be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamkit.client.realtime_messages import TalkOptions


@dataclass(frozen=True, slots=True)
class TalkPlan:
    """What one conversation is to be.

    Attributes:
        options: what the server is asked for.
        server: address; None: a server inside this process.
        key: API key of the server.
        model: of the server; of the recognizer for a server inside this process.
        settings: of a server inside this process.
        device: microphone.
        speaker: loudspeaker.
        headphones: the microphone does not hear the loudspeaker.
        push_to_talk: a key says when the person speaks.
        text: the person writes, on stdin.
        inputs: files in the place of the microphone.
        output: file in the place of the loudspeaker.
        turn_gap: seconds between the end of a reply and the next file.
    """

    options: TalkOptions
    server: str | None = None
    key: str | None = None
    model: str | None = None
    settings: tuple[tuple[str, str], ...] = ()
    device: str | None = None
    speaker: str | None = None
    headphones: bool = False
    push_to_talk: bool = False
    text: bool = False
    inputs: tuple[Path, ...] = ()
    output: Path | None = None
    turn_gap: float = 1.0
