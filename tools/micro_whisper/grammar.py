"""Sentences of the domain, written the way Whisper writes them.

`english.txt` holds templates; one in twelve of the sentences that they can make is held out, by a
hash of its text, and never spoken for the training. A quarter of the training speaks *scrambled*
sentences instead: words of the domain in an order that means nothing. A model that has heard only
sensible sentences learns to guess the next word, and then says the sentence that it knows and not
the one that was spoken.
"""

import random
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ENGLISH = Path(__file__).with_name("english.txt")

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = ("twenty thirty forty fifty sixty seventy eighty ninety").split()
PROPER = frozenset(
    (
        "monday tuesday wednesday thursday friday saturday sunday london paris boston chicago "
        "berlin dublin england france ireland germany america anna peter mary john sarah david "
        "emma tom beatles mozart i"
    ).split()
)
# Alone, nobody can tell these apart: they are spoken only where the sentence does.
HOMOPHONES = frozenset(
    ("to two for four no know write right son sun buy by hear here read red").split()
)
# The one sentence of the domain that has "know" is held out: these phrases teach the word.
KNOWING = ("not know", "I know", "they know", "we know")

HELD_OUT_PERCENT = 8


def number(rng: random.Random) -> str:
    """Zero to one hundred in words, small ones more often."""
    n = rng.choice([rng.randint(0, 12), rng.randint(0, 99), rng.randint(13, 100)])
    if n == 100:
        return "one hundred"
    if n < 20:
        return ONES[n]
    return TENS[n // 10 - 2] + (" " + ONES[n % 10] if n % 10 else "")


def clock(rng: random.Random) -> str:
    """A time of day in words."""
    hour = ONES[rng.randint(1, 12)]
    return rng.choice(
        [
            hour,
            hour + " thirty",
            hour + " fifteen",
            "half past " + hour,
            "quarter to " + hour,
            hour + " forty five",
            "ten past " + hour,
        ]
    )


BUILT_IN: dict[str, Callable[[random.Random], str]] = {
    "num": number,
    "time": clock,
    "small": lambda rng: ONES[rng.randint(1, 10)],
}


class Grammar:
    """Templates with `{one|of}`, `[maybe]` and `<list>`, in weighted families."""

    def __init__(self, path: Path = ENGLISH) -> None:
        self.lists: dict[str, list[str]] = {}
        self.families: list[tuple[float, list[str]]] = []
        for line in path.read_text().splitlines():
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("%"):
                name, items = line[1:].split(" ", 1)
                self.lists[name] = items.split("|")
            elif line.startswith("@"):
                _, weight = line[1:].split()
                self.families.append((float(weight), []))
            else:
                self.families[-1][1].extend(part.strip() for part in line.split(" | "))

    def _choose(self, text: str, rng: random.Random) -> str:
        while bracket := re.search(r"[{\[]([^{}\[\]]*)[}\]]", text):  # innermost first
            pick = rng.choice(bracket.group(1).split("|"))
            if bracket.group(0)[0] == "[" and rng.random() < 0.5:
                pick = ""
            text = text[: bracket.start()] + pick + text[bracket.end() :]
        return text

    def _filled(self, name: str, rng: random.Random) -> str:
        built_in = BUILT_IN.get(name)
        return built_in(rng) if built_in else rng.choice(self.lists[name])

    def sentence(self, rng: random.Random) -> str:
        """One sentence of the domain, capitalised and with its full stop."""
        _, templates = rng.choices(self.families, [weight for weight, _ in self.families])[0]
        text = self._choose(rng.choice(templates), rng)
        while "<" in text:
            text = re.sub(r"<(\w+)>", lambda m: self._filled(m.group(1), rng), text)
            text = self._choose(text, rng)
        return written(text)

    def scrambled(self, rng: random.Random) -> str:
        """Words of the domain without sense: a sentence with strangers in it, or only those."""
        words = free_words()
        if rng.random() < 0.5:
            said = [rng.choice(words) for _ in range(rng.randint(2, 9))]
            if rng.random() < 0.1:
                said[rng.randrange(len(said))] = rng.choice(KNOWING)
            return written(" ".join(said) + rng.choice(".?"))
        said = self.sentence(rng).lower().split()
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(said))
            said[at] = rng.choice(words) + re.sub(r"[a-z']", "", said[at])
        return written(" ".join(said))


@cache
def free_words() -> tuple[str, ...]:
    """The words of the domain that sound like no other one."""
    grammar, rng, words = Grammar(), random.Random(0), set[str]()
    for _ in range(20_000):
        words |= set(re.findall(r"[a-z']+", grammar.sentence(rng).lower()))
    return tuple(sorted(words - HOMOPHONES))


def written(text: str) -> str:
    """Spaces, capitals and punctuation as Whisper has them."""
    text = re.sub(r"\s+([.,?])", r"\1", re.sub(r"\s+", " ", text)).strip()
    text = re.sub(
        r"\b([a-z]+)\b",
        lambda m: m.group(1).capitalize() if m.group(1) in PROPER else m.group(1),
        text,
    )
    return text[0].upper() + text[1:]


def is_held_out(sentence: str) -> bool:
    """Whether it belongs to the tests: eight percent of those with four words or more."""
    if len(sentence.split()) < 4:
        return False
    digest = 0
    for character in sentence.lower():
        digest = (digest * 131 + ord(character)) % 1_000_003
    return digest % 100 < HELD_OUT_PERCENT


def sample(
    count: int, seed: int, *, held_out: bool = False, scrambled: float = 0.0
) -> Iterator[str]:
    """`count` sentences of one side of the split, a share scrambled (short ones may repeat)."""
    rng, grammar = random.Random(seed), Grammar()
    while count > 0:
        mix = scrambled > 0 and rng.random() < scrambled
        text = grammar.scrambled(rng) if mix else grammar.sentence(rng)
        if is_held_out(text) == held_out:
            count -= 1
            yield text
