"""A speech model as its process drives it: one thread, one step at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.worker.messages import Done, EngineInfo, Failed, Samples, Sound, Speak


class Engine(Protocol):
    """A loaded speech model; all calls come from one thread.

    Guarantees:
        * `advance` takes a bounded time, about that of one token of all the sentences at once,
          so that a cancelled sentence is gone and a new one begins with the next call.
        * Sentences are independent: what one sounds like depends on nothing but its `Speak`.
    """

    @property
    def info(self) -> EngineInfo:
        """What is loaded."""
        ...

    @property
    def active(self) -> int:
        """Sentences that are being spoken."""
        ...

    @property
    def waiting(self) -> int:
        """Sentences that wait for a place among those that are spoken."""
        ...

    def begin(self, speak: Speak) -> None:
        """Take a sentence.

        Raises:
            SynthesisError: it can never be spoken; the engine is as before.
        """
        ...

    def cancel(self, id: int) -> None:
        """Forget a sentence; harmless when it is over or unknown."""
        ...

    def advance(self) -> Sequence[Sound | Done | Failed]:
        """Do a step for all the sentences that are being spoken; nothing to do is no error."""
        ...

    def clone(self, samples: Samples) -> VoiceLatents:
        """Make latents of a voice: float32 mono at 22050 Hz, 6 to 30 s.

        Raises:
            SynthesisError: this model cannot, or not from this sound.
        """
        ...

    def memory(self) -> int:
        """Bytes that the model holds on a device beside the process's own memory."""
        ...


EngineFactory = Callable[[], Engine]
"""Loads a model; raises SynthesisError with what is missing and what to do."""
