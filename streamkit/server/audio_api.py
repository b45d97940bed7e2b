"""OpenAI's audio endpoints over HTTP: who comes in, what it counts as, and how it ends.

| path | answer |
|---|---|
| `POST /v1/audio/speech` | a sound file, or events with its bytes (`speech.py`) |
| `POST /v1/audio/transcriptions` | what was said (`transcribe.py`) |
| `POST /v1/audio/translations` | what that means in English |
| `GET /v1/models`, `/v1/models/NAME` | what there is |
| `POST /v1/audio/voices` | makes a voice from a recording (`voices.py`) |
| `GET`, `DELETE /v1/audio/voices`, `/v1/audio/voices/NAME` | lists and removes voices |
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from streamkit.config import Settings
from streamkit.protocols import openai_audio
from streamkit.protocols.openai_audio import ApiError, Message
from streamkit.protocols.openai_audio.errors import INVALID_REQUEST, SERVER_ERROR
from streamkit.server import voices
from streamkit.server.admission import Refused, admit, take_place
from streamkit.server.auth import read_credentials
from streamkit.server.exchange import Exchange, Gone, as_json
from streamkit.server.job import RETRY_SECONDS, Job
from streamkit.server.speech import FIRST_AUDIO, speak
from streamkit.server.state import ServerState
from streamkit.server.transcribe import transcribe, translate

logger = logging.getLogger("streamkit.audio_api")

Handler = Callable[[ServerState, Exchange, Job], Awaitable[None]]

CODES = {
    "key": "invalid_api_key",
    "origin": "origin_not_allowed",
    "draining": "service_unavailable",
    "full": "service_unavailable",
}
"""Reason of a refusal -> code of the error."""


def audio_routes(settings: Settings) -> list[BaseRoute]:
    """The routes, for an application whose `state.streamkit` is a `ServerState`."""
    # A WebSocket comes from any page that `admit` lets in; HTTP's answers are kept from a page
    # unless they say that it may read them.
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.allowed_origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=("*",),
        expose_headers=("x-request-id", "retry-after", FIRST_AUDIO, "streamkit-processing-ms"),
    )

    def route(method: str, path: str, handler: Handler, *, works: bool) -> Route:
        endpoint = Endpoint(path, handler, works=works)
        # OPTIONS is what a page's browser asks first; `cors` answers it.
        return Route(path, endpoint, methods=[method, "OPTIONS"], middleware=[cors])

    return [
        route("POST", "/v1/audio/speech", speak, works=True),
        route("POST", "/v1/audio/transcriptions", transcribe, works=True),
        route("POST", "/v1/audio/translations", translate, works=True),
        route("GET", "/v1/models", _list_models, works=False),
        route("GET", "/v1/models/{name:path}", _find_model, works=False),
        route("POST", "/v1/audio/voices", voices.create_voice, works=True),
        route("GET", "/v1/audio/voices", voices.list_voices, works=False),
        route("GET", "/v1/audio/voices/{name:path}", voices.find_voice, works=False),
        route("DELETE", "/v1/audio/voices/{name:path}", voices.delete_voice, works=False),
        *(
            route(method, path, voices.refuse_consents, works=False)
            for method in ("GET", "POST", "DELETE")
            for path in ("/v1/audio/voice_consents", "/v1/audio/voice_consents/{name:path}")
        ),
    ]


class Endpoint:
    """One path, as an ASGI application: every request gets an answer, and every failure a form.

    Args:
        path: as it is counted.
        handler: does the work.
        works: it is a session among the others: it takes a place, and shutdown waits for it.
    """

    def __init__(self, path: str, handler: Handler, *, works: bool) -> None:
        self._path = path
        self._handler = handler
        self._works = works

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] == "OPTIONS":
            await Response(status_code=405)(scope, receive, send)
            return
        state: ServerState = scope["app"].state.streamkit
        exchange = Exchange(scope, receive, send, state.settings)
        status = "gone"
        try:
            status = await self._answer(state, exchange)
        except Gone:
            pass
        finally:
            state.metrics.requests.labels(self._path, status).inc()
            logger.info(
                "request %s to %s ended with %s after %.1f s",
                exchange.id,
                self._path,
                status,
                time.monotonic() - exchange.began,
            )

    async def _answer(self, state: ServerState, exchange: Exchange) -> str:
        """Answer; returns the status, or `broken` when the answer had begun and then failed."""
        try:
            await self._serve(state, exchange)
        except ApiError as error:
            failure = error
        except Gone:
            raise
        except Exception:
            logger.exception("request %s failed", exchange.id)
            failure = _internal()
        else:
            return str(exchange.status)
        begun = exchange.status is not None
        await exchange.fail(failure)
        return "broken" if begun else str(failure.status)

    async def _serve(self, state: ServerState, exchange: Exchange) -> None:
        try:
            self._admit(state, exchange)
            if self._works:
                take_place(state)
        except Refused as refusal:
            raise _error(refusal) from refusal
        job = Job()
        if not self._works:
            await self._handler(state, exchange, job)
            return
        state.enter(job)
        try:
            with job.working():
                await self._handler(state, exchange, job)
        finally:
            state.leave(job)
            state.permits.give_back()

    def _admit(self, state: ServerState, exchange: Exchange) -> None:
        request = exchange.request
        key = read_credentials(request.headers.get("authorization"), ()).key
        grant = admit(state, request, key, "header `Authorization: Bearer KEY`")
        if grant.ephemeral:
            raise ApiError(
                "a client secret was given, which opens sessions only; use an API key",
                status=403,
                code="insufficient_permissions",
            )


async def _list_models(state: ServerState, exchange: Exchange, job: Job) -> None:
    listed = openai_audio.model_list(_models(state))
    await exchange.reply(as_json(listed), "application/json")


async def _find_model(state: ServerState, exchange: Exchange, job: Job) -> None:
    name = exchange.request.path_params["name"]
    found = openai_audio.find_model(name, _models(state))
    await exchange.reply(as_json(found), "application/json")


def _models(state: ServerState) -> list[Message]:
    recognizer = state.scheduler.recognizer.info
    replying = dict.fromkeys((state.chat_model.name, *state.settings.llm_models))
    return [
        openai_audio.model_object(
            recognizer.name,
            "streamkit",
            purpose="recognition",
            languages=sorted(recognizer.languages),
        ),
        openai_audio.model_object(state.speech.name, state.speech.owner, purpose="speech"),
        *(openai_audio.model_object(name, "streamkit", purpose="replies") for name in replying),
    ]


def _error(refusal: Refused) -> ApiError:
    unavailable = refusal.status == 503
    return ApiError(
        str(refusal),
        status=refusal.status,
        code=CODES[refusal.reason],
        kind=SERVER_ERROR if unavailable else INVALID_REQUEST,
        retry_after=RETRY_SECONDS if unavailable else None,
    )


def _internal() -> ApiError:
    return ApiError(
        "internal error; the server's log knows more",
        status=500,
        code="internal_error",
        kind=SERVER_ERROR,
        hopeless=True,
    )
