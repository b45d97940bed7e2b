"""A speech model in a process of its own, which is there as long as somebody wants it."""

from __future__ import annotations

import weakref
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.worker.jobs import Cloning, Sentence
from streamkit.tts.worker.keeper import Keeper, WorkerStatistics
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.messages import EngineInfo, Samples, Speak
from streamkit.tts.worker.spec import EngineSpec

MAX_CLONE_SAMPLES: Final = 60 * 22_050
"""Twice what a model takes; a bound of what is sent to its process."""


class Supervisor:
    """Has one process speak for everybody, and replaces it when it ends, hangs or grows.

    Guarantees:
        * Every method may be called from any thread, and every wait has a bound in the limits.
        * A sentence that a process leaves unfinished is spoken on by the next one from where it
          was, with the same seed, so nobody hears it. One that has ended a process twice fails;
          nobody else fails for it.
        * No process outlives this object, nor the program, however it ends.

    Args:
        spec: what the process loads.
        limits: of the process and of waiting for it.
    """

    def __init__(self, spec: EngineSpec, limits: WorkerLimits | None = None) -> None:
        self._limits = limits or WorkerLimits()
        self._keeper = Keeper(spec, self._limits)
        self._abandon = weakref.finalize(self, self._keeper.abandon)

    def start(self) -> None:
        """Begin to load the model, and return at once; else the first sentence does it.

        Raises:
            SynthesisError: there is no hope; the message says what is missing.
        """
        self._keeper.start()

    def info(self) -> EngineInfo:
        """What is loaded; the first time this loads it, and waits.

        Raises:
            SynthesisError: it cannot be loaded, or not in time.
        """
        return self._keeper.wait_for_info()

    def prepare(self) -> None:
        """Load the model, and return when it is loaded.

        Raises:
            SynthesisError: see `info`.
        """
        self._keeper.start()
        self.info()

    def speak(self, speak: Speak) -> Sentence:
        """Have a sentence spoken; returns at once.

        Args:
            speak: the sentence; its `id` and `skip` do not count.

        Raises:
            SynthesisError: there is too much to speak already, or no process for it.
        """
        sentence = Sentence(speak, self._limits, self._keeper.cancel)
        self._keeper.add(sentence)
        return sentence

    def clone(self, samples: Samples) -> VoiceLatents:
        """Make latents of a voice; see `streamkit.tts.speech_engine.VoiceCloner`.

        Raises:
            SynthesisError: it failed, or took too long.
        """
        if len(samples) > MAX_CLONE_SAMPLES:
            raise SynthesisError(
                f"a recording of {len(samples)} samples was given; a voice is made of at most "
                f"{MAX_CLONE_SAMPLES}: cut it"
            )
        cloning = Cloning(samples)
        self._keeper.wait_for_info()
        self._keeper.add(cloning)
        timeout = self._limits.ready_timeout + self._limits.sound_timeout
        try:
            return cloning.latents.result(timeout)
        except FutureTimeoutError:
            self._keeper.cancel(cloning)
            raise SynthesisError(f"the voice was not made within {timeout:g} s") from None

    def statistics(self) -> WorkerStatistics:
        """What there is to know of the process and its work now."""
        return self._keeper.statistics()

    def close(self) -> None:
        """End the process, and let go everybody who waits; any number of times."""
        self._keeper.close()
        self._abandon.detach()
