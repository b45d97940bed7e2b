"""Makes test recordings out of held-out sentences, with the place of each word.

`short_*` hold one sentence, `long_*` several with pauses and changing voices; half of the files
have only voices that the training never used, and half of the long ones white noise. `LANGUAGE_*`
hold two sentences of another language, and `mixed_*` four, each in a language of its own.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from tools.micro_whisper.clips import Clips, Note

RATE = 16_000
SHORT, LONG, FOREIGN, MIXED = 40, 20, 4, 4  # files of each kind; the foreign ones per language


class Writer:
    """Writes FLAC files into a folder, and then their `reference.json`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._dice = np.random.default_rng(5)
        self._references: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        notes: Sequence[Note],
        gaps: Sequence[float],
        lead: float,
        noise_db: float | None = None,
    ) -> None:
        """One file: `lead` seconds, each clip and its gap; noise so many dB below the speech."""
        parts, at = [np.zeros(int(lead * RATE), np.float32)], lead
        sentences, words = list[dict[str, Any]](), list[dict[str, Any]]()
        for note, gap in zip(notes, gaps, strict=True):
            silence = np.zeros(int(gap * RATE), np.float32)
            parts += [note.samples(), silence]
            timed = [
                {"word": word, "start": round(at + start, 3), "end": round(at + end, 3)}
                for word, start, end in note.words
            ]
            sentence = {
                "text": note.text,
                "voice": note.voice,
                "seen_voice": note.seen,
                "start": timed[0]["start"],
                "end": timed[-1]["end"],
            }
            if note.language != "en":
                sentence |= {"language": note.language, "english": note.english}
            sentences.append(sentence)
            words += timed
            at += (note.count + len(silence)) / RATE
        sound = np.concatenate(parts)
        if noise_db is not None:
            power = float(np.mean(sound[np.abs(sound) > 0.01] ** 2))
            level = np.sqrt(power / 10 ** (noise_db / 10))
            sound = sound + self._dice.normal(0, level, len(sound)).astype(np.float32)
        file = f"{name}.flac"
        samples = (np.clip(sound * 0.7, -1, 1) * 32767).astype(np.int16)
        soundfile.write(self._folder / file, samples, RATE)
        self._references.append(
            {
                "file": file,
                "seconds": round(len(samples) / RATE, 3),
                "snr_db": noise_db,
                "text": " ".join(note.text for note in notes),
                "sentences": sentences,
                "words": words,
            }
        )

    def finish(self) -> None:
        """Writes the references, an entry a line."""
        entries = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in self._references)
        (self._folder / "reference.json").write_text(f"[\n{entries}\n]\n", "utf-8")


def english(held: Path, folder: Path) -> None:
    """Forty short and twenty long recordings."""
    notes, rng, writer = Clips([held]).notes, random.Random(5), Writer(folder)
    sides = {seen: [note for note in notes if note.seen == seen] for seen in (True, False)}
    for k in range(SHORT):
        note = rng.choice(sides[k < SHORT // 2])
        writer.add(f"short_{k:02d}", [note], [rng.uniform(0.3, 0.8)], rng.uniform(0.1, 0.6))
    for k in range(LONG):
        pool = sides[k % 2 == 0]
        target, total = 20 + 2 * k + rng.uniform(0, 2), 0.0
        said, gaps = list[Note](), list[float]()
        while total < target:
            same = [note for note in pool if said and note.voice == said[-1].voice]
            note = rng.choice(same if same and rng.random() < 0.65 else pool)
            gap = rng.uniform(0.4, 1.2) if rng.random() < 0.8 else rng.uniform(1.2, 3.0)
            said.append(note)
            gaps.append(gap)
            total += note.count / RATE + gap
        noise = rng.uniform(15, 25) if k >= LONG // 2 else None
        writer.add(f"long_{k:02d}", said, gaps, rng.uniform(0.1, 0.8), noise)
    writer.finish()


def foreign(work: Path, folder: Path, languages: Sequence[str]) -> None:
    """Four recordings of each language, and four that change the language at each sentence."""
    rng, writer = random.Random(6), Writer(folder)
    notes = {language: Clips([work / f"held-{language}"]).notes for language in languages}
    notes["en"] = [n for n in Clips([work / "held"]).notes if n.seen and "+" in n.voice]
    for language in languages:
        for k in range(FOREIGN):
            said = rng.sample(notes[language], 2)
            gaps = [rng.uniform(0.8, 1.5) for _ in said]
            writer.add(f"{language}_{k}", said, gaps, rng.uniform(0.2, 0.6))
    for k in range(MIXED):
        order = rng.sample(sorted(notes), len(notes))
        gaps = [rng.uniform(1.2, 2.0) for _ in order]
        said = [rng.choice(notes[language]) for language in order]
        writer.add(f"mixed_{k}", said, gaps, rng.uniform(0.2, 0.6))
    writer.finish()
