"""English numbers, from words and digits and back."""

from __future__ import annotations

import re
from typing import Final

_SMALL: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "nineteen",
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES: Final = {word: value for value, word in enumerate(_SMALL)} | {
    word: 10 * value for value, word in enumerate(_TENS, 2)
}
_TOKEN: Final = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)|\d{1,18}(?:\.\d{1,9})?|[^\W\d_]+")
_LARGEST_IN_WORDS: Final = 999


def find_numbers(text: str) -> list[int | float]:
    """The numbers that a text holds, in order: "two hundred and five", "21", "1,000", "3.5".

    Words in a row make one number only as one would say them: "twenty one" is one, "one two"
    are two.
    """
    tokens = _TOKEN.findall(text.lower())
    found: list[int | float] = []
    number = _Number()
    for before, token in zip(["", *tokens], tokens, strict=False):
        value = _VALUES.get(token)
        if token[0].isdecimal():
            found += number.close()
            digits = token.replace(",", "")
            found.append(float(digits) if "." in digits else int(digits))
        elif value is not None:
            if not number.takes(value):
                found += number.close()
            number.add(value)
        elif not number.scale(token, alone=before == "a"):
            found += number.close()
    return found + number.close()


def say_number(value: int) -> str:
    """A number from 0 to 999 in words, any other one in digits."""
    if not 0 <= value <= _LARGEST_IN_WORDS:
        return str(value)
    if value < len(_SMALL):
        return _SMALL[value]
    if value < 100:
        tens, ones = divmod(value, 10)
        return _TENS[tens - 2] + (f"-{_SMALL[ones]}" if ones else "")
    hundreds, rest = divmod(value, 100)
    return f"{_SMALL[hundreds]} hundred" + (f" and {say_number(rest)}" if rest else "")


class _Number:
    """One number in words, as far as it was said."""

    def __init__(self) -> None:
        self._begun = False
        self._thousands = 0
        self._rest = 0
        self._room = 0
        """What can be added is below this."""

    def takes(self, value: int) -> bool:
        """Whether the next word's value belongs to this number."""
        return not self._begun or 0 < value < self._room

    def add(self, value: int) -> None:
        self._begun = True
        self._rest += value
        self._room = 10 if value >= 20 else 0

    def scale(self, word: str, *, alone: bool) -> bool:
        """Whether a word that is no value belongs to this number; "a hundred" begins one."""
        if alone and not self._begun and word in ("hundred", "thousand"):
            self.add(1)
        if word == "hundred" and 0 < self._rest < 10:
            self._rest, self._room = 100 * self._rest, 100
        elif word == "thousand" and self._rest and not self._thousands:
            self._thousands, self._rest, self._room = 1000 * self._rest, 0, 1000
        else:
            return word == "and" and self._room >= 100
        return True

    def close(self) -> list[int | float]:
        """The number, if there is one; the next one begins."""
        value, begun = self._thousands + self._rest, self._begun
        self._begun = False
        self._thousands = self._rest = self._room = 0
        return [value] if begun else []
