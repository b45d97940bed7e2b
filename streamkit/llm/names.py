"""Names of tools and arguments, as one would say them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+")


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word in lower case, and where it stands in its text."""

    text: str
    start: int
    end: int


def find_words(text: str) -> list[SpokenWord]:
    """The words of a text or name: "get_weather", "getWeather" and "Get weather!" have two."""
    return [SpokenWord(m[0].lower(), m.start(), m.end()) for m in _PART.finditer(text)]


class SpokenText:
    """A text in which names can be found, in time that hardly depends on how many there are."""

    def __init__(self, text: str) -> None:
        self.words = find_words(text)
        self._places: dict[str, list[int]] = {}
        for place, word in enumerate(self.words):
            self._places.setdefault(word.text, []).append(place)

    def find(self, name: Sequence[str]) -> list[int]:
        """Numbers of the words with which a name's words begin, wherever they stand in a row."""
        wanted = list(name)
        places = self._places.get(wanted[0], []) if wanted else []
        size = len(wanted)
        return [
            place
            for place in places
            if [word.text for word in self.words[place : place + size]] == wanted
        ]


def split_name(name: str) -> list[str]:
    """The words of a name alone."""
    return [word.text for word in find_words(name)]
