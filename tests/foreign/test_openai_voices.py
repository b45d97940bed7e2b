"""openai, the Python SDK, unmodified: it makes and deletes voices, with both of its clients."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import openai
import pytest
import soundfile
from openai import AsyncOpenAI, OpenAI
from openai.types.audio.voice import Voice
from openai.types.audio.voice_deleted import VoiceDeleted
from pydantic import SecretStr

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.server.testing import LiveServer
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voices.store import VoiceStore

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]

KEY = "right-key"
AGREED = "Anna agreed in writing on 2 May 2026"
TEXT = "The bus to Berlin is eight minutes late, and nobody at the station knows the reason. "


class Cloner:
    """Makes a voice of whatever it hears."""

    def clone(self, samples: Samples) -> VoiceLatents:
        level = np.float32(np.abs(samples).mean())
        return VoiceLatents(
            np.full((1, 32, 64), level, np.float32), np.full((1, 512, 1), level, np.float32)
        )


def engine() -> SpeechEngine:
    return replace(load_espeak(), name="xtts_v2", cloner=Cloner())


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "voices")


@pytest.fixture
def server(micro: tuple[Recognizer, ModelProfile], store: VoiceStore) -> Iterator[LiveServer]:
    settings = Settings(port=0, api_keys=(SecretStr(KEY),), voices=store.folder)
    with LiveServer(settings, *micro, speech=engine()) as running:
        yield running


@pytest.fixture
def client(server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(
        api_key=KEY,
        base_url=f"{server.http_url}/v1",
        http_client=openai.DefaultHttpxClient(trust_env=False),
    ) as made:
        yield made


def async_client_of(server: LiveServer) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=KEY,
        base_url=f"{server.http_url}/v1",
        http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
    )


@pytest.fixture(scope="module")
def samples(speak: Speak) -> Samples:
    return speak(TEXT * 3, 22_050)


def sound_file(samples: Samples, form: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 22_050, format=form)
    return file.getvalue()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "MP3", "OGG"])
def test_made_and_deleted(client: OpenAI, store: VoiceStore, samples: Samples, form: str) -> None:
    voice = client.audio.voices.create(
        audio_sample=(f"anna.{form.lower()}", sound_file(samples, form)),
        consent=AGREED,
        name="Anna",
    )
    assert isinstance(voice, Voice)
    assert (voice.id, voice.name, voice.object, voice.type) == (
        "Anna",
        "Anna",
        "audio.voice",
        "audio_sample",
    )
    assert voice.prompt is None
    kept = store.find("anna")
    assert kept is not None
    assert kept.created_at == voice.created_at
    assert AGREED in kept.consent.said_by
    deleted = client.audio.voices.delete(voice.id)
    assert isinstance(deleted, VoiceDeleted)
    assert (deleted.id, deleted.deleted, deleted.object) == ("Anna", True, "audio.voice.deleted")
    assert store.names() == []


def test_a_path_will_do(client: OpenAI, samples: Samples, tmp_path: Path) -> None:
    path = tmp_path / "anna.wav"
    path.write_bytes(sound_file(samples))
    voice = client.audio.voices.create(
        audio_sample=path, consent=AGREED, name="Anna", type="audio_sample"
    )
    assert voice.id == "Anna"


@pytest.mark.anyio
async def test_the_other_client(server: LiveServer, store: VoiceStore, samples: Samples) -> None:
    async with async_client_of(server) as client:
        voice = await client.audio.voices.create(
            audio_sample=("anna.wav", sound_file(samples)), consent=AGREED, name="Anna"
        )
        assert isinstance(voice, Voice)
        with pytest.raises(openai.ConflictError):
            await client.audio.voices.create(
                audio_sample=("anna.wav", sound_file(samples)), consent=AGREED, name="anna"
            )
        deleted = await client.audio.voices.delete(voice.id)
        assert deleted.deleted
        with pytest.raises(openai.NotFoundError):
            await client.audio.voices.delete(voice.id)
    assert store.names() == []


def test_what_is_refused(client: OpenAI, samples: Samples) -> None:
    short = sound_file(samples[: 3 * 22_050])
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.voices.create(audio_sample=("a.wav", short), consent=AGREED, name="Anna")
    assert (caught.value.code, caught.value.param) == ("audio_too_short", "audio_sample")
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.voices.create(audio_sample=("a.wav", short), consent="no", name="Anna")
    assert (caught.value.code, caught.value.param) == ("consent_required", "consent")
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.voices.create(audio_sample=("a.wav", short), consent=AGREED, name="alloy")
    assert (caught.value.code, caught.value.param) == ("invalid_voice_name", "name")


def test_no_voice_is_made_from_a_description(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.voices.create(name="Robot", type="prompt", prompt="a friendly robot")
    assert (caught.value.code, caught.value.param) == ("unsupported_voice_type", "type")


def test_consents_are_statements_here(client: OpenAI, samples: Samples) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.audio.voice_consents.create(
            language="en-US", name="Anna", recording=("anna.wav", sound_file(samples))
        )
    assert caught.value.code == "voice_consents_unsupported"
    with pytest.raises(openai.NotFoundError):
        client.audio.voice_consents.list()
    with pytest.raises(openai.NotFoundError):
        client.audio.voice_consents.delete("cons_1234")
