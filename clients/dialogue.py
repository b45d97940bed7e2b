"""The demo's dialogue: its text, and its sound made on the spot by the built-in voice."""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render

LEAD_SECONDS = 0.5
PAUSE_SECONDS = 0.8
"""Between two sentences: longer than the silence that ends an utterance."""

ANNA = "en-us+f2"
PETER = "en-us+m3"


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence of the dialogue; `start` and `end` in seconds, once it is rendered."""

    voice: str
    text: str
    start: float = 0.0
    end: float = 0.0


SENTENCES = (
    Said(ANNA, "What time is it in London?"),
    Said(PETER, "It is half past eight in the morning."),
    Said(ANNA, "What is the weather like in Boston?"),
    Said(PETER, "It will be cold and windy on Monday."),
    Said(ANNA, "Would you like some coffee?"),
    Said(PETER, "Turn the music down, please."),
    Said(ANNA, "Remind me to call the doctor tomorrow."),
    Said(PETER, "Goodbye, Emma, see you tomorrow."),
)
"""Sentences out of the micro model's domain."""


def render_dialogue() -> tuple[npt.NDArray[np.float32], tuple[Said, ...]]:
    """Speak the dialogue.

    Returns:
        float32 mono at 16 kHz, and the sentences with their times.

    Raises:
        SynthesisError: espeak-ng cannot be loaded.
    """
    synthesizer = EspeakSynthesizer()
    parts = [np.zeros(round(LEAD_SECONDS * SAMPLE_RATE), np.float32)]
    position = len(parts[0])
    said = []
    for sentence in SENTENCES:
        sound = render(synthesizer, sentence.text, voice=sentence.voice)
        end = position + len(sound)
        said.append(Said(sentence.voice, sentence.text, position / SAMPLE_RATE, end / SAMPLE_RATE))
        pause = np.zeros(round(PAUSE_SECONDS * SAMPLE_RATE), np.float32)
        parts += [sound, pause]
        position = end + len(pause)
    return np.concatenate(parts), tuple(said)


def write_wav(path: Path, samples: npt.NDArray[np.float32]) -> None:
    """Write mono samples as 16-bit WAV at 16 kHz."""
    # Opened here: the library's own opening leaves a half-made object behind when it fails.
    with path.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
