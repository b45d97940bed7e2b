"""What a server and the process of its speech model say to each other; nothing but data.

The server asks (`Request`), the process tells (`Report`). Everything can be pickled, and nothing
here needs the model's packages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.synthesizer import WordMark

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """One word of a sentence: what is said, and where it was written."""

    start: int
    """Its first character in `Speak.text`."""
    end: int
    """After its last one there."""
    text_offset: int
    """Where it was written: for its `WordMark`, in the text that the stream was given."""
    text_length: int


@dataclass(frozen=True, slots=True, eq=False)
class Speak:
    """Say one sentence.

    Attributes:
        id: of the sentence, never used twice.
        text: what is said; within the model's limits, numbers and abbreviations in words.
        words: of `text`, in order.
        language: one of `EngineInfo.languages`.
        voice: a name out of `EngineInfo.speakers`, or a cloned one.
        speed: 1 is the voice's usual one.
        seed: the same sentence with the same seed sounds the same, whatever else is spoken.
        skip: samples at the beginning that somebody has already; they are not sent again.
    """

    id: int
    text: str
    words: tuple[SpokenWord, ...]
    language: str
    voice: str | VoiceLatents
    speed: float
    seed: int
    skip: int = 0


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody wants this sentence any more; harmless when it is over or unknown."""

    id: int


@dataclass(frozen=True, slots=True, eq=False)
class Clone:
    """Make latents of a voice.

    Attributes:
        id: of the request, never used twice, not by a sentence either.
        samples: float32 mono at 22050 Hz, 6 to 30 s.
    """

    id: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Stop:
    """Finish nothing, and end."""


Request = Speak | Cancel | Clone | Stop


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a loaded model is.

    Attributes:
        name: of the model, "xtts_v2".
        sample_rate: of all its sound, in Hz.
        speakers: names of the voices that are built in, sorted.
        languages: that it speaks, as in "en" or "zh", sorted.
        device: "cpu" or "cuda".
        precision: of the weights that are multiplied: "int8", "bfloat16", "float16", "float32".
    """

    name: str
    sample_rate: int
    speakers: tuple[str, ...]
    languages: tuple[str, ...]
    device: str
    precision: str


@dataclass(frozen=True, slots=True)
class Ready:
    """The model is loaded and warm."""

    info: EngineInfo


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """The next sound of a sentence.

    Attributes:
        id: of the sentence.
        samples: float32 mono within [-1, 1], at least one.
        marks: words that begin in it, `sample` counts from the beginning of the sentence.
    """

    id: int
    samples: Samples
    marks: tuple[WordMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """A sentence was said to its end."""

    id: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A sentence or a clone failed; the process and all others go on.

    Attributes:
        id: of it.
        reason: for the person.
        permanent: the same request would fail again (a voice that is not there); False: it may
            work on another try.
    """

    id: int
    reason: str
    permanent: bool


@dataclass(frozen=True, slots=True, eq=False)
class Cloned:
    """A voice was made."""

    id: int
    latents: VoiceLatents


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The process is alive, between two steps of its model.

    Attributes:
        memory: resident bytes of the process, and what it holds on a device.
        active: sentences that are being spoken.
        waiting: sentences that wait for a place.
    """

    memory: int
    active: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Broken:
    """The model cannot be loaded, or failed as a whole; the process ends after this.

    Attributes:
        reason: for the person: what is missing, and what to do.
        permanent: a new process would fail in the same way.
    """

    reason: str
    permanent: bool


Report = Ready | Sound | Done | Failed | Cloned | Heartbeat | Broken
