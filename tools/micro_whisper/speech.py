"""Speaks sentences with free synthesizers, and keeps the time of each word.

espeak-ng says when each word begins; flite and festival know each sound's place. Some voices are
never used for the training, so that there is an error rate for voices that the model has not heard.
"""

import ctypes
import dataclasses
import itertools
import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import soxr
from numpy.typing import NDArray

from tools.micro_whisper import grammar, parallel
from tools.micro_whisper.parallel import Pair

RATE = 16_000
Floats = NDArray[np.float32]
Span = tuple[float, float]

# The accents that espeak-ng has of each language, the frequent ones named more than once.
ACCENTS = {
    "en": (
        "en-us en-us en-us en en en-gb-x-rp en-gb-scotland en-us-nyc en-gb-x-gbclan en-029"
    ).split(),
    "de": ["de"],
    "es": ["es", "es", "es-419"],
    "fr": ["fr", "fr", "fr-be", "fr-ch"],
}
FAMILIAR = (
    "m1 m2 m3 m4 m6 m7 m8 f1 f2 f3 f4 klatt klatt2 klatt3 Andy Annie Alex adam steph linda "
    "david caleb belinda Michael robert edward max john"
).split()
MORE = (
    "Andrea AnxiousAndy Denis Diogo Henrique Hugo Jacky Lee Marco Mario Mike Nguyen Reed "
    "RicishayMax RicishayMax2 RicishayMax3 Storm Tweaky UniRobot anika announcer antonio "
    "aunty benjamin boris ed edward2 fast grandma grandpa gustave ian iven iven2 iven3 iven4 "
    "kaukovalta klatt4 klatt5 klatt6 marcelo michel miguel mike2 norbert pablo paul pedro "
    "quincy rob robosoft robosoft2 robosoft3 robosoft4 robosoft5 robosoft6 robosoft7 "
    "robosoft8 sandro shelby steph2 steph3 travis victor zac"
).split()
# For tests only. Gene2 is Gene's twin, so it is left out of the training too.
UNSEEN_ESPEAK = ["en-us+m5", "en+f5", "en-us+Gene", "en-gb-x-gbcwmd+Alicia"]
FLITE, UNSEEN_FLITE = ["slt", "awb", "kal16"], ["rms"]
FESTIVAL = ["ked_diphone", "cmu_us_slt_arctic_hts"]


@dataclass(frozen=True, slots=True)
class Clip:
    """One spoken sentence: mono int16 at 16 kHz, trimmed, and its (word, start s, end s)."""

    samples: NDArray[np.int16]
    voice: str
    seen: bool
    text: str
    words: list[tuple[str, float, float]]
    language: str = "en"
    english: str = ""


def as_floats(samples: NDArray[np.int16]) -> Floats:
    """Int16 as float32 from -1 to 1."""
    return samples.astype(np.float32) / np.float32(32768)


def require(program: str, packages: str) -> None:
    """Says what to install where a program is missing.

    Raises:
        RuntimeError: it is.
    """
    if shutil.which(program) is None:
        raise RuntimeError(f"there is no {program} on this machine: apt-get install {packages}")


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


class Espeak:
    """espeak-ng in this process, with its word events."""

    WORD, RATE, PITCH, RANGE = 1, 1, 3, 4

    def __init__(self) -> None:
        import espeakng_loader

        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.rate: int = self._library.espeak_Initialize(2, 60, data, 0)
        prototype = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
        )
        self._callback = prototype(self._on_audio)
        self._library.espeak_SetSynthCallback(self._callback)
        self._audio: list[Floats] = []
        self._starts: dict[int, float] = {}

    def _on_audio(self, samples, count, events) -> int:  # type: ignore[no-untyped-def]
        i = 0
        while events and events[i].type:
            if events[i].type == self.WORD:
                self._starts[events[i].text_position - 1] = events[i].audio_ms / 1000
            i += 1
        if samples and count > 0:
            self._audio.append(as_floats(np.ctypeslib.as_array(samples, (count,))))
        return 0

    def speak(
        self, text: str, voice: str, rate: int, pitch: int, pitch_range: int
    ) -> tuple[Floats, dict[int, float]]:
        """The sound, and the start of the word at each character that espeak-ng tells."""
        self._audio, self._starts = [], {}
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for name, value in ((self.RATE, rate), (self.PITCH, pitch), (self.RANGE, pitch_range)):
            self._library.espeak_SetParameter(name, value, 0)
        raw = text.encode()
        self._library.espeak_Synth(raw, len(raw) + 1, 0, 0, 0, 1, None, None)
        # The library counts characters, not bytes, from 1.
        return np.concatenate(self._audio), dict(self._starts)


class Flite:
    """flite, in the helper that `flite_words.c` makes."""

    PITCH: ClassVar = {"slt": 0.0, "rms": 0.0, "awb": 0.0, "kal16": 100.0}

    def __init__(self, folder: Path) -> None:
        program = folder / "flite_words"
        if not program.exists():
            source = Path(__file__).with_name("flite_words.c")
            voices = [f"-lflite_cmu_us_{voice}" for voice in self.PITCH]
            libraries = [*voices, "-lflite_usenglish", "-lflite_cmulex", "-lflite", "-lm"]
            require("cc", "gcc flite1-dev")
            fresh = folder / f"flite_words.{os.getpid()}"  # another process may be making it too
            command = ["cc", "-O2", str(source), "-o", str(fresh), *libraries]
            if subprocess.run(command).returncode:
                raise RuntimeError(f"{source.name} does not compile: apt-get install flite1-dev")
            fresh.replace(program)
        self._process = subprocess.Popen(
            [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def speak(
        self, text: str, voice: str, stretch: float, pitch: float
    ) -> tuple[Floats, int, list[Span]]:
        """The sound, its rate, and each word's span; `pitch` in Hz, 0 for the voice's own."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{voice}\t{stretch:.3f}\t{pitch:.1f}\t{text}\n".encode())
        stdin.flush()
        rate, samples, words = map(int, stdout.readline().split())
        spans = []
        for _ in range(words):
            _, start, end = stdout.readline().decode().split()
            spans.append((float(start), float(end)))
        sound = as_floats(np.frombuffer(stdout.read(2 * samples), np.int16))
        return sound, rate, spans


class Festival:
    """festival, many sentences a run: it holds its answers back until it ends."""

    BATCH = 250
    SCHEME = """
(define (say text file stretch)
  (Parameter.set 'Duration_Stretch stretch)
  (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave u file 'riff)
    (mapcar (lambda (w)
      (format t "%f %f\\n"
        (item.feat w "R:SylStructure.daughter1.daughter1.R:Segment.segment_start")
        (item.feat w "R:SylStructure.daughtern.daughtern.R:Segment.segment_end")))
      (utt.relation.items u 'Word))
    (format t "done\\n")))
"""

    def speak(
        self, lines: Sequence[tuple[str, str, float]]
    ) -> Iterator[tuple[Floats, int, list[Span]]]:
        """The sound, its rate and each word's span, for each (text, voice, stretch)."""
        require("festival", "festival festvox-kdlpc16k festvox-us-slt-hts")
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, f"{i}.wav") for i in range(len(lines))]
            told = [
                f'(voice_{voice}) (say "{text}" "{file}" {stretch:.3f})'
                for file, (text, voice, stretch) in zip(files, lines, strict=True)
            ]
            answer = subprocess.run(
                ["festival", "--pipe"],
                input=self.SCHEME + "\n".join(told) + "\n",
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout
            for file, block in zip(files, answer.split("done\n")[:-1], strict=True):
                spans = [
                    (float(start), float(end)) for start, end in map(str.split, block.splitlines())
                ]
                with wave.open(str(file)) as said:
                    frames = said.readframes(said.getnframes())
                    sound = as_floats(np.frombuffer(frames, np.int16))
                    yield sound, said.getframerate(), spans


def tightened(sound: Floats, spans: Sequence[Span]) -> list[Span]:
    """Each word's start and end moved to where there is sound, within its span."""
    hops = RATE // 200  # 5 ms
    level = np.abs(sound[: len(sound) // hops * hops]).reshape(-1, hops).max(1)
    floor = 0.02 * level.max()
    tight = []
    for start, end in spans:
        first, last = int(start * 200), max(int(start * 200) + 1, int(np.ceil(end * 200)))
        loud = np.flatnonzero(level[first:last] > floor)
        if len(loud):
            start = max(start, (first + int(loud[0])) / 200)
            end = min(end, (first + int(loud[-1]) + 1) / 200)
        tight.append((start, end))
    return tight


def filled_in(starts: dict[int, float], places: Sequence[re.Match[str]], end: float) -> list[Span]:
    """Spans of words of which espeak-ng gave only some starts: it joins some ("in the")."""
    times: list[float | None] = [starts.get(place.start()) for place in places]
    times = [times[0] or 0.0, *times[1:], end]
    lengths = [len(place.group()) for place in places]
    i = 1
    while i < len(times):
        if times[i] is None:
            j = next(k for k in range(i, len(times)) if times[k] is not None)
            begin, until = times[i - 1], times[j]
            assert begin is not None
            assert until is not None
            whole = sum(lengths[i - 1 : j])
            for k in range(i, j):
                times[k] = begin + (until - begin) * sum(lengths[i - 1 : k]) / whole
            i = j
        i += 1
    known = [time for time in times if time is not None]
    return list(itertools.pairwise(known))


class Speaker:
    """Speaks with any of the engines, varying rate, pitch and size of the speaker."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self._folder = folder
        self._espeak: Espeak | None = None
        self._flite: Flite | None = None

    def espeak(self, text: str, voice: str, seen: bool = True) -> Clip | None:
        """One clip of espeak-ng."""
        rng = self.rng
        self._espeak = self._espeak or Espeak()
        # The opening mark of a Spanish question is silent, and moves the place of its word by one.
        said = text.replace("¿", "")
        sound, starts = self._espeak.speak(
            said, voice, rng.randint(125, 215), rng.randint(20, 80), rng.randint(25, 85)
        )
        places = list(re.finditer(r"\S+", said))
        spans = filled_in(starts, places, len(sound) / self._espeak.rate)
        factor = rng.uniform(0.88, 1.14)
        return self._clip(sound, self._espeak.rate, factor, spans, text, voice, seen)

    def flite(self, text: str, voice: str, seen: bool = True) -> Clip | None:
        """One clip of flite, or nothing where it counts the words differently."""
        rng = self.rng
        self._flite = self._flite or Flite(self._folder)
        pitch = Flite.PITCH[voice] * rng.uniform(0.75, 1.35)
        sound, rate, spans = self._flite.speak(text, voice, rng.uniform(0.8, 1.3), pitch)
        return self._clip(sound, rate, rng.uniform(0.82, 1.22), spans, text, voice, seen)

    def festival(self, texts: Sequence[str]) -> Iterator[Clip]:
        """Clips of festival, less those where it counts the words differently."""
        rng = self.rng
        lines = [(text, rng.choice(FESTIVAL), rng.uniform(0.8, 1.3)) for text in texts]
        for (text, voice, _), said in zip(lines, Festival().speak(lines), strict=True):
            sound, rate, spans = said
            clip = self._clip(sound, rate, rng.uniform(0.82, 1.22), spans, text, voice, True)
            if clip is not None:
                yield clip

    @staticmethod
    def _clip(
        sound: Floats,
        rate: int,
        factor: float,
        spans: Sequence[Span],
        text: str,
        voice: str,
        seen: bool,
    ) -> Clip | None:
        """At 16 kHz (`factor` above 1: faster and higher, a smaller speaker), and trimmed."""
        words = text.split()
        if len(spans) != len(words):
            return None
        sound = soxr.resample(sound, rate * factor, RATE)
        spans = tightened(sound, [(start / factor, end / factor) for start, end in spans])
        first = max(0, int((spans[0][0] - 0.02) * RATE))
        last = min(len(sound), int((spans[-1][1] + 0.03) * RATE))
        sound = sound[first:last] / max(1e-4, float(np.abs(sound[first:last]).max())) * 0.6
        begin = first / RATE
        timed = [
            (word, round(start - begin, 3), round(end - begin, 3))
            for word, (start, end) in zip(words, spans, strict=True)
        ]
        return Clip((sound * 32767).astype(np.int16), voice, seen, text, timed)


@dataclass(frozen=True, slots=True)
class ClipSet:
    """What to speak: how many sentences of a language, by which engine, for training or tests."""

    engine: str
    count: int
    seed: int
    language: str = "en"
    held_out: bool = False


SETS = {
    "espeak-1": ClipSet("espeak", 36_000, 101),
    "espeak-2": ClipSet("espeak", 36_000, 102),
    "flite": ClipSet("flite", 24_000, 201),
    "festival": ClipSet("festival", 3_000, 301),
    "held": ClipSet("all", 6_000, 3, held_out=True),
    "de": ClipSet("espeak", 12_000, 401, "de"),
    "es": ClipSet("espeak", 12_000, 402, "es"),
    "fr": ClipSet("espeak", 12_000, 403, "fr"),
    "held-de": ClipSet("espeak", 400, 411, "de", held_out=True),
    "held-es": ClipSet("espeak", 400, 412, "es", held_out=True),
    "held-fr": ClipSet("espeak", 400, 413, "fr", held_out=True),
}
"""Every set of clips, by the name of its files."""

SCRAMBLED = 0.25  # of what the training hears


def sentences(wanted: ClipSet, count: int) -> Iterator[Pair]:
    """The texts of a set, with their translations."""
    share = 0.0 if wanted.held_out else SCRAMBLED
    held = wanted.held_out
    if wanted.language != "en":
        yield from parallel.sample(
            wanted.language, count, wanted.seed, held_out=held, scrambled=share
        )
        return
    for text in grammar.sample(count, wanted.seed, held_out=held, scrambled=share):
        yield Pair("en", text, text)


def spoken(wanted: ClipSet, folder: Path, scale: float = 1.0) -> Iterator[Clip]:
    """The clips of a set; `scale` takes fewer of them. The helper program is made in `folder`."""
    speaker = Speaker(wanted.seed, folder)
    rng = speaker.rng
    pairs = sentences(wanted, max(1, round(wanted.count * scale)))
    if wanted.engine == "festival":
        while batch := list(itertools.islice(pairs, Festival.BATCH)):
            yield from speaker.festival([pair.text for pair in batch])
        return
    for i, pair in enumerate(pairs):
        engine = wanted.engine
        if engine == "all":
            engine = ("espeak", "flite", "unseen espeak", "unseen flite")[i % 4]
        if engine == "espeak":
            familiar = wanted.held_out or rng.random() < 0.6
            variant = rng.choice(FAMILIAR if familiar else MORE)
            accent = rng.choice(ACCENTS[wanted.language])
            clip = speaker.espeak(pair.text, f"{accent}+{variant}")
        elif engine == "flite":
            clip = speaker.flite(pair.text, rng.choice(FLITE))
        elif engine == "unseen espeak":
            clip = speaker.espeak(pair.text, rng.choice(UNSEEN_ESPEAK), seen=False)
        else:
            clip = speaker.flite(pair.text, rng.choice(UNSEEN_FLITE), seen=False)
        if clip is not None:
            yield dataclasses.replace(clip, language=pair.language, english=pair.english)


def speak_set(name: str, folder: Path, scale: float = 1.0) -> float:
    """Speaks the set of this name into `folder`, and marks it done; returns the seconds."""
    seconds = write(spoken(SETS[name], folder, scale), folder / name)
    (folder / f"{name}.done").touch()
    return seconds


def write(clips: Iterator[Clip], prefix: Path) -> float:
    """Stores clips as `PREFIX.i16` (one after another) and `PREFIX.jsonl`; returns the seconds."""
    at = 0
    with (
        prefix.with_suffix(".i16").open("wb") as sound,
        prefix.with_suffix(".jsonl").open("w") as notes,
    ):
        for clip in clips:
            sound.write(clip.samples.tobytes())
            note = {
                "at": at,
                "n": len(clip.samples),
                "voice": clip.voice,
                "seen": clip.seen,
                "text": clip.text,
                "words": clip.words,
                "language": clip.language,
                "english": clip.english,
            }
            notes.write(json.dumps(note) + "\n")
            at += len(clip.samples)
    return at / RATE
