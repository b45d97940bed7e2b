"""The round trip: what a voice says is recognised, and compared with what was written."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import jiwer
import numpy as np

from streamkit.asr.recognizer import RecognitionRequest, join
from streamkit.asr.whisper import WhisperRecognizer
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.models import resolve
from streamkit.tts.render import render
from streamkit_benchmarks.speaking.voices import opened
from streamkit_benchmarks.talk import SENTENCES
from streamkit_benchmarks.timeline import plain

LEAD = round(0.3 * SAMPLE_RATE)
"""Silence on both sides of a sentence, as there is around a person's."""

Figures = dict[str, Any]
Task = Mapping[str, Any]


def measure(task: Task, tell: Callable[[str], None]) -> Figures:
    """Measure one voice.

    Args:
        task: see `voices.opened`; `sentences`, how many of `talk.SENTENCES`; `recognizer`, a
            Whisper model; `seed` of the choice.
        tell: takes progress.

    Returns:
        The word error rate in %, and the sentences that were heard as something else.
    """
    found = resolve(task["recognizer"])
    whisper = WhisperRecognizer.load(found.path, name=found.name, profile=found.profile)
    known = list(dict.fromkeys(SENTENCES.read_text("utf-8").splitlines()))
    texts = random.Random(task["seed"]).sample(known, min(task["sentences"], len(known)))
    silence = np.zeros(LEAD, np.float32)
    heard = []
    with opened(task) as engine:
        voice = engine.find_voice(None)
        for text in texts:
            sound = render(engine.synthesizer, text, voice=voice, language="en")
            samples = np.concatenate([silence, sound, silence])
            request = RecognitionRequest(samples, 0, final=True)
            heard.append(join(whisper.recognize([request])[0].words))
    written, understood = [plain(text) for text in texts], [plain(text) for text in heard]
    rate = round(100 * float(jiwer.wer(written, understood)), 2)
    tell(f"{task['system']}: {rate:.1f} % of {sum(len(t.split()) for t in written)} words wrong")
    return {
        "wer": rate,
        "recognizer": found.name,
        "sentences": len(texts),
        "words": sum(len(text.split()) for text in written),
        "misheard": [
            {"written": a, "heard": b}
            for a, b in zip(texts, heard, strict=True)
            if plain(a) != plain(b)
        ],
    }
