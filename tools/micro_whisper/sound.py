"""Sound that is not speech, and what rooms and lines do to speech."""

import random

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

from tools.micro_whisper.clips import Clips

RATE = 16_000
Floats = NDArray[np.float32]


def coloured(rng: random.Random, dice: np.random.Generator, count: int) -> Floats:
    """White noise, or noise with less and less of the high sounds."""
    white = dice.standard_normal(count).astype(np.float32)
    if rng.random() < 0.4:
        return white
    return np.asarray(lfilter([1.0], [1.0, -rng.uniform(0.5, 0.98)], white), np.float32)


def hum(rng: random.Random, dice: np.random.Generator, count: int) -> Floats:
    """Mains hum with its overtones and a little hiss."""
    time = np.arange(count, dtype=np.float32) / RATE
    low = rng.choice([50, 60, 100, 120])
    tone = sum(np.sin(2 * np.pi * low * k * time) / k for k in (1, 2, 3))
    hiss = rng.choice([0.0, 0.01, 0.1]) * dice.standard_normal(count)
    return np.asarray(tone + hiss, np.float32)


def babble(rng: random.Random, dice: np.random.Generator, count: int, clips: Clips) -> Floats:
    """Five people at once."""
    out = 0.01 * dice.standard_normal(count).astype(np.float32)
    for _ in range(5):
        at = rng.randrange(-RATE, max(1, count))
        while at < count:
            voice = clips.pick(rng).samples()
            first, last = max(at, 0), min(count, at + len(voice))
            if last > first:
                out[first:last] += voice[first - at : last - at]
            at += len(voice)
    return out


def music(rng: random.Random, dice: np.random.Generator, count: int) -> Floats:
    """Notes and chords with overtones, vibrato and decay; now and then a drum."""
    out = np.zeros(count, np.float32)
    beat = rng.uniform(0.12, 0.7)
    root = rng.uniform(80, 500)
    scale = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19]
    bright, decay = rng.uniform(0.3, 0.9), rng.uniform(0.5, 6)
    drums = rng.random() < 0.4
    voices = rng.choice([1, 1, 2, 3])
    at = 0
    while at < count:
        long = min(count - at, int(beat * rng.choice([1, 1, 2, 3]) * RATE))
        time = np.arange(long, dtype=np.float32) / RATE
        envelope = np.minimum(1, time / rng.uniform(0.005, 0.05)) * np.exp(-decay * time)
        for _ in range(voices):
            pitch = root * 2 ** (rng.choice(scale) / 12)
            swing = rng.choice([0, 0, 0.003, 0.01]) * np.sin(2 * np.pi * rng.uniform(4, 7) * time)
            phase = 2 * np.pi * pitch * (time + np.cumsum(swing) / RATE)
            overtones = range(1, max(2, min(12, int(7500 / pitch))))
            out[at : at + long] += envelope * sum(
                bright ** (k - 1) * np.sin(k * phase) for k in overtones
            )
        if drums and rng.random() < 0.5:
            out[at : at + long] += dice.standard_normal(long) * np.exp(-40 * time) * rng.random()
        at += int(beat * RATE)
    return out


def effects(rng: random.Random, dice: np.random.Generator, count: int) -> Floats:
    """Clicks, knocks, whistles, sirens, pulsed noise: a house and its animals."""
    out = np.zeros(count, np.float32)
    burst: NDArray[np.floating]
    for _ in range(rng.randint(1, 3 + count // RATE)):
        long = int(rng.uniform(0.01, 1.2) * RATE)
        at = rng.randrange(max(1, count - long))
        time = np.arange(min(long, count - at), dtype=np.float32) / RATE
        length = max(1e-3, float(time[-1])) if len(time) else 1e-3
        kind = rng.random()
        if kind < 0.3:  # a knock
            burst = dice.standard_normal(len(time)) * np.exp(-time * rng.uniform(10, 200))
        elif kind < 0.6:  # a sweep
            begin, end = rng.uniform(150, 4000), rng.uniform(150, 4000)
            burst = np.sin(2 * np.pi * (begin * time + (end - begin) * time**2 / (2 * length)))
        elif kind < 0.8:  # pulsed noise: rain, wings, a bark
            pulse = np.sin(2 * np.pi * rng.uniform(2, 40) * time) > rng.uniform(-0.5, 0.8)
            burst = coloured(rng, dice, len(time)) * pulse
        else:  # a buzz
            burst = np.sign(np.sin(2 * np.pi * rng.uniform(60, 900) * time))
        window = np.abs(np.sin(np.pi * time / length)) ** rng.choice([0.2, 1.0])
        out[at : at + len(time)] += burst * window * rng.uniform(0.2, 1)
    return out


def backwards(rng: random.Random, clips: Clips, count: int) -> Floats:
    """Speech backwards: it sounds like a voice and says nothing."""
    out, at = np.zeros(count, np.float32), 0
    while at < count:
        voice = clips.pick(rng).samples()[::-1][: count - at]
        out[at : at + len(voice)] = voice
        at += len(voice) + int(rng.uniform(0.1, 1) * RATE)
    return out


def nothing_said(rng: random.Random, dice: np.random.Generator, count: int, clips: Clips) -> Floats:
    """Any sound without a word in it, at any level."""
    kind = rng.random()
    if kind < 0.12:
        return np.zeros(count, np.float32)
    if kind < 0.4:
        out = coloured(rng, dice, count)
    elif kind < 0.5:
        out = hum(rng, dice, count)
    elif kind < 0.72:
        out = music(rng, dice, count)
    elif kind < 0.9:
        out = effects(rng, dice, count)
    else:
        out = backwards(rng, clips, count)
    if rng.random() < 0.4:
        out = out + coloured(rng, dice, count) * 10 ** rng.uniform(-4, -1)
    level = 10 ** rng.uniform(-4, -0.5)
    return (out * (level / max(1e-6, float(np.sqrt(np.mean(out**2)))))).astype(np.float32)


def pause(rng: random.Random, dice: np.random.Generator, count: int) -> Floats:
    """The near silence between sentences."""
    if rng.random() < 0.3:
        return np.zeros(count, np.float32)
    return coloured(rng, dice, count) * np.float32(10 ** rng.uniform(-4.5, -1.5))


def degraded(
    rng: random.Random, dice: np.random.Generator, sound: Floats, clips: Clips, strength: float
) -> Floats:
    """A room, a telephone, noise, and a gain between -25 and 2 dB; `strength` scales how often."""
    if rng.random() < 0.25 * strength:
        length = int(rng.uniform(0.08, 0.3) * RATE)
        room = dice.standard_normal(length) * np.exp(-np.arange(length) / (length / 5)) * 0.08
        room[0] = 1.0
        sound = np.asarray(fftconvolve(sound, room)[: len(sound)], np.float32)
    if rng.random() < 0.25 * strength:
        spectrum = np.fft.rfft(sound)
        frequency = np.fft.rfftfreq(len(sound), 1 / RATE)
        low, high = rng.uniform(50, 300), rng.uniform(3300, 3900)
        spectrum[(frequency > high) | (frequency < low)] = 0
        sound = np.fft.irfft(spectrum, len(sound)).astype(np.float32)
        if rng.random() < 0.5:  # mu-law and back
            loud = np.log1p(255 * np.minimum(1, np.abs(sound))) / np.log(256)
            steps = np.round(loud * 127) / 127
            sound = (np.sign(sound) * np.expm1(steps * np.log(256)) / 255).astype(np.float32)
    if rng.random() < 0.65 * strength:
        kind = rng.random()
        if kind < 0.6:
            noise = coloured(rng, dice, len(sound))
        elif kind < 0.7:
            noise = hum(rng, dice, len(sound))
        elif kind < 0.8:
            noise = babble(rng, dice, len(sound), clips)
        elif kind < 0.9:
            noise = music(rng, dice, len(sound))
        else:
            noise = effects(rng, dice, len(sound))
        speech = sound[np.abs(sound) > 0.01]
        power = float(np.mean(speech**2)) if len(speech) else 0.01
        ratio = 10 ** (rng.uniform(5, 35) / 10)
        sound = sound + noise * np.float32(
            np.sqrt(power / max(1e-9, float(np.mean(noise**2))) / ratio)
        )
    return (sound * 10 ** (rng.uniform(-25, 2) / 20)).astype(np.float32)
