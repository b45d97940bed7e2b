"""A scripted speech model for tests of whatever speaks through a process; needs no weights.

Words are bursts of a tone, with silence between them. Some words do what a model should not:

| word | what it does when it is reached |
|---|---|
| crash | the process is killed |
| hang | nothing is done any more |
| grow | the model takes `GROWN_BYTES` |
| fail | the sentence fails, for a reason that may pass |
| refuse | the sentence fails for good |
| break | the model fails as a whole |
| garble | bytes that are no message are sent |
| gate | the sentence goes on when there is a file named "open" in the model's folder |

With "once" behind it ("crashonce") a word does so the first time only, whatever process it is in;
the model's folder keeps the count.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from streamkit.errors import SynthesisError
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import WordMark
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.messages import (
    Done,
    EngineInfo,
    Failed,
    Samples,
    Sound,
    Speak,
    SpokenWord,
)
from streamkit.tts.worker.sentences import PreparedSentence
from streamkit.tts.worker.spec import EngineSpec
from streamkit.tts.worker.supervisor import Supervisor
from streamkit.tts.worker.synthesizer import WorkerSynthesizer

SAMPLE_RATE: Final = 22_050
CHARACTER_SECONDS: Final = 0.05
STEP_SECONDS: Final = 0.1
MAX_SENTENCE_CHARACTERS: Final = 200
GROWN_BYTES: Final = 1 << 40
HANG_SECONDS: Final = 3600.0
GATE_SECONDS: Final = 0.01
INFO: Final = EngineInfo(
    "scripted", SAMPLE_RATE, ("Ada", "Ben", "Cleo"), ("de", "en", "zh"), "cpu", "float32"
)

_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?\n]+|$)")
_WORD: Final = re.compile(r"\w+")


@dataclass(slots=True, eq=False)
class _Utterance:
    """A sentence on its way."""

    speak: Speak
    sound: Samples
    position: int
    words: int = 0
    """That have begun."""


class ScriptedEngine:
    """See `streamkit.tts.worker.engine.Engine`.

    Args:
        folder: for what it has to remember from process to process; None: nothing.
        places: sentences at a time.
        step_pause: seconds that a step takes.
        obeys: words do what they say; else all of them are words.
    """

    info: EngineInfo = INFO

    def __init__(
        self,
        folder: str | None = None,
        places: int = 1000,
        step_pause: float = 0.0,
        *,
        obeys: bool = True,
    ) -> None:
        self._folder = None if folder is None else Path(folder)
        self._places = places
        self._step_pause = step_pause
        self._obeys = obeys
        self._utterances: dict[int, _Utterance] = {}
        self._memory = 0

    @property
    def active(self) -> int:
        """Sentences that are being spoken."""
        return min(self._places, len(self._utterances))

    @property
    def waiting(self) -> int:
        """Sentences that wait for a place."""
        return len(self._utterances) - self.active

    def begin(self, speak: Speak) -> None:
        """Take a sentence."""
        if isinstance(speak.voice, str) and speak.voice not in self.info.speakers:
            raise SynthesisError(f"there is no voice {speak.voice!r}")
        self._utterances[speak.id] = _Utterance(speak, render_sentence(speak), speak.skip)

    def cancel(self, id: int) -> None:
        """Forget a sentence."""
        self._utterances.pop(id, None)

    def advance(self) -> Sequence[Sound | Done | Failed]:
        """Speak on by `STEP_SECONDS`."""
        reports: list[Sound | Done | Failed] = []
        if self._utterances and self._step_pause:
            time.sleep(self._step_pause)
        for utterance in list(self._utterances.values())[: self._places]:
            reports.extend(self._advance(utterance))
        return reports

    def clone(self, samples: Samples) -> VoiceLatents:
        """Make a voice whose pitch is the loudness of the recording."""
        if len(samples) < SAMPLE_RATE:
            raise SynthesisError("a second at least is needed to make a voice")
        loudness = float(np.abs(samples).mean())
        return VoiceLatents(
            np.zeros((1, 32, 8), np.float32), np.full((1, 8, 1), loudness, np.float32)
        )

    def memory(self) -> int:
        """Bytes that it says it holds."""
        return self._memory

    def _advance(self, utterance: _Utterance) -> Sequence[Sound | Done | Failed]:
        speak = utterance.speak
        begin = utterance.position
        end = min(len(utterance.sound), begin + round(STEP_SECONDS * SAMPLE_RATE))
        marks = []
        while utterance.words < len(speak.words):
            word = speak.words[utterance.words]
            start = place(speak, word.start)
            if start >= end:
                break
            if start >= begin:
                failed = self._act(speak, speak.text[word.start : word.end].lower())
                if failed is not None:
                    self.cancel(speak.id)
                    return [failed]
                if self._is_shut(speak.text[word.start : word.end]):
                    end = start
                    break
                marks.append(WordMark(word.text_offset, word.text_length, start))
            utterance.words += 1
        utterance.position = end
        reports: list[Sound | Done | Failed] = []
        if end > begin:
            reports.append(Sound(speak.id, utterance.sound[begin:end], tuple(marks)))
        if end == len(utterance.sound):
            self.cancel(speak.id)
            reports.append(Done(speak.id))
        return reports

    def _act(self, speak: Speak, word: str) -> Failed | None:
        """Do what a word asks for."""
        if not self._obeys:
            return None
        if word.endswith("once"):
            if not self._is_first(word):
                return None
            word = word.removesuffix("once")
        match word:
            case "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case "hang":
                time.sleep(HANG_SECONDS)
            case "grow":
                self._memory = GROWN_BYTES
            case "fail":
                return Failed(speak.id, "it failed as it was told to", permanent=False)
            case "refuse":
                return Failed(speak.id, "it refused as it was told to", permanent=True)
            case "break":
                raise RuntimeError(f"it broke over {speak.text}")
            case "garble":
                # The process's first argument is its end of the connection.
                os.write(int(sys.argv[1]), b"this is no message")
        return None

    def _is_first(self, word: str) -> bool:
        if self._folder is None:
            return False
        try:
            (self._folder / word).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _is_shut(self, word: str) -> bool:
        if word.lower() != "gate" or self._folder is None or (self._folder / "open").exists():
            return False
        time.sleep(GATE_SECONDS)
        return True


def place(speak: Speak, character: int) -> int:
    """The sample at which a character of a sentence begins."""
    return round(character * CHARACTER_SECONDS / speak.speed * SAMPLE_RATE)


def render_sentence(speak: Speak) -> Samples:
    """All the sound of a sentence, whatever `Speak.skip` says."""
    sound = np.zeros(place(speak, len(speak.text)), np.float32)
    if isinstance(speak.voice, str):
        pitch = 150.0 + 40.0 * (sum(speak.voice.encode()) % 7)
    else:
        pitch = 150.0 + 200.0 * float(speak.voice.speaker.mean())
    random = np.random.default_rng(speak.seed)
    for word in speak.words:
        span = slice(place(speak, word.start), place(speak, word.end))
        time_of = np.arange(span.stop - span.start, dtype=np.float32) / SAMPLE_RATE
        tone = np.sin(2 * np.pi * (pitch * time_of + random.random()))
        sound[span] = 0.3 * tone + random.uniform(-0.01, 0.01, len(tone))
    return sound


def prepare_plainly(text: str, language: str) -> list[PreparedSentence]:
    """Cut a text at ends of sentences, and after so many characters; words are said as written."""
    sentences = []
    for match in _SENTENCE.finditer(text):
        for start in range(match.start(), match.end(), MAX_SENTENCE_CHARACTERS):
            part = text[start : min(match.end(), start + MAX_SENTENCE_CHARACTERS)]
            words = tuple(
                SpokenWord(w.start(), w.end(), start + w.start(), w.end() - w.start())
                for w in _WORD.finditer(part)
            )
            if words:
                sentences.append(PreparedSentence(part, words))
    return sentences


def load_scripted(
    folder: str | None = None,
    places: int = 1000,
    step_pause: float = 0.0,
    load: str = "",
    obeys: bool = True,
) -> ScriptedEngine:
    """Load a `ScriptedEngine`; the factory of `scripted_spec`.

    Args:
        folder: see there.
        places: see there.
        step_pause: see there.
        load: what happens instead: "missing" (a package is not installed), "misfit" (or does not
            work), "refuse" (for good), "fail" (for a reason that may pass), "failonce", "hang",
            "crash"; see the module.
        obeys: see there.

    Raises:
        SynthesisError: it was told to.
        ImportError: it was told to.
        RuntimeError: it was told to.
    """
    engine = ScriptedEngine(folder, places, step_pause, obeys=obeys)
    match load:
        case "missing":
            __import__("streamkit_has_no_such_package")
        case "misfit":
            raise ImportError("cannot import name 'torch_of_old' from 'torch'", name="torch")
        case "refuse":
            raise SynthesisError("there are no weights: pull them first")
        case "fail":
            raise RuntimeError("the device is busy\nand has much to say of it")
        case "failonce":
            if engine._is_first(load):
                raise RuntimeError("the device is busy")
        case "hang":
            time.sleep(HANG_SECONDS)
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
    return engine


def scripted_spec(**arguments: object) -> EngineSpec:
    """What a process is told that is to load a `ScriptedEngine`; see `load_scripted`."""
    return EngineSpec("streamkit.tts.worker.testing:load_scripted", arguments)


def scripted_synthesizer(
    *, limits: WorkerLimits | None = None, seed: int | None = None, **arguments: object
) -> WorkerSynthesizer:
    """A synthesizer over a process with a `ScriptedEngine`; close it when it is done.

    Args:
        limits: of the process.
        seed: see `WorkerSynthesizer`.
        arguments: of `load_scripted`.
    """
    supervisor = Supervisor(scripted_spec(**arguments), limits)
    return WorkerSynthesizer(supervisor, prepare_plainly, seed=seed)
