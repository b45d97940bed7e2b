"""Recordings, and a detector of speech."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.voices.reference import SpeechDetector
from streamkit.tts.voices.voice_file import Consent, VoiceRecord
from streamkit.vad.silero import SileroVad, VadStream

Samples = npt.NDArray[np.float32]

SENTENCES = (
    "The bus to Berlin is eight minutes late, and nobody at the station knows the reason for it. "
    "Turn the music down, please, because the children want to sleep until the morning comes. "
)


@pytest.fixture(scope="session")
def detect() -> SpeechDetector:
    """The real detector, with nothing in its memory."""
    vad = SileroVad.load()
    return lambda samples: partial(vad.process, VadStream())(samples)


@pytest.fixture(scope="session")
def talk(speak: Callable[..., Samples]) -> Callable[[float], Samples]:
    """A function that talks for about so many seconds, at 44.1 kHz, with silence on both sides."""

    def talk(seconds: float) -> Samples:
        text = ""
        while len(sound := speak(text, 44_100)) < (seconds + 1) * 44_100:
            text += SENTENCES
        most = int((seconds + 0.5) * 44_100)
        return np.concatenate([sound[:most], np.zeros(22_050, np.float32)])

    return talk


@pytest.fixture(scope="session")
def wav() -> Callable[..., io.BytesIO]:
    """A function that makes a sound file of samples."""

    def write(samples: Samples, rate: int = 44_100, form: str = "WAV") -> io.BytesIO:
        file = io.BytesIO()
        soundfile.write(file, samples, rate, format=form)
        file.seek(0)
        return file

    return write


@pytest.fixture
def latents() -> VoiceLatents:
    generator = np.random.default_rng(1)
    return VoiceLatents(
        generator.standard_normal((1, 32, 64), np.float32),
        generator.standard_normal((1, 512, 1), np.float32),
    )


@pytest.fixture(scope="session")
def record_of() -> Callable[[str], VoiceRecord]:
    """A function that gives a record for a name."""

    def make(name: str, model: str = "xtts_v2") -> VoiceRecord:
        return VoiceRecord(
            name=name,
            model=model,
            consent=Consent(True, "user anna, with --consent", 1_790_000_000),
            created_at=1_790_000_001,
            source_sha256="ab" * 32,
            source_seconds=12.345,
            language="pt-br",
        )

    return make
