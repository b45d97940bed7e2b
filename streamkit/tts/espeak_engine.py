"""espeak-ng as the voice of a server: always there, and a machine's."""

from __future__ import annotations

from streamkit.tts.espeak import MAX_SPEED, MIN_SPEED, EspeakSynthesizer
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voice_names import resolve_voice


def load_espeak() -> SpeechEngine:
    """The built-in engine; espeak-ng itself is loaded when it is first asked for something."""
    synthesizer = EspeakSynthesizer()
    return SpeechEngine(
        name="espeak",
        owner="espeak-ng",
        synthesizer=synthesizer,
        find_voice=resolve_voice,
        voice_names=lambda: [voice.name for voice in synthesizer.voices()],
        speeds=(MIN_SPEED, MAX_SPEED),
    )
