"""The `/v1/realtime` endpoint: who comes in, and what the session begins with.

A web page of a foreign origin, and whoever comes when there is no place, is refused before the
upgrade, as an HTTP status. A wrong key, a missing model and the protocol's beta are refused as
OpenAI does it, since its clients look for that: the upgrade is accepted, then an `error` event
says why, and the connection is closed with a code of its own.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any, Literal

import anyio
from anyio.to_thread import run_sync
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from streamkit.protocols.deepgram import ListenOptions, check_model
from streamkit.protocols.openai_realtime import Encoder, EventError, SessionConfig
from streamkit.server.admission import Refused, admit, take_place
from streamkit.server.auth import Grant, RealtimeCredentials, read_realtime_credentials
from streamkit.server.conversation_runner import ConversationSession
from streamkit.server.identifiers import make_id
from streamkit.server.state import ServerState
from streamkit.server.voice import NO_VOICE, find_voice

logger = logging.getLogger("streamkit.realtime")

Kind = Literal["realtime", "transcription"]

BAD_KEY = 3000
BAD_SESSION = 4000
"""Close codes of OpenAI's."""

GOODBYE_SECONDS = 5.0
"""Somebody who does not come in may take so long to read why."""


class _Rejected(Exception):
    """Somebody is told by an event that they do not come in."""

    def __init__(self, close_code: int, code: str, text: str, param: str | None = None) -> None:
        super().__init__(text)
        self.close_code = close_code
        self.code = code
        self.param = param


async def realtime(websocket: WebSocket) -> None:
    """Serve one client of OpenAI's Realtime protocol."""
    state: ServerState = websocket.app.state.streamkit
    session_id = make_id("sess")
    credentials = read_realtime_credentials(
        websocket.headers, websocket.scope.get("subprotocols", [])
    )
    try:
        grant = _admit(state, websocket, credentials)
        config = await _begin(state, websocket, grant, session_id)
        take_place(state)
    except Refused as refusal:
        await _refuse(state, websocket, refusal, session_id)
        return
    except _Rejected as rejection:
        await _reject(state, websocket, credentials.subprotocol, rejection, session_id)
        return
    try:
        if state.recorder is not None:
            websocket = state.recorder.tap(state, websocket, "realtime", session_id, grant.session)
        await _serve(state, websocket, credentials.subprotocol, config)
    finally:
        state.permits.give_back()
        if state.recorder is not None:
            state.recorder.finish(websocket)


def start_session(
    state: ServerState,
    kind: Kind,
    model: str,
    session_id: str,
    *,
    conversation_id: str | None = None,
    expires_at: int | None = None,
) -> SessionConfig:
    """What a session is like on this server before its client has asked for anything."""
    info = state.scheduler.recognizer.info

    def check_voice(name: str) -> None:
        find_voice(state.speech, name)

    def check_language(code: str) -> None:
        check_model(ListenOptions(language=code), info)

    return SessionConfig.start(
        kind=kind,
        session_id=session_id,
        model=model,
        default_voice=state.settings.voice or NO_VOICE,
        conversation_id=conversation_id,
        expires_at=expires_at,
        transcription_model=info.name,
        check_voice=check_voice,
        check_language=check_language,
    )


def check_session(state: ServerState, session: Mapping[str, Any]) -> Mapping[str, Any]:
    """The session that a client secret is to stand for, with all that it leaves out.

    Raises:
        EventError: it cannot be had.
    """
    kind: Kind = "transcription" if session.get("type") == "transcription" else "realtime"
    model = session.get("model")
    name = model if isinstance(model, str) and model else state.chat_model.name
    return start_session(state, kind, name, make_id("sess")).update(session).wire()


def _admit(state: ServerState, websocket: WebSocket, credentials: RealtimeCredentials) -> Grant:
    try:
        grant = admit(
            state,
            websocket,
            credentials.key,
            "header `Authorization: Bearer KEY`, or the subprotocols realtime, "
            "openai-insecure-api-key.KEY",
        )
    except Refused as refusal:
        if refusal.status != 401:
            raise
        raise _Rejected(BAD_KEY, "invalid_api_key", str(refusal)) from refusal
    if credentials.beta:
        raise _Rejected(
            BAD_SESSION,
            "beta_api_shape_disabled",
            "the beta of the Realtime protocol was asked for; accepted: the GA version; leave out "
            "the header OpenAI-Beta and the subprotocol openai-beta.realtime-v1",
        )
    return grant


async def _begin(
    state: ServerState, websocket: WebSocket, grant: Grant, session_id: str
) -> SessionConfig:
    """The session that the query, or the client secret, asks for."""
    granted = grant.session or {}
    intent = websocket.query_params.get("intent")
    transcription = "transcription" in (intent, granted.get("type"))
    model = websocket.query_params.get("model") or granted.get("model") or ""
    if not transcription and not model:
        raise _Rejected(
            BAD_SESSION,
            "missing_model",
            "no model was named; accepted: ?model=NAME with any name (this server has one model "
            f"of the reply, {state.chat_model.name}), or ?intent=transcription",
            "model",
        )
    config = start_session(
        state,
        "transcription" if transcription else "realtime",
        model,
        session_id,
        conversation_id=make_id("conv"),
        expires_at=int(state.now() + state.settings.max_conversation_seconds),
    )
    try:
        # Names of voices are looked up by an engine.
        return await run_sync(config.update, granted) if granted else config
    except EventError as error:
        raise _Rejected(BAD_SESSION, error.code, str(error), error.param) from error


async def _serve(
    state: ServerState, websocket: WebSocket, subprotocol: str | None, config: SessionConfig
) -> None:
    session = ConversationSession(state, websocket, config)
    state.enter(session)
    try:
        await websocket.accept(subprotocol=subprotocol)
        state.metrics.opened.inc()
        await session.run()
    except WebSocketDisconnect:
        logger.info("session %s: the client left during the handshake", config.session_id)
    except Exception:
        logger.exception("session %s failed", config.session_id)
        state.metrics.errors.labels("Internal").inc()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(1011, "internal error; the server's log knows more")
    finally:
        state.leave(session)


async def _refuse(
    state: ServerState, websocket: WebSocket, refusal: Refused, session_id: str
) -> None:
    """Answer the handshake with an HTTP status."""
    state.metrics.refused.labels(refusal.reason).inc()
    logger.info("session %s refused with %d (%s)", session_id, refusal.status, refusal.reason)
    body = {
        "error": {
            "type": "server_error" if refusal.status >= 500 else "invalid_request_error",
            "code": refusal.reason,
            "message": str(refusal),
            "param": None,
        }
    }
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_denial_response(JSONResponse(body, refusal.status))


async def _reject(
    state: ServerState,
    websocket: WebSocket,
    subprotocol: str | None,
    rejection: _Rejected,
    session_id: str,
) -> None:
    """Accept the handshake, say why not, and close."""
    state.metrics.refused.labels(rejection.code).inc()
    logger.info("session %s rejected (%s)", session_id, rejection.code)
    message = Encoder(make_id).error(str(rejection), code=rejection.code, param=rejection.param)
    with (
        contextlib.suppress(WebSocketDisconnect, RuntimeError),
        anyio.move_on_after(GOODBYE_SECONDS),
    ):
        await websocket.accept(subprotocol=subprotocol)
        await websocket.send_text(json.dumps(message, separators=(",", ":")))
        await websocket.close(rejection.close_code, rejection.code)
