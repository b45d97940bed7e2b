"""The OpenAI Realtime protocol (`/v1/realtime`, GA), as its SDKs speak it.

Pure: text frames in, commands out; what a session has to tell in, message dictionaries out. Read
off openai-python 3.54, openai-agents 0.24 and @openai/agents-realtime, which check what they are
sent. What is ours rides in one extra key, `streamkit`, on messages that exist already.
"""

from __future__ import annotations

from streamkit.protocols.openai_realtime.audio_formats import Encoding, check_whole_samples
from streamkit.protocols.openai_realtime.client_events import (
    EVENTS,
    AppendAudio,
    ClientEvent,
    NewItem,
    SessionUpdate,
    parse,
)
from streamkit.protocols.openai_realtime.config import SessionConfig
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.messages import Encoder
from streamkit.protocols.openai_realtime.plain_messages import Message

__all__ = [
    "EVENTS",
    "AppendAudio",
    "ClientEvent",
    "Encoder",
    "Encoding",
    "EventError",
    "Message",
    "NewItem",
    "SessionConfig",
    "SessionUpdate",
    "check_whole_samples",
    "parse",
]
