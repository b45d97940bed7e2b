"""Deepgram's live protocol (`/v1/listen`), as its SDKs speak it.

Pure: query strings and text frames in, options and commands out; session outputs in, message
dictionaries out. Read off deepgram-sdk 7.17 (Python) and @deepgram/sdk 5.13 (JavaScript).
What is ours rides in one extra key, `streamkit`, on messages that exist already.
"""

from __future__ import annotations

from streamkit.protocols.deepgram.commands import (
    COMMANDS,
    CloseStream,
    Command,
    Configure,
    Finalize,
    KeepAlive,
    parse_command,
)
from streamkit.protocols.deepgram.messages import Encoder, Message, error, in_seconds
from streamkit.protocols.deepgram.query import ListenOptions, check_model, parse_query

__all__ = [
    "COMMANDS",
    "CloseStream",
    "Command",
    "Configure",
    "Encoder",
    "Finalize",
    "KeepAlive",
    "ListenOptions",
    "Message",
    "check_model",
    "error",
    "in_seconds",
    "parse_command",
    "parse_query",
]
