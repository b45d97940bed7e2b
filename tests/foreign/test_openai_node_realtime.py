"""openai, the JavaScript SDK, unmodified: its two Realtime connections, under Node.

It talks to encrypted servers only.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]
Message = dict[str, Any]
Run = Callable[..., list[Message]]
CheckWire = Callable[[Sequence[Message]], None]

KEY = "right-key"
RATE = 24_000
BROWSER = "--experimental-websocket"
"""The WebSocket of browsers; later versions of Node have it without being asked."""
BUS = "The bus to Berlin is eight minutes late."

pytestmark = pytest.mark.parametrize("kind", ["OpenAIRealtimeWS", "OpenAIRealtimeWebSocket"])


@pytest.fixture(scope="module")
def encrypted(
    micro: tuple[Recognizer, ModelProfile], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """A server with a certificate that it has made itself, and a key."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("data")
        patch.setattr("platformdirs.user_data_path", lambda name: folder / name)
        settings = Settings.model_validate(
            {"model": "whisper-micro-en", "port": 0, "tls_self_signed": True, "api_keys": [KEY]}
        )
        with LiveServer(settings, *micro) as running:
            yield running


@pytest.fixture
def talk(run_node: Run, encrypted: LiveServer, kind: str) -> Run:
    """A function that runs the script with this class; its arguments are the script's others."""

    def run(key: str, *files: Path) -> list[Message]:
        return run_node(
            "realtime.mjs",
            ["openai", "ws"],
            kind,
            f"{encrypted.http_url}/v1",
            key,
            *map(str, files),
            NODE_EXTRA_CA_CERTS=str(encrypted.certificate),
            NODE_OPTIONS=BROWSER,
        )

    return run


def test_a_written_conversation(talk: Run, check_wire: CheckWire, kind: str) -> None:
    *messages, end = talk(KEY)
    check_wire(messages)
    # A browser sends its key as a subprotocol, and has to be told which one counts.
    assert end["protocol"] == ("realtime" if kind == "OpenAIRealtimeWebSocket" else "")
    assert end["closed"] in (1000, 1005)
    [done] = [message for message in messages if message["type"] == "response.output_text.done"]
    assert done["text"] == "You said: Hello there!"


def test_a_spoken_conversation(
    talk: Run,
    check_wire: CheckWire,
    question: Samples,
    recognized: Callable[[Samples, int], str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "question.raw"
    file.write_bytes(to_linear16(question))
    *messages, end = talk(KEY, file)
    check_wire(messages)
    assert "closed" in end
    told = {message["type"]: message for message in messages}
    completed = told["conversation.item.input_audio_transcription.completed"]
    assert completed["transcript"] == BUS
    response = told["response.done"]["response"]
    assert response["status"] == "completed"
    assert response["output"][0]["content"][0]["transcript"] == f"You said: {BUS}"
    deltas = [each for each in messages if each["type"] == "response.output_audio.delta"]
    sound = np.frombuffer(b"".join(base64.b64decode(each["delta"]) for each in deltas), "<i2")
    start = next(at for each in deltas for at, word in each["streamkit"]["words"] if word == "The")
    samples = sound[round(start / 1000 * RATE) :].astype(np.float32) / 32_768
    assert recognized(samples, RATE) == BUS


def test_a_wrong_key(talk: Run) -> None:
    error, end = talk("wrong-key")
    assert (error["type"], error["error"]["code"]) == ("error", "invalid_api_key")
    assert end["closed"] == 3000


def test_a_client_that_does_not_trust_the_certificate(
    run_node: Run, encrypted: LiveServer, kind: str
) -> None:
    url = f"{encrypted.http_url}/v1"
    first, *rest = run_node("realtime.mjs", ["openai", "ws"], kind, url, KEY, NODE_OPTIONS=BROWSER)
    assert set(first) == {"error"}
    assert all(set(each) == {"closed", "protocol"} for each in rest)
