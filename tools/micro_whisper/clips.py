"""The spoken sentences of `speech.py`, by number and by voice, read from disk on demand."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Word = tuple[str, float, float]


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of one clip: `words` are (word, start s, end s), `english` its translation."""

    sound: NDArray[np.int16] = field(repr=False)
    at: int
    count: int
    voice: str
    seen: bool
    text: str
    words: list[Word]
    language: str = "en"
    english: str = ""

    def samples(self) -> NDArray[np.float32]:
        """Mono float32 at 16 kHz, peak 0.6."""
        return self.sound[self.at : self.at + self.count].astype(np.float32) / np.float32(32768)


class Clips:
    """All clips under some prefixes."""

    def __init__(self, prefixes: Sequence[Path]) -> None:
        self.notes: list[Note] = []
        self.by_voice: dict[str, list[int]] = {}
        self.by_language: dict[str, list[int]] = {}
        for prefix in prefixes:
            sound = np.memmap(prefix.with_suffix(".i16"), np.int16, "r")
            for line in prefix.with_suffix(".jsonl").read_text().splitlines():
                note = json.loads(line)
                self.by_voice.setdefault(note["voice"], []).append(len(self.notes))
                language = note.get("language", "en")
                self.by_language.setdefault(language, []).append(len(self.notes))
                self.notes.append(
                    Note(
                        sound,
                        note["at"],
                        note["n"],
                        note["voice"],
                        note["seen"],
                        note["text"],
                        [(word, start, end) for word, start, end in note["words"]],
                        language,
                        note.get("english", note["text"]),
                    )
                )

    def pick(
        self, rng: random.Random, *, voice: str | None = None, language: str | None = None
    ) -> Note:
        """Any clip, or any of a voice, or any of a language."""
        if voice is not None:
            return self.notes[rng.choice(self.by_voice[voice])]
        if language is not None:
            return self.notes[rng.choice(self.by_language[language])]
        return rng.choice(self.notes)
