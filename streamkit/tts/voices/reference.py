"""Is a recording fit to make a voice of? What is wrong with it is said with figures.

A voice can be no better than its recording: noise, echo and clipping are taken for a part of it.
The limits were set on recordings of single speakers of many origins (audiobooks, telephones,
laptops, meetings): those that a person would call usable have 72 to 96 % speech, which is 17 to
60 dB above the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.convert import Samples
from streamkit.tts.voices.errors import RecordingError
from streamkit.tts.voices.excerpt import best_stretch
from streamkit.tts.voices.measure import WINDOW_SAMPLES, Measurements, measure
from streamkit.tts.voices.recording import READ_RATE, Recording, at_rate

REFERENCE_RATE: Final = 22_050
"""Hz; what `VoiceCloner` takes."""

MIN_SECONDS: Final = 6.0
MAX_SECONDS: Final = 30.0
MIN_SPEECH_SECONDS: Final = 4.0
MIN_SPEECH: Final = 0.6
MAX_CLIPPED: Final = 0.01
MIN_SPEECH_DB: Final = -50.0
MIN_DISTANCE_DB: Final = 10.0
MAX_TONE: Final = 0.5

# From here on it is accepted, and the person is told.
FEW_CLIPPED: Final = 0.001
GOOD_DISTANCE_DB: Final = 17.0
GOOD_TREBLE: Final = 1e-4
GOOD_OFFSET: Final = 0.01
QUIET_PEAK: Final = 0.25
RAISED_PEAK: Final = 0.7

SPEECH_PROBABILITY: Final = 0.5

_WINDOW: Final = WINDOW_SAMPLES * READ_RATE // SAMPLE_RATE
"""Samples at `READ_RATE` of one window."""

SpeechDetector = Callable[[Samples], npt.NDArray[np.float32]]
"""Mono at 16 kHz in; a probability of speech for each whole window of 512 samples out."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What a voice is made of.

    Attributes:
        samples: float32 mono at `REFERENCE_RATE`, `MIN_SECONDS` to `MAX_SECONDS`.
        start: where it begins in the recording, in seconds.
        measurements: of it.
        warnings: what might have been better, a sentence each.
        sha256: of the file, in hexadecimal.
        source_seconds: of the recording, as far as it was read.
    """

    samples: Samples
    start: float
    measurements: Measurements
    warnings: tuple[str, ...]
    sha256: str
    source_seconds: float


def prepare(recording: Recording, detect: SpeechDetector) -> Reference:
    """Check a recording, and take the best part of it.

    Args:
        recording: as it was read.
        detect: hears speech.

    Raises:
        RecordingError: it is not fit; the message says all that is wrong.
    """
    heard = at_rate(recording.samples, SAMPLE_RATE)
    spoken = detect(heard) >= SPEECH_PROBABILITY
    spoken = spoken[: len(recording.samples) // _WINDOW]
    if not len(spoken):
        raise RecordingError(f"the recording is empty; {_LENGTH}", "audio_too_short")
    first, last = best_stretch(spoken, int(MAX_SECONDS * SAMPLE_RATE) // WINDOW_SAMPLES)
    samples = recording.samples[first * _WINDOW : last * _WINDOW]
    part = heard[first * WINDOW_SAMPLES : last * WINDOW_SAMPLES]
    found = measure(samples, part, spoken[first:last])
    refusals = list(_refusals(found))
    if refusals:
        raise RecordingError("; ".join(text for _, text in refusals), refusals[0][0])
    gain = RAISED_PEAK / found.peak if found.peak < QUIET_PEAK else 1.0
    clean = (samples - np.float32(found.offset)) * np.float32(gain)
    reference = np.clip(at_rate(clean, REFERENCE_RATE), -1.0, 1.0)
    start = first * WINDOW_SAMPLES / SAMPLE_RATE
    return Reference(
        samples=reference[: int(MAX_SECONDS * REFERENCE_RATE)],
        start=start,
        measurements=found,
        warnings=tuple(_warnings(found, recording, start, gain)),
        sha256=recording.sha256,
        source_seconds=recording.seconds,
    )


_LENGTH: Final = (
    f"accepted: {MIN_SECONDS:g} s or more without the silence around it, of which up to "
    f"{MAX_SECONDS:g} s are used: record more"
)


def _refusals(found: Measurements) -> Iterator[tuple[str, str]]:
    """What is wrong: for programs, and for people."""
    if found.speech_db < MIN_SPEECH_DB:
        yield (
            "audio_too_quiet",
            f"the sound is at {_least(found.speech_db)} dB, where 0 is full scale; accepted: "
            f"{MIN_SPEECH_DB:g} dB or more: raise the level of the microphone, or speak closer to "
            "it",
        )
        return
    if found.tone > MAX_TONE:
        yield (
            "constant_tone",
            f"{math.ceil(found.tone * 100)} % of the sound is one tone; accepted: up to "
            f"{MAX_TONE * 100:g} %: switch off what hums or whistles, and check the cable",
        )
        return
    if found.speech_seconds == 0:
        yield (
            "no_speech",
            f"nobody speaks in the recording; accepted: {MIN_SPEECH_SECONDS:g} s of speech or "
            "more: record one person who speaks or reads aloud, without music",
        )
        return
    if found.seconds < MIN_SECONDS:
        yield (
            "audio_too_short",
            f"the recording has {_least(found.seconds, 1)} s without the silence around it; "
            f"{_LENGTH}",
        )
    if found.speech < MIN_SPEECH or found.speech_seconds < MIN_SPEECH_SECONDS:
        yield (
            "too_little_speech",
            f"somebody speaks in {_least(found.speech * 100)} % of the recording, for "
            f"{_least(found.speech_seconds, 1)} s; accepted: {MIN_SPEECH * 100:g} % and "
            f"{MIN_SPEECH_SECONDS:g} s or more: cut out long pauses, and leave out music and noise",
        )
    if found.clipped > MAX_CLIPPED:
        yield (
            "audio_clipped",
            f"{math.ceil(found.clipped * 1000) / 10:g} % of the samples are at full scale, so the "
            f"sound is distorted; accepted: up to {MAX_CLIPPED * 100:g} %: record again with a "
            "lower level",
        )
    if found.distance_db < MIN_DISTANCE_DB:
        yield (
            "audio_too_noisy",
            f"speech is {_least(found.distance_db)} dB above the noise; accepted: "
            f"{MIN_DISTANCE_DB:g} dB or more: record in a quiet room, close to the microphone",
        )


def _warnings(
    found: Measurements, recording: Recording, start: float, gain: float
) -> Iterator[str]:
    """What is accepted, but might have been better."""
    if recording.seconds > MAX_SECONDS:
        length = (
            f"{recording.seconds:.0f} s" if recording.whole else f"over {recording.seconds:g} s"
        )
        yield (
            f"the recording has {length}; used is what lies between {start:.1f} s and "
            f"{start + found.seconds:.1f} s"
        )
    if gain != 1.0:
        yield (
            f"the recording is quiet, its highest sample is at {found.peak:.2f} of full scale; it "
            f"was raised by {20 * np.log10(gain):.0f} dB, and its noise with it"
        )
    if found.clipped > FEW_CLIPPED:
        yield (
            f"{found.clipped * 100:.2g} % of the samples are at full scale; a lower level is better"
        )
    if found.distance_db < GOOD_DISTANCE_DB:
        yield (
            f"speech is only {_least(found.distance_db)} dB above the noise; the voice will have "
            "some of that noise in it"
        )
    if found.treble < GOOD_TREBLE:
        yield "there is nothing above 4 kHz, as on a telephone; the voice will sound dull"
    if abs(found.offset) > GOOD_OFFSET:
        yield (
            f"the samples have an offset of {found.offset * 100:.0f} % of full scale, which was "
            "removed; the sound card or its cable has a fault"
        )


def _least(value: float, digits: int = 0) -> str:
    """A figure that was too low, rounded down: it must not look like the one that is accepted."""
    scale = 10**digits
    return f"{math.floor(value * scale) / scale:.{digits}f}"
