"""A client that talks: for tests of `/v1/realtime`, from a microphone to what was heard of a reply.

```python
with LiveServer(settings, recognizer, profile) as server, RealtimeClient(server) as client:
    with client.microphone() as microphone:
        microphone.say(samples)
        client.until("response.done")
assert client.spoken_text == "You said: …"
```

Nothing is simulated here but the person: the way of the data is the one of `streamkit serve`.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt
from websockets.exceptions import ConnectionClosed

from streamkit.audio.pcm import to_linear16
from streamkit.protocols.openai_realtime import Message
from streamkit.server.testing import LiveServer, WireClient

Samples = npt.NDArray[np.float32]

RATE = 24_000
CHUNK_SECONDS = 0.1


class RealtimeClient(WireClient):
    """A client that speaks the bare wire and keeps every message, while the `with` block runs.

    Args:
        server: to talk to.
        model: of the query; None: left out.
        key: sent as `Authorization: Bearer KEY`.
        origin: sent as `Origin`, as browsers do.
        subprotocols: offered.
        read_ahead: see `WireClient`.
        parameters: more of the query.
    """

    def __init__(
        self,
        server: LiveServer,
        *,
        model: str | None = "gpt-realtime",
        key: str | None = None,
        origin: str | None = None,
        subprotocols: Sequence[str] = (),
        read_ahead: int | None = None,
        **parameters: object,
    ) -> None:
        super().__init__(
            f"{server.url}/v1/realtime",
            {"model": model, **parameters},
            key=key,
            scheme="Bearer",
            origin=origin,
            subprotocols=subprotocols,
            read_ahead=read_ahead,
            certificate=server.certificate,
        )

    def update(self, **session: Any) -> Message:
        """Change the session; returns what it is then."""
        self.command("session.update", session={"type": "realtime", **session})
        return self.until("session.updated")["session"]  # type: ignore[no-any-return]

    def append(self, audio: bytes, chunk: int = 4800) -> None:
        """Send sound in the session's input format, as fast as the server takes it."""
        for first in range(0, len(audio), chunk):
            piece = base64.b64encode(audio[first : first + chunk]).decode()
            self.command("input_audio_buffer.append", audio=piece)

    def write(self, text: str) -> None:
        """Put a message of the person's into the conversation, and wait until it is there."""
        self.command(
            "conversation.item.create",
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            },
        )
        self.until("conversation.item.done")

    def until(self, *kinds: str) -> Message:
        """Read on until a message has one of these types.

        Raises:
            TimeoutError: nothing came for `PATIENCE_SECONDS`.
            ConnectionClosed: (of websockets) the stream ended before.
        """
        return self.read_until(lambda message: message["type"] in kinds)

    @property
    def kinds(self) -> list[str]:
        """The types of all messages so far."""
        return [message["type"] for message in self.messages]

    def sound(self, response_id: str | None = None) -> bytes:
        """The sound that was sent, of one response or of all."""
        return b"".join(
            base64.b64decode(message["delta"])
            for message in self.of_type("response.output_audio.delta")
            if response_id in (None, message["response_id"])
        )

    @property
    def spoken_text(self) -> str:
        """All that replies have said with sound."""
        return "".join(
            message["delta"] for message in self.of_type("response.output_audio_transcript.delta")
        )

    @property
    def heard_text(self) -> str:
        """All that the person has said, as far as it is complete."""
        kind = "conversation.item.input_audio_transcription.completed"
        return " ".join(message["transcript"] for message in self.of_type(kind))

    @contextmanager
    def microphone(self) -> Iterator[Microphone]:
        """An open microphone while the block runs; there is silence until somebody speaks."""
        microphone = Microphone(self)
        try:
            yield microphone
        finally:
            microphone.close()


class Microphone:
    """Sends sound in real time, a chunk after the other (PCM at 24 kHz).

    Args:
        client: through whom.
    """

    def __init__(self, client: RealtimeClient) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._samples = np.zeros(0, np.float32)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="microphone")
        self._thread.start()

    def say(self, samples: Samples) -> None:
        """Speak, after what was said before; float32 at 24 kHz."""
        with self._lock:
            self._samples = np.concatenate([self._samples, samples])

    def close(self) -> None:
        """Turn it off."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        size = round(CHUNK_SECONDS * RATE)
        due = time.monotonic()
        with suppress(ConnectionClosed):
            while not self._stopped.wait(max(0.0, due - time.monotonic())):
                due += CHUNK_SECONDS
                with self._lock:
                    chunk, self._samples = self._samples[:size], self._samples[size:]
                silence = np.zeros(size - len(chunk), np.float32)
                self._client.append(to_linear16(np.concatenate([chunk, silence])))
