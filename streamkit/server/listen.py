"""The `/v1/listen` endpoint: who comes in, and on what terms.

Everything that can be refused is refused before the upgrade, as an HTTP status with
Deepgram's `dg-error` header; a session holds a place from before the upgrade to its end.
"""

from __future__ import annotations

import contextlib
import logging
import uuid

from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from streamkit.errors import AudioFormatError, ProtocolError
from streamkit.protocols import deepgram
from streamkit.server.admission import Refused, admit, take_place
from streamkit.server.auth import read_credentials
from streamkit.server.runner import ListenSession
from streamkit.server.state import ServerState

logger = logging.getLogger("streamkit.listen")


async def listen(websocket: WebSocket) -> None:
    """Serve one client of Deepgram's live protocol."""
    state: ServerState = websocket.app.state.streamkit
    request_id = str(uuid.uuid4())
    if state.recorder is not None:
        websocket = state.recorder.tap(state, websocket, "listen", request_id)
    try:
        subprotocol = _admit(state, websocket)
        session = _session(state, websocket, request_id)
        take_place(state)
    except Refused as refusal:
        await _refuse(state, websocket, refusal, request_id)
        return
    try:
        await _serve(state, websocket, session, request_id, subprotocol)
    finally:
        state.permits.give_back()
        if state.recorder is not None:
            state.recorder.finish(websocket)


async def _serve(
    state: ServerState,
    websocket: WebSocket,
    session: ListenSession,
    request_id: str,
    subprotocol: str | None,
) -> None:
    state.enter(session)
    try:
        await websocket.accept(
            subprotocol=subprotocol, headers=[(b"dg-request-id", request_id.encode())]
        )
        state.metrics.opened.inc()
        await session.run()
    except WebSocketDisconnect:
        logger.info("session %s: the client left during the handshake", request_id)
    except Exception:
        logger.exception("session %s failed", request_id)
        state.metrics.errors.labels("Internal").inc()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await websocket.close(1011, "internal error; the server's log knows more")
    finally:
        state.leave(session)


def _admit(state: ServerState, websocket: WebSocket) -> str | None:
    """Check origin and key; returns the subprotocol to select."""
    credentials = read_credentials(
        websocket.headers.get("authorization"), websocket.scope.get("subprotocols", [])
    )
    accepted = "header `Authorization: Token KEY`, or the subprotocols token, KEY"
    admit(state, websocket, credentials.key, accepted)
    return credentials.subprotocol


def _session(state: ServerState, websocket: WebSocket, request_id: str) -> ListenSession:
    """Make what the query asks for; nothing of it runs yet."""
    try:
        options = deepgram.parse_query(websocket.query_params.multi_items())
        deepgram.check_model(options, state.scheduler.recognizer.info)
        return ListenSession(state, websocket, options, request_id)
    except (ProtocolError, AudioFormatError) as error:
        raise Refused(400, "query", str(error)) from error


async def _refuse(
    state: ServerState, websocket: WebSocket, refusal: Refused, request_id: str
) -> None:
    state.metrics.refused.labels(refusal.reason).inc()
    logger.info("session %s refused with %d (%s)", request_id, refusal.status, refusal.reason)
    text = str(refusal)
    headers = {"dg-error": text.encode("ascii", "replace").decode(), "dg-request-id": request_id}
    if refusal.status == 401:
        headers["www-authenticate"] = "Token"
    body = {"err_code": refusal.reason.upper(), "err_msg": text, "request_id": request_id}
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_denial_response(JSONResponse(body, refusal.status, headers))
