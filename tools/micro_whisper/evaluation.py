"""Measures an exported model on held-out sentences, group by group, with 95 % intervals.

Error rates are over all words of a group, lower case without punctuation; an interval resamples the
utterances. Unless a group says otherwise, decoding is what a streaming program does: int8, greedy,
one encoder pass over the utterance and a second of silence after it, no timestamps.
"""

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ctranslate2
import jiwer
import numpy as np
import soundfile
import soxr
from faster_whisper import WhisperModel
from faster_whisper.tokenizer import Tokenizer
from numpy.typing import NDArray

from tools.micro_whisper import sound
from tools.micro_whisper.clips import Clips, Note

RATE = 16_000
LEAD = 0.2  # seconds of silence ahead of the speech, since clips begin with it
ROUNDS = 2000
Floats = NDArray[np.float32]


def plain(text: str) -> list[str]:
    """The words, lower case, without punctuation."""
    return re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower())


@dataclass
class Group:
    """One row of the report: the errors and words of each utterance."""

    name: str
    errors: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)

    def add(self, reference: str, heard: str) -> None:
        """Counts one utterance."""
        said, found = plain(reference), plain(heard)
        self.words.append(len(said))
        if not said:
            self.errors.append(len(found))
            return
        result = jiwer.process_words(" ".join(said), " ".join(found))
        self.errors.append(result.substitutions + result.deletions + result.insertions)

    def report(self) -> dict[str, Any]:
        """The rate in percent, its interval, and how much it stands on."""
        errors, words = np.array(self.errors), np.array(self.words)
        picks = np.random.default_rng(0).integers(0, len(errors), (ROUNDS, len(errors)))
        rates = 100 * errors[picks].sum(1) / np.maximum(1, words[picks].sum(1))
        low, high = np.percentile(rates, [2.5, 97.5])
        return {
            "wer": round(100 * float(errors.sum()) / max(1, int(words.sum())), 2),
            "interval": [round(float(low), 2), round(float(high), 2)],
            "utterances": len(errors),
            "words": int(words.sum()),
        }


class Direct:
    """CTranslate2's `encode` and `generate` on features of any length, as streaming does it."""

    def __init__(self, model: WhisperModel, language: str | None = None) -> None:
        self._model, self._features = model.model, model.feature_extractor
        self._tokens = Tokenizer(
            model.hf_tokenizer,
            model.model.is_multilingual,
            task="transcribe",
            language=language or "en",
        )
        self._ids = model.hf_tokenizer.token_to_id

    def encode(self, samples: Floats, pad: float = 1.0) -> ctranslate2.StorageView:
        """The encoder's output for the samples and `pad` seconds of silence."""
        silence = np.zeros(int(pad * RATE), np.float32)
        features = self._features(np.concatenate([samples, silence]))[:, :-1][:, :3000]
        features = np.ascontiguousarray(features[None, :, : features.shape[1] // 2 * 2], np.float32)
        return self._model.encode(ctranslate2.StorageView.from_array(features))

    def language(self, samples: Floats) -> str:
        """The likeliest language of a multilingual model, by its code."""
        best: str = self._model.detect_language(self.encode(samples))[0][0][0]
        return best[2:-2]

    def __call__(
        self,
        samples: Floats,
        *,
        pad: float = 1.0,
        timestamps: bool = False,
        previous: str | None = None,
        head: Sequence[str] | None = None,
    ) -> str:
        """The text; `head` are the names of the tokens at the start, `previous` the prompt."""
        prompt = [self._tokens.sot]
        if head is not None:
            prompt = [self._ids(f"<|{name}|>") for name in head]
        if previous:
            prompt = [self._tokens.sot_prev, *self._tokens.encode(" " + previous), *prompt]
        if not timestamps:
            prompt.append(self._tokens.no_timestamps)
        result = self._model.generate(
            self.encode(samples, pad), [prompt], beam_size=1, max_length=448
        )[0]
        text: str = self._tokens.decode(result.sequences_ids[0])
        return text


def led(samples: Floats) -> Floats:
    """The samples after a short silence."""
    return np.concatenate([np.zeros(int(LEAD * RATE), np.float32), samples])


def finished(samples: Floats) -> Floats:
    """The samples and a second of silence, as `Direct` has them."""
    return np.concatenate([samples, np.zeros(RATE, np.float32)])


@dataclass(frozen=True, slots=True)
class Recording:
    """Several sentences with pauses."""

    samples: Floats
    text: str


def recording(
    rng: random.Random, notes: Sequence[Note], sentences: int, seconds: float
) -> Recording:
    """Sentences with pauses of 0.4 to 1.2 s, one in five up to 3 s; the voice may change."""
    parts = [np.zeros(int(rng.uniform(0.1, 0.8) * RATE), np.float32)]
    texts, total, voice = list[str](), 0.0, ""
    while len(texts) < sentences and total < seconds:
        same = [note for note in notes if note.voice == voice] if rng.random() < 0.65 else []
        note = rng.choice(same or list(notes))
        voice = note.voice
        gap = rng.uniform(0.4, 1.2) if rng.random() < 0.8 else rng.uniform(1.2, 3.0)
        parts += [note.samples(), np.zeros(int(gap * RATE), np.float32)]
        texts.append(note.text)
        total += note.count / RATE + gap
    return Recording(np.concatenate(parts) * np.float32(0.7), " ".join(texts))


def stock(model: WhisperModel, samples: Floats, **options: Any) -> str:
    """faster-whisper's own `transcribe`: 30 s windows, timestamps, beam 5, previous text."""
    segments, _ = model.transcribe(samples, **{"language": "en", **options})
    return "".join(segment.text for segment in segments)


class Evaluation:
    """All groups of the English model; `count` utterances a group, `long` long recordings."""

    def __init__(self, model: Path, held: Path, count: int = 240, long: int = 40) -> None:
        self.model = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)
        self.direct = Direct(self.model)
        self.count, self.long = count, long
        notes = Clips([held]).notes
        self.espeak = [note for note in notes if note.seen and "+" in note.voice]
        self.flite = [note for note in notes if note.seen and "+" not in note.voice]
        self.unseen_espeak = [note for note in notes if not note.seen and "+" in note.voice]
        self.unseen_flite = [note for note in notes if not note.seen and "+" not in note.voice]

    def single(self) -> Iterator[Group]:
        """One sentence, whole."""
        for name in ("espeak", "flite", "unseen_espeak", "unseen_flite"):
            group = Group(
                f"one sentence, {'' if 'un' in name else 'seen '}{name.replace('_', ' ')}"
            )
            for note in getattr(self, name)[: self.count]:
                group.add(note.text, self.direct(led(note.samples())))
            yield group

    def several(self) -> Iterator[Group]:
        """Two to four sentences in one window."""
        rng = random.Random(4)
        for sentences in (2, 3, 4):
            group = Group(f"{sentences} sentences in one window, seen")
            for _ in range(self.count):
                said = recording(rng, self.espeak + self.flite, sentences, 24)
                group.add(said.text, self.direct(said.samples))
            yield group

    def long_form(self) -> Iterator[Group]:
        """20 to 60 s, decoded by faster-whisper in its windows of 30 s."""
        rng = random.Random(5)
        for name, notes in (
            ("seen", self.espeak + self.flite),
            ("unseen", self.unseen_espeak + self.unseen_flite),
        ):
            group = Group(f"long-form, stock transcribe, {name}")
            for _ in range(self.long):
                said = recording(rng, notes, 100, rng.uniform(20, 60))
                group.add(said.text, stock(self.model, said.samples))
            yield group

    def delivered(self, folder: Path) -> Iterator[Group]:
        """Recordings with a `reference.json`, by faster-whisper's `transcribe`."""
        groups: dict[str, Group] = {}
        for entry in json.loads((folder / "reference.json").read_text()):
            samples, _ = soundfile.read(folder / entry["file"], dtype="float32")
            kind = "short" if entry["file"].startswith("short") else "long"
            noisy = " noisy" if entry["snr_db"] else ""
            seen = "seen" if entry["sentences"][0]["seen_voice"] else "unseen"
            name = f"delivered recordings, stock transcribe, {kind}{noisy}, {seen}"
            groups.setdefault(name, Group(name)).add(entry["text"], stock(self.model, samples))
        yield from groups.values()

    def cut(self) -> Iterator[Group]:
        """The sound stops anywhere; only words that were complete count."""
        rng = random.Random(9)
        for name, notes in (("seen", self.espeak + self.flite), ("unseen", self.unseen_flite)):
            strict = Group(f"cut anywhere, complete words only, {name}")
            loose = Group(f"cut anywhere, the word at the cut free, {name}")
            rng.shuffle(notes)
            for note in notes[: self.count]:
                samples = note.samples()
                cut = rng.uniform(0.4, len(samples) / RATE)
                heard = self.direct(led(samples[: int(cut * RATE)]))
                done = " ".join(word for word, _, end in note.words if end <= cut)
                begun = " ".join(word for word, start, _ in note.words if start < cut)
                strict.add(done, heard)
                either = [Group(""), Group("")]
                either[0].add(done, heard)
                either[1].add(begun, heard)
                best = min(either, key=lambda group: group.errors[0] / max(1, group.words[0]))
                loose.errors += best.errors
                loose.words += best.words
            yield strict
            yield loose

    def prompted(self) -> Iterator[Group]:
        """An unrelated sentence as the previous text."""
        rng = random.Random(11)
        for name in ("espeak", "flite"):
            notes = getattr(self, name)
            group = Group(f"unrelated previous sentence, seen {name}")
            for note in notes[: self.count]:
                previous = rng.choice(notes).text
                group.add(note.text, self.direct(led(note.samples()), previous=previous))
            yield group

    def other_ways(self) -> Iterator[Group]:
        """The same sentences with other paddings and prompts."""
        ways: dict[str, Callable[[Floats], str]] = {
            "0.3 s of padding": lambda samples: self.direct(samples, pad=0.3),
            "padded to 30 s": lambda samples: self.direct(samples, pad=30),
            "with timestamps": lambda samples: self.direct(samples, timestamps=True),
            "prompt of three tokens": lambda samples: self.direct(
                samples, head=["startoftranscript", "en", "transcribe"]
            ),
            "stock transcribe": lambda samples: stock(self.model, finished(samples)),
            "telephone band": lambda samples: self.direct(
                soxr.resample(soxr.resample(samples, RATE, 8000), 8000, RATE)
            ),
        }
        for name, way in ways.items():
            group = Group(f"one sentence, {name}, seen")
            for note in (self.espeak + self.flite)[:: max(1, len(self.espeak) * 2 // self.count)]:
                group.add(note.text, way(led(note.samples())))
            yield group
        dice = np.random.default_rng(3)
        for decibels in (20, 10):
            group = Group(f"one sentence, white noise at {decibels} dB, seen")
            for note in (self.espeak + self.flite)[:: max(1, len(self.espeak) * 2 // self.count)]:
                samples = led(note.samples())
                power = float(np.mean(samples[np.abs(samples) > 0.01] ** 2))
                noise = dice.standard_normal(len(samples)) * np.sqrt(power / 10 ** (decibels / 10))
                group.add(note.text, self.direct(samples + noise.astype(np.float32)))
            yield group

    def nothing_said(self, folder: Path | None = None) -> Iterator[tuple[str, dict[str, int]]]:
        """Words that come out where nobody speaks, in three ways of decoding."""
        rng, dice = random.Random(13), np.random.default_rng(13)
        kinds = {"digital silence": [np.zeros(n * RATE, np.float32) for n in (1, 3, 9)]}
        for name, make in (
            ("white and coloured noise", sound.coloured),
            ("hum", sound.hum),
            ("music", sound.music),
            ("effects", sound.effects),
        ):
            kinds[name] = []
            for _ in range(60):
                raw = make(rng, dice, int(rng.uniform(1, 8) * RATE))
                level = 10 ** rng.uniform(-3.5, -0.7)
                kinds[name].append(
                    raw * np.float32(level / max(1e-6, float(np.sqrt(np.mean(raw**2)))))
                )
        if folder is not None:
            kinds["recorded sounds of other people"] = []
            for file in sorted(folder.glob("*.flac")):
                samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
                mono = soxr.resample(samples.mean(1), rate, RATE)
                kinds["recorded sounds of other people"] += [
                    mono[at : at + 8 * RATE] for at in range(0, min(len(mono), 32 * RATE), 8 * RATE)
                ]
        for name, sounds in kinds.items():
            yield (
                name,
                {
                    "clips": len(sounds),
                    "words, greedy": sum(len(plain(self.direct(x))) for x in sounds),
                    "words, timestamps": sum(
                        len(plain(self.direct(x, timestamps=True))) for x in sounds
                    ),
                    "words, stock transcribe": sum(
                        len(plain(stock(self.model, x))) for x in sounds
                    ),
                },
            )

    def word_times(self) -> Iterator[tuple[str, dict[str, float]]]:
        """Distance of word ends and starts from the synthesizer's own, in milliseconds."""
        for name in ("espeak", "flite"):
            starts, ends = list[float](), list[float]()
            for note in getattr(self, name)[: self.count]:
                segments, _ = self.model.transcribe(
                    finished(led(note.samples())),
                    language="en",
                    beam_size=1,
                    word_timestamps=True,
                )
                found = [word for segment in segments for word in segment.words or []]
                if [plain(word.word) for word in found] != [
                    plain(word) for word, _, _ in note.words
                ]:
                    continue  # another word has no time to compare
                for word, (_, start, end) in zip(found, note.words, strict=True):
                    starts.append(1000 * abs(word.start - LEAD - start))
                    ends.append(1000 * abs(word.end - LEAD - end))
            yield (
                f"seen {name}",
                {
                    "words": len(ends),
                    "end median ms": round(float(np.median(ends))),
                    "end p95 ms": round(float(np.percentile(ends, 95))),
                    "start median ms": round(float(np.median(starts))),
                    "start p95 ms": round(float(np.percentile(starts, 95))),
                },
            )


def multilingual(model: Path, work: Path, count: int = 240) -> dict[str, Any]:
    """Detection, transcription and translation of each language's held-out sentences."""
    loaded = WhisperModel(str(model), device="cpu", compute_type="int8", cpu_threads=1)
    results: dict[str, Any] = {}
    for language, name in (("en", "held"), ("de", "held-de"), ("es", "held-es"), ("fr", "held-fr")):
        direct = Direct(loaded, language)
        notes = [note for note in Clips([work / name]).notes if note.seen and "+" in note.voice]
        heard, translated, detected = Group(language), Group(language), 0
        for note in notes[:count]:
            samples = led(note.samples())
            detected += direct.language(samples) == language
            heard.add(
                note.text, direct(samples, head=["startoftranscript", language, "transcribe"])
            )
            translation = direct(samples, head=["startoftranscript", language, "translate"])
            translated.add(note.english, translation)
        results[language] = {
            "detected": round(detected / len(notes[:count]), 4),
            "transcribed": heard.report(),
            "translated": translated.report(),
        }
        print(f"{language}: {results[language]}", flush=True)
    return results


def report(
    model: Path, held: Path, *, count: int, recordings: Path | None, nonspeech: Path | None
) -> dict[str, Any]:
    """Measures everything, prints each figure as it comes, and returns them all."""
    evaluation = Evaluation(model, held, count, max(1, count // 6))
    results: dict[str, Any] = {}

    def told(name: str, figures: dict[str, Any]) -> None:
        results[name] = figures
        print(f"{name}: {figures}", flush=True)

    groups = [
        evaluation.single(),
        evaluation.several(),
        evaluation.long_form(),
        evaluation.cut(),
        evaluation.prompted(),
        evaluation.other_ways(),
    ]
    if recordings is not None:
        groups.append(evaluation.delivered(recordings))
    for measured in groups:
        for group in measured:
            told(group.name, group.report())
    for name, figures in evaluation.nothing_said(nonspeech):
        told(f"nothing said: {name}", figures)
    for name, times in evaluation.word_times():
        told(f"word times, {name}", times)
    return results
