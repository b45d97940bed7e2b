"""`/v1/audio/speech`: text to sound, sent while it is spoken."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
from anyio.to_thread import run_sync

from streamkit.audio.encoders import MEDIA_TYPES
from streamkit.errors import SynthesisError
from streamkit.protocols import openai_audio
from streamkit.protocols.openai_audio import ApiError, SpeechRequest
from streamkit.protocols.openai_audio.errors import SERVER_ERROR
from streamkit.server.exchange import Exchange, attended
from streamkit.server.job import Job
from streamkit.server.state import ServerState
from streamkit.server.voice import find_voice
from streamkit.tts.encoded import EncodedSpeech
from streamkit.tts.voice_names import UnknownVoiceError

MAX_REQUEST_BYTES = 1 << 18
"""Text and instructions, every character of them escaped."""

FIRST_AUDIO = "streamkit-first-audio-ms"
"""Header: from when the request came to when the first bytes of its answer were there."""

T = TypeVar("T")


async def speak(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Answer a request for speech."""
    with job.reading():
        body = await _read(exchange)
    request = openai_audio.parse_speech(body, state.speech.name)
    async with attended(exchange):
        speech = await _in_thread(state, partial(_open, state, request))
        try:
            await _send(state, exchange, request, speech)
        finally:
            # It also releases a thread that waits for the engine.
            speech.close()
            state.metrics.spoken.inc(speech.seconds)


async def _read(exchange: Exchange) -> bytes:
    given = exchange.request.headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise ApiError(
            "the request is no JSON; accepted: content-type application/json",
            code="unsupported_content_type",
        )
    return await exchange.body(MAX_REQUEST_BYTES)


def _open(state: ServerState, request: SpeechRequest) -> EncodedSpeech:
    speech = state.speech
    try:
        voice = find_voice(speech, request.voice)
    except UnknownVoiceError as error:
        raise ApiError(str(error), param="voice") from error
    begin = partial(
        EncodedSpeech,
        speech.synthesizer,
        request.text,
        voice=voice,
        speed=request.speed,
        audio_format=request.audio_format,
        speeds=speech.speeds,
    )
    try:
        return begin(language=request.language)
    except SynthesisError as error:
        if request.language is None:
            raise
        # Nothing was spoken yet. If it works without the language, that was what it was about.
        begin().close()
        raise ApiError(str(error), param="language") from error


async def _send(
    state: ServerState, exchange: Exchange, request: SpeechRequest, speech: EncodedSpeech
) -> None:
    """Send the sound, piece by piece; one that nobody takes keeps the next from being spoken."""
    take = partial(next, speech, None)
    data = await _in_thread(state, take)
    waited = time.monotonic() - exchange.began
    state.metrics.first_audio.observe(waited)
    headers = {FIRST_AUDIO: f"{waited * 1000:.1f}"}
    if not request.events:
        await exchange.begin(200, MEDIA_TYPES[request.audio_format], headers)
    while data is not None:
        if request.events:
            await exchange.event(openai_audio.audio_delta(data), headers)
        else:
            await exchange.write(data)
        data = await _in_thread(state, take)
    if request.events:
        await exchange.event(openai_audio.audio_done(len(request.text), speech.seconds))
    await exchange.end()


async def _in_thread(state: ServerState, function: Callable[[], T]) -> T:
    """Run something of the engine's, which may take its time, but not all of it."""
    most = state.settings.synthesis_timeout
    try:
        with anyio.fail_after(most):
            return await run_sync(function, limiter=state.synthesis_threads, abandon_on_cancel=True)
    except TimeoutError:
        raise _failure(f"the voice did not answer within {most:g} s") from None
    except SynthesisError as error:
        raise _failure(str(error)) from error


def _failure(reason: str) -> ApiError:
    return ApiError(
        f"the text could not be spoken: {reason}",
        status=500,
        code="synthesis_failed",
        kind=SERVER_ERROR,
    )
