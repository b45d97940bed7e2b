"""What somebody waits for while a process works on it: the sound of a sentence, or a voice."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import WordMark
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.messages import Clone, Samples, Sound, Speak


class Job(Protocol):
    """One request as the keeper of the process sees it; none of its methods waits for anybody."""

    def request(self, id: int) -> Speak | Clone:
        """What is sent to a process now."""
        ...

    def sent(self, sample_rate: int) -> None:
        """A process has it."""
        ...

    def interrupted(self) -> None:
        """And has it no more; another one will."""
        ...

    def fail(self, reason: str) -> None:
        """Nothing will come of it; harmless when it is over."""
        ...


class Sentence:
    """The sound of one sentence: the keeper puts it in, a listener takes it out.

    Args:
        speak: the sentence; its `id` and `skip` do not count.
        limits: for how long a listener waits.
        cancel: called when nobody wants the sentence any more.
    """

    def __init__(
        self, speak: Speak, limits: WorkerLimits, cancel: Callable[[Sentence], None]
    ) -> None:
        self._speak = speak
        self._limits = limits
        self._cancel = cancel
        self._changed = threading.Condition()
        self._sounds: deque[Sound] = deque()
        self._received = 0
        self._told = 0
        self._unread = 0
        self._sample_rate = 0
        self._sent_at: float | None = None
        self._over = False
        self._error: str | None = None

    @property
    def sample_rate(self) -> int:
        """Of the sound, in Hz; 0 before a process has the sentence."""
        return self._sample_rate

    @property
    def over(self) -> bool:
        """Whatever will be heard of it is here."""
        return self._over

    @property
    def unread_seconds(self) -> float:
        """Sound that nobody has taken yet."""
        with self._changed:
            return self._unread / self._sample_rate if self._sample_rate else 0.0

    def request(self, id: int) -> Speak:
        """The sentence without what is here already."""
        return replace(self._speak, id=id, skip=self._received)

    def sent(self, sample_rate: int) -> None:
        """A process has it."""
        with self._changed:
            self._sample_rate = sample_rate
            self._sent_at = time.monotonic()
            self._changed.notify_all()

    def interrupted(self) -> None:
        """And has it no more; another one will."""
        with self._changed:
            self._sent_at = None
            self._changed.notify_all()

    def receive(self, sound: Sound) -> None:
        """The next sound has come."""
        with self._changed:
            if self._over or not len(sound.samples):
                return
            self._sounds.append(replace(sound, marks=self._new_words(sound)))
            self._received += len(sound.samples)
            self._unread += len(sound.samples)
            self._changed.notify_all()

    def _new_words(self, sound: Sound) -> tuple[WordMark, ...]:
        """Words that were not told yet: another process may tell again where it goes on."""
        marks = []
        for mark in sound.marks:
            if mark.text_offset >= self._told:
                self._told = mark.text_offset + mark.text_length
                marks.append(replace(mark, sample=max(mark.sample, self._received)))
        return tuple(marks)

    def finish(self) -> None:
        """All of it is here."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Nothing more will come; what is here can still be taken."""
        with self._changed:
            if not self._over:
                self._over = True
                self._error = reason
                self._changed.notify_all()

    def take(self) -> Sound | None:
        """Wait for the next sound; None: that was all, or the sentence was closed.

        Raises:
            SynthesisError: it failed, or no sound came in time.
        """
        begun = time.monotonic()
        with self._changed:
            while not self._sounds and not self._over:
                if self._sent_at is None:
                    left = begun + self._limits.unsent_timeout - time.monotonic()
                else:
                    since = max(begun, self._sent_at)
                    left = since + self._limits.sound_timeout - time.monotonic()
                if left <= 0:
                    self._over = True
                    self._error = (
                        "the voice gave no sound in time: it has more to speak than it can, or "
                        "this machine is too slow for it"
                    )
                    break
                self._changed.wait(left)
            if self._sounds:
                sound = self._sounds.popleft()
                self._unread -= len(sound.samples)
                return sound
            error = self._error
        if error is None:
            return None
        self._cancel(self)
        raise SynthesisError(error)

    def close(self) -> None:
        """Nobody wants it any more; from any thread, any number of times."""
        with self._changed:
            self._over = True
            self._error = None
            self._sounds.clear()
            self._unread = 0
            self._changed.notify_all()
        self._cancel(self)


class Cloning:
    """A voice that is being made.

    Args:
        samples: float32 mono at 22050 Hz.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self.latents: Future[VoiceLatents] = Future()

    def request(self, id: int) -> Clone:
        """The same at every try."""
        return Clone(id, self._samples)

    def sent(self, sample_rate: int) -> None:
        """Nothing has to be known of it."""

    def interrupted(self) -> None:
        """Nor of this."""

    def fail(self, reason: str) -> None:
        """There will be no voice."""
        with suppress(InvalidStateError):
            self.latents.set_exception(SynthesisError(reason))
