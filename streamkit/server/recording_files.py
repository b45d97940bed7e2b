"""The files of one recorded session; all calls are made in one thread. See `recording`."""

from __future__ import annotations

import base64
import binascii
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr
from starlette.types import Message
from starlette.websockets import WebSocket

from streamkit import __version__
from streamkit.server.auth import read_credentials, read_realtime_credentials
from streamkit.server.recording_sound import HeardSound

if TYPE_CHECKING:
    from streamkit.config import Settings
    from streamkit.server.state import ServerState

FORMAT: Final = 1
"""Of what is written here; a reader of another one says so."""

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

QUERY: Final = (
    "encoding", "sample_rate", "channels", "multichannel", "model", "language", "task", "keyterm",
    "keywords", "prompt", "interim_results", "endpointing", "utterance_end_ms", "vad_events",
    "punctuate", "intent",
)  # fmt: skip
"""Parameters that mean something here; a key in another one, say, is not kept."""

SETTINGS: Final = (
    "model", "device", "compute_type", "threads", "workers", "pass_timeout", "endpointing",
    "partial_interval", "vad_threshold", "llm_url", "llm_model", "llm_context_tokens",
    "turn_model", "voice", "tts", "tts_device", "tts_precision", "tts_threads", "tts_seed",
    "max_message_bytes", "max_event_bytes", "max_session_seconds", "max_conversation_seconds",
    "max_item_seconds", "idle_timeout", "max_speed", "audio_burst", "ring_seconds",
    "outbox_messages", "send_timeout", "finish_timeout",
)  # fmt: skip
"""Those that a session depends on."""

MIN_KEY_CHARACTERS: Final = 8
"""What a client sends as its key and is shorter opens nothing anywhere."""

STRUCK_OUT: Final = "[struck out]"

SECRET_NAMES: Final = re.compile(
    r"authorization|api[-_]?key|(client_)?secret|(access_)?token|password|headers", re.IGNORECASE
)
"""Names of fields of a client's messages whose values are not kept."""


def describe(
    state: ServerState,
    websocket: WebSocket,
    endpoint: str,
    session_id: str,
    granted: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """What `session.json` holds."""
    settings = state.settings.model_dump(mode="json", include=set(SETTINGS))
    if settings["llm_url"]:
        settings["llm_url"] = _bare(settings["llm_url"])
    query = [pair for pair in websocket.query_params.multi_items() if pair[0] in QUERY]
    return {
        "format": FORMAT,
        "endpoint": endpoint,
        "session": session_id,
        "started_at": round(state.now(), 4),
        "path": websocket.url.path,
        "query": query,
        "granted": None if granted is None else dict(granted),
        "recognizer": state.scheduler.recognizer.info.name,
        "reply_model": state.chat_model.name,
        "speech": state.speech.name,
        "profile": asdict(state.profile),
        "settings": settings,
        "versions": {
            "streamkit": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        },
    }


def known_secrets(settings: Settings, websocket: WebSocket) -> tuple[str, ...]:
    """Every key that the server or this client knows, longest first."""
    headers, offered = websocket.headers, websocket.scope.get("subprotocols", [])
    sent = (
        read_credentials(headers.get("authorization"), offered).key,
        read_realtime_credentials(headers, offered).key,
    )
    # Local servers are sent words like "none", which stand for something else in the protocol.
    found = {key for key in sent if key and len(key) >= MIN_KEY_CHARACTERS}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, SecretStr):
                found.add(each.get_secret_value())
    return tuple(sorted(filter(None, found), key=len, reverse=True))


class RecordingFiles:
    """A folder that is made when the first message comes.

    Args:
        folder: must not be there yet.
        info: what `session.json` holds.
        secrets: texts to strike out.
        max_bytes: of the messages; beyond them the recording ends.

    Attributes:
        ended: why nothing more is written, `whole` if the session was over; None: more is.
    """

    def __init__(
        self, folder: Path, info: Mapping[str, Any], secrets: Iterable[str], max_bytes: int
    ) -> None:
        self.ended: str | None = None
        self._folder = folder
        self._info = info
        self._secrets = tuple(secrets)
        self._left = max_bytes
        self._sound_bytes = 0
        self._opened: list[BinaryIO] = []
        self._heard: HeardSound | None = None

    def write(self, at: float, side: str, message: Message) -> None:
        """Add a message of ASGI.

        Raises:
            OSError: it cannot be written.
        """
        line: dict[str, Any] = {"at": round(at, 4), "from": side}
        sound: bytes | None = None
        match message:
            case {"type": "websocket.disconnect" | "websocket.close"}:
                line["closed"] = message.get("code", 1005)
                if message.get("reason"):
                    line["reason"] = self._strike_out(message["reason"])
            case {"bytes": bytes(sound)}:
                pass
            case {"text": str(text)}:
                content, sound = _unpack(text)
                if isinstance(content, str):
                    line["text"] = self._strike_out(content)
                else:
                    line["message"] = self._clean(content)
            case _:
                return
        if not self._opened:
            self._open()
        if sound is not None:
            line["sound"] = [self._sound_bytes, len(sound)]
        data = _line(line)
        self._left -= len(data) + len(sound or b"")
        if self._left < 0:
            self.end(at, "it has become longer than record_max_bytes")
            return
        if sound is not None:
            self._opened[1].write(sound)
            self._sound_bytes += len(sound)
        # Last, so that what a line points to is there.
        self._opened[0].write(data)
        assert self._heard is not None
        self._heard.follow(side, line.get("message"), sound)

    def end(self, at: float, reason: str) -> None:
        """Say why nothing more comes.

        Raises:
            OSError: it cannot be written.
        """
        self.ended = reason
        if self._opened:
            line = {"at": round(at, 4), "from": "recorder", "ended": reason}
            self._opened[0].write(_line(line))

    def close(self) -> None:
        """Close all files; a second time is harmless."""
        if self._heard is not None:
            self._heard.close()
        for file in self._opened:
            file.close()

    def _open(self) -> None:
        self._folder.mkdir(mode=FOLDER_MODE)
        with create(self._folder / "session.json") as file:
            text = json.dumps(self._info, indent=1, ensure_ascii=False, default=str)
            file.write(self._strike_out(text).encode("utf-8", "surrogatepass") + b"\n")
        self._opened = [create(self._folder / name) for name in ("events.jsonl", "audio.bin")]
        self._heard = HeardSound(
            create(self._folder / "audio.wav"), self._info["endpoint"], self._info["query"]
        )

    def _strike_out(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STRUCK_OUT)
        return text

    def _clean(self, value: Any) -> Any:
        """A message without keys."""
        match value:
            case str():
                return self._strike_out(value)
            case list():
                return [self._clean(each) for each in value]
            case dict():
                return {
                    self._strike_out(name): (
                        STRUCK_OUT
                        if SECRET_NAMES.fullmatch(name) and isinstance(inner, str | dict)
                        else self._clean(inner)
                    )
                    for name, inner in value.items()
                }
            case _:
                return value


def create(path: Path) -> BinaryIO:
    """Open a new file that only its owner may read; what is written is there at once."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    return os.fdopen(descriptor, "wb", buffering=0)


def _unpack(text: str) -> tuple[dict[str, Any] | str, bytes | None]:
    """A message without its sound, and the sound; a text that is no JSON object stays one."""
    try:
        message = json.loads(text)
    except ValueError:
        return text, None
    if not isinstance(message, dict):
        return text, None
    place = sound_place(message)
    encoded = message.get(place) if place else None
    if not isinstance(encoded, str):
        return message, None
    try:
        sound = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return message, None
    if base64.b64encode(sound).decode() != encoded:
        return message, None
    del message[place]
    return message, sound


def sound_place(message: Mapping[str, Any]) -> str | None:
    """The field in which a message holds sound in base64."""
    match message.get("type"):
        case "input_audio_buffer.append":
            return "audio"
        case "response.output_audio.delta":
            return "delta"
        case _:
            return None


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def _bare(url: str) -> str:
    """An address without what may be a key."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
