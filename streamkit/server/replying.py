"""What replies need for as long as the server runs: their model, their voice, their trace."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.to_thread import run_sync

from streamkit.config import Settings
from streamkit.errors import StreamkitError
from streamkit.llm.chat_model import ChatModel
from streamkit.llm.choose import load_chat_model
from streamkit.llm.openai_chat import OpenAIChat
from streamkit.server.state import ServerState
from streamkit.server.voice import find_voice
from streamkit.tts.speech_engine import SpeechEngine

logger = logging.getLogger("streamkit.realtime")

CLOSE_SECONDS = 5.0
"""How long the model's connections may take to close, and the voice to end."""


@asynccontextmanager
async def replying(state: ServerState) -> AsyncIterator[None]:
    """Make ready for replies beside what else begins, and close everything at the end.

    What is not there yet is no reason not to serve captions: it is told in one line, and looked
    for again when a reply is wanted.
    """
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_warm_model, state)
            tasks.start_soon(_warm_voice, state, state.speech)
            yield
            tasks.cancel_scope.cancel()
    finally:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await state.chat_model.close()
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            await run_sync(state.speech.close, abandon_on_cancel=True)
        if state.trace is not None:
            await run_sync(state.trace.close)


def chosen_model(settings: Settings) -> ChatModel:
    """The model that the settings name; nothing is connected to yet.

    Raises:
        ConfigurationError: there cannot be such a model.
    """
    return load_chat_model(
        settings.llm_url,
        settings.llm_model,
        settings.llm_api_key,
        max_replies=2 * settings.max_sessions,
    )


async def find_model(settings: Settings) -> str:
    """Look for the model that the settings name; returns what it is called.

    Raises:
        ConfigurationError: there cannot be such a model, or its endpoint does not have it.
        ReplyError: the endpoint cannot be reached.
    """
    model = chosen_model(settings)
    try:
        if isinstance(model, OpenAIChat):
            await model.warm()
        return model.name
    finally:
        await model.close()


async def _warm_model(state: ServerState) -> None:
    if not isinstance(state.chat_model, OpenAIChat):
        return
    try:
        await state.chat_model.warm()
    except StreamkitError as error:
        logger.warning("conversations cannot be replied to yet: %s", error)
    else:
        logger.info("replies come from %s", state.chat_model.name)


async def _warm_voice(state: ServerState, speech: SpeechEngine) -> None:
    def speak() -> None:
        # Done already, where the server was started by `running`.
        speech.prepare()
        voice = find_voice(speech, state.settings.voice)
        stream = speech.synthesizer.synthesize("Hello.", voice=voice)
        next(stream, None)
        stream.close()

    try:
        await run_sync(speak, abandon_on_cancel=True, limiter=state.voice_threads)
    except StreamkitError as error:
        logger.warning("conversations cannot be spoken as set: %s", error)
