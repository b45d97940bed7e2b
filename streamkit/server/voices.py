"""`/v1/audio/voices`: voices made from recordings, listed, found and removed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import BinaryIO, TypeVar

import anyio
from anyio.to_thread import run_sync

from streamkit.audio.convert import Samples
from streamkit.errors import AudioFormatError, SynthesisError
from streamkit.protocols import openai_audio
from streamkit.protocols.openai_audio import ApiError, Message, VoiceRequest
from streamkit.protocols.openai_audio.errors import SERVER_ERROR
from streamkit.protocols.openai_audio.voices import BUILT_IN, SAMPLE
from streamkit.server.exchange import Exchange, as_json, attended
from streamkit.server.job import RETRY_SECONDS, Job
from streamkit.server.state import ServerState
from streamkit.server.upload import read_upload
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import VoiceCloner
from streamkit.tts.voice_names import UnknownVoiceError
from streamkit.tts.voices.adding import check_language, make_record, read_reference
from streamkit.tts.voices.book import RESERVED_NAMES
from streamkit.tts.voices.errors import (
    DamagedVoiceError,
    RecordingError,
    VoiceError,
    VoiceExistsError,
    VoiceNameError,
)
from streamkit.tts.voices.names import key_of
from streamkit.tts.voices.reference import Reference
from streamkit.tts.voices.voice_file import VoiceRecord
from streamkit.vad.silero import VadStream

logger = logging.getLogger("streamkit.voices")

ACCEPTED = f", with name, {SAMPLE} and consent; no voice is made from a description here"
"""What a form has to hold."""

FORM_BYTES = 1 << 16
"""What a form holds beside the recording."""

TURN_SECONDS = 0.1
"""How often a request looks whether the voice before its own is made."""

T = TypeVar("T")


async def create_voice(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Answer a request for a new voice."""
    with job.reading():
        form = await read_upload(
            exchange, state.settings.max_voice_bytes + FORM_BYTES, SAMPLE, ACCEPTED
        )
    try:
        request = openai_audio.parse_voice(form.fields, form.file is not None)
        cloner = state.speech.cloner
        if cloner is None:
            raise ApiError(
                f"the voice {state.speech.name} cannot be given other people's voices; accepted: "
                "a server whose engine can, `streamkit serve --tts xtts_v2`",
                code="voice_cloning_unsupported",
            )
        assert form.file is not None
        async with attended(exchange):
            reference, record = await _prepare(state, request, form.file)
            latents = await _clone(state, cloner, reference.samples)
            await _answered(partial(_save, state, record, latents))
            made = _cloned(state, record, warnings=list(reference.warnings))
            await exchange.reply(as_json(made), "application/json")
    finally:
        form.close()


async def list_voices(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Answer with all voices: the built-in ones, then the cloned ones."""
    listed = await _answered(partial(_list, state))
    await exchange.reply(as_json(listed), "application/json")


async def find_voice(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Answer with one voice."""
    found = await _answered(partial(_find, state, exchange.request.path_params["name"]))
    await exchange.reply(as_json(found), "application/json")


async def delete_voice(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Remove a cloned voice."""
    name = exchange.request.path_params["name"]
    removed = await _answered(partial(_remove, state, name))
    await exchange.reply(as_json(openai_audio.voice_deleted(removed)), "application/json")


async def refuse_consents(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Say what to do instead of recording a consent."""
    raise openai_audio.no_consents()


# Reading


async def _prepare(
    state: ServerState, request: VoiceRequest, file: BinaryIO
) -> tuple[Reference, VoiceRecord]:
    """Check everything that can be checked before the model is asked."""

    def prepare() -> tuple[Reference, VoiceRecord]:
        # What costs nothing comes first.
        check_language(request.language)
        state.voice_store.check_new(request.name, _reserved(state))
        reference = read_reference(file, partial(state.vad.process, VadStream()))
        said_by = f"a client of the server: {request.consent}"
        return reference, make_record(
            request.name, state.speech.name, reference, said_by, request.language
        )

    return await _answered(prepare, state.file_threads)


# Making


async def _clone(state: ServerState, cloner: VoiceCloner, samples: Samples) -> VoiceLatents:
    """Have the model make a voice, when it is this request's turn.

    A client that has left is not waited for. The model cannot be stopped, though, so the thread
    that waits for it keeps the next one out until it is done.
    """

    def attempt() -> VoiceLatents | None:
        if not state.cloning.acquire(blocking=False):
            return None
        try:
            return cloner.clone(samples)
        finally:
            state.cloning.release()

    try:
        with anyio.fail_after(state.settings.clone_timeout):
            while True:
                # Threads of its own: those that are left behind may not take the others' places.
                alone = anyio.CapacityLimiter(1)
                latents = await run_sync(attempt, abandon_on_cancel=True, limiter=alone)
                if latents is not None:
                    return latents
                await anyio.sleep(TURN_SECONDS)
    except TimeoutError:
        raise ApiError(
            f"the voice was not made within {state.settings.clone_timeout:g} s; try again later",
            status=503,
            code="voice_cloning_timeout",
            kind=SERVER_ERROR,
            retry_after=RETRY_SECONDS,
        ) from None
    except SynthesisError as error:
        raise ApiError(
            f"the voice could not be made: {error}",
            status=500,
            code="voice_cloning_failed",
            kind=SERVER_ERROR,
            hopeless=True,
        ) from error


def _save(state: ServerState, record: VoiceRecord, latents: VoiceLatents) -> None:
    state.voice_store.add(record, latents, _reserved(state))


# Looking


def _list(state: ServerState) -> Message:
    records, unusable = state.voice_store.voices()
    built_in = _built_in(state)
    keys = {key_of(name) for name in built_in}
    return openai_audio.voice_list(
        [openai_audio.voice_object(name, 0, BUILT_IN, model=state.speech.name) for name in built_in]
        + [_cloned(state, record) for record in records if key_of(record.name) not in keys],
        [(voice.name, voice.reason) for voice in unusable],
    )


def _find(state: ServerState, name: str) -> Message:
    for speaker in _built_in(state):
        if key_of(speaker) == key_of(name):
            return openai_audio.voice_object(speaker, 0, BUILT_IN, model=state.speech.name)
    record = state.voice_store.find(name)
    if record is None:
        raise openai_audio.voice_not_found(name)
    return _cloned(state, record)


def _remove(state: ServerState, name: str) -> str:
    # The file goes first: a cloned voice that has a built-in one's name can be removed.
    try:
        return state.voice_store.remove(name)
    except UnknownVoiceError:
        if key_of(name) in map(key_of, _reserved(state)):
            raise ApiError(
                "a built-in voice cannot be deleted; accepted: those that were made here",
                param="voice_id",
                code="built_in_voice",
            ) from None
        raise openai_audio.voice_not_found(name) from None


def _built_in(state: ServerState) -> list[str]:
    """The engine's own voices; one that can clone has the cloned ones among its names."""
    cloned = set() if state.speech.cloner is None else set(state.voice_store.names())
    return [name for name in state.speech.voice_names() if key_of(name) not in cloned]


def _reserved(state: ServerState) -> list[str]:
    """Names that a cloned voice may not have."""
    return [*_built_in(state), *RESERVED_NAMES]


def _cloned(state: ServerState, record: VoiceRecord, **own: object) -> Message:
    usable = state.speech.cloner is not None and record.model == state.speech.name
    return openai_audio.voice_object(
        record.name,
        record.created_at,
        SAMPLE,
        model=record.model,
        usable=usable,
        language=record.language,
        seconds=round(record.source_seconds, 3),
        consent=record.consent.given,
        **own,
    )


# Failing


async def _answered(function: Callable[[], T], limiter: anyio.CapacityLimiter | None = None) -> T:
    """Run something in a thread; what goes wrong is what the client is told."""
    try:
        return await run_sync(function, limiter=limiter)
    except AudioFormatError as error:
        raise ApiError(str(error), param=SAMPLE, code="invalid_audio") from error
    except SynthesisError as error:
        raise _failure(error) from error


def _failure(error: SynthesisError) -> ApiError:
    match error:
        case RecordingError():
            return ApiError(str(error), param=SAMPLE, code=error.code)
        case VoiceNameError():
            return ApiError(str(error), param="name", code=error.code)
        case VoiceExistsError():
            return ApiError(str(error), status=409, param="name", code=error.code, hopeless=True)
        case VoiceError(code="too_many_voices"):
            return ApiError(str(error), code=error.code)
        case VoiceError(code="invalid_language"):
            return ApiError(str(error), param="language", code=error.code)
        case DamagedVoiceError():
            return ApiError(
                str(error), status=500, code=error.code, kind=SERVER_ERROR, hopeless=True
            )
        case _:
            # Its text may hold the server's paths.
            logger.error("a request for voices failed: %s", error)
            return ApiError(
                "the server cannot use its folder of voices, or its engine; its log knows more",
                status=500,
                code=error.code if isinstance(error, VoiceError) else "voices_unavailable",
                kind=SERVER_ERROR,
                hopeless=True,
            )
