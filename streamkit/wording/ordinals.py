"""Ordinals, Roman numbers, versions, telephone numbers and ratios when said."""

from __future__ import annotations

import re
from typing import Final

from streamkit.wording.numbers import NumberWords, Reader, either, word_before

_GERMAN_WEAK: Final = frozenset(
    {"am", "vom", "zum", "dem", "den", "des", "im", "beim", "seit", "ab", "bis", "diesem",
     "jedem", "jeden", "einem", "einen", "meinem", "zur"}
)  # fmt: skip
_GERMAN_NOMINATIVE: Final = frozenset(
    {"der", "die", "das", "dieser", "diese", "jede", "jeder", "eine", "meine", "seine", "ihre"}
)
_GERMAN_COUNTED: Final = ("Jahrhundert", "Jh", "Mal", "Platz", "Stock", "Tag", "Woche", "Monat")
_ENGLISH: Final = re.compile(r"(?<![\w.,])(?P<number>\d{1,6}|\d{1,3},\d{3})(?:st|nd|rd|th)\b")
_FRENCH: Final = re.compile(
    r"(?<![\w.,])(?P<number>\d{1,4}|[IVX]{1,6})(?P<end>ers?|res?|ères?|èmes?|es?|nde?)(?!\w)"
)
_ROMANCE: Final = re.compile(r"(?<![\w.,])(?P<number>\d{1,4})(?:\.?(?P<end>[ºª])|er(?!\w))")
_ITALIAN_CENTURY: Final = re.compile(r"(?<!\w)(?P<number>[IVX]{1,6})(?P<end>)(?=\ssecolo\b)")
_DUTCH: Final = re.compile(r"(?<![\w.,])(?P<number>\d{1,4})(?:ste|de|e)(?!\w)")
_ROMAN: Final = re.compile(r"(?<=\w\s)(?P<roman>[IVX]{2,7})(?![\w’'])")
_ROMAN_VALUE: Final = {"I": 1, "V": 5, "X": 10}
_MAX_ROMAN: Final = 39
"""From here on they look like other abbreviations."""
_RULERS: Final = frozenset(
    {"Henry", "Louis", "Elizabeth", "George", "Charles", "Edward", "Richard", "James", "William",
     "Philip", "Napoleon", "Pius", "Paul", "Benedict", "Catherine", "Peter", "Nicholas",
     "Alexander", "Frederick", "Leo", "Gregory", "Francis", "Mary", "Christian", "Gustav", "Otto",
     "Wilhelm", "Friedrich", "Heinrich", "Karl", "Ludwig", "Leopold"}
)  # fmt: skip
_CENTURIES: Final = frozenset({"siglo", "siglos", "século", "séculos"})

_VERSION: Final = re.compile(r"(?<![\w.,])(?:v\.? ?)?(?P<number>\d{1,4}(?:\.\d{1,6}){2,4})(?!\w)")
_SHORT_VERSION: Final = re.compile(r"(?<!\w)v\.? ?(?P<number>\d+(?:\.\d+)?)(?![\w.])")
_RATIO: Final = re.compile(r"(?<![\w:.,])(\d{1,3}):(\d{1,3})(?![\w:])")
_HEIGHT: Final = re.compile(r"(?<![\w'])([3-8])['′](1[01]|\d)[\"″]?(?!\w)")  # noqa: RUF001
_PHONE: Final = re.compile(
    r"(?<![\w.,-])(?:"
    r"\+\d{1,3}[ .\u00a0-]?(?:\(\d{1,4}\)[ .\u00a0-]?)?\d{1,5}(?:[ ./\u00a0-]?\d{2,5}){1,5}"
    r"|\(\d{2,5}\)[ .\u00a0-]?\d{2,5}(?:[ .\u00a0-]\d{2,5}){0,4}"
    r"|(?:1[ .-])?\d{3}[.-]\d{3}[.-]\d{4}"
    r"|\d{3}-\d{4}"
    r"|\d{1,6}(?:-\d{1,7}){2,6}"
    r"|0\d{1,5}(?:[ ./\u00a0-]\d{2,8}){1,5}"
    r")(?![\w-])"
)
_LEAST_PHONE_DIGITS: Final = 7


class OrdinalWords:
    """Reads numbers that are no quantities.

    Args:
        numbers: the numbers of the language.
    """

    def __init__(self, numbers: NumberWords) -> None:
        self.numbers = numbers
        self.vocabulary = numbers.vocabulary
        self.speller = numbers.speller

    def codes(self) -> list[Reader]:
        """Telephone numbers, versions and ratios."""
        found = [Reader(_HEIGHT, self._say_height)] if self.vocabulary.language == "en" else []
        return [
            *found,
            Reader(_RATIO, self._say_ratio),
            Reader(_PHONE, self._say_phone),
            Reader(_VERSION, self._say_version),
            Reader(_SHORT_VERSION, self._say_version),
        ]

    def ordinals(self) -> list[Reader]:
        """Ordinals in digits."""
        match self.vocabulary.language:
            case "en":
                return [Reader(_ENGLISH, self._say_ordinal)]
            case "de":
                counted = either((*self.vocabulary.months, *_GERMAN_COUNTED))
                pattern = (
                    rf"(?:(?<=\s)|(?<![\w.,]))(?P<number>\d{{1,3}})\."
                    rf"(?=\s(?:(?P<counted>{counted})\b|(?P<noun>[^\W\d_]+)))"
                )
                return [Reader(re.compile(pattern), self._say_german)]
            case "fr":
                return [Reader(_FRENCH, self._say_ordinal)]
            case "es" | "it" | "pt":
                return [Reader(_ROMANCE, self._say_ordinal)]
            case "nl":
                return [Reader(_DUTCH, self._say_ordinal)]
            case _:
                return []

    def romans(self) -> list[Reader]:
        """Roman numbers where they are most likely meant."""
        match self.vocabulary.language:
            case "de":
                # Ordinals have a full stop, which is not a sentence's before a small letter.
                pattern = re.compile(rf"{_ROMAN.pattern}(?:\.(?=\s[a-zäöü]))?")
                return [Reader(pattern, self._say_roman)]
            case "fr":
                return [Reader(_FRENCH, self._say_ordinal), Reader(_ROMAN, self._say_roman)]
            case "it":
                century = Reader(_ITALIAN_CENTURY, self._say_ordinal)
                return [century, Reader(_ROMAN, self._say_roman)]
            case _:
                return [Reader(_ROMAN, self._say_roman)]

    def german(self, number: int, before: str, noun: str) -> str:
        """The form of a German ordinal between two words, either of which may be ""."""
        before = before.lower()
        if before in _GERMAN_WEAK:
            form = "-n"
        elif before in _GERMAN_NOMINATIVE or noun.endswith(self.vocabulary.feminine):
            form = ""
        else:
            form = "-r"
        return self.speller.ordinal(number, form) or ""

    def _say_german(self, match: re.Match[str]) -> str | None:
        before, noun = word_before(match), match["noun"] or match["counted"]
        expected = before.lower() in self.vocabulary.before_ordinals or before.endswith("(")
        if not int(match["number"]) or not (
            match["counted"] or expected or match.string[match.start() - 1 : match.start()] == "("
            or noun[0].islower()
        ):  # fmt: skip
            return None
        return self.german(int(match["number"]), before, noun)

    def _say_ordinal(self, match: re.Match[str]) -> str | None:
        digits = match["number"].replace(",", "")
        number = int(digits) if digits.isdecimal() else roman(digits)
        if not number:
            return None
        end = match.groupdict().get("end") or ""
        form = ""
        match self.vocabulary.language:
            case "fr" if number == 1:
                form = "-feminine" if end.startswith(("re", "ère")) else "-masculine"
            case "es" if not end:
                form = "-masculine-adjective"
            case "es" | "it" | "pt":
                form = "-feminine" if end == "ª" else "-masculine"
        return self.speller.ordinal(number, form)

    def _say_roman(self, match: re.Match[str]) -> str | None:
        number, before = roman(match["roman"]), word_before(match)
        if number is None or not (before.istitle() or before in _CENTURIES):
            return None
        said = self.speller.integer(number)
        if before in _RULERS:
            ordinal = self.speller.ordinal(number) or said
            if self.vocabulary.language == "en":
                said = f"the {ordinal}"
            elif self.vocabulary.language == "de":
                said = f"der {ordinal[0].upper()}{ordinal[1:]}"
        return said

    def _say_ratio(self, match: re.Match[str]) -> str:
        joint = {"de": "zu", "nl": "op"}.get(self.vocabulary.language, self.vocabulary.to)
        return f"{self.numbers.say(match[1])} {joint} {self.numbers.say(match[2])}"

    def _say_phone(self, match: re.Match[str]) -> str | None:
        text = match[0]
        if sum(map(str.isdecimal, text)) < _LEAST_PHONE_DIGITS and text.count("-") < 2:
            return None
        groups = [self.speller.digits(group) for group in re.findall(r"\d+", text)]
        plus = f"{self.vocabulary.symbols['+']} " if text.startswith("+") else ""
        return plus + ", ".join(groups)

    def _say_version(self, match: re.Match[str]) -> str | None:
        parts = match["number"].split(".")
        if len(parts) > 2 and re.fullmatch(r"\d{1,3}(?:\.\d{3})+", match["number"]):
            if self.numbers.decimal == ",":
                return None  # a great number
            if len(parts) < 4:
                return self.speller.digits("".join(parts))
        # Addresses of machines have four parts, and dots.
        dots = len(parts) == 4 or self.numbers.decimal == ","
        point = self.vocabulary.dot if dots else self.vocabulary.point
        letter = "v " if match[0].startswith("v") else ""
        return letter + f" {point} ".join(self.numbers.say(part) for part in parts)

    def _say_height(self, match: re.Match[str]) -> str:
        return f"{self.numbers.say(match[1])} foot {self.numbers.say(match[2])}"


def roman(text: str) -> int | None:
    """Value of a Roman number in its usual spelling, up to 39; else None."""
    value = 0
    for here, after in zip(text, text[1:] + " ", strict=True):
        step = _ROMAN_VALUE.get(here, 0)
        value += -step if _ROMAN_VALUE.get(after, 0) > step else step
    tens, ones = divmod(value, 10)
    usual = "X" * tens + ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")[ones]
    return value if usual == text and 0 < value <= _MAX_ROMAN else None
