"""The ways in which a session ends, and what is said about them.

Each is a close code, a reason, and, where something was wrong, the error that the client gets
before `Metadata`.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamkit.audio.pcm import AudioFormat
from streamkit.protocols import deepgram
from streamkit.protocols.deepgram import Message


@dataclass(frozen=True, slots=True)
class Ending:
    """Why and how a session ends.

    Attributes:
        code: WebSocket close code.
        reason: for the close frame.
        error: last message before `Metadata`, if something was wrong.
        audio_ends: the decoder can be asked for what it still holds.
    """

    code: int
    reason: str = ""
    error: Message | None = None
    audio_ends: bool = True


ENDED = Ending(1000)
GONE = Ending(1006, "client gone")
RESTART = Ending(1012, "service restart")


def idle(timeout: float) -> Ending:
    """The client has sent neither audio nor KeepAlive."""
    text = f"no audio and no KeepAlive for {timeout:g} s"
    return Ending(1011, f"NET-0001: {text}", deepgram.error("Timeout", text, code="NET-0001"))


def bad_audio(text: str) -> Ending:
    """The bytes are not the audio that they were said to be."""
    error = deepgram.error("BadAudio", text, code="DATA-0000")
    return Ending(1008, "DATA-0000: bad audio", error, audio_ends=False)


def oversized(length: int, limit: int) -> Ending:
    """A message beyond the limit."""
    text = f"a message of {length} bytes was given; accepted: up to {limit}: send smaller ones"
    return Ending(1009, "message too big", deepgram.error("MessageTooBig", text, code="SIZE-0000"))


def too_long(limit: float) -> Ending:
    """The session has lasted as long as one may."""
    text = f"a session lasts at most {limit:g} s"
    return Ending(1008, text, deepgram.error("SessionTooLong", text))


def incomplete(left: int, options: deepgram.ListenOptions) -> Message:
    """The audio ended inside a frame; a remark, not an ending."""
    assert options.encoding is not None
    assert options.sample_rate is not None
    size = AudioFormat(options.encoding, options.sample_rate, options.channels).frame_bytes
    return deepgram.error(
        "IncompleteSample",
        f"the audio ended with {left} byte(s) of an incomplete frame, which were left out; "
        f"accepted: {options.encoding} with {options.channels} channel(s), a whole number of "
        f"{size}-byte frames in all",
        code="DATA-0001",
    )
