"""Who speaks: from the settings to an engine; nothing is downloaded, and nothing heavy loaded."""

from __future__ import annotations

import importlib.util
import logging

from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.models.catalogue import default_voices
from streamkit.models.voice_models import Engine
from streamkit.models.voice_resolve import FoundVoiceModel, resolve_voice_model
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.speech_engine import SpeechEngine

logger = logging.getLogger("streamkit.speech")

ESPEAK = "espeak"
"""The engine that needs no weights."""

PACKAGES: dict[Engine, tuple[str, ...]] = {
    "xtts": ("torch", "torchaudio", "torchcodec", "TTS", "transformers", "six", "safetensors"),
    "kokoro": ("kokoro_onnx", "phonemizer"),
}
"""What has to be importable for an engine; its extra has the same name."""


def load_speech(settings: Settings) -> SpeechEngine:
    """The engine that the settings name.

    It is not loaded yet: `SpeechEngine.prepare` does that, which takes long for a large model.

    Raises:
        ConfigurationError: the packages of the engine are not installed.
        ModelError: there is no such engine, or its weights are missing or not complete.
        SynthesisError: the engine cannot be made.
    """
    if settings.tts == ESPEAK:
        return load_espeak()
    found = resolve_voice_model(settings.tts, cache=settings.cache)
    check_packages(found.engine)
    if found.notice:
        logger.warning("%s", found.notice)
    if found.engine == "kokoro":
        return _load_kokoro(found, settings)
    return _load_xtts(found, settings)


def missing_packages(engine: Engine) -> list[str]:
    """Packages that an engine needs and that are not there; none of them is imported."""
    return [name for name in PACKAGES[engine] if importlib.util.find_spec(name) is None]


def check_packages(engine: Engine) -> None:
    """Make sure that what an engine needs is installed.

    Raises:
        ConfigurationError: something is not.
    """
    missing = missing_packages(engine)
    if missing:
        raise ConfigurationError(
            f"the voice engine {engine} needs packages that are not installed: "
            f"{', '.join(missing)}; install them with `pip install 'streamkit[{engine}]'`, or use "
            f"--tts {ESPEAK}"
        )


def _load_kokoro(found: FoundVoiceModel, settings: Settings) -> SpeechEngine:
    from streamkit.tts.kokoro import load_kokoro

    if settings.tts_device == "cuda":
        raise ConfigurationError(
            "--tts-device cuda was given, and Kokoro runs on the CPU here; accepted: auto, cpu"
        )
    if settings.tts_threads is None:
        return load_kokoro(found.path)
    return load_kokoro(found.path, threads=settings.tts_threads)


def _load_xtts(found: FoundVoiceModel, settings: Settings) -> SpeechEngine:
    from streamkit.tts.voices.store import VoiceStore
    from streamkit.tts.worker.limits import WorkerLimits
    from streamkit.tts.xtts.synthesizer import load_xtts

    return load_xtts(
        found.path,
        name=found.name,
        voices=VoiceStore(settings.voices or default_voices(settings.cache), settings.max_voices),
        device=settings.tts_device,
        precision=settings.tts_precision,
        batch=settings.tts_batch,
        # 0: as many as there are cores. The process steps back behind the recognizer.
        threads=settings.tts_threads or 0,
        limits=WorkerLimits(
            max_sentences=settings.tts_queue,
            ready_timeout=settings.tts_start_timeout,
            heartbeat_timeout=settings.tts_heartbeat_timeout,
            memory_limit=settings.tts_memory_limit,
        ),
        seed=settings.tts_seed,
    )
