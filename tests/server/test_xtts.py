"""A server that speaks with XTTS: the real engine, in its process, on small random weights."""

from __future__ import annotations

import io
import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from openai import BadRequestError, OpenAI

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.files import read_audio
from streamkit.config import Settings
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient

Samples = npt.NDArray[np.float32]

BUS = "The bus to Berlin is eight minutes late."
LONG = f"{BUS} The train to the sea is on time. "
SECOND = 2 * RATE
"""Bytes of pcm."""


@pytest.fixture(scope="module")
def server(
    following_xtts: Path,
    micro: tuple[Recognizer, ModelProfile],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[LiveServer]:
    settings = Settings.model_validate(
        {
            "model": "whisper-micro-en",
            "port": 0,
            "tts": str(following_xtts),
            "tts_device": "cpu",
            "tts_seed": 3,
            "voices": tmp_path_factory.mktemp("voices"),
        }
    )
    with LiveServer(settings, *micro) as started:
        yield started


@pytest.fixture(scope="module")
def openai(server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(api_key="any", base_url=f"{server.http_url}/v1", max_retries=0) as client:
        yield client


def spoken(openai: OpenAI, text: str = BUS, voice: str = "alloy", **extra: object) -> bytes:
    made = openai.audio.speech.create(
        model="tts-1", voice=voice, input=text, response_format="pcm", **extra
    )
    return made.content


def alike(one: bytes, other: bytes) -> bool:
    """Tell whether two sounds are the same, but for the rounding of samples to integers."""
    samples = np.frombuffer(one, "<i2").astype(int)
    others = np.frombuffer(other, "<i2").astype(int)
    return len(samples) == len(others) and np.abs(samples - others).max() <= 1


def process(server: LiveServer) -> int:
    """The number of the process that speaks."""
    statistics = server.server.state.speech.statistics
    assert statistics is not None
    pid = statistics().pid
    assert pid is not None
    return pid


def test_speech_over_http(openai: OpenAI) -> None:
    sound = spoken(openai)
    assert len(sound) > SECOND
    assert np.frombuffer(sound, "<i2").std() > 300
    slow = spoken(openai, speed=0.5)
    assert len(slow) == pytest.approx(2 * len(sound), rel=0.1)


def test_voices_differ_and_unknown_ones_are_named(openai: OpenAI) -> None:
    ada = spoken(openai, voice="Ada Random")
    assert alike(ada, spoken(openai, voice="ada random"))
    assert not alike(ada, spoken(openai, voice="Ben Random"))
    with pytest.raises(BadRequestError, match=r"nobody.*some that work: Ada Random"):
        spoken(openai, voice="nobody")


def test_the_model_is_listed(openai: OpenAI, following_xtts: Path) -> None:
    assert following_xtts.name in {model.id for model in openai.models.list()}


def test_a_voice_is_made_of_a_recording_and_speaks(
    openai: OpenAI, speak: Callable[..., Samples], server: LiveServer
) -> None:
    recording = io.BytesIO()
    sentences = "We walk to the lake. The water is quiet, and the light is soft. " * 3
    soundfile.write(recording, speak(sentences), 16_000, format="WAV")
    made = openai.audio.voices.create(
        name="anna",
        audio_sample=("a.wav", recording.getvalue(), "audio/wav"),
        consent="Anna agreed",
    )
    assert made.name == "anna"
    assert not alike(spoken(openai, voice="anna"), spoken(openai, voice="alloy"))
    with RealtimeClient(server) as client:
        client.update(audio={"output": {"voice": "anna"}})
        client.write(BUS)
        client.command("response.create")
        done = client.until("response.done")
        assert done["response"]["status"] == "completed"
        assert len(client.sound()) > SECOND
    openai.audio.voices.delete("anna")
    with pytest.raises(BadRequestError, match="anna"):
        spoken(openai, voice="anna")


def test_a_process_that_is_killed_is_not_heard(openai: OpenAI, server: LiveServer) -> None:
    undisturbed = spoken(openai, LONG)
    before = process(server)
    with openai.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=LONG, response_format="pcm"
    ) as response:
        parts = response.iter_bytes(4800)
        heard = next(parts)
        os.kill(before, signal.SIGKILL)
        heard += b"".join(parts)
    assert alike(undisturbed, heard)
    assert process(server) != before


def test_a_cancelled_reply_is_cancelled_in_the_process(
    server: LiveServer, eventually: Callable[[Callable[[], bool]], None]
) -> None:
    statistics = server.server.state.speech.statistics
    assert statistics is not None
    with RealtimeClient(server) as client:
        client.write(LONG * 4)
        client.command("response.create")
        client.until("response.output_audio.delta")
        client.command("response.cancel")
        done = client.until("response.done")
        assert done["response"]["status"] == "cancelled"
    eventually(lambda: statistics().active == statistics().waiting == 0)


def test_words_of_a_reply_have_times_that_go_up(server: LiveServer) -> None:
    with RealtimeClient(server) as client:
        client.write(BUS)
        client.command("response.create")
        client.until("response.done")
        told = [
            word
            for message in client.of_type("response.output_audio.delta")
            for word in message["streamkit"]["words"]
        ]
    assert [at for at, _ in told] == sorted(at for at, _ in told)
    assert [word for _, word in told] == re.findall(r"\w+", client.spoken_text)
    assert told[-1][0] > 500


def test_every_format_is_a_file(openai: OpenAI) -> None:
    for audio_format in ("mp3", "opus", "flac", "wav"):
        made = openai.audio.speech.create(
            model="tts-1", voice="alloy", input=BUS, response_format=audio_format
        )
        assert sum(len(block) for block in read_audio(io.BytesIO(made.content))) > 16_000
