"""XTTS v2 in its process: sentences in, sound out, as many at once as there are places.

A sentence waits for a place, is read (its text, a stretch at a time), and is spoken (a token at a
time, all sentences together). Its latents become sound when playback wants it (`chunks`). What a
sentence sounds like depends on its text, voice, speed and seed alone.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.vocoder import Vocoder
from streamkit.tts.worker.messages import Done, EngineInfo, Failed, Samples, Sound, Speak
from streamkit.tts.xtts.checkpoint import load_model, load_speakers, quiet
from streamkit.tts.xtts.chunks import LEAST, MOST, Pace
from streamkit.tts.xtts.gpt import MOST_CONDITIONS, Gpt, Place
from streamkit.tts.xtts.limits import LANGUAGES
from streamkit.tts.xtts.matrices import PRECISIONS, best_precision
from streamkit.tts.xtts.sampling import Dice, Sampling, draw
from streamkit.tts.xtts.sentence import Sentence
from streamkit.tts.xtts.tokens import tokenize
from streamkit.tts.xtts.watching import STEPS, Watch

logger = logging.getLogger("streamkit.xtts")

NAME: Final = "xtts_v2"
REFERENCE_RATE: Final = 22_050
"""Hz of the recordings that voices are made of."""

STRETCH: Final = 96
"""Tokens of a text that are read between two tokens of sound for the others."""

KEPT_VOICES: Final = 16
"""Voices whose beginning of a prompt is kept, the last ones that spoke."""


class XttsEngine:
    """See `streamkit.tts.worker.engine.Engine`.

    Args:
        model: coqui-tts's `Xtts`; it is taken apart.
        speakers: name -> conditioning and speaker embedding.
        device: "cpu" or "cuda".
        precision: one of `matrices.PRECISIONS`.
        places: sentences at once.
        sampling: how tokens are drawn.
        clock: in seconds; tells only when sound is handed out, never what it is.
    """

    def __init__(
        self,
        model: Any,
        speakers: dict[str, tuple[Tensor, Tensor]],
        *,
        device: str = "cpu",
        precision: str = "int8",
        places: int = 8,
        sampling: Sampling | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model = model.to(device)
        self._device = torch.device(device)
        self._gpt = Gpt(model.gpt, places=places, precision=precision)
        self._vocoder = Vocoder(model.hifigan_decoder)
        # What is left of the library's transformer would be most of the memory.
        model.gpt.gpt = None
        self._speakers = speakers
        self._sampling = sampling or Sampling()
        self._clock = clock
        self._pace = Pace()
        self._watch = Watch(self._gpt)
        # The last one that was used comes first, since on a CPU its memory is there already.
        self._free = list(reversed(range(places)))
        self._waiting: deque[Sentence] = deque()
        self._reading: deque[Sentence] = deque()
        self._speaking: list[Sentence] = []
        self._voices: OrderedDict[bytes, tuple[Tensor, Tensor]] = OrderedDict()
        self._info = EngineInfo(
            NAME,
            self._vocoder.sample_rate,
            tuple(sorted(speakers)),
            LANGUAGES,
            self._device.type,
            precision,
        )

    @property
    def info(self) -> EngineInfo:
        """What is loaded."""
        return self._info

    @property
    def active(self) -> int:
        """Sentences that have a place."""
        return len(self._reading) + len(self._speaking)

    @property
    def waiting(self) -> int:
        """Sentences that wait for one."""
        return len(self._waiting)

    def memory(self) -> int:
        """Bytes on the device, if it is not the CPU."""
        return torch.cuda.memory_reserved() if self._device.type == "cuda" else 0

    def begin(self, speak: Speak) -> None:
        """See `Engine`."""
        with torch.inference_mode():
            self._waiting.append(self._sentence(speak))

    def _sentence(self, speak: Speak) -> Sentence:
        conditioning, speaker = self._latents(speak.voice)
        with quiet():
            tokens, owners = tokenize(
                self._model.tokenizer, speak.text, speak.language, speak.words
            )
        if len(tokens) >= self._gpt.max_text:
            raise SynthesisError(
                f"a sentence of {len(tokens)} text tokens was given; accepted: fewer than "
                f"{self._gpt.max_text}"
            )
        dice = Dice(speak.seed, self._gpt.vocabulary, self._gpt.start, self._device)
        return Sentence(
            speak,
            tokens,
            conditioning,
            dice,
            self._vocoder.open(speaker, speed=speak.speed),
            self._watch.aligner(speak, owners),
            self._vocoder.samples_per_latent / speak.speed,
            self._vocoder.sample_rate,
        )

    def cancel(self, id: int) -> None:
        """See `Engine`."""
        for sentence in (*self._waiting, *self._reading, *self._speaking):
            if sentence.speak.id == id:
                self._forget(sentence)

    def advance(self) -> Sequence[Sound | Done | Failed]:
        """See `Engine`."""
        with torch.inference_mode():
            return self._advance()

    def _advance(self) -> Sequence[Sound | Done | Failed]:
        began = self._clock()
        while self._waiting and self._free:
            sentence = self._waiting.popleft()
            sentence.place = Place(self._free.pop())
            self._reading.append(sentence)
        if self._reading:
            self._read(self._reading[0])
        if not self._speaking:
            return ()
        places = len(self._speaking)
        self._step()
        reports: list[Sound | Done | Failed] = []
        vocoding = 0.0
        for sentence in tuple(self._speaking):
            now = self._clock()
            if sentence.ended or sentence.chunks.due(len(sentence.latents), now, self._pace):
                reports += sentence.sound(self._clock, self._pace)
                vocoding += self._clock() - now
            if sentence.over:
                self._watch.learn(sentence.speak, sentence.words)
                reports.append(Done(sentence.speak.id))
                self._forget(sentence)
        # A sentence counts what it waits for, and its own sound by itself.
        own = vocoding / places
        self._pace.note_step(self._clock() - began - own)
        return reports

    def clone(self, samples: Samples) -> VoiceLatents:
        """See `Engine`; the steps and values are the library's `get_conditioning_latents`."""
        config = self._model.config
        audio = torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None]
        audio = audio[:, : REFERENCE_RATE * config.max_ref_len].to(self._device)
        try:
            with quiet(), torch.inference_mode():
                speaker = self._model.get_speaker_embedding(audio, REFERENCE_RATE)
                conditioning = self._model.get_gpt_cond_latents(
                    audio,
                    REFERENCE_RATE,
                    length=config.gpt_cond_len,
                    chunk_length=config.gpt_cond_chunk_len,
                )
        except RuntimeError as error:
            raise SynthesisError(f"no voice can be made of this recording: {error}") from error
        return VoiceLatents(
            conditioning.float().cpu().numpy().copy(), speaker.float().cpu().numpy().copy()
        )

    def warm_up(self) -> None:
        """Speak a sentence that nobody hears; it also tells which heads follow the text."""
        self._watch.begin()
        voice: str | VoiceLatents = next(iter(self._speakers), "")
        if not voice:
            voice = VoiceLatents(
                np.zeros((1, 32, self._gpt.channels), np.float32),
                np.full((1, 512, 1), 512**-0.5, np.float32),
            )
        sentence = self._watch.sentence(voice)
        self._rehearse(sentence, STEPS)
        self._watch.finish()
        # Once more as it will be from now on: that tells how long things take.
        self._pace = Pace()
        self._rehearse(sentence, MOST + 2 * LEAST)

    def _rehearse(self, sentence: Speak, steps: int) -> None:
        """Speak the beginning of a sentence that nobody hears."""
        self.begin(sentence)
        for _ in range(steps):
            self.advance()
        self.cancel(sentence.id)

    def _latents(self, voice: str | VoiceLatents) -> tuple[Tensor, Tensor]:
        if isinstance(voice, VoiceLatents):
            conditioning, speaker = map(torch.from_numpy, (voice.conditioning, voice.speaker))
        elif voice in self._speakers:
            conditioning, speaker = self._speakers[voice]
        else:
            raise SynthesisError(
                f"no voice {voice!r} in this model; some that work: "
                f"{', '.join(sorted(self._speakers)[:5]) or 'cloned ones only'}"
            )
        channels = self._gpt.channels
        fits = conditioning.ndim == 3 and conditioning.shape[::2] == (1, channels)
        if not fits or conditioning.shape[1] > MOST_CONDITIONS or speaker.shape != (1, 512, 1):
            raise SynthesisError(
                f"this voice was made by another model: its latents have the shape "
                f"{tuple(conditioning.shape)}, and this model takes (1, 32, {channels}); make it "
                "again with `streamkit voices add`"
            )
        return conditioning[0].to(self._device), speaker.to(self._device)

    def _read(self, sentence: Sentence) -> None:
        """Take in the voice and a stretch of the text, and after the last one begin to speak."""
        gpt, place = self._gpt, sentence.place
        assert place is not None
        if sentence.embedded is None:
            self._put_voice(place, sentence.conditioning)
            sentence.embedded = gpt.embed_text(sentence.tokens)
        gpt.read(place, sentence.embedded[:STRETCH])
        sentence.embedded = sentence.embedded[STRETCH:]
        if not len(sentence.embedded):
            gpt.end_prompt(place)
            sentence.token = gpt.start
            self._reading.popleft()
            self._speaking.append(sentence)

    def _put_voice(self, place: Place, conditioning: Tensor) -> None:
        key = conditioning.cpu().numpy().tobytes()
        if key in self._voices:
            self._gpt.restore(place, self._voices[key])
        else:
            self._voices[key] = self._gpt.voice(place, conditioning)
        self._voices.move_to_end(key)
        if len(self._voices) > KEPT_VOICES:
            self._voices.popitem(last=False)

    def _step(self) -> None:
        """One token more for all."""
        speaking = self._speaking
        places = [sentence.place for sentence in speaking if sentence.place is not None]
        step = self._gpt.step(places, [sentence.token for sentence in speaking])
        tokens = draw(step.logits, [sentence.dice for sentence in speaking], self._sampling)
        for row, (sentence, token) in enumerate(zip(speaking, tokens, strict=True)):
            attention = step.attention[row].cpu().numpy() if step.attention else None
            sentence.append(step.latents[row], token, attention)
            if token == self._gpt.stop or sentence.count >= self._gpt.max_sounds:
                sentence.ended = True

    def _forget(self, sentence: Sentence) -> None:
        for line in (self._waiting, self._reading, self._speaking):
            if sentence in line:
                line.remove(sentence)
        if sentence.place is not None:
            self._free.append(sentence.place.index)
            sentence.place = None


def load(
    directory: str,
    device: str = "auto",
    precision: str = "auto",
    batch: int = 8,
    threads: int = 0,
) -> XttsEngine:
    """Load a model and warm it up.

    Args:
        directory: of the weights, see `checkpoint`.
        device: "auto" (a CUDA device if there is one), "cpu" or "cuda".
        precision: "auto", or one of `matrices.PRECISIONS`.
        batch: sentences at once.
        threads: of the CPU; 0: as many as it has cores.

    Raises:
        SynthesisError: it cannot be loaded; the message says what to do.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise SynthesisError(
            "a CUDA device was asked for and torch finds none; check the driver with nvidia-smi, "
            "or take --tts-device cpu"
        )
    if precision == "auto":
        precision = best_precision(device)
    if precision not in PRECISIONS or (precision == "int8" and device != "cpu"):
        raise SynthesisError(
            f"precision {precision} was asked for on {device}; accepted: auto, "
            f"{', '.join(PRECISIONS)} (int8 on a CPU only)"
        )
    if threads:
        torch.set_num_threads(threads)
    began = time.monotonic()
    path = Path(directory)
    with torch.inference_mode():
        engine = XttsEngine(
            load_model(path),
            load_speakers(path),
            device=device,
            precision=precision,
            places=batch,
        )
    engine.warm_up()
    logger.info(
        "XTTS from %s on %s in %s, ready after %.1f s",
        path,
        device,
        precision,
        time.monotonic() - began,
    )
    return engine
