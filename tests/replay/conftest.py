"""Sessions that were recorded over real sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RealtimeClient

SENTENCE = "Turn the music down."
CANARY = "canary-4711-key"


@dataclass(frozen=True)
class Recordings:
    """Folders of two sessions in which `SENTENCE` was said."""

    listen: Path
    talk: Path

    @staticmethod
    def newest(folder: Path, endpoint: str) -> Path:
        """The folder of the session that was recorded last."""
        found = folder.glob(f"*-{endpoint}-*")
        return max(found, key=lambda each: each.stat().st_mtime_ns)

    @staticmethod
    def stream(send: Callable[[bytes], None], sound: bytes) -> None:
        """Send sound in real time, 100 ms of 16 kHz each."""
        due = time.monotonic()
        for first in range(0, len(sound), 3200):
            time.sleep(max(0.0, due - time.monotonic()))
            send(sound[first : first + 3200])
            due += 0.1


@pytest.fixture(scope="session")
def recordings(
    micro: tuple[Recognizer, ModelProfile],
    speak: Callable[..., npt.NDArray[np.float32]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Recordings:
    """One session of captions and one conversation, recorded."""
    folder = tmp_path_factory.mktemp("recorded")
    settings = Settings(
        model="whisper-micro-en", port=0, record=folder, api_keys=(CANARY,), _env_file=None
    )
    with LiveServer(settings, *micro) as server:
        with server.listen(
            key=CANARY, encoding="linear16", sample_rate=16000, interim_results=True, token=CANARY
        ) as client:
            Recordings.stream(client.socket.send, to_linear16(speak(SENTENCE)))
            client.command("KeepAlive", note=f"with {CANARY}", api_key="canary-unknown")
            client.close_stream()
        assert client.text == SENTENCE
        with RealtimeClient(server, key=CANARY) as client:
            client.update(audio={"input": {"transcription": {"model": CANARY}}})
            with client.microphone() as microphone:
                microphone.say(speak(SENTENCE, 24_000))
                client.until("response.done")
        assert client.heard_text == SENTENCE
        server.wait_until_empty()
    return Recordings(Recordings.newest(folder, "listen"), Recordings.newest(folder, "realtime"))
