"""The published types of the openai package, as a judge of what the server says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from openai.types.realtime import (
    RealtimeServerEvent,
    RealtimeSessionCreateResponse,
    RealtimeTranscriptionSessionCreateResponse,
)
from pydantic import BaseModel, TypeAdapter

EXTRA = {"streamkit"}
"""Members that no type of theirs has, and that go out all the same."""

OF_A_SESSION = {"id", "object", "expires_at"}
"""The type of a session in events is that of a request, which has none of these."""

Valid = Callable[[dict[str, Any]], BaseModel]


def extras(value: object, path: str = "") -> Iterator[str]:
    """Paths of all members that the types do not know: a misspelt one is not seen otherwise."""
    if isinstance(value, BaseModel):
        for name in value.model_extra or {}:
            if name not in EXTRA and not (path == ".session" and name in OF_A_SESSION):
                yield f"{path}.{name}"
        for name in type(value).model_fields:
            yield from extras(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, list):
        for element in value:
            yield from extras(element, f"{path}[]")


@pytest.fixture(scope="session")
def valid() -> Valid:
    """Check one server message strictly; gives what the type that it claims to be makes of it."""
    events: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
    sessions: dict[str, TypeAdapter[Any]] = {
        "realtime": TypeAdapter(RealtimeSessionCreateResponse),
        "transcription": TypeAdapter(RealtimeTranscriptionSessionCreateResponse),
    }

    def check(message: dict[str, Any]) -> BaseModel:
        written = json.dumps(message, allow_nan=False)
        assert json.loads(written) == message, "what is written is what was meant"
        event = events.validate_python(message, strict=True)
        assert isinstance(event, BaseModel)
        assert get_args(type(event).model_fields["type"].annotation) == (message["type"],)
        assert list(extras(event)) == []
        if "session" in message:
            session = message["session"]
            assert getattr(event, "session").type == session["type"]  # noqa: B009
            sessions[session["type"]].validate_python(session, strict=True)
        return event

    return check
