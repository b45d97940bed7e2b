from __future__ import annotations

import importlib
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.resample import StreamingResampler
from streamkit.client import echo as module
from streamkit.client.echo import (
    HOLD_SECONDS,
    WATCHED,
    EchoCanceller,
    HalfDuplex,
    OpenListener,
    Pairing,
    Reference,
    echo_canceller_missing,
)
from streamkit.client.framing import FRAME
from streamkit.client.playback import REALTIME_RATE
from streamkit.errors import ConfigurationError
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render
from streamkit.vad.silero import SileroVad, VadStream

AGENT = (
    "The train to Boston leaves at half past eight in the morning, from platform nine. It will be "
    "cold and windy, so take a warm coat with you. You will arrive in the early afternoon, and "
    "lunch is served on board. Would you like me to book a seat for you now?"
)
PERSON = "What time is it in London?"
PERSON_AT = 6 * REALTIME_RATE
BLOCKS = (720, 960, 720, 720)
"""How whole frames come from a microphone that gives 32 ms at a time."""


@cache
def said(text: str, voice: str) -> np.ndarray:
    return render(EspeakSynthesizer(), text, voice=voice, sample_rate=REALTIME_RATE)


@cache
def room() -> np.ndarray:
    """A short reverberation, of power 1."""
    noise = np.random.default_rng(1).standard_normal(REALTIME_RATE // 5)
    response = noise * np.exp(-np.arange(len(noise)) / (0.04 * REALTIME_RATE))
    response[0] = 3
    return response / np.sqrt(np.sum(response**2))


def int16(samples: np.ndarray) -> np.ndarray:
    return (np.clip(samples, -1, 1) * 32767).astype(np.int16)


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples.astype(float))) + 1e-12))


def speech(samples: np.ndarray) -> np.ndarray:
    """For each 32 ms, whether the speech detector of the server takes it for speech."""
    resampler = StreamingResampler(REALTIME_RATE)
    heard = resampler.process(samples.astype(np.float32) / 32768)
    return SileroVad.load().process(VadStream(), heard) > 0.5


def longest(windows: np.ndarray) -> float:
    """Seconds of the longest speech in it."""
    runs = "".join("#" if each else " " for each in windows).split()
    return max(map(len, runs), default=0) * 0.032


def converse(delay: float, gain: float, *, person: bool) -> tuple[np.ndarray, np.ndarray]:
    """What the microphone hears of both, and what is left of it.

    Args:
        delay: seconds from the program to the loudspeaker, through the room, and back.
        gain: of the echo.
        person: whether the person speaks, too.
    """
    agent, late = said(AGENT, "en-us+f2"), round(delay * REALTIME_RATE)
    echo = np.zeros(len(agent))
    echo[late:] = np.convolve(agent, room())[: len(agent) - late] * gain
    microphone = echo + 0.0005 * np.random.default_rng(2).standard_normal(len(agent))
    if person:
        words = said(PERSON, "en-us+m3")
        microphone[PERSON_AT : PERSON_AT + len(words)] += words
    heard, played = int16(microphone), int16(agent)
    reference = Reference()
    canceller = EchoCanceller(reference)
    cleaned: list[np.ndarray] = []
    position = written = 0
    while position + max(BLOCKS) <= len(heard):
        block = BLOCKS[len(cleaned) % len(BLOCKS)]
        # The loudspeaker takes 10 ms at a time, and has been given what was played until now.
        while written < position + block:
            reference.write(played[written : written + FRAME])
            written += FRAME
        cleaned.append(canceller.process(heard[position : position + block]))
        position += block
    assert canceller.pairing.jumps == 0
    return heard[:position], np.concatenate(cleaned)


@pytest.mark.parametrize(
    ("delay", "gain"), [(0.02, 0.3), (0.06, 0.3), (0.06, 1.0), (0.15, 0.1), (0.35, 0.3)]
)
def test_the_echo_goes_away(delay: float, gain: float) -> None:
    heard, left = converse(delay, gain, person=False)
    second = slice(REALTIME_RATE, None)
    assert decibels(heard[second]) - decibels(left[second]) > 12
    # What matters in the end: the agent does not interrupt itself, not even at its first words.
    assert speech(heard).mean() > 0.5
    assert speech(left).mean() < 0.1
    assert longest(speech(left)) < 0.4


@pytest.mark.parametrize(("delay", "gain"), [(0.06, 0.1), (0.06, 0.3), (0.2, 0.3)])
def test_the_person_is_heard_while_the_agent_speaks(delay: float, gain: float) -> None:
    _, left = converse(delay, gain, person=True)
    words = int16(said(PERSON, "en-us+m3"))
    kept = slice(PERSON_AT, PERSON_AT + len(words))
    assert decibels(left[kept]) - decibels(words) > -6
    windows = speech(left)[PERSON_AT // 768 : (PERSON_AT + len(words)) // 768]
    assert windows.mean() > 0.6
    assert longest(windows) > 0.4


def test_the_reference_keeps_the_newest_and_is_silent_elsewhere() -> None:
    reference = Reference(seconds=0.01)
    samples = np.arange(1, 601, dtype=np.int16)
    for start in range(0, 600, 50):
        reference.write(samples[start : start + 50])
    assert reference.written == 600
    assert reference.read(360, 240).tolist() == samples[360:].tolist()
    assert reference.read(300, 120).tolist() == [0] * 60 + samples[360:420].tolist()
    assert reference.read(590, 20).tolist() == [*samples[590:].tolist(), *[0] * 10]
    assert reference.read(-10, 10).tolist() == [0] * 10
    reference.write(np.full(1000, 7, np.int16))
    assert reference.read(1360, 240).tolist() == [7] * 240


@given(
    latenesses=st.lists(st.integers(0, 1500), min_size=1, max_size=200),
)
def test_the_pairing_is_continuous_and_never_ahead(latenesses: list[int]) -> None:
    """However late each piece of the microphone's is handled."""
    pairing, expected = Pairing(), None
    position = 10000
    for late in latenesses:
        position += 720
        jumps = pairing.jumps
        start = pairing.next(720, position + late)
        assert start + 720 <= position + late
        if expected is not None and pairing.jumps == jumps:
            assert start == expected
        expected = start + 720


def test_the_pairing_follows_lost_sound_and_drifting_clocks() -> None:
    pairing = Pairing()
    written = 48000
    starts = []
    for _ in range(10 * WATCHED):
        written += 725
        starts.append(pairing.next(720, written))
    # 5 samples in 720 is more than any clock: it must not fall behind by more than the slack.
    assert pairing.jumps > 0
    assert written - starts[-1] - 720 < 0.15 * REALTIME_RATE

    lossy = Pairing()
    before = lossy.next(720, 48000)
    assert lossy.next(720, 48000 + 720 + 480, missing=480) == before + 720 + 480
    assert lossy.jumps == 0

    stuck = Pairing()
    first = stuck.next(720, 48000)
    assert stuck.next(720, 48000) < first + 720
    assert stuck.jumps == 1


def test_half_duplex_hears_only_when_nothing_sounds() -> None:
    reference = Reference()
    listener = HalfDuplex(reference)
    heard = np.full(720, 500, np.int16)
    reference.write(np.zeros(REALTIME_RATE // 2, np.int16))
    assert listener.process(heard).all()
    reference.write(np.full(FRAME, 900, np.int16))
    assert not listener.process(heard).any()
    reference.write(np.zeros(round(HOLD_SECONDS * REALTIME_RATE) - FRAME, np.int16))
    assert not listener.process(heard).any()
    reference.write(np.zeros(FRAME + 720, np.int16))
    assert listener.process(heard).all()


def test_an_open_listener_hears_everything() -> None:
    heard = np.arange(720, dtype=np.int16)
    assert OpenListener().process(heard).tolist() == heard.tolist()


def test_what_to_install_when_the_canceller_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert echo_canceller_missing() is None

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    told = echo_canceller_missing()
    assert told is not None
    assert "pip install 'streamkit[talk]'" in told
    assert "--headphones" in told
    with pytest.raises(ConfigurationError, match="pywebrtc-audio"):
        module.EchoCanceller(Reference())
