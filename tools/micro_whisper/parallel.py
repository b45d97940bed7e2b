"""Sentences of three languages with their English, for the model that also translates.

`parallel.txt` holds templates with two sides. Its sentences are held out as those of `grammar.py`
are, by a hash of the foreign text. A share of the training speaks scrambled sentences too, for the
same reason as in English; they have no translation, because they mean nothing.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tools.micro_whisper import grammar

PARALLEL = Path(__file__).with_name("parallel.txt")

LANGUAGES = ("de", "es", "fr")
# Alone, these sound like each other: they are spoken only where the sentence tells them apart.
HOMOPHONES = {
    "de": frozenset("morgen".split()),
    "es": frozenset("esta está".split()),
    "fr": frozenset("a à as et est en ans quel quelle heure heures".split()),
}

# How much more often a template comes that makes more sentences: 0 not at all, 1 in proportion.
SKEW = 0.35

SLOT = re.compile(r"<(([a-z]+)\d*)>")
MARKS = ".,?¿"

Sides = tuple[str, str]  # the foreign text and its English


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence and its English, which is empty where the sentence means nothing."""

    language: str
    text: str
    english: str


@dataclass(frozen=True, slots=True)
class _Use:
    """Line `line` needs `count` phrases of the list `name`; `user` is its list, "" a template."""

    line: int
    name: str
    count: int
    user: str


@dataclass(slots=True)
class _Section:
    """What the file says of one language."""

    lists: dict[str, list[Sides]] = field(default_factory=dict)
    templates: list[Sides] = field(default_factory=list)
    lines: dict[str, int] = field(default_factory=dict)  # where each list is
    weights: list[float] = field(default_factory=list)  # of the templates
    uses: list[_Use] = field(default_factory=list)


class ParallelGrammar:
    """Templates whose slots are filled on both sides with the same phrase."""

    def __init__(self, path: Path = PARALLEL) -> None:
        self._path = path
        self._sections: dict[str, _Section] = {}
        section: _Section | None = None
        for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            if line.startswith("@"):
                section = self._started(number, line[1:])
            elif section is None:
                raise self._error(number, "no @language before this line")
            elif line.startswith("%"):
                self._add_list(section, number, line[1:])
            else:
                self._add_template(section, number, line)
        if missing := [name for name in LANGUAGES if name not in self._sections]:
            raise ValueError(f"{path.name} has no section for {', '.join(missing)}")
        self._free: dict[str, tuple[str, ...]] = {}  # words that can be told from all others
        for language, section in self._sections.items():
            self._check(section)
            section.weights = [self._size(section, text) ** SKEW for text, _ in section.templates]
            free = (w for w in self.words(language) if w.lower() not in HOMOPHONES[language])
            self._free[language] = tuple(sorted(free))

    # -- parsing

    def _error(self, number: int, problem: str) -> ValueError:
        return ValueError(f"{self._path.name}, line {number}: {problem}")

    def _started(self, number: int, language: str) -> _Section:
        if language not in LANGUAGES:
            raise self._error(number, f"unknown language {language!r}")
        if language in self._sections:
            raise self._error(number, f"a second section for {language!r}")
        return self._sections.setdefault(language, _Section())

    def _sides(self, section: _Section, number: int, text: str, mark: str, user: str) -> Sides:
        """The two sides around `mark`, which must be filled and have the same slots."""
        sides = [side.strip() for side in text.split(mark)]
        if len(sides) != 2 or not all(sides):
            raise self._error(number, f"{text!r} is not two sides with one {mark!r} between them")
        foreign, english = sides
        slots = sorted(slot for slot, _ in SLOT.findall(foreign))
        if slots != sorted(slot for slot, _ in SLOT.findall(english)):
            raise self._error(number, f"the two sides of {text!r} have different slots")
        for side in sides:
            if stray := re.search(r"[<>=|{}\[\]]", SLOT.sub("", side)):
                raise self._error(number, f"a stray {stray.group()!r} in {side!r}")
        section.uses += [_Use(number, name, n, user) for name, n in _counts(foreign).items()]
        return foreign, english

    def _add_list(self, section: _Section, number: int, line: str) -> None:
        name, _, items = line.partition(" ")
        if not re.fullmatch("[a-z]+", name):
            raise self._error(number, f"{name!r} is no name of a list: only a to z are allowed")
        if name in section.lists:
            raise self._error(number, f"a second list {name!r}")
        section.lists[name] = [
            self._sides(section, number, item, "=", name) for item in items.split("|")
        ]
        section.lines[name] = number

    def _add_template(self, section: _Section, number: int, line: str) -> None:
        foreign, english = self._sides(section, number, line, "=>", "")
        if foreign[-1] not in ".?" or english[-1] != foreign[-1]:
            raise self._error(
                number, "both sides must end with the same full stop or question mark"
            )
        section.templates.append((foreign, english))

    def _check(self, section: _Section) -> None:
        """Every slot has a list that is long enough, every list a slot, and none holds itself."""
        inside: dict[str, set[str]] = {}
        for use in section.uses:
            if use.name not in section.lists:
                raise self._error(use.line, f"no list {use.name!r} in this language")
            if use.count > len(section.lists[use.name]):
                raise self._error(
                    use.line, f"the list {use.name!r} has fewer than {use.count} phrases"
                )
            inside.setdefault(use.user, set()).add(use.name)
        used = _reached(inside, "")
        for name, number in section.lines.items():
            if name not in used:
                raise self._error(number, f"no template uses the list {name!r}")
            if name in _reached(inside, name):
                raise self._error(number, f"the list {name!r} holds itself")

    # -- sentences

    def _size(self, section: _Section, foreign: str) -> int:
        """About how many texts a text with slots can become."""
        size = 1
        for name, count in _counts(foreign).items():
            size *= sum(self._size(section, text) for text, _ in section.lists[name]) ** count
        return size

    def _filled(self, section: _Section, sides: Sides, rng: random.Random) -> Sides:
        """Both sides with the same phrases; slots of one list get different ones."""
        foreign, english = sides
        slots = dict.fromkeys(slot for slot, _ in SLOT.findall(foreign))
        left = {
            name: rng.sample(section.lists[name], count) for name, count in _counts(foreign).items()
        }
        for slot in slots:
            name = slot.rstrip("0123456789")
            phrase = self._filled(section, left[name].pop(), rng)
            foreign = foreign.replace(f"<{slot}>", phrase[0])
            english = english.replace(f"<{slot}>", phrase[1])
        return foreign, english

    def pair(self, language: str, rng: random.Random) -> Pair:
        """One sentence that means something, and its English."""
        section = self._sections[language]
        # Templates that make many sentences come more often, and the others are still heard.
        template = rng.choices(section.templates, section.weights)[0]
        text, english = self._filled(section, template, rng)
        return Pair(language, _written(text), grammar.written(english))

    def scrambled(self, language: str, rng: random.Random) -> Pair:
        """A sentence with strangers in it, or only strangers."""
        words = self._free[language]
        if rng.random() < 0.5:
            said = [rng.choice(words) for _ in range(rng.randint(2, 9))]
            asks = rng.random() < 0.5
            opening = "¿" if asks and language == "es" else ""
            said = [opening + said[0], *said[1:-1], said[-1] + (".", "?")[asks]]
        else:
            said = self.pair(language, rng).text.split()
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(said))
                # The marks around the word stay.
                said[at] = said[at].replace(said[at].strip(MARKS), rng.choice(words))
        return Pair(language, _written(" ".join(said)), "")

    def words(self, language: str) -> frozenset[str]:
        """All words of a language, as they are written within a sentence."""
        section = self._sections[language]
        inside, first = set[str](), set[str]()
        for phrases in section.lists.values():
            for foreign, _ in phrases:
                inside |= _words(foreign)
        for foreign, _ in section.templates:
            begins, _, rest = foreign.partition(" ")
            inside |= _words(rest)
            first |= {word.lower() for word in _words(begins)}
        return frozenset(inside | first)


def _counts(foreign: str) -> dict[str, int]:
    """How many phrases of each list a text needs."""
    counts: dict[str, int] = {}
    for _, name in dict.fromkeys(SLOT.findall(foreign)):
        counts[name] = counts.get(name, 0) + 1
    return counts


def _reached(inside: dict[str, set[str]], user: str) -> set[str]:
    """The lists that `user` needs, and those that they need."""
    reached, waiting = set[str](), [user]
    while waiting:
        fresh = inside.get(waiting.pop(), set()) - reached
        reached |= fresh
        waiting += fresh
    return reached


def _words(text: str) -> set[str]:
    return {word.strip(MARKS) for word in SLOT.sub(" ", text).split()} - {""}


def _written(text: str) -> str:
    """With a capital where the sentence begins, which may be after a mark."""
    return re.sub(r"[^\W\d_]", lambda letter: letter.group().upper(), text, count=1)


def sample(
    language: str, count: int, seed: int, *, held_out: bool = False, scrambled: float = 0.0
) -> Iterator[Pair]:
    """`count` sentences of one side of the split, a share of them scrambled (some may repeat)."""
    rng, parallel = random.Random(seed), ParallelGrammar()
    while count > 0:
        mix = scrambled > 0 and rng.random() < scrambled
        pair = parallel.scrambled(language, rng) if mix else parallel.pair(language, rng)
        if grammar.is_held_out(pair.text) == held_out:
            count -= 1
            yield pair
