"""Speech in the forms in which browsers and telephones send it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.llm.chat_model import ChatModel
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]

RATE = 48_000
FRAME = 960
# Container -> FFmpeg's names of muxer and codec, and the options of a stream that is sent live.
CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "wav": ("wav", "pcm_s16le", {}),
    "ogg-opus": ("ogg", "libopus", {"page_duration": "20000"}),
    "webm": ("webm", "libopus", {"live": "1"}),
    "flac": ("flac", "flac", {}),
}


def encode(context: Any, samples: Samples) -> Iterator[Any]:
    """Packets of mono samples; `context` is an open codec, or a stream that has one."""
    size = context.frame_size or FRAME
    integers = np.frombuffer(to_linear16(samples), np.int16)
    for first in range(0, len(integers) - size + 1, size):
        frame = av.AudioFrame.from_ndarray(integers[None, first : first + size], "s16", "mono")
        frame.sample_rate = RATE
        frame.pts = first
        yield from context.encode(frame)
    yield from context.encode(None)


@pytest.fixture(scope="session")
def contain() -> Callable[[Samples, str], bytes]:
    """A function that writes mono samples at 48 kHz into a container."""

    def write(samples: Samples, container: str) -> bytes:
        muxer, codec, options = CONTAINERS[container]
        file = io.BytesIO()
        with av.open(file, "w", format=muxer, options=options) as output:
            stream = output.add_stream(codec, rate=RATE, layout="mono", format="s16")
            stream.codec_context.open()
            for packet in encode(stream, samples):
                output.mux(packet)
        return file.getvalue()

    return write


@pytest.fixture(scope="session")
def opus_packets() -> Callable[[Samples], list[bytes]]:
    """A function that encodes mono samples at 48 kHz as Opus packets of 20 ms."""

    def write(samples: Samples) -> list[bytes]:
        context = av.CodecContext.create("libopus", "w")
        assert isinstance(context, av.AudioCodecContext)
        context.sample_rate, context.layout, context.format = RATE, "mono", "s16"
        context.open()
        return [bytes(packet) for packet in encode(context, samples)]

    return write


@pytest.fixture
def start_talk(micro: tuple[Recognizer, ModelProfile]) -> Iterator[Callable[..., LiveServer]]:
    """A function that starts a server that replies with a model, or with the parrot."""
    with ExitStack() as exits:

        def start(chat_model: ChatModel | None = None, **given: object) -> LiveServer:
            settings = Settings.model_validate({"model": "whisper-micro-en", "port": 0, **given})
            return exits.enter_context(LiveServer(settings, *micro, chat_model=chat_model))

        yield start
