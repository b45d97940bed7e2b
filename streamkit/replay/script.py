"""What a client will do: messages and when, made of a recorded session or of a sound file."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from streamkit.audio.files import read_audio
from streamkit.audio.pcm import to_linear16
from streamkit.replay.recorded import Passed, RecordedSession

CHUNK_SECONDS: Final = 0.1
LISTEN_RATE: Final = 16_000
TALK_RATE: Final = 24_000

SILENCE_SECONDS: Final = 2.0
"""Behind a sound file that is talk: so that the last turn can end."""

QUIET_SECONDS: Final = 5.0
"""After so long without a word of the server a talk from a sound file is over."""


@dataclass(frozen=True, slots=True)
class Script:
    """A session that is to be played.

    Attributes:
        name: of what it was made.
        endpoint: which protocol.
        query: parameters of the connection.
        sends: the client's messages in order; `at` is in seconds since the session began.
        end: when the client leaves, in seconds.
        waits: what it does then: leaves at once; waits until the server closes; or leaves when
            nothing more comes.
        started_at: Unix time of the server at the beginning; None: now.
        old: all messages of the recorded session.
    """

    name: str
    endpoint: Literal["listen", "realtime"]
    query: tuple[tuple[str, str], ...]
    sends: tuple[Passed, ...]
    end: float
    waits: Literal["leaves", "server", "quiet"]
    started_at: float | None = None
    old: tuple[Passed, ...] = ()


def from_recording(session: RecordedSession) -> Script:
    """Do again what the client of a recorded session did."""
    sends = session.sent_by("client")
    if session.granted:
        # What its client secret has brought is asked for by a message: the secret is not there.
        update = {"type": "session.update", "session": dict(session.granted)}
        sends.insert(0, Passed(0.0, "client", update))
    ended = next((each.side for each in session.passed if each.content is None), "client")
    server_ends = session.endpoint == "listen" and any(map(_closes, sends))
    return Script(
        name=session.name,
        endpoint=session.endpoint,
        query=session.query,
        sends=tuple(sends),
        end=session.seconds,
        waits="server" if server_ends or ended == "server" else "leaves",
        started_at=session.started_at,
        old=session.passed,
    )


def from_sound(path: Path, *, talk: bool, query: Mapping[str, str] | None = None) -> Script:
    """Say what is in a sound file, in real time.

    Args:
        path: of any kind that the server reads.
        talk: in a conversation; else for captions.
        query: more parameters of the connection.

    Raises:
        AudioFormatError: it is no sound file.
        OSError: it cannot be read.
    """
    rate = TALK_RATE if talk else LISTEN_RATE
    with path.open("rb") as file:
        samples = np.concatenate([np.zeros(0, np.float32), *read_audio(file, rate)])
    if talk:
        samples = np.concatenate([samples, np.zeros(round(SILENCE_SECONDS * rate), np.float32)])
    length = len(samples) / rate
    if talk:
        session = {
            "type": "realtime",
            "audio": {"input": {"transcription": {"model": "default"}}},
        }
        sends = [Passed(0.0, "client", {"type": "session.update", "session": session})]
        sends += [Passed(at, "client", _append(data)) for at, data in _chunks(samples, rate)]
        asked = {"model": "default", **(query or {})}
    else:
        sends = [Passed(at, "client", data) for at, data in _chunks(samples, rate)]
        sends.append(Passed(length, "client", {"type": "CloseStream"}))
        asked = {
            "encoding": "linear16",
            "sample_rate": str(rate),
            "interim_results": "true",
            **(query or {}),
        }
    return Script(
        name=path.name,
        endpoint="realtime" if talk else "listen",
        query=tuple(asked.items()),
        sends=tuple(sends),
        end=length,
        waits="quiet" if talk else "server",
    )


def is_sound(message: Passed) -> bool:
    """Sound of a client, or what has to stay beside it: not a command."""
    match message.content:
        case bytes():
            return True
        case {"type": "input_audio_buffer.append" | "KeepAlive"}:
            return True
        case _:
            return False


def _closes(message: Passed) -> bool:
    return message.content == b"" or (
        isinstance(message.content, dict) and message.content.get("type") == "CloseStream"
    )


def _chunks(samples: npt.NDArray[np.float32], rate: int) -> Iterator[tuple[float, bytes]]:
    """A chunk is sent when its last sample was said."""
    step = round(CHUNK_SECONDS * rate)
    for first in range(0, len(samples), step):
        chunk = samples[first : first + step]
        yield (first + len(chunk)) / rate, to_linear16(chunk)


def _append(sound: bytes) -> dict[str, Any]:
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(sound).decode()}


def as_text(content: Mapping[str, Any]) -> str:
    """A message as it is sent."""
    return json.dumps(content, separators=(",", ":"))
