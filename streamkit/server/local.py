"""A server inside the program that uses it, on a free port of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread

from streamkit.config import Settings
from streamkit.server.serving import load_recognizer, running

PRIVATE: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 0,
    "tls_cert": None,
    "tls_key": None,
    "tls_self_signed": False,
    "api_keys": (),
    "allowed_origins": (),
    "allow_missing_origin": True,
}
"""Settings of a server that nobody else is meant to find."""

NO_REPLIES = {
    "llm_url": None,
    "llm_model": None,
    "turn_model": None,
    "tts": "espeak",
    "voice": None,
    "trace": None,
}
"""Settings of a server that nobody speaks with."""


@asynccontextmanager
async def local_server(settings: Settings, *, replies: bool = False) -> AsyncIterator[str]:
    """Load the model of the settings and serve it on the loopback interface.

    Gives the address, `ws://127.0.0.1:PORT`. Host, port, encryption, keys and origins of the
    settings do not apply.

    Args:
        settings: of the server.
        replies: it replies, as the settings say; else it is for captions, and what they say about
            replies and their voice does not apply.

    Raises:
        ConfigurationError: the settings for replies or the voice cannot be used.
        ModelError: a model is missing or cannot be loaded.
        SynthesisError: the voice cannot be loaded.
    """
    private = settings.model_copy(update={**PRIVATE, **({} if replies else NO_REPLIES)})
    recognizer, profile, _ = await anyio.to_thread.run_sync(load_recognizer, private)
    async with running(private, recognizer, profile) as (_, url):
        yield url
