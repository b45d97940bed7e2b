"""What the built-in voice says, the bundled model understands."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import soxr

from streamkit.models import resolve
from streamkit.tts.espeak import EspeakSynthesizer

MODEL_RATE = 16_000


@pytest.fixture(scope="module")
def model() -> Any:
    from faster_whisper import WhisperModel

    path = resolve("whisper-micro-en").path
    return WhisperModel(str(path), device="cpu", compute_type="int8", cpu_threads=1)


@pytest.mark.parametrize("voice", ["en-us+m1", "en-us+f2"])
@pytest.mark.parametrize(
    "text", ["Turn the music down.", "The bus to Berlin is eight minutes late."]
)
def test_spoken_words_are_recognised(model: Any, voice: str, text: str) -> None:
    pieces = list(EspeakSynthesizer().synthesize(text, voice=voice))
    sound = np.concatenate([piece.samples for piece in pieces])
    samples = soxr.resample(sound, pieces[0].sample_rate, MODEL_RATE)
    segments, _ = model.transcribe(samples, language="en", beam_size=5)
    heard = " ".join(segment.text for segment in segments)
    assert re.findall(r"\w+", heard.lower()) == re.findall(r"\w+", text.lower())
