"""deepgram-sdk, the Python SDK, unmodified: its two clients, and its types."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from websockets.exceptions import InvalidStatus

from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer

with warnings.catch_warnings():
    # The SDK supports many versions of websockets by way of names that are deprecated in ours.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import AsyncDeepgramClient, DeepgramClient
    from deepgram.core.api_error import ApiError
    from deepgram.environment import DeepgramClientEnvironment
    from deepgram.listen.v1 import types
    from deepgram.listen.v1.types import ListenV1Results

if TYPE_CHECKING:
    from pydantic import BaseModel

pytestmark = pytest.mark.filterwarnings(
    "ignore:websockets:DeprecationWarning",
    "ignore:remove second argument:DeprecationWarning",
    "ignore:The `dict` method is deprecated",
)

SILENCE = bytes(64_000)
"""Two seconds of linear16 at 16 kHz."""

QUERY: dict[str, Any] = {
    "model": "nova-3",
    "encoding": "linear16",
    "sample_rate": 16000,
    "interim_results": True,
    "vad_events": True,
    "utterance_end_ms": 1000,
    "smart_format": True,
    "keyterm": ["bus", "Berlin"],
}

TYPES: dict[str, type[BaseModel]] = {
    "Results": types.ListenV1Results,
    "Metadata": types.ListenV1Metadata,
    "SpeechStarted": types.ListenV1SpeechStarted,
    "UtteranceEnd": types.ListenV1UtteranceEnd,
    "Error": types.ListenV1Error,
    "ConfigureFailure": types.ListenV1ConfigureFailure,
}


class Talk(Protocol):
    first: bytes
    second: bytes

    def check(self, messages: list[dict[str, Any]]) -> None: ...


Wanted = Callable[[Any], bool]
Step = tuple[str, Any]
"""Name of a method of the SDK's connection with its argument, or `until` with a condition."""


def steps(talk: Talk) -> list[Step]:
    middle = len(talk.first) // 2
    return [
        ("send_keep_alive", None),
        ("send_media", talk.first[:middle]),
        ("until", lambda message: message.type == "Results" and not message.is_final),
        ("send_media", talk.first[middle:]),
        ("until", lambda message: message.type == "Results" and message.speech_final),
        ("send_media", SILENCE),
        ("until", lambda message: message.type == "UtteranceEnd"),
        ("send_media", talk.second),
        ("send_finalize", None),
        ("until", lambda message: message.type == "Results" and message.from_finalize),
        ("send_close_stream", None),
    ]


def environment(server: LiveServer) -> DeepgramClientEnvironment:
    return DeepgramClientEnvironment(
        base=server.http_url,
        production=server.url,
        agent=server.url,
        agent_rest=server.http_url,
    )


def check(talk: Talk, messages: list[Any]) -> None:
    assert {type(message) for message in messages} < set(TYPES.values())
    talk.check([message.model_dump() for message in messages])


def test_a_talk(guarded: LiveServer, talk: Talk) -> None:
    client = DeepgramClient(api_key="right-key", environment=environment(guarded))
    messages: list[Any] = []
    with client.listen.v1.connect(**QUERY) as connection:
        for method, argument in steps(talk):
            if method == "until":
                while not (messages and argument(messages[-1])):
                    messages.append(connection.recv())
            elif argument is None:
                getattr(connection, method)()
            else:
                getattr(connection, method)(argument)
        messages.extend(connection)
        assert connection._websocket.close_code == 1000
    check(talk, messages)


@pytest.mark.anyio
async def test_a_talk_of_the_async_client(guarded: LiveServer, talk: Talk) -> None:
    client = AsyncDeepgramClient(api_key="right-key", environment=environment(guarded))
    messages: list[Any] = []
    async with client.listen.v1.connect(**QUERY) as connection:
        for method, argument in steps(talk):
            if method == "until":
                while not (messages and argument(messages[-1])):
                    messages.append(await connection.recv())
            elif argument is None:
                await getattr(connection, method)()
            else:
                await getattr(connection, method)(argument)
        messages.extend([message async for message in connection])
        assert connection._websocket.close_code == 1000
    check(talk, messages)


def test_a_wrong_key(guarded: LiveServer) -> None:
    client = DeepgramClient(api_key="wrong-key", environment=environment(guarded))
    # With websockets from 14 on the synchronous SDK lets the exception of websockets through.
    with pytest.raises((ApiError, InvalidStatus)) as caught, client.listen.v1.connect(**QUERY):
        pass
    error = caught.value
    if isinstance(error, InvalidStatus):
        assert error.response.status_code == 401
    else:
        assert isinstance(error, ApiError)
        assert error.status_code == 401


@pytest.mark.anyio
async def test_a_wrong_key_of_the_async_client(guarded: LiveServer) -> None:
    client = AsyncDeepgramClient(api_key="wrong-key", environment=environment(guarded))
    with pytest.raises(ApiError, match="401"):
        async with client.listen.v1.connect(**QUERY):
            pass


def test_an_access_token_is_a_key(guarded: LiveServer, talk: Talk) -> None:
    client = DeepgramClient(access_token="right-key", environment=environment(guarded))
    with client.listen.v1.connect(**QUERY) as connection:
        connection.send_media(talk.first)
        connection.send_close_stream()
        assert any(isinstance(message, ListenV1Results) for message in connection)


def test_every_message_is_what_the_types_of_the_sdk_say(
    server: LiveServer, speak: Callable[..., Any]
) -> None:
    stereo = np.repeat(speak("Turn the music down.")[:, None], 2, axis=1)
    with server.listen(**{**QUERY, "keyterm": None, "channels": 2}) as client:
        client.send(to_linear16(stereo))
        client.read_until(lambda message: message.get("speech_final", False))
        client.send(2 * SILENCE)
        client.command("Finalize")
        client.command("Configure", features={"diarize": True})
        client.socket.send("rubbish")
        client.socket.send(b"\0")
        client.close_stream()
    assert {message["type"] for message in client.messages} == set(TYPES)
    for message in client.messages:
        model = TYPES[message["type"]].model_validate(message, strict=True)
        # Nothing of ours is among the fields that the SDK knows, and all of its own are there.
        assert set(model.model_extra or {}) <= {"streamkit"}
        required = {name for name, field in type(model).model_fields.items() if field.is_required()}
        assert required <= set(message)


def test_the_types_of_the_sdk_would_notice() -> None:
    with pytest.raises(ValueError, match="last_word_end"):
        TYPES["UtteranceEnd"].model_validate({"type": "UtteranceEnd", "channel": [0]}, strict=True)
    with pytest.raises(ValueError, match="duration"):
        TYPES["Metadata"].model_validate({"type": "Metadata", "duration": "1"}, strict=True)
