"""How exact XTTS's word marks are: `python -m streamkit_benchmarks.word_marks`.

The model's weights cannot be had everywhere, so its attention is imitated. espeak-ng speaks real
sentences and tells exactly when each word begins; from that the place in the text is known for
every audio token, and attention is made of it: blurred, with noise, with heads that look ahead or
behind, with a share that rests on the start token or on some token by chance, and with heads that
look everywhere. What is measured is how far the aligners' words are from the true ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.worker.messages import SpokenWord
from streamkit.tts.xtts.alignment import (
    Aligner,
    HeadChoice,
    ProportionalAligner,
    WordAligner,
    WordStart,
    choose_heads,
)
from streamkit.tts.xtts.limits import TOKEN_SECONDS

SENTENCES = (
    "The bus to Berlin is eight minutes late, and nobody at the station knows why.",
    "I would like to know whether the museum is open on Sundays.",
    "Turn the music down, please; the baby has only just fallen asleep.",
    "She sold seven hundred and fifty rolls before the sun had risen over the harbour.",
    "If it rains tomorrow, we will stay at home and read; otherwise we walk to the lake.",
    "Who wrote it?",
    "He opened the door, looked around, and then, without a word, he left again.",
    "Electricity consumption increased considerably throughout the industrialised countries.",
)
WARM_UP = "This is the sentence with which the heads are chosen, so it has a few more words in it."


@dataclass(frozen=True, slots=True)
class Imitation:
    """What attention is like."""

    blur: float = 0.8
    """Standard deviation around the place in the text, in text tokens."""
    focus: float = 0.6
    """Share of a head's attention that follows the text."""
    noise: float = 0.3
    """How unevenly the rest is spread; of every audio token anew."""
    leads: tuple[int, ...] = (0, 0, 1, -1)
    """How many text tokens each of the heads that follow the text looks ahead."""
    others: int = 28
    """Heads that follow nothing."""
    wander: float = 0.3
    """Standard deviation of what every head is wrong about the place together, in text tokens."""


KINDS = {
    "clear": Imitation(blur=0.5, focus=0.9, noise=0.1, leads=(0, 0, 0, 0), wander=0.0),
    "usual": Imitation(),
    "blurred": Imitation(blur=2.0, focus=0.5),
    "noisy": Imitation(focus=0.3, noise=1.0),
    "ahead and behind": Imitation(leads=(2, 1, -1, -2)),
    "wandering": Imitation(wander=1.0),
    "one head": Imitation(leads=(0,)),
    "random": Imitation(leads=()),
}


@dataclass(frozen=True, slots=True, eq=False)
class Spoken:
    """A sentence whose words' times are known."""

    text: str
    language: str
    words: tuple[tuple[int, int], ...]
    """First character of each word, and after its last one."""
    starts: tuple[float, ...]
    """In audio tokens."""
    steps: int
    """Audio tokens."""


def speak(text: str, language: str = "en", *, speed: float = 1.0) -> Spoken:
    """Let espeak-ng say a sentence."""
    pieces = list(EspeakSynthesizer().synthesize(text, language=language, speed=speed))
    rate = pieces[0].sample_rate
    marks = [mark for piece in pieces for mark in piece.marks]
    seconds = sum(len(piece.samples) for piece in pieces) / rate
    return Spoken(
        text,
        language,
        tuple((mark.text_offset, mark.text_offset + mark.text_length) for mark in marks),
        tuple(mark.sample / rate / TOKEN_SECONDS for mark in marks),
        int(seconds / TOKEN_SECONDS),
    )


def tokenize(spoken: Spoken, generator: np.random.Generator) -> list[int | None]:
    """Text tokens as a byte-pair vocabulary makes them: one to four letters, blanks apart."""
    tokens: list[int | None] = [None]
    at = 0
    for index, (start, end) in enumerate(spoken.words):
        tokens += [None] * (start - at)
        while start < end:
            tokens.append(index)
            start += int(generator.integers(1, 5))
        at = end
    return [*tokens, *[None] * (len(spoken.text) - at), None]


def imitate(
    spoken: Spoken,
    tokens: Sequence[int | None],
    kind: Imitation,
    generator: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Attention of all heads, (heads, steps, text_tokens); those that follow the text are first."""
    owners = np.array([-1 if word is None else word for word in tokens])
    first = [int(np.flatnonzero(owners == word)[0]) for word in range(len(spoken.words))]
    steps = np.arange(spoken.steps) + 0.5
    place = np.interp(steps, [*spoken.starts, spoken.steps], [*first, len(tokens) - 1])
    wander = np.cumsum(generator.normal(0, 1, spoken.steps)) if kind.wander else np.zeros(1)
    spread = float(wander.std())
    place = place + (kind.wander * (wander - wander.mean()) / spread if spread else 0.0)
    count, size = len(kind.leads) + kind.others, len(tokens)
    attention = generator.gamma(1 / (kind.noise + 0.05), 1.0, (count, spoken.steps, size))
    attention /= attention.sum(axis=2, keepdims=True)
    # Heads rest on the first token, and like some tokens better than others.
    attention[:, :, 0] += generator.uniform(0, 1, (count, 1))
    taste = generator.gamma(0.3, 1.0, (count, 1, size))
    attention += 0.3 * taste / taste.sum(axis=2, keepdims=True)
    attention /= attention.sum(axis=2, keepdims=True)
    tokens_at = np.arange(size)
    for head, lead in enumerate(kind.leads):
        away = (tokens_at[None] - (place[:, None] + lead)) / kind.blur
        seen = np.exp(-0.5 * away**2) + 1e-12
        seen /= seen.sum(axis=1, keepdims=True)
        share = kind.focus * generator.uniform(0.6, 1.0, (spoken.steps, 1))
        attention[head] = share * seen + (1 - share) * attention[head]
    return attention.astype(np.float32)


def choose(kind: Imitation, seed: int) -> HeadChoice:
    """Choose heads as an engine does, on one sentence."""
    generator = np.random.default_rng(seed)
    spoken = speak(WARM_UP)
    attention = imitate(spoken, tokenize(spoken, generator), kind, generator)
    return choose_heads(attention[None])


def run(aligner: WordAligner, attention: npt.NDArray[np.float32], steps: int) -> list[WordStart]:
    """Push all of a sentence; check what every aligner promises."""
    told: list[WordStart] = []
    for step in range(steps):
        new = aligner.push(attention[:, step])
        assert all(start.token <= step for start in new)
        told += new
    told += aligner.finish()
    assert [start.word for start in told] == list(range(len(told)))
    assert [start.token for start in told] == sorted(start.token for start in told)
    return told


def errors(kind: Imitation, *, seed: int = 0, **options: int) -> npt.NDArray[np.float64]:
    """Milliseconds by which each word but the first is told too late, over all sentences.

    Args:
        kind: what attention is like. Without useful heads words are placed by their share of the
            text, at the pace of the sentence with which heads were looked for.
        seed: of everything random.
        options: of the aligner.
    """
    choice = choose(kind, seed)
    generator = np.random.default_rng(seed + 1)
    found: list[float] = []
    for speed in (0.8, 1.0, 1.3):
        pace = measure_pace(speed)
        for text in SENTENCES:
            spoken = speak(text, speed=speed)
            tokens = tokenize(spoken, generator)
            attention = imitate(spoken, tokens, kind, generator)
            aligner: WordAligner
            if choice.heads:
                attention = attention[[head.head for head in choice.heads]]
                aligner = Aligner(tokens, len(spoken.words), choice.heads, **options)
            else:
                aligner = proportional(spoken, pace)
            told = run(aligner, attention, spoken.steps)
            found += [
                (start.token + 0.5 - true) * TOKEN_SECONDS * 1000
                for start, true in zip(told[1:], spoken.starts[1:], strict=True)
            ]
    return np.array(found)


def measure_pace(speed: float) -> float:
    """How fast a speaker is, as one sentence shows."""
    spoken = speak(WARM_UP, speed=speed)
    aligner = proportional(spoken, 1.0)
    for _ in range(spoken.steps):
        aligner.push()
    return aligner.pace


def proportional(spoken: Spoken, pace: float) -> ProportionalAligner:
    """The other aligner, with espeak's own words."""
    words = [SpokenWord(start, end, start, end - start) for start, end in spoken.words]
    return ProportionalAligner(spoken.text, words, spoken.language, pace=pace)


def main() -> None:
    """Print a table."""
    print("attention         heads score  median    p95  bias   (ms; first words left out)")
    for name, kind in KINDS.items():
        choice = choose(kind, 0)
        late = errors(kind)
        away = np.abs(late)
        print(
            f"{name:<18}{len(choice.heads):>4}{choice.score:>7.2f}{np.median(away):>8.0f}"
            f"{np.percentile(away, 95):>7.0f}{np.median(late):>6.0f}"
        )
    print("\nlag (audio tokens), attention 'usual': median, p95")
    for lag in (0, 1, 2, 3, 4, 6, 8, 12):
        away = np.abs(errors(KINDS["usual"], lag=lag))
        print(f"{lag:>3}{np.median(away):>8.0f}{np.percentile(away, 95):>7.0f}")


if __name__ == "__main__":
    main()
