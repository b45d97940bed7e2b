"""A connection that drops in mid-sentence, against the real server and the real recognizer."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import anyio
import anyio.abc
import numpy as np
import pytest

from streamkit.client.connection import CaptionConnection
from streamkit.client.events import Event, Reconnected, Transcript
from streamkit.client.options import StreamOptions
from streamkit.server.testing import LiveServer

TEXT = "Set the lights in the bathroom to forty eight percent."
STEP = 800


class Wire:
    """A wire to the server that can be cut; new connections get through again."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._ends: list[anyio.abc.SocketStream] = []

    async def serve(self, *, task_status: anyio.abc.TaskStatus[int]) -> None:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        task_status.started(listener.extra(anyio.abc.SocketAttribute.local_port))
        async with listener:
            await listener.serve(self._carry)

    async def cut(self) -> None:
        for end in self._ends:
            await anyio.aclose_forcefully(end)
        self._ends.clear()

    async def _carry(self, client: anyio.abc.SocketStream) -> None:
        server = await anyio.connect_tcp("127.0.0.1", self._target)
        self._ends += [client, server]
        async with client, server, anyio.create_task_group() as tasks:
            tasks.start_soon(self._pump, client, server)
            tasks.start_soon(self._pump, server, client)

    async def _pump(self, source: anyio.abc.SocketStream, sink: anyio.abc.SocketStream) -> None:
        try:
            async for data in source:
                await sink.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass
        finally:
            await anyio.aclose_forcefully(sink)


@pytest.mark.anyio
async def test_committed_words_stay_over_a_cut(
    server: LiveServer, speak: Callable[..., np.ndarray[tuple[int], np.dtype[np.float32]]]
) -> None:
    samples = (speak(TEXT) * 32767).astype(np.int16)
    events: list[Event] = []
    committed: list[tuple[str, ...]] = []
    shown_enough = anyio.Event()

    async def read(captions: CaptionConnection) -> None:
        async for event in captions:
            events.append(event)
            if isinstance(event, Transcript):
                words = tuple(word.punctuated for word in event.words)
                committed.append(words[: event.committed])
                if event.committed >= 2:
                    shown_enough.set()

    async with anyio.create_task_group() as tasks:
        wire = Wire(int(server.url.rsplit(":", 1)[1]))
        port = await tasks.start(wire.serve)
        options = StreamOptions(sample_rate=16_000)
        async with CaptionConnection(f"ws://127.0.0.1:{port}", options=options) as captions:
            tasks.start_soon(read, captions)
            cut = False
            for first in range(0, len(samples), STEP):
                await captions.send(samples[first : first + STEP])
                # Real time: the words have to come while the sentence is being said.
                await anyio.sleep(STEP / 16_000)
                if shown_enough.is_set() and not cut:
                    cut = True
                    await wire.cut()
            await captions.finish()
        tasks.cancel_scope.cancel()

    assert cut, "no word was committed before the sentence was over"
    assert any(isinstance(event, Reconnected) for event in events)
    for before, after in itertools.pairwise(committed):
        assert after[: len(before)] == before, "a committed word changed"
    finals = [event for event in events if isinstance(event, Transcript) and event.is_final]
    assert " ".join(final.text for final in finals if final.words) == TEXT
    reconnected = next(i for i, each in enumerate(events) if isinstance(each, Reconnected))
    after_cut = [each for each in events[reconnected:] if isinstance(each, Transcript)]
    assert after_cut[0].committed >= 2, "the new connection did not take over what stood"


def test_what_stands_is_continued_as_it_stands(
    server: LiveServer, speak: Callable[..., np.ndarray[tuple[int], np.dtype[np.float32]]]
) -> None:
    """The times tell the words that were given from those that are recognised here."""
    audio = (speak("Turn the music down.") * 32767).astype(np.int16).tobytes()
    with server.listen(encoding="linear16", sample_rate=16_000) as client:
        committed = [["Turn", 0.511, 0.622], ["the", 0.633, 0.644]]
        client.command("KeepAlive", streamkit={"committed": committed})
        client.send(audio)
        client.close_stream()
    assert client.text == "Turn the music down."
    words = client.finals[0]["channel"]["alternatives"][0]["words"]
    times = [[word["punctuated_word"], word["start"], word["end"]] for word in words]
    assert times[:2] == committed
    assert times[2][1] >= 0.644


def test_it_is_too_late_after_audio(
    server: LiveServer, speak: Callable[..., np.ndarray[tuple[int], np.dtype[np.float32]]]
) -> None:
    audio = (speak("Turn the music down.") * 32767).astype(np.int16).tobytes()
    with server.listen(encoding="linear16", sample_rate=16_000) as client:
        client.send(audio)
        client.command("KeepAlive", streamkit={"committed": [["up", 0.7, 0.8]]})
        client.close_stream()
    errors = [message for message in client.messages if message["type"] == "Error"]
    assert [error["variant"] for error in errors] == ["SchemaError"]
    assert client.text == "Turn the music down."
