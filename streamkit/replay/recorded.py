"""Reads what `streamkit serve --record` has written; see `streamkit.server.recording`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streamkit.errors import ReplayError
from streamkit.server.recording_files import FORMAT, sound_place

Side = Literal["client", "server"]
Content = dict[str, Any] | str | bytes


@dataclass(frozen=True, slots=True)
class Passed:
    """Something that went through the socket.

    Attributes:
        at: seconds since the session began.
        side: who sent it.
        content: a JSON object, another text, or bytes; None: this is the end. A server's sound is
            left out.
        closed: code of the end.
    """

    at: float
    side: Side
    content: Content | None
    closed: int | None = None


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """One session as it was.

    Attributes:
        name: of the folder.
        endpoint: which protocol it spoke.
        query: its parameters.
        granted: the session that its client secret stood for.
        started_at: Unix time of the server.
        recognizer: name of the model.
        reply_model: name of who replied.
        settings: of the server, as far as they matter.
        passed: all messages in order.
        missing: why the rest was not recorded; None: it is whole.
    """

    name: str
    endpoint: Literal["listen", "realtime"]
    query: tuple[tuple[str, str], ...]
    granted: Mapping[str, Any] | None
    started_at: float
    recognizer: str
    reply_model: str
    settings: Mapping[str, Any]
    passed: tuple[Passed, ...]
    missing: str | None

    @property
    def seconds(self) -> float:
        """When the last message passed."""
        return self.passed[-1].at if self.passed else 0.0

    def sent_by(self, side: Side) -> list[Passed]:
        """The messages of one side, without its end."""
        return [each for each in self.passed if each.side == side and each.content is not None]


def is_recording(path: Path) -> bool:
    """Whether a path looks like a recorded session, and not like a sound file."""
    return path.is_dir() or path.name in ("events.jsonl", "session.json")


def read_session(path: Path) -> RecordedSession:
    """Read a recorded session.

    Args:
        path: its folder, or the events.jsonl in it.

    Raises:
        ReplayError: there is none, or it is damaged.
    """
    folder = path if path.is_dir() else path.parent
    info = _read_info(folder)
    passed, missing = _read_events(folder)
    try:
        endpoint = info["endpoint"]
        if endpoint not in ("listen", "realtime"):
            raise ValueError(f"endpoint {endpoint!r} is neither listen nor realtime")
        return RecordedSession(
            name=folder.resolve().name,
            endpoint=endpoint,
            query=tuple((str(name), str(value)) for name, value in info["query"]),
            granted=info.get("granted"),
            started_at=float(info["started_at"]),
            recognizer=str(info["recognizer"]),
            reply_model=str(info["reply_model"]),
            settings=dict(info["settings"]),
            passed=passed,
            missing=missing,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ReplayError(f"{folder / 'session.json'} is damaged: {error}") from error


def _read_info(folder: Path) -> dict[str, Any]:
    path = folder / "session.json"
    if not path.is_file():
        inside = sorted(each.parent.name for each in folder.glob("*/session.json"))
        hint = (
            f"it holds recorded sessions, name one of them: {', '.join(inside[:5])}"
            if inside
            else "give the folder of one session of `streamkit serve --record`, or a sound file"
        )
        raise ReplayError(f"{folder} is no recorded session (there is no session.json); {hint}")
    try:
        info = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ReplayError(f"{path} cannot be read: {error}") from error
    if not isinstance(info, dict) or "format" not in info:
        raise ReplayError(f"{path} is not of a recorded session: it names no format")
    if info["format"] != FORMAT:
        raise ReplayError(
            f"{path} is of format {info['format']!r}; this streamkit reads {FORMAT}: replay it "
            "with the version that recorded it, or a newer one"
        )
    return info


def _read_events(folder: Path) -> tuple[tuple[Passed, ...], str | None]:
    path = folder / "events.jsonl"
    sound_path = folder / "audio.bin"
    try:
        lines = path.read_bytes().split(b"\n")
        sound = sound_path.read_bytes()
    except OSError as error:
        raise ReplayError(f"{error.filename} cannot be read: {error.strerror}") from error
    # A server that was killed leaves a line without its end.
    cut = lines.pop()
    missing: str | None = "the server was ended, or is still recording"
    passed: list[Passed] = []
    number = 0
    try:
        for number, line in enumerate(lines, 1):  # noqa: B007
            entry = json.loads(line)
            if entry["from"] == "recorder":
                missing = None if entry["ended"] == "whole" else str(entry["ended"])
            else:
                passed.append(_passed(entry, sound))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        # `repr`: the message of a KeyError is only the key.
        raise ReplayError(
            f"{path}, line {number} cannot be read ({error!r}); a line that is damaged can be "
            "taken out by hand, and the rest replayed"
        ) from error
    if not passed:
        raise ReplayError(f"{path} holds no messages{', only a broken line' if cut else ''}")
    return tuple(passed), missing


def _passed(entry: Mapping[str, Any], sound: bytes) -> Passed:
    at, side = float(entry["at"]), entry["from"]
    if side not in ("client", "server"):
        raise ValueError(f"from {side!r}")
    if "closed" in entry:
        return Passed(at, side, None, int(entry["closed"]))
    if "text" in entry:
        return Passed(at, side, str(entry["text"]))
    piece: bytes | None = None
    if "sound" in entry:
        offset, length = (int(each) for each in entry["sound"])
        piece = sound[offset : offset + length]
        if offset < 0 or len(piece) != length:
            raise IndexError(f"audio.bin has no bytes {offset} to {offset + length}")
    if "message" not in entry:
        if piece is None:
            raise KeyError("message")
        return Passed(at, side, piece)
    message = dict(entry["message"])
    if piece is not None and side == "client":
        message[str(sound_place(message))] = base64.b64encode(piece).decode()
    return Passed(at, side, message)


def messages(passed: Iterator[Passed] | list[Passed] | tuple[Passed, ...]) -> Iterator[Passed]:
    """Those that are JSON objects."""
    return (each for each in passed if isinstance(each.content, dict))
