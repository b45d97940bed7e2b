"""Composes what the model hears in training: sentences, pauses, cuts, prompts, the answer.

A batch holds wave forms padded to one length, as the model hears them at inference (there is no
mask), the decoder's tokens and labels, each label's place in the audio, and the letters for CTC.
"""

import dataclasses
import os
import random
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.utils.data import IterableDataset

from tools.micro_whisper import sound
from tools.micro_whisper.clips import Clips, Note
from tools.micro_whisper.vocabulary import Ids

RATE = 16_000
FRAME = 0.02  # seconds of one encoder frame
# The curriculum, in shares of the training: single clean sentences, then a few at a time, then also
# windows of 30 s.
CLEAN, FEW = 0.2, 0.38
TRANSLATED = 0.5  # of the utterances that have a translation: it is what takes longest to learn
LETTERS = " abcdefghijklmnopqrstuvwxyz'"
LETTER_IDS = {letter: i + 1 for i, letter in enumerate(LETTERS)}  # 0 is CTC's blank

Floats = NDArray[np.float32]
Place = tuple[float, float] | None
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Heard:
    """A word in an utterance: its text, start and end in seconds, and its sentence's number."""

    text: str
    start: float
    end: float
    sentence: int

    def later(self, seconds: float) -> "Heard":
        """The word as it is said so much later."""
        return dataclasses.replace(self, start=self.start + seconds, end=self.end + seconds)


@dataclass(frozen=True, slots=True)
class Mix:
    """How an utterance is made: `sentences` at most, in `seconds` at most."""

    sentences: int
    seconds: float
    strength: float = 0.5
    cut: float = 0.3
    silent: float = 0.07
    prompt: float = 0.3


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance for training; `places` are seconds, None where a label has no place."""

    wave: Floats
    tokens: list[int]
    labels: list[int]
    places: list[Place]
    letters: list[int]


def plain_letters(text: str) -> str:
    """Lower case without accents: what the CTC head spells."""
    return "".join(
        c for c in unicodedata.normalize("NFD", text.lower().replace("ß", "ss")) if c in LETTER_IDS
    )


class Composer:
    """Makes utterances and batches without end."""

    def __init__(self, prefixes: Sequence[Path], tokenizer: Path, seed: int) -> None:
        self.clips = Clips(prefixes)
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.ids = Ids.of(self.tokenizer)
        self.rng, self.dice = random.Random(seed), np.random.default_rng(seed)
        self.languages = sorted(self.clips.by_language)

    # -- one utterance

    def _resized(self, note: Note) -> tuple[Floats, float]:
        """The clip, often a little faster or slower (so another speaker), and the factor."""
        samples = note.samples()
        if self.rng.random() < 0.5:
            return samples, 1.0
        factor = self.rng.uniform(0.9, 1.12)
        at = np.arange(0, len(samples) - 1, factor)
        return np.interp(at, np.arange(len(samples)), samples).astype(np.float32), factor

    def _spoken(self, mix: Mix, language: str) -> tuple[Floats, list[Heard], list[Note]]:
        """Sentences one after another, with pauses; the voice changes now and then."""
        rng = self.rng
        lead = 0.0 if rng.random() < 0.25 else rng.uniform(0, 0.8)
        if rng.random() < 0.12:
            lead = rng.uniform(0.8, 2.5)
        parts = [sound.pause(rng, self.dice, int(lead * RATE))]
        at, words, notes = len(parts[0]), list[Heard](), list[Note]()
        again = rng.random() < 0.06
        for k in range(mix.sentences):
            keep = notes and rng.random() < 0.7
            note = self.clips.pick(rng, voice=notes[-1].voice if keep else None, language=language)
            if notes and again:
                note = notes[0]
            samples, factor = self._resized(note)
            if notes and at + len(samples) > mix.seconds * RATE * 1.3:
                break
            notes.append(note)
            words += [
                Heard(word, at / RATE + start / factor, at / RATE + end / factor, k)
                for word, start, end in note.words
            ]
            gap = rng.uniform(0.12, 0.7) if rng.random() < 0.8 else rng.uniform(0.7, 2.5)
            silence = np.zeros(int(gap * RATE), np.float32)
            parts += [samples * np.float32(rng.uniform(0.6, 1.3)), silence]
            at += len(samples) + len(silence)
        wave = np.concatenate(parts)
        if rng.random() < 0.6:  # end anywhere in the last pause
            last = int((words[-1].end + 0.02) * RATE)
            wave = wave[: max(last, len(wave) - int(rng.uniform(0, len(parts[-1]))))]
        return sound.degraded(rng, self.dice, wave, self.clips, mix.strength), words, notes

    def item(self, mix: Mix, offset: float = 0.0, finish: float | None = None) -> Item:
        """One utterance.

        Args:
            mix: how it is made.
            offset: time of its first sample in the window, in seconds.
            finish: let its sound end here, in seconds: cut, or after a longer silence.
        """
        rng, ids = self.rng, self.ids
        language = rng.choice(self.languages)
        full_window = False
        words, notes = list[Heard](), list[Note]()
        silent = rng.random() < mix.silent
        if silent:
            count = int(rng.uniform(0.5, mix.seconds) * RATE)
            wave = sound.nothing_said(rng, self.dice, count, self.clips)
        else:
            wave, words, notes = self._spoken(mix, language)
            end = len(wave) / RATE
            if rng.random() < mix.cut:  # the growing prefix of a stream
                anywhere = rng.random() < 0.7
                end = (
                    rng.uniform(0.35, end)
                    if anywhere
                    else rng.choice(words).end + rng.uniform(0, 0.3)
                )
            if end > mix.seconds:
                end, full_window = mix.seconds, mix.seconds >= 29
            if finish is not None:
                end = min(end, finish)
            wave = wave[: max(3200, int(end * RATE))]
            if finish is not None and (late := finish - len(wave) / RATE) > 0:
                silence = sound.pause(rng, self.dice, int(late * RATE))
                wave = np.concatenate([silence, wave])
                words = [word.later(len(silence) / RATE) for word in words]
        end = len(wave) / RATE
        kept = [word for word in words if word.end <= end]
        # Scrambled sentences have no English.
        translatable = len(self.languages) > 1 and notes and all(note.english for note in notes)
        translate = bool(translatable) and rng.random() < TRANSLATED
        if translate:
            answer = self._translated(kept, notes)
        elif rng.random() < 0.5:
            answer = self._stamped(kept, words, end, offset, full_window)
        else:
            answer = [(ids.no_timestamps, None), *self._placed(kept)]
        tail = kept[-1].end if kept else None
        answer.append((ids.eot, (tail + 0.1, tail + 0.3) if tail is not None else None))

        if len(self.languages) > 1:
            head = [
                ids.sot,
                ids.languages[language],
                ids.translate if translate else ids.transcribe,
            ]
        else:
            head = [ids.sot]
            if rng.random() < 0.25:
                head += [ids.languages["en"], ids.transcribe]
        tokens = head + [token for token, _ in answer]
        places: list[Place] = [None for _ in head[1:]]
        places += [place for _, place in answer]
        labels = tokens[1:]
        if silent:
            labels[0] = ids.no_speech
        elif not kept:
            labels[0] = -100  # too little was heard to say whether it is speech
        tokens = tokens[:-1]
        if rng.random() < mix.prompt:
            before = self._prompt(language, notes, windows=mix.seconds >= 29)
            tokens = before + tokens
            labels = [-100] * len(before) + labels
            places = [*(None for _ in before), *places]
        spelled = plain_letters(" ".join(word.text for word in kept))
        return Item(
            wave,
            tokens[:448],
            labels[:448],
            places[:448],
            [LETTER_IDS[letter] for letter in spelled],
        )

    def _stamped(
        self, kept: Sequence[Heard], words: Sequence[Heard], end: float, offset: float, full: bool
    ) -> list[tuple[int, Place]]:
        """Sentences between timestamps; a full window leaves an unfinished one to the next."""
        out: list[tuple[int, Place]] = []
        sentences: dict[int, list[Heard]] = {}
        for word in kept:
            sentences.setdefault(word.sentence, []).append(word)
        if not sentences:
            return [(self._stamp(0.0), None)]
        last = max(sentences)
        cut_off = len(kept) < len(words) and words[len(kept)].sentence == last
        for number, said in sentences.items():
            start, stop = said[0].start, min(end, said[-1].end)
            out.append((self._stamp(start + offset), (start - 0.04, start + 0.04)))
            if full and cut_off and number == last and len(sentences) > 1:
                break
            out += self._placed(said)
            out.append((self._stamp(stop + offset), (stop, stop + 0.08)))
        if full and len(kept) < len(words) and words[len(kept)].sentence != last:
            start = words[len(kept)].start
            if start < end:  # the next one has begun, too late for a word
                out.append((self._stamp(start), (start - 0.04, start + 0.04)))
        return out

    def _stamp(self, time: float) -> int:
        return self.ids.timestamp_begin + min(1500, max(0, round(time / FRAME)))

    def _placed(self, words: Sequence[Heard]) -> list[tuple[int, Place]]:
        """The tokens of timed words: letters share the time, punctuation comes after.

        The place of the punctuation is what makes a word's end exact: its attention moves on when
        the word is over.
        """
        out: list[tuple[int, Place]] = []
        for word in words:
            tokens = self.tokenizer.encode(" " + word.text).ids
            sizes = [
                len(str(self.tokenizer.id_to_token(token)).strip("Ġ.,?Â¿")) for token in tokens
            ]
            whole, at = max(1, sum(sizes)), 0
            for token, size in zip(tokens, sizes, strict=True):
                length = word.end - word.start
                first = word.start + length * at / whole
                at += size
                place = (
                    (first, word.start + length * at / whole)
                    if size
                    else (word.end, word.end + 0.1)
                )
                out.append((token, place))
        return out

    def _translated(self, kept: Sequence[Heard], notes: Sequence[Note]) -> list[tuple[int, Place]]:
        """The English of the sentences that are complete."""
        out: list[tuple[int, Place]] = [(self.ids.no_timestamps, None)]
        for number, note in enumerate(notes):
            if sum(word.sentence == number for word in kept) < len(note.words):
                break
            tokens = self.tokenizer.encode(" " + note.english).ids
            out += [(token, None) for token in tokens]
        return out

    def _prompt(self, language: str, notes: Sequence[Note], windows: bool) -> list[int]:
        """Text that came before: other sentences, sometimes the one that is spoken again.

        Before a full window (`windows`) it is mostly all of another one, with timestamps, as
        faster-whisper gives it.
        """
        rng = self.rng
        count = (
            rng.randint(5, 16) if rng.random() < (0.6 if windows else 0.15) else rng.randint(1, 4)
        )
        stamps, time, out = rng.random() < (0.7 if windows else 0.3), 0.0, list[int]()
        for _ in range(count):
            text = self.clips.pick(rng, language=language).text
            if notes and rng.random() < 0.08:
                text = notes[0].text
            if rng.random() < 0.15:
                text = text[: rng.randrange(len(text))].rsplit(" ", 1)[0]
            if stamps:
                out.append(self._stamp(time))
            out += self.tokenizer.encode(" " + text).ids
            if stamps:
                time = min(29.0, time + rng.uniform(1, 4))
                out.append(self._stamp(time))
        return [self.ids.previous, *out[-223:]]

    # -- batches

    def batch(self, progress: float, audio_seconds: float) -> Batch:
        """A batch of about `audio_seconds`; `progress` from 0 (single clean sentences) to 1."""
        rng = self.rng
        share = rng.random()
        # Late in a window, without the cost of all that would come before.
        late = FRAME * rng.randrange(500)
        offset = late if rng.random() < 0.3 else 0.0
        if progress < CLEAN:
            mixes = [Mix(1, 8.0, strength=0.3, cut=0.0, silent=0.02, prompt=0.0)]
            count = int(audio_seconds / 4)
        elif share < (0.5 if progress < FEW else 0.25):
            mixes, count = [Mix(1, 8.0)], int(audio_seconds / 4)
        elif progress < FEW or share < 0.6:
            mixes = [Mix(k, 15.0) for k in (1, 2, 2, 3, 3, 4, 4, 5, 6, 8)]
            count = int(audio_seconds / 11)
        else:
            mixes = [Mix(k, 30.0, prompt=0.45) for k in (1, 2, 3, 5, 8, 20, 20, 20)]
            count, offset = max(4, int(audio_seconds / 30)), 0.0
        # A batch is as long as its longest item, so the others have seconds of silence after them,
        # and would teach that every sentence does. Some batches end all at once instead.
        finish, most = None, mixes[0].seconds
        if progress >= CLEAN and most < 29 and rng.random() < 0.4:
            finish = rng.uniform(0.3, 0.9) * most
        items = [self.item(rng.choice(mixes), offset, finish) for _ in range(count)]
        longest = max(len(item.wave) for item in items)
        pad = rng.choice([rng.uniform(0.1, 0.6), rng.uniform(0.3, 1.2), rng.uniform(0.3, 1.2)])
        if progress >= CLEAN and rng.random() < 0.15:
            pad = rng.uniform(1, 4)
        if finish is not None:
            pad = rng.uniform(0.02, 0.4)
        samples = min(30 * RATE, longest + int(pad * RATE))
        if mixes[0].seconds >= 29:
            samples = 30 * RATE
        step = 1600 if finish is not None else 8000  # few shapes: kernels are made for each
        samples = -(-samples // step) * step
        return self._collated(items, samples, offset)

    def _collated(self, items: Sequence[Item], samples: int, offset: float) -> Batch:
        rows = len(items)
        columns = -(-max(len(item.tokens) for item in items) // 16) * 16
        frames = samples // 320
        wave = torch.zeros(rows, samples)
        tokens = torch.full((rows, columns), self.ids.eot)
        labels = torch.full((rows, columns), -100)
        spans = torch.full((rows, columns, 2), -1)
        lengths = torch.zeros(rows, dtype=torch.long)
        for row, item in enumerate(items):
            heard = item.wave[:samples]
            wave[row, : len(heard)] = torch.from_numpy(np.ascontiguousarray(heard, np.float32))
            lengths[row] = len(heard)
            tokens[row, : len(item.tokens)] = torch.tensor(item.tokens)
            labels[row, : len(item.labels)] = torch.tensor(item.labels)
            for column, place in enumerate(item.places):
                if place is not None:
                    first = min(frames - 1, max(0, int(place[0] / FRAME)))
                    last = min(frames, max(first + 1, round(place[1] / FRAME)))
                    spans[row, column] = torch.tensor([first, last])
        # Half are padded as faster-whisper does it (features 0), the others with silence.
        zeros = torch.where(torch.rand(rows) < 0.5, lengths // 160 + 1, samples)
        letters = [torch.tensor(item.letters, dtype=torch.long) for item in items]
        return {
            "wave": wave,
            "tokens": tokens,
            "labels": labels,
            "spans": spans,
            "zero_after": zeros,
            "letters": torch.cat(letters),
            "letter_counts": torch.tensor([len(item) for item in letters]),
            "offset": torch.tensor(round(offset / FRAME)),
        }


class Stream(IterableDataset[Batch]):
    """Batches without end, for torch's DataLoader; `progress` is the trainer's, 0 to 1."""

    def __init__(
        self,
        prefixes: Sequence[Path],
        tokenizer: Path,
        audio_seconds: float,
        progress: "Synchronized[float]",
    ) -> None:
        self.prefixes, self.tokenizer = prefixes, tokenizer
        self.audio_seconds, self.progress = audio_seconds, progress

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        composer = Composer(self.prefixes, self.tokenizer, int.from_bytes(os.urandom(4), "little"))
        while True:
            yield composer.batch(self.progress.value, self.audio_seconds)
