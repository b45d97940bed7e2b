"""XTTS v2 as the voice of a server: a process that speaks, and the names of its voices.

Nothing of it is loaded here: torch and the weights are the process's alone.
"""

from __future__ import annotations

import threading
from pathlib import Path
from types import MappingProxyType
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.synthesizer import Voice
from streamkit.tts.voices.book import VoiceBook
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.speakers import ANY_LANGUAGE
from streamkit.tts.worker.spec import EngineSpec
from streamkit.tts.worker.supervisor import Supervisor
from streamkit.tts.worker.synthesizer import MAX_SPEED, MIN_SPEED, WorkerSynthesizer
from streamkit.tts.xtts.limits import LANGUAGES
from streamkit.tts.xtts.text import prepare

FACTORY: Final = "streamkit.tts.xtts.engine:load"
ENVIRONMENT: Final = MappingProxyType({"GOMP_SPINCOUNT": "3000"})
"""Threads of the process spin for a few microseconds while they wait for each other, then sleep. By
default they spin for much longer, and as soon as another program wants one of their cores, they
hold each other up for many times what the work takes (docs/benchmarks.md)."""

DEFAULT_VOICE: Final = "alloy"
"""Who speaks when nobody is named: whoever stands for this name."""


def load_xtts(
    directory: Path,
    *,
    name: str,
    voices: VoiceStore,
    device: str = "auto",
    precision: str = "auto",
    batch: int = 16,
    threads: int = 0,
    limits: WorkerLimits | None = None,
    seed: int | None = None,
) -> SpeechEngine:
    """XTTS v2 with all that a server has to know of it; its process begins with `prepare`.

    Args:
        directory: of the weights.
        name: of the model; cloned voices belong to the model of that name.
        voices: cloned ones.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "int8", "bfloat16", "float16" or "float32".
        batch: sentences at once.
        threads: of the CPU; 0: as many as there are cores.
        limits: of the process.
        seed: see `WorkerSynthesizer`.
    """
    arguments = {
        "directory": str(directory),
        "device": device,
        "precision": precision,
        "batch": batch,
        "threads": threads,
    }
    spec = EngineSpec(FACTORY, arguments, extra="xtts", environment=dict(ENVIRONMENT))
    return speech_engine(spec, name=name, voices=voices, limits=limits, seed=seed)


def speech_engine(
    spec: EngineSpec,
    *,
    name: str,
    voices: VoiceStore,
    limits: WorkerLimits | None = None,
    seed: int | None = None,
) -> SpeechEngine:
    """The same with any model in the process that takes XTTS's sentences and voices.

    Args:
        spec: of the model.
        name: see `load_xtts`.
        voices: see there.
        limits: see there.
        seed: see there.
    """
    supervisor = Supervisor(spec, limits)
    known = _KnownVoices(supervisor, voices, name)
    synthesizer = WorkerSynthesizer(
        supervisor,
        prepare,
        default_voice=DEFAULT_VOICE,
        find_voice=known.voice,
        voices=known.voices,
        languages=LANGUAGES,
        seed=seed,
    )
    return SpeechEngine(
        name=name,
        owner="coqui",
        synthesizer=synthesizer,
        find_voice=known.find,
        voice_names=known.names,
        speeds=(MIN_SPEED, MAX_SPEED),
        cloner=supervisor,
        prepare=supervisor.prepare,
        statistics=supervisor.statistics,
        close=synthesizer.close,
    )


class _KnownVoices:
    """The voices of a model; which it brings along is known when it was loaded once."""

    def __init__(self, supervisor: Supervisor, store: VoiceStore, model: str) -> None:
        self._supervisor = supervisor
        self._store = store
        self._model = model
        self._loading = threading.Lock()
        self._made: VoiceBook | None = None
        self._speakers: tuple[str, ...] = ()

    def find(self, name: str | None) -> str | None:
        """See `SpeechEngine.find_voice`."""
        return None if name is None else self._book().find(name)

    def names(self) -> list[str]:
        """See `SpeechEngine.voice_names`."""
        return self._book().names()

    def voice(self, name: str) -> str | VoiceLatents:
        """What the model takes for a name."""
        book = self._book()
        if name == DEFAULT_VOICE and not self._speakers:
            raise SynthesisError(
                f"{self._model} brings no voices along, so one has to be named; `streamkit voices "
                "add NAME FILE` makes one from a recording"
            )
        return book.voice(name)

    def voices(self) -> list[Voice]:
        """All of them; each speaks every language that the model does."""
        return [
            Voice(name, ANY_LANGUAGE, f"{name} of {self._model}") for name in self._book().names()
        ]

    def _book(self) -> VoiceBook:
        with self._loading:
            if self._made is None:
                self._speakers = self._supervisor.info().speakers
                self._made = VoiceBook(self._speakers, self._store, self._model)
            return self._made
