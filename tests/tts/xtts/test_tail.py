"""What XTTS invents after a sentence is cut, and nothing else."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.xtts.limits import LIMITS
from streamkit.tts.xtts.tail import SILENCE_SECONDS, TAIL_SECONDS, TailGuard
from streamkit_benchmarks.word_marks import SENTENCES

Sound = npt.NDArray[np.float32]
RATE = 22_050
SHORT = (
    "OK.", "Yes.", "No!", "Hm.", "Good morning.", "Yes, I do.", "No. No. No.", "Why not?",
    "One, two, three.", "Thank you very much.", "I do not know.", "It is eight o'clock.",
    "Well, then: go!", "Stop. Go.",
)  # fmt: skip
PLAIN = [text for text in SHORT if not any(mark in text[:-1] for mark in ",.:!")]


@lru_cache(maxsize=256)
def say(text: str, speed: float = 1.0, language: str = "en") -> Sound:
    pieces = EspeakSynthesizer().synthesize(text, speed=speed, language=language)
    return np.concatenate([piece.samples for piece in pieces])


def spoken(text: str, speed: float = 1.0) -> Sound:
    """Without the silence at the end."""
    sound = say(text, speed)
    return sound[: np.flatnonzero(np.abs(sound) > 0.02)[-1] + 1]


def invented(kind: str, seconds: float = 1.0) -> Sound:
    generator = np.random.default_rng(0)
    count = int(seconds * RATE)
    sound: npt.NDArray[Any]
    match kind:
        case "breath":
            sound = generator.normal(0, 0.05, count) * np.hanning(count)
        case "babble":
            sound = 0.6 * spoken("and so on and so forth")[:count]
        case "tone":
            sound = 0.2 * np.sin(np.arange(count) * 0.05)
        case _:
            sound = generator.normal(0, 0.1, count)
    return sound.astype(np.float32)


def hush(seconds: float) -> Sound:
    return np.random.default_rng(1).normal(0, 0.0005, int(seconds * RATE)).astype(np.float32)


def watch(guard: TailGuard, sound: Sound, step: int = 1000) -> Sound:
    heard = [guard.push(sound[first : first + step]) for first in range(0, len(sound), step)]
    return np.concatenate([*heard, guard.finish()])


class TestInvented:
    @pytest.mark.parametrize("kind", ["breath", "babble", "tone", "noise"])
    @pytest.mark.parametrize("text", PLAIN)
    @pytest.mark.parametrize("speed", [0.7, 1.0])
    def test_what_follows_a_silence_is_cut(self, kind: str, text: str, speed: float) -> None:
        words = spoken(text, speed)
        guard = TailGuard(text, "en", rate=RATE)
        heard = watch(guard, np.concatenate([words, hush(0.4), invented(kind)]))
        assert guard.over
        assert guard.cut > RATE
        assert np.array_equal(heard[: len(words)], words)
        assert len(heard) - len(words) < (TAIL_SECONDS + 0.1) * RATE
        assert not heard[-1]

    def test_most_of_it_after_commas_too(self) -> None:
        cut = 0
        for text in set(SHORT) - set(PLAIN):
            for speed in (0.7, 1.0):
                guard = TailGuard(text, "en", rate=RATE)
                watch(guard, np.concatenate([spoken(text, speed), hush(0.4), invented("breath")]))
                cut += guard.cut > 0
        assert cut >= 6

    def test_nothing_is_given_out_after_the_end(self) -> None:
        guard = TailGuard("OK.", "en", rate=RATE)
        watch(guard, np.concatenate([spoken("OK."), hush(0.5), invented("tone")]))
        before = guard.cut
        assert len(guard.push(invented("tone"))) == 0
        assert guard.cut == before + len(invented("tone"))


class TestSpeech:
    @pytest.mark.parametrize("speed", [0.5, 0.6, 0.8, 1.0, 1.5])
    def test_words_are_never_cut(self, speed: float) -> None:
        for text in (*SHORT, *SENTENCES):
            for told in (speed, 1.0):
                guard = TailGuard(text, "en", speed=told, rate=RATE)
                sound = say(text, speed)
                assert np.array_equal(watch(guard, sound), sound), text
                assert guard.cut == 0

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("de", "Ja, gern."),
            ("de", "Das ist, wie gesagt, nicht so einfach."),
            ("fr", "Non, merci."),
            ("es", "Sí. Claro."),
            ("pl", "Tak, oczywiście."),
            ("ru", "Да, конечно."),
            ("it", "Va bene, grazie."),
            ("hi", "हाँ, ठीक है।"),
            ("tr", "Evet, tamam."),
        ],
    )
    def test_other_languages(self, language: str, text: str) -> None:
        for speed in (0.6, 1.0, 1.4):
            guard = TailGuard(text, language, rate=RATE)
            sound = say(text, speed, language)
            assert np.array_equal(watch(guard, sound), sound)

    def test_loud_sound_is_not_held_back(self) -> None:
        sound = invented("tone", 0.5)
        guard = TailGuard("OK.", "en", rate=RATE)
        heard = 0
        for first in range(0, len(sound), 500):
            heard += len(guard.push(sound[first : first + 500]))
            assert min(first + 500, len(sound)) - heard < RATE // 100

    def test_silence_is_held_no_longer_than_it_takes_to_decide(self) -> None:
        guard = TailGuard("OK.", "en", rate=RATE)
        sound = np.concatenate([spoken("OK."), hush(SILENCE_SECONDS - 0.05), invented("tone", 0.1)])
        assert np.array_equal(watch(guard, sound), sound)

    def test_recordings(self) -> None:
        manifest = Path(__file__).parents[4] / "shared" / "MANIFEST.tsv"
        if not manifest.exists():
            pytest.skip("no recordings in ../shared")
        soundfile = pytest.importorskip("soundfile")
        count = 0
        for row in csv.DictReader(manifest.read_text("utf-8").splitlines(), delimiter="\t"):
            text, language = row["transcript"] or "", row["language"][:2]
            if language not in LIMITS or not text or float(row["duration_s"]) > 20:
                continue
            sound, rate = soundfile.read(manifest.parent / row["file"], dtype="float32")
            guard = TailGuard(text, language, rate=rate)
            heard = watch(guard, sound)
            cut = sound[len(heard) :]
            # Only hiss is cut, and the click at the end of one recording.
            assert not len(cut) or np.sqrt(np.mean(cut**2)) < 0.1 * np.sqrt(np.mean(sound**2))
            count += 1
        assert count > 100


class TestTooLong:
    def test_a_long_text_ends_at_the_next_quiet_place(self) -> None:
        text = SENTENCES[1]
        words = spoken(text)
        phrase = np.concatenate([invented("tone", 0.9), hush(0.1)])
        guard = TailGuard(text, "en", rate=RATE)
        heard = watch(guard, np.concatenate([words, *[phrase] * 60]))
        assert guard.over
        assert guard.cut > 20 * RATE
        assert len(heard) < 22 * RATE
        assert np.abs(heard[-RATE // 50 :]).max() < 0.01

    def test_what_is_never_quiet_ends_too(self) -> None:
        guard = TailGuard("I do not know.", "en", rate=RATE)
        heard = watch(guard, invented("tone", 40.0))
        assert guard.over
        assert len(heard) + guard.cut == 40 * RATE
        assert len(heard) < 15 * RATE


class TestAnything:
    @settings(max_examples=60, deadline=None)
    @given(
        seed=st.integers(0, 2**31),
        text=st.text(max_size=40),
        steps=st.lists(st.integers(0, 3000), max_size=30),
        rate=st.sampled_from([8000, 22_050, 24_000]),
    )
    def test_what_is_heard_is_a_beginning_of_what_came(
        self, seed: int, text: str, steps: list[int], rate: int
    ) -> None:
        generator = np.random.default_rng(seed)
        sound = generator.normal(0, 0.1, sum(steps)).astype(np.float32)
        for first in range(0, len(sound), 9000):
            sound[first : first + int(generator.integers(0, 9000))] *= 0.001
        guard = TailGuard(text, "en", rate=rate)
        heard, at = [], 0
        for step in steps:
            heard.append(guard.push(sound[at : at + step]))
            at += step
        heard.append(guard.finish())
        found = np.concatenate(heard)
        assert len(found) + guard.cut == len(sound)
        kept = len(found) - (rate // 100 + 1 if guard.cut else 0)
        assert np.array_equal(found[: max(0, kept)], sound[: max(0, kept)])
