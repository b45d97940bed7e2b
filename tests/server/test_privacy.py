"""What a person says, and the keys, stay out of the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest
from websockets.exceptions import InvalidStatus

from streamkit.audio.pcm import to_linear16
from streamkit.errors import RecognitionError
from streamkit.server.testing import LiveServer
from streamkit.testing import ScriptedRecognizer, SpokenWord

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

KEY = "canary-key-1234567890"
WRONG_KEY = "canary-wrong-key"
WORD = "canaryword"
QUERY = "canary-query"


def test_no_canary_in_the_log(
    start_server: StartServer, speak: Speak, caplog: pytest.LogCaptureFixture
) -> None:
    samples = speak("The bus to Berlin is eight minutes late.")
    # The library of the test's own client would log what it sends.
    caplog.set_level(logging.WARNING, "websockets.client")
    caplog.set_level(logging.DEBUG)
    recognizer = ScriptedRecognizer([SpokenWord(WORD, 12_000, 16_000)])
    server = start_server(recognizer, api_keys=[KEY])
    raw: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000, "tag": QUERY}
    with server.listen(key=KEY, interim_results=True, **raw) as client:
        client.socket.send(f'{{"type":"{WORD}"}}')
        client.command("KeepAlive", note=WORD)
        client.send(to_linear16(samples))
        client.close_stream()
    assert client.text == WORD
    with server.listen(subprotocols=["token", KEY], **raw) as client:
        client.send(to_linear16(samples))
        client.abort()
    server.wait_until_empty()
    refused: list[dict[str, Any]] = [
        {"key": WRONG_KEY, **raw},
        {"subprotocols": ["token", WRONG_KEY], **raw},
        {"key": KEY, "encoding": QUERY},
        {"key": KEY, "keyterm": WORD, **raw, "model": QUERY},
        {"key": KEY, "token": KEY, **raw, "endpointing": WORD},
    ]
    for arguments in refused:
        with pytest.raises(InvalidStatus), server.listen(**arguments):
            pass
    metrics = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    server.stop()
    log = "\n".join(
        f"{record.name} {record.getMessage()} {record.args}" for record in caplog.records
    )
    assert "ended with 1000" in log
    assert "refused with 401" in log
    assert "canary" not in log
    assert "canary" not in caplog.text
    assert "canary" not in metrics


def test_settings_do_not_show_their_keys(start_server: StartServer) -> None:
    server = start_server(api_keys=[KEY])
    assert KEY not in repr(server.server.state.settings)
    assert KEY not in str(server.server.state)
    assert KEY not in server.server.state.settings.model_dump_json()


def test_a_failure_is_logged_without_words(
    start_server: StartServer, speak: Speak, caplog: pytest.LogCaptureFixture
) -> None:
    def garble(call: int, words: list[str]) -> list[str]:
        raise RecognitionError("the engine failed")

    caplog.set_level(logging.DEBUG, "streamkit")
    server = start_server(ScriptedRecognizer([SpokenWord(WORD, 12_000, 16_000)], garble=garble))
    with server.listen(encoding="linear16", sample_rate=16000) as client:
        client.send(to_linear16(speak("Turn the music down.")))
        client.close_stream()
    assert client.of_type("Error")[0]["variant"] == "RecognitionFailed"
    assert WORD not in caplog.text
