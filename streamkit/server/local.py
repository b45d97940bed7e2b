"""A server inside the program that uses it, on a free port of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread

from streamkit.config import Settings
from streamkit.server.serving import load_recognizer, running


@asynccontextmanager
async def local_server(settings: Settings) -> AsyncIterator[str]:
    """Load the model of the settings and serve it on the loopback interface.

    Gives the address, `ws://127.0.0.1:PORT`. Host, port, encryption, keys and origins of the
    settings do not apply: nobody else is meant to find this server. Nor does what they say about
    replies: it is for captions.

    Raises:
        ModelError: the model is missing or cannot be loaded.
    """
    private = settings.model_copy(
        update={
            "host": "127.0.0.1",
            "port": 0,
            "tls_cert": None,
            "tls_key": None,
            "tls_self_signed": False,
            "api_keys": (),
            "allowed_origins": (),
            "llm_url": None,
            "llm_model": None,
            "turn_model": None,
            "trace": None,
        }
    )
    recognizer, profile, _ = await anyio.to_thread.run_sync(load_recognizer, private)
    async with running(private, recognizer, profile) as (_, url):
        yield url
