"""What a person says to an agent, sample by sample, and where the sound of it begins and ends.

Everything is mono int16 at 24 kHz, as it goes over the wire. *Loud* is a sample of at least
`LOUD` of full scale: far above the noise of any codec, far below any voice. The first and the last
loud sample are when a person is heard to begin and to end; nothing else is taken for the truth.
"""

from __future__ import annotations

import base64
import random
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import soxr

from streamkit.errors import ConfigurationError
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit_benchmarks.systems import RATE
from streamkit_benchmarks.talk import LANGUAGES, SENTENCES, VARIANTS, load_sound, say
from streamkit_benchmarks.talk import Samples as Floats

Samples = npt.NDArray[np.int16]

WIRE_RATE: Final = 24_000
CHUNK: Final = WIRE_RATE // 50
"""Samples of one message: 20 ms."""

LOUD: Final = 0.01
"""Of full scale, that is -40 dB."""

FULL_SCALE: Final = 32768
CLEAR: Final = 0.05
"""Share of `LOUD`: a sound begins and ends clearly if it does so at the same place, but for
`CLEAR_SAMPLES`, for a level that is so much higher or lower. A resampler changes a sample by about
a percent, and then the last loud one would lie a whole pitch period before."""

CLEAR_SAMPLES: Final = WIRE_RATE // 1000
GAINS: Final = (1.0, 0.95, 0.9, 0.86, 0.81, 0.77, 0.73, 0.69)
PAUSE: Final = (0.6, 1.2)
"""Seconds for which a person thinks in the middle of a sentence, from loud sample to loud one."""

UNFINISHED: Final = frozenset(
    ("a", "an", "the", "my", "your", "to", "at", "in", "on", "and", "of", "for", "near", "behind")
)
"""Words after which everybody knows that more will come."""

BACKCHANNELS: Final = ("Uh-huh.", "Yeah.", "Mm-hmm.", "Okay.", "Right.")
LONG_WORDS: Final = 9
"""A sentence that is to be repeated by the agent, and interrupted in that, has so many words."""

NOISE_SECONDS: Final = 0.7
NOISE_PEAK: Final = 0.5
FADE: Final = WIRE_RATE // 200
SOUND_FILES: Final = frozenset((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif"))


@dataclass(frozen=True, eq=False)
class Sound:
    """Something that a person says or does.

    Attributes:
        name: for people: the words, or the file.
        samples: shape (n,); at least one of them is loud.
        pause: samples at which a pause for thought begins and ends; None: there is none.
    """

    name: str
    samples: Samples
    pause: tuple[int, int] | None = None

    @cached_property
    def loud(self) -> tuple[int, int]:
        """The first and the last loud sample."""
        first, last = loud_span(self.samples)
        return first, last

    @cached_property
    def messages(self) -> tuple[str, ...]:
        """Chunks of `CHUNK` samples in base64, the last one filled up with silence."""
        padded = np.zeros(-(-len(self.samples) // CHUNK) * CHUNK, "<i2")
        padded[: len(self.samples)] = self.samples
        return tuple(
            base64.b64encode(padded[start : start + CHUNK].tobytes()).decode()
            for start in range(0, len(padded), CHUNK)
        )


def loud_samples(samples: Samples) -> npt.NDArray[np.bool_]:
    """Which samples can be heard, shape (n,)."""
    return np.abs(samples.astype(np.int32)) >= LOUD * FULL_SCALE


def loud_span(samples: Samples) -> tuple[int, int]:
    """The first and the last loud sample.

    Raises:
        ConfigurationError: there is none.
    """
    places = np.flatnonzero(loud_samples(samples))
    if not len(places):
        raise ConfigurationError(
            f"a sound of {len(samples) / WIRE_RATE:.2f} s has no sample of {LOUD:g} of full scale: "
            "nobody would hear it; make it louder, or take it out of the folder"
        )
    return int(places[0]), int(places[-1])


def made_clear(sound: Floats) -> Samples:
    """A sound at 16 kHz, at the wire's rate, and just so loud that it begins and ends clearly."""
    for gain in GAINS:
        samples = to_wire(sound * np.float32(gain))
        spans = []
        for share in (1 - CLEAR, 1 + CLEAR):
            places = np.flatnonzero(np.abs(samples.astype(np.int32)) >= share * LOUD * FULL_SCALE)
            spans.append(places[[0, -1]])
        if np.abs(spans[0] - spans[1]).max() <= CLEAR_SAMPLES:
            return samples
    return to_wire(sound)


def to_wire(sound: Floats) -> Samples:
    """Samples at 16 kHz within [-1, 1] as they go over the wire."""
    raised: Floats = soxr.resample(sound, RATE, WIRE_RATE)
    return np.round(np.clip(raised, -1, 1) * 32767).astype(np.int16)


def with_pause(sound: Sound, cut: int, seconds: float) -> Sound:
    """The same with a pause.

    Args:
        sound: to be cut.
        cut: sample before which the pause lies.
        seconds: from the last loud sample before it to the first one after it.
    """
    first, second = sound.samples[:cut].copy(), sound.samples[cut:].copy()
    fade = min(FADE, len(first), len(second))
    ramp = np.arange(fade, dtype=np.float32) / fade
    first[-fade:] = (first[-fade:] * ramp[::-1]).astype(np.int16)
    second[:fade] = (second[:fade] * ramp).astype(np.int16)
    end, begin = loud_span(first)[1], loud_span(second)[0]
    silence = round(seconds * WIRE_RATE) - (len(first) - 1 - end) - begin
    gap = np.zeros(max(0, silence), np.int16)
    resumed = len(first) + len(gap) + begin
    return Sound(sound.name, np.concatenate([first, gap, second]), (end, resumed))


def quietest(samples: Samples) -> int:
    """The middle of the quietest 30 ms in the middle third: where one may cut a recording."""
    width = WIRE_RATE * 3 // 100
    low, high = len(samples) // 3, max(len(samples) // 3 + 1, 2 * len(samples) // 3 - width)
    power = np.cumsum(np.concatenate([[0.0], samples.astype(np.float64) ** 2]))
    starts = np.arange(low, high)
    energies = power[np.minimum(starts + width, len(samples))] - power[starts]
    return int(starts[int(energies.argmin())]) + width // 2


def cough(rng: np.random.Generator) -> Samples:
    """Two bursts of noise that die away, within some 0.6 s."""
    made = []
    for seconds, loudness in ((0.28, 1.0), (0.3, 0.6)):
        count = round(seconds * WIRE_RATE)
        burst = np.convolve(rng.normal(0, 1, count), np.ones(6) / 6, "same")
        envelope = np.minimum(1, np.arange(count) / (0.01 * WIRE_RATE))
        envelope = envelope * np.exp(-np.arange(count) / (0.07 * WIRE_RATE))
        made += [loudness * burst * envelope, np.zeros(round(0.06 * WIRE_RATE))]
    return _scaled(np.concatenate(made))


def excerpt(samples: Samples) -> Samples:
    """The loudest `NOISE_SECONDS` of a recording, faded in and out."""
    width = min(len(samples), round(NOISE_SECONDS * WIRE_RATE))
    power = np.cumsum(np.concatenate([[0.0], samples.astype(np.float64) ** 2]))
    start = int((power[width:] - power[:-width]).argmax()) if width < len(samples) else 0
    cut = samples[start : start + width].astype(np.float64)
    fade = min(FADE, width)
    cut[:fade] *= np.arange(fade) / fade
    cut[-fade:] *= np.arange(fade)[::-1] / fade
    return _scaled(cut)


def _scaled(sound: npt.NDArray[np.float64]) -> Samples:
    peak = float(np.abs(sound).max(initial=0.0)) or 1.0
    scaled: Samples = np.round(sound * (NOISE_PEAK * 32767 / peak)).astype(np.int16)
    return scaled


class Voices:
    """Everything that the persons of a benchmark may say or do.

    Args:
        seed: of sentences, voices and pauses.
        recordings: folder of people's speech, one file a sentence, instead of espeak-ng.
        noises: folder of sounds that are no speech; None: they are made.

    Raises:
        ConfigurationError: a folder has no sounds.
    """

    def __init__(self, seed: int, recordings: Path | None, noises: Path | None) -> None:
        self._choose = random.Random(seed)
        self._rng = np.random.default_rng(seed)
        self._synthesizer = EspeakSynthesizer()
        self._texts = SENTENCES.read_text("utf-8").splitlines()
        self._long = [text for text in self._texts if len(text.split()) >= LONG_WORDS]
        self._recordings = None if recordings is None else load_folder(recordings)
        self._noises = None if noises is None else load_folder(noises)
        self.origin = (
            f"espeak-ng, seed {seed}"
            if self._recordings is None
            else f"{len(self._recordings)} recordings, seed {seed}"
        )

    def sentence(self, *, long: bool = False) -> Sound:
        """Something to say.

        Args:
            long: it is to have a long answer.
        """
        if self._recordings is not None:
            # Which of them would be answered at length nobody knows; the longer half may be.
            half = self._recordings[len(self._recordings) // 2 :] if long else self._recordings
            return self._choose.choice(half)
        return Sound(*self._say(self._choose.choice(self._long if long else self._texts))[:2])

    def thinking(self) -> Sound:
        """A sentence with a pause in the middle of it."""
        pause = self._choose.uniform(*PAUSE)
        if self._recordings is not None:
            sound = self._choose.choice(self._recordings)
            return with_pause(sound, quietest(sound.samples), pause)
        while True:
            text = self._choose.choice(self._texts)
            words = [word.strip(".,?!").lower() for word in text.split()]
            places = [i for i, word in enumerate(words[:-1]) if i and word in UNFINISHED]
            if places:
                name, samples, ends = self._say(text)
                return with_pause(Sound(name, samples), ends[self._choose.choice(places)], pause)

    def backchannel(self) -> Sound:
        """What a listener says who does not want to speak."""
        return Sound(*self._say(self._choose.choice(BACKCHANNELS))[:2])

    def noise(self) -> Sound:
        """A cough, or whatever is in the folder."""
        if self._noises is None:
            return Sound("cough", cough(self._rng))
        chosen = self._choose.choice(self._noises)
        return Sound(chosen.name, excerpt(chosen.samples))

    def _say(self, text: str) -> tuple[str, Samples, list[int]]:
        """The words, their sound, and the sample at which each of them ends."""
        voice = f"{self._choose.choice(LANGUAGES)}+{self._choose.choice(VARIANTS)}"
        sound, spans = say(self._synthesizer, text, voice, self._choose.uniform(0.85, 1.15))
        return text, made_clear(sound), [round(end * WIRE_RATE) for _, end in spans]


def load_folder(folder: Path) -> list[Sound]:
    """All sounds of a folder, the shortest first.

    Raises:
        ConfigurationError: it has none, or one cannot be read or heard.
    """
    from streamkit_benchmarks.extras import require

    require({"soundfile": ""})
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in SOUND_FILES)
    if not files:
        raise ConfigurationError(
            f"there are no recordings in {folder}; accepted: a folder of files "
            f"{', '.join(sorted(SOUND_FILES))}, one sentence or one noise each"
        )
    sounds = []
    for path in files:
        try:
            sound = Sound(path.name, to_wire(load_sound(path)))
            _ = sound.loud
        except (RuntimeError, ConfigurationError) as error:
            raise ConfigurationError(f"{path} cannot be used: {error}") from error
        sounds.append(sound)
    return sorted(sounds, key=lambda sound: len(sound.samples))
