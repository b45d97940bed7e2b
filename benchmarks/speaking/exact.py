"""Whether the sound is what it should be: as decoded at once, and as if spoken alone.

The engine speaks as it does in a server, but in this process, and its latents are kept. Decoding
them at once with the library's vocoder gives what the sound should have been.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamkit.tts.worker.messages import Done, Sound, Speak, SpokenWord
from streamkit.tts.xtts.checkpoint import load_model, load_speakers
from streamkit_benchmarks.speaking.comparing import (
    error_at_borders,
    largest_difference,
    seams,
    signal_to_noise,
)
from streamkit_benchmarks.speaking.texts import text_of
from streamkit_benchmarks.speaking.waiting import set_waiting

JOINED_AFTER: Final = 10
"""Steps of the first sentence before the second one comes."""

AROUND: Final = 64
"""Samples on either side of a border that are looked at on their own."""

Figures = dict[str, Any]
Task = Mapping[str, Any]
Samples = npt.NDArray[np.float32]


def measure(task: Task, tell: Callable[[str], None]) -> Figures:
    """Measure.

    Args:
        task: `directory`, `device`, `precision`, `threads`, `wait`, `limited`; `seconds` of the
            sentences; `library`: seconds of a sentence of its streaming, or 0.
        tell: takes progress.
    """
    set_waiting(task["wait"])
    import torch

    from streamkit_benchmarks.speaking.limited import Computed, LimitedSentence, load_limited

    torch.set_num_threads(task["threads"])
    directory = Path(task["directory"])
    log: dict[int, Computed] = {}
    engine = load_limited(
        limited=task["limited"],
        directory=task["directory"],
        device=task["device"],
        precision=task["precision"],
        batch=2,
        threads=task["threads"],
    )
    LimitedSentence.log = log
    voices = engine.info.speakers
    first, second = (
        _speak(id, text_of(task["seconds"]), voices[id % len(voices)]) for id in range(2)
    )
    alone = [_spoken(engine, [first]), _spoken(engine, [second])]
    tokens = [log[id].tokens for id in range(2)]
    latents = torch.stack(log[0].latents)
    log.clear()
    both = _spoken(engine, [first, second])
    differences = [
        largest_difference(np.concatenate(apart[id]), np.concatenate(both[id]))
        for id, apart in enumerate(alone)
    ]
    same = [tokens[id] == log[id].tokens for id in range(2)]
    tell(f"two at once: tokens {'as alone' if all(same) else 'NOT as alone'}")

    model = load_model(directory).to(task["device"])
    _, speaker = load_speakers(directory)[str(first.voice)]
    speaker = speaker.to(task["device"])
    with torch.inference_mode():
        offline = model.hifigan_decoder(latents[None], g=speaker).float().cpu().numpy().reshape(-1)
    found: Figures = {
        "seconds": task["seconds"],
        "precision": engine.info.precision,
        "streamkit": _error(alone[0][0], offline),
        "interleaved": {"largest_difference": max(differences), "same_tokens": all(same)},
    }
    tell(f"sample error against decoding at once: {found['streamkit']['largest']:.1e}")
    if task["library"]:
        from streamkit_benchmarks.speaking.library import load_library

        theirs = load_library(directory, task["device"])
        found["library"] = _library(theirs, speaker, task["library"])
        tell(f"the library's: {found['library']['largest']:.1e}")
    return found


def _speak(id: int, text: str, voice: str) -> Speak:
    words = (SpokenWord(0, len(text), 0, len(text)),)
    return Speak(id, text, words, "en", voice, 1.0, seed=id + 1)


def _spoken(engine: Any, sentences: list[Speak]) -> dict[int, list[Samples]]:
    """Let the engine speak; the second sentence comes a little later than the first."""
    chunks: dict[int, list[Samples]] = {}
    waiting, steps, over = list(sentences), 0, 0
    while over < len(sentences):
        if waiting and (waiting[0] is sentences[0] or steps >= JOINED_AFTER):
            engine.begin(waiting.pop(0))
        for report in engine.advance():
            match report:
                case Sound():
                    chunks.setdefault(report.id, []).append(report.samples)
                case Done():
                    over += 1
        steps += 1
    return chunks


def _error(chunks: list[Samples], offline: Samples) -> Figures:
    samples = np.concatenate(chunks)
    lengths = [len(chunk) for chunk in chunks]
    return {
        "largest": largest_difference(samples, offline),
        "at_borders": error_at_borders(samples, offline, lengths, AROUND),
        "signal_to_noise_db": round(signal_to_noise(offline, samples), 1),
        "samples": len(samples),
        "missing": len(offline) - len(samples),
        "seams": seams(samples, lengths),
        "chunks": len(chunks),
    }


def _library(model: Any, speaker: Any, seconds: float) -> Figures:
    """The same of the library's streaming: its last decoding is the one of the whole sentence."""
    import torch

    from streamkit_benchmarks.speaking.library import limit
    from streamkit_benchmarks.speaking.texts import tokens_of

    text = text_of(seconds)
    limit(model, tokens_of(text))
    decoded: list[Samples] = []

    def keep(module: Any, given: Any, output: Any) -> None:
        decoded.append(output.float().cpu().numpy().reshape(-1))

    handle = model.hifigan_decoder.register_forward_hook(keep)
    torch.manual_seed(0)
    channels = model.gpt.model_dim
    conditioning = torch.randn(1, 32, channels)
    began = time.perf_counter()
    with torch.inference_mode():
        chunks = [
            chunk.float().cpu().numpy().reshape(-1)
            for chunk in model.inference_stream(text, "en", conditioning, speaker)
        ]
    handle.remove()
    return _error(chunks, decoded[-1]) | {"took": round(time.perf_counter() - began, 2)}
