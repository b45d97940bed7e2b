"""One sentence on its way through the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from streamkit.tts.synthesizer import WordMark
from streamkit.tts.vocoder import VocoderStream
from streamkit.tts.worker.messages import Samples, Sound, Speak
from streamkit.tts.xtts.alignment import WordAligner, WordStart
from streamkit.tts.xtts.chunks import MOST, Chunks, Pace
from streamkit.tts.xtts.gpt import Place
from streamkit.tts.xtts.sampling import Dice
from streamkit.tts.xtts.tail import TailGuard


class Sentence:
    """What is known of one sentence.

    Args:
        speak: what was asked for.
        tokens: of its text.
        conditioning: of its voice, (latents, channels).
        dice: decides what it sounds like.
        stream: its vocoder.
        words: tells where its words begin.
        samples_per_latent: of sound.
        rate: of the sound, in Hz.

    Attributes:
        place: where its keys and values are; None: it waits for a place.
        embedded: what is to be read yet; None: nothing was.
        token: the last one.
        count: tokens of sound so far.
        latents: that are no sound yet.
        ended: no latents will follow.
        over: all of its sound was given out.
        chunks: when it becomes sound.
        words: see the argument.
    """

    def __init__(
        self,
        speak: Speak,
        tokens: Sequence[int],
        conditioning: Tensor,
        dice: Dice,
        stream: VocoderStream,
        words: WordAligner,
        samples_per_latent: float,
        rate: int,
    ) -> None:
        self.speak = speak
        self.tokens = tokens
        self.conditioning = conditioning
        self.dice = dice
        self.place: Place | None = None
        self.embedded: Tensor | None = None
        self.token = 0
        self.count = 0
        self.latents: list[Tensor] = []
        self.ended = False
        self.over = False
        self.chunks = Chunks(samples_per_latent / rate)
        self._stream = stream
        self.words = words
        self._samples_per_latent = samples_per_latent
        self._rate = rate
        self._guard = TailGuard(speak.text, speak.language, speed=speak.speed, rate=rate)
        self._made = 0  # samples, those that are skipped among them
        self._marks: deque[WordMark] = deque()

    def append(self, latent: Tensor, token: int, attention: npt.NDArray[np.float32] | None) -> None:
        """A token was drawn, and the latent is what it was drawn from."""
        self.latents.append(latent)
        self.token = token
        self._note(self.words.push(attention))
        self.count += 1

    def sound(self, clock: Callable[[], float], pace: Pace) -> list[Sound]:
        """Turn the latents that wait into sound; all of it once the sentence has ended."""
        count, began = len(self.latents), clock()
        samples = self._guard.push(self._vocode())
        pace.note_chunk(count, clock() - began)
        if self.ended or self._guard.over:
            self.over = True
            samples = np.concatenate([samples, self._guard.finish()])
            self._note(self.words.finish())
            if self._marks and not len(samples):
                samples = np.zeros(1, np.float32)  # words that were cut off begin somewhere too
        begin, self._made = self._made, self._made + len(samples)
        self.chunks.given(len(samples) / self._rate, clock())
        skipped = min(max(0, self.speak.skip - begin), len(samples))
        if skipped == len(samples):
            return []
        marks = self._take_marks(begin + skipped)
        return [Sound(self.speak.id, samples[skipped:], marks)]

    def _vocode(self) -> Samples:
        latents, self.latents = self.latents, []
        parts: list[Any] = []
        # Long stretches do not fit the processor's caches, and are no faster for it.
        for begin in range(0, len(latents), MOST):
            some = torch.stack(latents[begin : begin + MOST])
            last = self.ended and begin + MOST >= len(latents)
            parts.append(self._stream.push(some, last=last))
        return np.ascontiguousarray(torch.cat(parts).float().cpu().numpy(), np.float32)

    def _note(self, begun: Sequence[WordStart]) -> None:
        for word, token in begun:
            spoken = self.speak.words[word]
            at = round(token * self._samples_per_latent)
            self._marks.append(WordMark(spoken.text_offset, spoken.text_length, at))

    def _take_marks(self, begin: int) -> tuple[WordMark, ...]:
        """The marks of the words that begin in the sound from `begin` on, as far as it was made.

        A word that was noticed late, when the sound that it begins in was given out, begins with
        what is given out now.
        """
        taken = []
        while self._marks and (self.over or self._marks[0].sample < self._made):
            mark = self._marks.popleft()
            at = min(max(mark.sample, begin), self._made - 1)
            taken.append(WordMark(mark.text_offset, mark.text_length, at))
        return tuple(taken)
