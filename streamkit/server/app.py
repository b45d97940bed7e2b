"""The ASGI application: one port for the WebSocket, the health checks and the metrics."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from streamkit import __version__
from streamkit.asr.recognizer import Recognizer
from streamkit.asr.scheduler import Scheduler
from streamkit.config import Settings
from streamkit.server.audio_api import audio_routes
from streamkit.server.client_secrets import client_secrets_route
from streamkit.server.listen import listen
from streamkit.server.page import page_routes
from streamkit.server.parallelism import parallelism
from streamkit.server.realtime import check_session, realtime
from streamkit.server.recording import Recorder
from streamkit.server.replying import chosen_model, replying
from streamkit.server.speech_engines import load_speech
from streamkit.server.state import ServerState
from streamkit.server.tracing import open_sinks
from streamkit.vad.silero import SileroVad
from streamkit.vad.smart_turn import SmartTurn

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.llm.chat_model import ChatModel
    from streamkit.tts.speech_engine import SpeechEngine


def create_app(
    settings: Settings,
    recognizer: Recognizer,
    profile: ModelProfile,
    *,
    chat_model: ChatModel | None = None,
    speech: SpeechEngine | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """Make the application around a recognizer that is loaded already.

    Args:
        settings: of this server.
        recognizer: shared by all sessions.
        profile: how its model wants to be decoded.
        chat_model: replies for all, and is closed with the application; None: that of the
            settings.
        speech: speaks for all, and is closed with the application; None: that of the settings.
        clock: of the event loop in which the application will run.

    Raises:
        ModelError: the detector of voice activity, or of turns, cannot be loaded, or there are no
            weights for the voice.
        ConfigurationError: the settings for replies or the voice cannot be used, the trace file
            not written, or OpenTelemetry is not there, or sessions cannot be recorded where
            they should.
    """
    state = ServerState(
        settings=settings,
        scheduler=Scheduler(
            recognizer,
            workers=parallelism(settings, profile).workers,
            pass_timeout=settings.pass_timeout,
            clock=clock,
        ),
        vad=SileroVad.load(),
        profile=profile,
        speech=speech or load_speech(settings),
        chat_model=chat_model or chosen_model(settings),
        turn_detector=None if settings.turn_model is None else SmartTurn.load(settings.turn_model),
        trace=open_sinks(settings),
        clock=clock,
        recorder=(
            Recorder(settings.record, settings.record_max_bytes) if settings.record else None
        ),
    )

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with state.scheduler, replying(state):
            state.ready = True
            yield
            state.ready = False
        if state.recorder is not None:
            await run_sync(state.recorder.close)

    app = Starlette(
        routes=[
            Route("/healthz", _healthz),
            Route("/readyz", _readyz),
            Route("/metrics", _metrics),
            WebSocketRoute("/v1/listen", listen),
            WebSocketRoute("/v1/realtime", realtime),
            client_secrets_route(partial(check_session, state)),
            *audio_routes(settings),
            *page_routes(),
        ],
        lifespan=lifespan,
    )
    app.state.streamkit = state
    return app


def _state(request: Request) -> ServerState:
    state: ServerState = request.app.state.streamkit
    return state


async def _healthz(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok", "version": __version__})


async def _readyz(request: Request) -> Response:
    """New sessions are taken."""
    state = _state(request)
    if state.draining or not state.ready:
        return JSONResponse({"status": "draining" if state.draining else "starting"}, 503)
    return JSONResponse(
        {
            "status": "ready",
            "model": state.scheduler.recognizer.info.name,
            "voice": state.speech.name,
            "sessions": len(state.sessions),
            "max_sessions": state.permits.places,
        }
    )


async def _metrics(request: Request) -> Response:
    """Counters and histograms in Prometheus' text format."""
    state = _state(request)
    state.metrics.waiting.set(len(state.scheduler.queue))
    state.metrics.stretch.set(state.scheduler.cadence.look(state.clock()).stretch)
    state.metrics.replaced.set(state.scheduler.replaced_workers)
    state.metrics.lost.set(0 if state.trace is None else state.trace.lost)
    if state.speech.statistics is not None:
        state.metrics.speech.set(state.speech.statistics())
    return Response(state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
