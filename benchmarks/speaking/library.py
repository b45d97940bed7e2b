"""The library's own streaming, one sentence after the other, as it has to be.

`Xtts.inference_stream` keeps the prompt of the sentence that it speaks on the model, so a second
one at the same time would spoil the first. The weights are read as ours are, and then copied, so
that they lie in memory as if the library had loaded them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.worker.messages import Done, EngineInfo, Failed, Samples, Sound, Speak
from streamkit.tts.xtts.checkpoint import load_model, load_speakers, quiet
from streamkit.tts.xtts.limits import LANGUAGES
from streamkit_benchmarks.speaking.texts import tokens_of


def load_library(directory: Path, device: str) -> Any:
    """The library's `Xtts`, ready to speak."""
    with quiet():
        model = load_model(directory)
        for each in (*model.parameters(), *model.buffers()):
            each.data = each.data.clone()
        model.eval()
        return model.to(device)


def limit(model: Any, tokens: int) -> None:
    """Have the next sentence end after so many tokens, whatever the model says."""
    model.gpt.max_gen_mel_tokens = tokens
    model.gpt.stop_audio_token = -1


class LibraryEngine:
    """See `streamkit.tts.worker.engine.Engine`; but `advance` takes as long as a chunk does.

    Args:
        directory: of the weights.
        device: "cpu" or "cuda".
        limited: see `limited.load_limited`.
    """

    def __init__(self, directory: Path, device: str, *, limited: bool) -> None:
        self._model = load_library(directory, device)
        self._speakers = load_speakers(directory)
        self._limited = limited
        self._waiting: deque[Speak] = deque()
        self._current: tuple[Speak, Iterator[Any]] | None = None

    @property
    def info(self) -> EngineInfo:
        """What is loaded."""
        rate = self._model.hifigan_decoder.output_sample_rate
        device = self._model.device.type
        return EngineInfo(
            "coqui-tts", rate, tuple(sorted(self._speakers)), LANGUAGES, device, "float32"
        )

    @property
    def active(self) -> int:
        """Sentences that are being spoken."""
        return int(self._current is not None)

    @property
    def waiting(self) -> int:
        """Sentences that wait for their turn."""
        return len(self._waiting)

    def memory(self) -> int:
        """Bytes on the device, if it is not the CPU."""
        return torch.cuda.memory_reserved() if self._model.device.type == "cuda" else 0

    def begin(self, speak: Speak) -> None:
        """See `Engine`."""
        self._waiting.append(speak)

    def cancel(self, id: int) -> None:
        """See `Engine`."""
        self._waiting = deque(speak for speak in self._waiting if speak.id != id)
        if self._current is not None and self._current[0].id == id:
            self._current = None

    def advance(self) -> Sequence[Sound | Done | Failed]:
        """The next chunk of the sentence whose turn it is."""
        if self._current is None:
            if not self._waiting:
                return ()
            speak = self._waiting.popleft()
            self._current = (speak, self._chunks(speak))
        speak, chunks = self._current
        with torch.inference_mode(), quiet():
            chunk = next(chunks, None)
        if chunk is None:
            self._current = None
            return (Done(speak.id),)
        samples = np.ascontiguousarray(chunk.float().cpu().numpy().reshape(-1), np.float32)
        return (Sound(speak.id, samples),)

    def clone(self, samples: Samples) -> VoiceLatents:
        """See `Engine`."""
        raise SynthesisError("voices are not made here")

    def _chunks(self, speak: Speak) -> Iterator[Any]:
        if isinstance(speak.voice, VoiceLatents):
            conditioning = torch.from_numpy(speak.voice.conditioning)
            speaker = torch.from_numpy(speak.voice.speaker)
        else:
            conditioning, speaker = self._speakers[speak.voice]
        if self._limited:
            limit(self._model, tokens_of(speak.text))
        torch.manual_seed(speak.seed)
        chunks: Iterator[Any] = self._model.inference_stream(
            speak.text, speak.language, conditioning, speaker, speed=speak.speed
        )
        return chunks
