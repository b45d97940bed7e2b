"""An engine that speaks, with all that a server has to know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import Synthesizer
from streamkit.tts.worker.messages import Samples

if TYPE_CHECKING:
    from streamkit.tts.worker.keeper import WorkerStatistics


class VoiceCloner(Protocol):
    """Makes voices from recordings."""

    def clone(self, samples: Samples) -> VoiceLatents:
        """Make latents of a voice; blocking, from any thread.

        Args:
            samples: float32 mono at 22050 Hz, 6 to 30 s.

        Raises:
            SynthesisError: it failed.
        """
        ...


def _nothing() -> None:
    """Nothing to do at the end."""


@dataclass(frozen=True, slots=True)
class SpeechEngine:
    """Who speaks for all sessions of a server.

    Attributes:
        name: of the model, as clients ask for it: "espeak", "xtts_v2", "kokoro".
        owner: who made it, as `/v1/models` tells.
        synthesizer: speaks.
        find_voice: from a client's name for a voice to the engine's (None: the default voice of
            the language); raises UnknownVoiceError, a SynthesisError. May block for a moment.
        voice_names: names that `find_voice` knows beside OpenAI's; may block.
        speeds: the lowest and the highest that the engine knows.
        cloner: makes voices; None: this engine cannot.
        prepare: loads what takes long, and raises SynthesisError where it cannot; blocking, any
            number of times.
        statistics: of the process that speaks; None: there is no such process.
        close: ends what it holds: processes, threads. Any thread, any number of times.
    """

    name: str
    owner: str
    synthesizer: Synthesizer
    find_voice: Callable[[str | None], str | None]
    voice_names: Callable[[], Sequence[str]]
    speeds: tuple[float, float]
    cloner: VoiceCloner | None = None
    prepare: Callable[[], None] = _nothing
    statistics: Callable[[], WorkerStatistics] | None = None
    close: Callable[[], None] = _nothing
