"""The same sentence in every form in which a client may send it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio import g711
from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer, WireClient

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
Contain = Callable[[Samples, str], bytes]
OpusPackets = Callable[[Samples], list[bytes]]

BUS = "The bus to Berlin is eight minutes late."
KITCHEN = "Switch off the music in the kitchen."

ENCODERS: dict[str, Callable[[Samples], bytes]] = {
    "linear16": to_linear16,
    "linear32": lambda samples: samples.astype("<f4").tobytes(),
    "mulaw": g711.encode_mulaw,
    "alaw": g711.encode_alaw,
}
RATE = 48_000


def heard(server: LiveServer, messages: Iterable[bytes], **parameters: Any) -> WireClient:
    with server.listen(**parameters) as client:
        for message in messages:
            client.socket.send(message)
        client.close_stream()
    assert client.of_type("Error") == []
    assert client.closed == (1000, "")
    return client


def cut(data: bytes, size: int = 4001) -> Iterator[bytes]:
    """Pieces that do not care where a sample, page or block ends."""
    return (data[first : first + size] for first in range(0, len(data), size))


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("encoding", ENCODERS)
def test_raw_audio(server: LiveServer, speak: Speak, encoding: str, rate: int) -> None:
    samples = speak(BUS, rate)
    messages = cut(ENCODERS[encoding](samples))
    client = heard(server, messages, encoding=encoding, sample_rate=rate)
    assert client.text == BUS
    assert client.messages[-1]["duration"] == pytest.approx(len(samples) / rate, abs=0.001)


@pytest.mark.parametrize("container", ["wav", "ogg-opus", "webm", "flac"])
def test_a_container_is_recognised(
    server: LiveServer, speak: Speak, contain: Contain, container: str
) -> None:
    samples = speak(BUS, RATE)
    client = heard(server, cut(contain(samples, container)))
    assert client.text == BUS
    assert client.messages[-1]["duration"] == pytest.approx(len(samples) / RATE, abs=0.1)


@pytest.mark.parametrize("encoding", ["ogg-opus", "flac"])
def test_a_container_that_is_named(
    server: LiveServer, speak: Speak, contain: Contain, encoding: str
) -> None:
    data = contain(speak(BUS, RATE), encoding)
    assert heard(server, cut(data), encoding=encoding, sample_rate=RATE).text == BUS


def test_opus_packets_without_a_container(
    server: LiveServer, speak: Speak, opus_packets: OpusPackets
) -> None:
    packets = opus_packets(speak(BUS, RATE))
    assert heard(server, packets, encoding="opus", sample_rate=RATE).text == BUS


@pytest.mark.parametrize("speaker", [0, 1], ids=["left", "right"])
def test_two_channels_are_mixed_into_one_transcript(
    server: LiveServer, speak: Speak, speaker: int
) -> None:
    stereo = np.zeros((len(speak(BUS)), 2), np.float32)
    stereo[:, speaker] = speak(BUS)
    client = heard(
        server, cut(to_linear16(stereo)), encoding="linear16", sample_rate=16000, channels=2
    )
    assert client.text == BUS
    assert all(final["channel_index"] == [0, 1] for final in client.finals)
    assert client.messages[-1]["channels"] == 1
    assert client.messages[-1]["duration"] == pytest.approx(len(stereo) / 16_000, abs=0.001)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_the_last_final_reaches_to_the_last_sample(
    server: LiveServer, speak: Speak, rate: int
) -> None:
    # The voice breaks off, so that there is no pause that would end the sentence before.
    samples = speak(BUS, rate)[: 2 * rate]
    client = heard(server, cut(to_linear16(samples)), encoding="linear16", sample_rate=rate)
    last = client.finals[-1]
    assert last["start"] + last["duration"] == pytest.approx(2.0, abs=0.003)
    assert last["streamkit"]["audio_end"] == pytest.approx(2.0, abs=0.003)


def test_each_channel_gets_its_own_words(server: LiveServer, speak: Speak) -> None:
    left, right = speak(BUS), speak(KITCHEN)
    length = max(len(left), len(right))
    stereo = np.stack([np.pad(each, (0, length - len(each))) for each in (left, right)], axis=1)
    client = heard(
        server,
        cut(to_linear16(stereo)),
        encoding="linear16",
        sample_rate=16000,
        channels=2,
        multichannel=True,
        vad_events=True,
    )
    assert client.transcript(0) == BUS
    assert client.transcript(1) == KITCHEN
    assert {tuple(final["channel_index"]) for final in client.finals} == {(0, 2), (1, 2)}
    assert sorted(start["channel"] for start in client.of_type("SpeechStarted")) == [[0, 2], [1, 2]]
    assert client.messages[-1]["channels"] == 2


def test_finalize_is_answered_for_each_channel(server: LiveServer, speak: Speak) -> None:
    left = speak(BUS)
    stereo = np.stack([left, np.zeros_like(left)], axis=1)
    with server.listen(
        encoding="linear16", sample_rate=16000, channels=2, multichannel=True
    ) as client:
        client.send(to_linear16(stereo))
        client.command("Finalize")
        client.close_stream()
    flushed = [final for final in client.finals if final["from_finalize"]]
    assert sorted(final["channel_index"] for final in flushed) == [[0, 2], [1, 2]]
    assert client.transcript(0) == BUS
    assert client.transcript(1) == ""
