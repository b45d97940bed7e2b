"""What every foreign client is given to say, and what it has to hear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer, transcript_of

Samples = npt.NDArray[np.float32]

FIRST = "The bus to Berlin is eight minutes late."
SECOND = "Turn the music down."


@dataclass(frozen=True)
class Talk:
    """Two sentences as linear16 at 16 kHz; the second breaks off with its last sound."""

    first: bytes
    second: bytes

    def check(self, messages: list[dict[str, Any]]) -> None:
        """Assert that the client was told all that its commands ask for."""
        results = [message for message in messages if message["type"] == "Results"]
        finals = [message for message in results if message["is_final"]]
        interims = [message for message in results if not message["is_final"]]
        texts = [text for final in finals if (text := transcript_of(final))]
        assert " ".join(texts) == f"{FIRST} {SECOND}"
        assert interims
        assert any(transcript_of(interim) for interim in interims)
        assert any(final["speech_final"] for final in finals)
        assert [final["from_finalize"] for final in finals].count(True) == 1
        kinds = [message["type"] for message in messages]
        assert kinds.count("SpeechStarted") == 2
        assert kinds.count("UtteranceEnd") == 1
        assert kinds.count("Metadata") == 1
        assert kinds[-1] == "Metadata"
        assert "Error" not in kinds


@pytest.fixture(scope="session")
def talk(speak: Callable[..., Samples]) -> Talk:
    return Talk(
        first=to_linear16(speak(FIRST)),
        second=to_linear16(np.trim_zeros(speak(SECOND), "b")),
    )


@pytest.fixture
def guarded(start_server: Callable[..., LiveServer]) -> LiveServer:
    """A server that lets in the key `right-key` only."""
    return start_server(api_keys=["right-key"])
