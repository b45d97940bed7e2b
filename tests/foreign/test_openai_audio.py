"""openai, the Python SDK, unmodified: its two clients, and its types."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import openai
import pytest
import soundfile
from openai import AsyncOpenAI, OpenAI
from openai.pagination import SyncPage
from openai.types import Model
from openai.types.audio import (
    Transcription,
    TranscriptionDiarized,
    TranscriptionStreamEvent,
    TranscriptionTextDeltaEvent,
    TranscriptionTextDoneEvent,
    TranscriptionVerbose,
    Translation,
    TranslationVerbose,
)
from pydantic import TypeAdapter

from streamkit.audio.encoders import ENCODED_RATE
from streamkit.audio.files import read_audio
from streamkit.config import Settings
from streamkit.server.serving import load_recognizer
from streamkit.server.testing import LiveServer

# OpenAI will end its translations, and the SDK says so.
pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]

KEY = "right-key"
BUS = "The bus to Berlin is eight minutes late."
MUSIC = "Turn the music down."
TALK = f"{BUS} {MUSIC}"
Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[Format, ...] = ("mp3", "opus", "aac", "flac", "wav", "pcm")


def client_of(server: LiveServer, key: str = KEY) -> OpenAI:
    return OpenAI(
        api_key=key,
        base_url=f"{server.http_url}/v1",
        max_retries=0,
        http_client=openai.DefaultHttpxClient(trust_env=False),
    )


def async_client_of(server: LiveServer) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=KEY,
        base_url=f"{server.http_url}/v1",
        max_retries=0,
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
    )


@pytest.fixture
def client(guarded: LiveServer) -> Iterator[OpenAI]:
    with client_of(guarded) as made:
        yield made


@pytest.fixture(scope="session")
def spoken(speak: Speak) -> bytes:
    """Two sentences as a FLAC file."""
    file = io.BytesIO()
    soundfile.write(file, np.concatenate([speak(BUS), speak(MUSIC)]), 16_000, format="FLAC")
    return file.getvalue()


@pytest.fixture(scope="module")
def polyglot(multilingual: Path) -> Iterator[LiveServer]:
    settings = Settings.model_validate({"model": str(multilingual), "port": 0, "api_keys": [KEY]})
    recognizer, profile, _ = load_recognizer(settings)
    with LiveServer(settings, recognizer, profile) as running:
        yield running


def seconds_of(sound: bytes) -> float:
    return sum(map(len, read_audio(io.BytesIO(sound), ENCODED_RATE))) / ENCODED_RATE


# Models


def test_models(client: OpenAI) -> None:
    page = client.models.list()
    assert isinstance(page, SyncPage)
    assert [model.id for model in page] == ["whisper-micro-en", "espeak", "parrot"]
    for name in ("whisper-1", "tts-1", "whisper-micro-en"):
        raw = client.models.with_raw_response.retrieve(name)
        assert Model.model_validate(json.loads(raw.text)).id == name


def test_an_unknown_model(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-5")
    assert caught.value.code == "model_not_found"
    assert caught.value.request_id


# Speech


@pytest.mark.parametrize("response_format", FORMATS)
def test_speech(client: OpenAI, response_format: Format) -> None:
    made = client.audio.speech.create(
        model="tts-1", voice="alloy", input=TALK, response_format=response_format, speed=1.25
    )
    seconds = (
        len(made.content) / 2 / ENCODED_RATE
        if response_format == "pcm"
        else seconds_of(made.content)
    )
    assert 2 < seconds < 3.5


def test_speech_as_it_comes(client: OpenAI, tmp_path: Path) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts",
        voice={"id": "en-us+f2"},
        input=TALK,
        instructions="Speak like a bus driver.",
        response_format="wav",
    ) as response:
        assert response.headers["content-type"] == "audio/wav"
        assert float(response.headers["streamkit-first-audio-ms"]) > 0
        response.stream_to_file(tmp_path / "talk.wav")
    assert seconds_of((tmp_path / "talk.wav").read_bytes()) > 2


def test_speech_as_events(client: OpenAI) -> None:
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input=TALK, response_format="pcm", stream_format="sse"
    ) as response:
        lines = [line for line in response.iter_lines() if line]
    *deltas, done = [json.loads(line.removeprefix("data: ")) for line in lines]
    sound = b"".join(base64.b64decode(delta["audio"]) for delta in deltas)
    assert len(sound) / 2 / ENCODED_RATE > 2
    assert done["type"] == "speech.audio.done"
    assert set(done["usage"]) == {"input_tokens", "output_tokens", "total_tokens"}


@pytest.mark.anyio
async def test_speech_for_a_program_that_does_not_wait(guarded: LiveServer) -> None:
    async with async_client_of(guarded) as client:
        async with client.audio.speech.with_streaming_response.create(
            model="tts-1-hd", voice="onyx", input=TALK, response_format="flac"
        ) as response:
            sound = b"".join([chunk async for chunk in response.iter_bytes()])
        assert seconds_of(sound) > 2


# Transcriptions


def raw_transcription(client: OpenAI, sound: bytes, **arguments: Any) -> Any:
    """The answer as it came, to be checked by the strict half of the SDK's types."""
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("talk.flac", sound), **arguments
    )
    return json.loads(raw.text)


def test_json(client: OpenAI, spoken: bytes) -> None:
    made = client.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=("talk.flac", spoken), include=["logprobs"]
    )
    assert isinstance(made, Transcription)
    assert made.text == TALK
    assert made.usage is not None
    assert made.usage.type == "duration"
    assert made.usage.seconds == pytest.approx(5, abs=1)
    assert made.languages is not None
    assert [language.code for language in made.languages] == ["en"]
    assert made.logprobs is not None
    assert "".join(entry.token or "" for entry in made.logprobs).strip() == TALK
    assert bytes(map(int, made.logprobs[0].bytes or [])) == b" The"
    assert all(-1 < (entry.logprob or 0) <= 0 for entry in made.logprobs)
    Transcription.model_validate(raw_transcription(client, spoken, include=["logprobs"]))


def test_verbose_json(client: OpenAI, spoken: bytes) -> None:
    made = client.audio.transcriptions.create(
        model="whisper-1",
        file=("talk.flac", spoken),
        language="en",
        prompt="A talk.",
        temperature=0,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        chunking_strategy={"type": "server_vad", "silence_duration_ms": 300, "threshold": 0.5},
        extra_body={"keywords": ["Berlin"]},
    )
    assert isinstance(made, TranscriptionVerbose)
    assert made.text == TALK
    assert made.language == "english"
    assert made.segments is not None
    assert [segment.text for segment in made.segments] == [f" {BUS}", f" {MUSIC}"]
    assert made.words is not None
    assert " ".join(word.word for word in made.words) == TALK
    assert 0 < made.words[0].start < made.words[-1].end < made.duration
    TranscriptionVerbose.model_validate(
        raw_transcription(
            client,
            spoken,
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
        )
    )


def test_text_and_subtitles(client: OpenAI, spoken: bytes) -> None:
    file = ("talk.flac", spoken)
    text: Any = client.audio.transcriptions.create(
        model="whisper-1", file=file, response_format="text"
    )
    assert text == f"{TALK}\n"
    srt: Any = client.audio.transcriptions.create(
        model="whisper-1", file=file, response_format="srt"
    )
    assert re.fullmatch(
        r"1\n00:00:00,\d+ --> 00:00:0\d,\d+\nThe bus to Berlin is eight minutes late\.\n\n"
        r"2\n00:00:0\d,\d+ --> 00:00:0\d,\d+\nTurn the music down\.\n",
        srt,
    )
    vtt: Any = client.audio.transcriptions.create(
        model="whisper-1", file=file, response_format="vtt"
    )
    assert vtt.startswith("WEBVTT\n\n00:00:00.")


def test_a_stream(client: OpenAI, spoken: bytes) -> None:
    adapter: TypeAdapter[TranscriptionStreamEvent] = TypeAdapter(TranscriptionStreamEvent)
    deltas: list[str] = []
    with client.audio.transcriptions.create(
        model="gpt-4o-mini-transcribe",
        file=("talk.flac", spoken),
        stream=True,
        include=["logprobs"],
        response_format="json",
    ) as stream:
        for event in stream:
            # Strictly, which the SDK itself is not.
            adapter.validate_python(event.model_dump(exclude_unset=True))
            if isinstance(event, TranscriptionTextDeltaEvent):
                assert event.logprobs
                deltas.append(event.delta)
            else:
                assert isinstance(event, TranscriptionTextDoneEvent)
                assert event.text == "".join(deltas) == TALK
                assert (event.model_extra or {})["streamkit"]["usage"]["type"] == "duration"
    assert event.type == "transcript.text.done"
    assert len(deltas) >= 2


@pytest.mark.anyio
async def test_a_program_that_does_not_wait(guarded: LiveServer, spoken: bytes) -> None:
    async with async_client_of(guarded) as client:
        made = await client.audio.transcriptions.create(
            model="whisper-1", file=("talk.flac", spoken), response_format="verbose_json"
        )
        assert made.text == TALK
        stream = await client.audio.transcriptions.create(
            model="gpt-4o-transcribe", file=("talk.flac", spoken), stream=True
        )
        events = [event async for event in stream]
        assert isinstance(events[-1], TranscriptionTextDoneEvent)
        assert events[-1].text == TALK
        assert [model.id async for model in client.models.list()] == [
            "whisper-micro-en",
            "espeak",
            "parrot",
        ]


@pytest.mark.parametrize("response_format", FORMATS[:-1])
def test_what_was_spoken_is_heard(client: OpenAI, response_format: Format) -> None:
    made = client.audio.speech.create(
        model="tts-1", voice="alloy", input=TALK, response_format=response_format
    )
    heard = client.audio.transcriptions.create(
        model="whisper-1", file=(f"talk.{response_format}", made.content)
    )
    assert heard.text == TALK


def test_translations(polyglot: LiveServer, languages: Path) -> None:
    sound = (languages / "de_0.flac").read_bytes()
    with client_of(polyglot) as client:
        made = client.audio.translations.create(model="whisper-1", file=("de.flac", sound))
        assert isinstance(made, Translation)
        assert "window" in made.text
        raw = client.audio.translations.with_raw_response.create(
            model="whisper-1", file=("de.flac", sound), response_format="verbose_json"
        )
        verbose = TranslationVerbose.model_validate(json.loads(raw.text))
        assert verbose.language == "english"
        assert verbose.text == made.text
        assert verbose.segments
        detected = client.audio.transcriptions.create(
            model="whisper-1", file=("de.flac", sound), response_format="verbose_json"
        )
        assert detected.language == "german"


# Errors


def test_a_wrong_key(guarded: LiveServer) -> None:
    with client_of(guarded, "wrong-key") as client:
        with pytest.raises(openai.AuthenticationError) as caught:
            client.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")
        assert caught.value.code == "invalid_api_key"


def test_a_translation_by_a_model_that_cannot(client: OpenAI, spoken: bytes) -> None:
    with pytest.raises(openai.BadRequestError, match="cannot translate") as caught:
        client.audio.translations.create(model="whisper-1", file=("talk.flac", spoken))
    assert (caught.value.param, caught.value.code) == ("model", "unsupported_model")


def test_speakers_are_not_told_apart(client: OpenAI, spoken: bytes) -> None:
    with pytest.raises(openai.BadRequestError, match="speakers are not told apart"):
        made = client.audio.transcriptions.create(
            model="whisper-1", file=("talk.flac", spoken), response_format="diarized_json"
        )
        assert not isinstance(made, TranscriptionDiarized)
    with pytest.raises(openai.NotFoundError):
        client.audio.transcriptions.create(
            model="gpt-4o-transcribe-diarize", file=("talk.flac", spoken)
        )


@pytest.mark.parametrize("stream", [False, True])
def test_a_file_that_is_no_sound(client: OpenAI, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match="no audio file") as caught:
        client.audio.transcriptions.create(
            model="whisper-1", file=("talk.mp3", b"no sound"), stream=stream
        )
    assert (caught.value.param, caught.value.code) == ("file", "invalid_audio")


def test_an_unknown_voice(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="unknown espeak-ng voice") as caught:
        client.audio.speech.create(model="tts-1", voice="gandalf", input="Hello.")
    assert caught.value.param == "voice"
