"""A long talk with pauses and noise, of which it is known when each word was said.

`Speaking` makes one of sentences: espeak-ng says them in voices that the micro model knows, at
varying speed and loudness, in passages of one to eight sentences with pauses of 0.15 to 1.6 s
between them. Between passages there are 3 to 6 s without speech now and then, silent or with
the hum of a room, and three passages in ten have white noise at 15 dB. `from_recordings` joins
recordings whose words have times instead. Text and arrangement repeat with the seed; the sound
does but for tiny differences, since espeak-ng is not the same to the sample at each run.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from streamkit.errors import ConfigurationError
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit_benchmarks.systems import CHUNK_SAMPLES, RATE

Samples = npt.NDArray[np.float32]
"""Mono at 16 kHz, within [-1, 1]."""

Span = tuple[float, float]
"""Start and end in seconds."""

SENTENCES = Path(__file__).with_name("sentences.txt")
"""Sentences of the micro model's grammar that were held out of its training:
`sample(480, 777, held_out=True)` of `tools/micro_whisper/grammar.py`."""

LANGUAGES = ("en-us", "en-us", "en-us", "en", "en", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc")
VARIANTS = (
    "m1", "m2", "m3", "m4", "m6", "m7", "f1", "f2", "f3", "f4", "klatt", "adam", "steph", "linda",
)  # fmt: skip
PASSAGE_SENTENCES = (1, 2, 4, 6, 8)
PAUSE = (0.15, 1.6)
BREATH = (0.03, 0.1)
"""Between two sentences of somebody who does not pause."""
LONG_PAUSE = (3.0, 6.0)
LONG_PAUSE_SHARE = 0.6
"""Of the places between two passages."""

NOISY_SHARE = 0.3
NOISE_DB = 15.0
ROOM_DB = 45.0
"""How far the hum of a room lies below the speech."""

LEAD = 0.5
"""Seconds of silence before the first word, which a recording has too."""

TRAIL = 1.0
QUIET_GAP = 0.3
"""Seconds between two words from which the time between them counts as a pause."""

HOPS_PER_SECOND = 200
SOUND_SHARE = 0.02
"""Of the loudest sample of a sentence: below this there is no sound."""


@dataclass(frozen=True, slots=True)
class GoldWord:
    """One word as it was said.

    Attributes:
        text: as it is written, with punctuation.
        start: seconds since the talk began.
        end: where its sound ends.
        sentence: number of its sentence in the talk.
        number: of the word in the whole talk; stays when a part is taken.
    """

    text: str
    start: float
    end: float
    sentence: int
    number: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time without speech; `kind` is "silence", "room" or "noise"."""

    start: float
    end: float
    kind: str


@dataclass(frozen=True, slots=True, eq=False)
class Talk:
    """Sound, and what is said in it when.

    Attributes:
        samples: float32 mono at 16 kHz, already rounded to 16 bits as the server will get it.
        words: in order of time.
        quiet: all stretches of at least `QUIET_GAP` in which nobody speaks, in order.
        origin: where it came from, for the report.
    """

    samples: Samples
    words: tuple[GoldWord, ...]
    quiet: tuple[Stretch, ...]
    origin: str

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    @property
    def text(self) -> str:
        """All words."""
        return " ".join(word.text for word in self.words)

    @property
    def sentences(self) -> list[tuple[int, Span]]:
        """Number, start and end of each sentence, in the order in which they are said."""
        groups = itertools.groupby(self.words, key=lambda word: word.sentence)
        spans = [(number, list(words)) for number, words in groups]
        return [(number, (words[0].start, words[-1].end)) for number, words in spans]

    def messages(self) -> list[bytes]:
        """The sound as messages of 100 ms, int16 little endian, ready to be sent."""
        data = np.round(self.samples * 32767).astype("<i2").tobytes()
        size = 2 * CHUNK_SAMPLES
        return [data[at : at + size] for at in range(0, len(data), size)]

    def part(self, first: int, seconds: float) -> Talk:
        """Whole sentences from the one at index `first` on, around the end to the beginning.

        Cut in the middle of the pauses; at least `seconds` long, at most once around. So
        clients that begin at different sentences do not speak in lockstep.
        """
        spans = [span for _, span in self.sentences]
        middles = [(before[1] + after[0]) / 2 for before, after in itertools.pairwise(spans)]
        edges = [0.0, *middles, self.seconds]
        numbers = [number for number, _ in self.sentences]
        pieces: list[Samples] = []
        words: list[GoldWord] = []
        quiet: list[Stretch] = []
        length = 0.0
        for step in range(len(spans)):
            k = (first + step) % len(spans)
            if length >= seconds:
                break
            begin, end = edges[k], edges[k + 1]
            piece = self.samples[round(begin * RATE) : round(end * RATE)]
            shift = length - begin
            words += [
                GoldWord(each.text, each.start + shift, each.end + shift, step, each.number)
                for each in self.words
                if each.sentence == numbers[k]
            ]
            for each in self.quiet:
                start, until = max(each.start, begin), min(each.end, end)
                if until > start:
                    quiet.append(Stretch(start + shift, until + shift, each.kind))
            pieces.append(piece)
            length += len(piece) / RATE
        return Talk(np.concatenate(pieces), tuple(words), tuple(_joined(quiet)), self.origin)

    def save(self, path: Path) -> None:
        """Write the sound as a WAV file and, beside it, all that is known of it as JSON."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(b"".join(self.messages()))
        known = {
            "origin": self.origin,
            "words": [
                {
                    "word": word.text,
                    "start": round(word.start, 3),
                    "end": round(word.end, 3),
                    "sentence": word.sentence,
                }
                for word in self.words
            ],
            "quiet": [
                {"start": round(each.start, 3), "end": round(each.end, 3), "kind": each.kind}
                for each in self.quiet
            ],
        }
        path.with_suffix(".json").write_text(json.dumps(known, indent=1), "utf-8")


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Neighbours of one kind as one."""
    result: list[Stretch] = []
    for each in stretches:
        if result and result[-1].kind == each.kind and abs(result[-1].end - each.start) < 1e-3:
            result[-1] = Stretch(result[-1].start, each.end, each.kind)
        else:
            result.append(each)
    return result


def filled_in(starts: dict[int, float], places: Sequence[re.Match[str]], end: float) -> list[Span]:
    """Spans of all words where espeak-ng gave only some starts, because it joins words.

    Args:
        starts: seconds by the index of the word's first character in the text.
        places: the blank-separated words of the text.
        end: of the sound, in seconds.

    Returns:
        Start and end of each word; words that were said as one ("in the") share its time by
        their letters.
    """
    known = [
        (i, starts[place.start()]) for i, place in enumerate(places) if place.start() in starts
    ]
    if not known or known[0][0] != 0:
        known.insert(0, (0, 0.0))
    spans: list[Span] = []
    for (i, begin), (j, until) in itertools.pairwise([*known, (len(places), end)]):
        lengths = [len(place.group()) for place in places[i:j]]
        edges = [0, *itertools.accumulate(lengths)]
        times = [begin + (until - begin) * edge / edges[-1] for edge in edges]
        spans += itertools.pairwise(times)
    return spans


def tightened(sound: Samples, spans: Sequence[Span]) -> list[Span]:
    """Each word's start and end moved to where there is sound, within its span.

    A word's latency is counted from its end, and espeak-ng's spans reach to the next word's
    start, which may lie behind a comma's pause.
    """
    hop = RATE // HOPS_PER_SECOND
    level = np.abs(sound[: len(sound) // hop * hop]).reshape(-1, hop).max(axis=1)
    floor = SOUND_SHARE * float(level.max(initial=0.0))
    tight: list[Span] = []
    for start, end in spans:
        first = int(start * HOPS_PER_SECOND)
        last = max(first + 1, int(np.ceil(end * HOPS_PER_SECOND)))
        loud = np.flatnonzero(level[first:last] > floor)
        if len(loud):
            start = max(start, (first + int(loud[0])) / HOPS_PER_SECOND)
            end = min(end, (first + int(loud[-1]) + 1) / HOPS_PER_SECOND)
        tight.append((start, end))
    return tight


def say(
    synthesizer: EspeakSynthesizer, text: str, voice: str, speed: float
) -> tuple[Samples, list[Span]]:
    """A sentence at 16 kHz, trimmed, and the span of each of its blank-separated words."""
    pieces = list(synthesizer.synthesize(text, voice=voice, speed=speed))
    rate = pieces[0].sample_rate
    starts = {mark.text_offset: mark.sample / rate for piece in pieces for mark in piece.marks}
    sound: Samples = soxr.resample(np.concatenate([piece.samples for piece in pieces]), rate, RATE)
    spans = tightened(sound, filled_in(starts, list(re.finditer(r"\S+", text)), len(sound) / RATE))
    first = max(0, int((spans[0][0] - 0.02) * RATE))
    last = min(len(sound), int((spans[-1][1] + 0.03) * RATE))
    begin = first / RATE
    return sound[first:last], [(start - begin, end - begin) for start, end in spans]


class _Tape:
    """A talk while it grows."""

    def __init__(self) -> None:
        self.pieces: list[Samples] = []
        self.length = 0
        self.words: list[GoldWord] = []
        self.kinds: list[Stretch] = []
        """What lies under the speech, and between it: covers the whole tape."""
        self.sentences = 0

    @property
    def seconds(self) -> float:
        return self.length / RATE

    def add(self, samples: Samples) -> None:
        self.pieces.append(samples)
        self.length += len(samples)

    def pause(self, seconds: float) -> None:
        self.add(np.zeros(round(seconds * RATE), np.float32))

    def say(self, samples: Samples, words: Iterable[tuple[str, float, float]]) -> None:
        """Add a sentence: words with their times in it."""
        begin = self.seconds
        for text, start, end in words:
            number = len(self.words)
            self.words.append(GoldWord(text, begin + start, begin + end, self.sentences, number))
        self.sentences += 1
        self.add(samples)

    def under(self, start: float, kind: str) -> None:
        """What was added since `start` seconds has this sound under it."""
        self.kinds.append(Stretch(start, self.seconds, kind))

    def talk(self, origin: str) -> Talk:
        samples = np.clip(np.concatenate(self.pieces), -1, 1)
        rounded = np.round(samples * 32767).astype(np.int16).astype(np.float32) / np.float32(32767)
        edges = [0.0, *(edge for word in self.words for edge in (word.start, word.end))]
        edges.append(len(samples) / RATE)
        quiet = []
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start < QUIET_GAP:
                continue
            for under in self.kinds:
                begin, until = max(start, under.start), min(end, under.end)
                if until - begin > 1e-3:
                    quiet.append(Stretch(begin, until, under.kind))
        return Talk(rounded, tuple(self.words), tuple(_joined(quiet)), origin)


def noise_like(rng: np.random.Generator, speech: Samples, count: int, below_db: float) -> Samples:
    """`count` samples of white noise that lie `below_db` below the mean power of the speech."""
    level = float(np.sqrt(np.mean(speech**2))) * 10 ** (-below_db / 20)
    return rng.normal(0, level, count).astype(np.float32)


def make_talk(
    seconds: float,
    seed: int = 1,
    sentences: Sequence[str] | None = None,
    *,
    nonstop: bool = False,
) -> Talk:
    """Speak a talk.

    Args:
        seconds: it ends with the first sentence that ends behind this.
        seed: of text, voices and arrangement.
        sentences: what to say, in the order given, again and again; None: those of
            `SENTENCES`, shuffled.
        nonstop: no pause that a detector would notice, and one voice.
    """
    choose = random.Random(seed)
    rng = np.random.default_rng(seed)
    synthesizer = EspeakSynthesizer()
    voice = ""
    if sentences is None:
        sentences = SENTENCES.read_text("utf-8").splitlines()
        choose.shuffle(sentences)
    texts = itertools.cycle(sentences)
    tape = _Tape()
    tape.pause(LEAD)
    tape.under(0.0, "silence")
    speech = np.zeros(0, np.float32)
    while tape.seconds < seconds:
        start, first_piece = tape.seconds, len(tape.pieces)
        noisy = choose.random() < NOISY_SHARE
        for _ in range(choose.choice(PASSAGE_SENTENCES)):
            text = next(texts)
            if not (nonstop and tape.words):
                voice = f"{choose.choice(LANGUAGES)}+{choose.choice(VARIANTS)}"
            sound, spans = say(synthesizer, text, voice, choose.uniform(0.85, 1.15))
            speech = sound * np.float32(choose.uniform(0.4, 1))
            tape.say(
                speech,
                [(word, *span) for word, span in zip(text.split(), spans, strict=True)],
            )
            tape.pause(choose.uniform(*(BREATH if nonstop else PAUSE)))
            if tape.seconds >= seconds:
                break
        if noisy:
            passage = np.concatenate(tape.pieces[first_piece:])
            tape.pieces[first_piece:] = [passage + noise_like(rng, passage, len(passage), NOISE_DB)]
        tape.under(start, "noise" if noisy else "silence")
        if not nonstop and tape.seconds < seconds and choose.random() < LONG_PAUSE_SHARE:
            start, room = tape.seconds, choose.random() < 0.5
            count = round(choose.uniform(*LONG_PAUSE) * RATE)
            tape.add(
                noise_like(rng, speech, count, ROOM_DB) if room else np.zeros(count, np.float32)
            )
            tape.under(start, "room" if room else "silence")
    start = tape.seconds
    tape.pause(TRAIL)
    tape.under(start, "silence")
    return tape.talk(f"espeak-ng, seed {seed}{', nonstop' if nonstop else ''}")


def load_sound(path: Path) -> Samples:
    """A recording as float32 mono at 16 kHz."""
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono: Samples = samples.mean(axis=1)
    if rate != RATE:
        mono = soxr.resample(mono, rate, RATE)
    return mono


def from_recordings(folder: Path, seconds: float | None = None, seed: int = 1) -> Talk:
    """Join the recordings of a folder with pauses.

    Args:
        folder: has a `reference.json`, a list of {"file", "snr_db", "words": [{"word", "start",
            "end"}]}, and the files that it names.
        seconds: it ends with the first recording that ends behind this; None: with the last.
        seed: of the order and of the pauses.

    Raises:
        ConfigurationError: there is no such file, or a recording's words have no times.
    """
    reference = folder / "reference.json"
    if not reference.is_file():
        raise ConfigurationError(
            f"there is no {reference}; a folder with reference.json and recordings is accepted, "
            "such as tests/data/recordings"
        )
    entries: list[dict[str, Any]] = json.loads(reference.read_text("utf-8"))
    choose = random.Random(seed)
    choose.shuffle(entries)
    tape = _Tape()
    tape.pause(LEAD)
    tape.under(0.0, "silence")
    for entry in entries:
        if not entry.get("words"):
            raise ConfigurationError(
                f"{entry['file']} in {reference} has no times of words; needed: "
                '"words": [{"word", "start", "end"}, …]'
            )
        start = tape.seconds
        words = [(each["word"], each["start"], each["end"]) for each in entry["words"]]
        ends = [end for text, _, end in words if text.rstrip("\"'”)").endswith((".", "?", "!"))]
        tape.say(load_sound(folder / entry["file"]), words)
        tape.words = _numbered(tape.words, tape.sentences - 1, [start + end for end in ends])
        tape.sentences = tape.words[-1].sentence + 1
        tape.under(start, "silence" if entry.get("snr_db") is None else "noise")
        if seconds is not None and tape.seconds >= seconds:
            break
        start = tape.seconds
        tape.pause(choose.uniform(*(LONG_PAUSE if choose.random() < 0.3 else PAUSE)))
        tape.under(start, "silence")
    start = tape.seconds
    tape.pause(TRAIL)
    tape.under(start, "silence")
    return tape.talk(f"recordings in {folder.name}, seed {seed}")


def _numbered(words: list[GoldWord], first: int, ends: Sequence[float]) -> list[GoldWord]:
    """Words from sentence `first` on, counted anew: a recording may hold several sentences."""
    result = []
    for word in words:
        sentence = word.sentence
        if sentence >= first:
            sentence = first + sum(end < word.end for end in ends)
        result.append(GoldWord(word.text, word.start, word.end, sentence, word.number))
    return result
