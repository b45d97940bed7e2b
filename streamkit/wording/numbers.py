"""Numbers, amounts, measures and fractions, and what they are when said."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from streamkit.wording.spelling import MAX_DIGITS, Gender, Speller
from streamkit.wording.vocabulary import Forms, Vocabulary

Say: TypeAlias = Callable[["re.Match[str]"], "str | None"]
"""What a stretch of text is when said; None: this reader has nothing to say about it."""

_NARROW_BLANKS: Final = "\u00a0\u202f\u2009"
_POINT_COUNTRIES: Final = frozenset({"mx", "us", "gt", "hn", "sv", "ni", "pa", "do", "pr", "pe"})
"""Spanish is written with a decimal point there."""
_AGREEING: Final = {"es": 2, "pt": 2, "pl": 2, "it": 1, "de": 1, "fr": 1}
"""Highest last digit that agrees with the noun after it."""
_MASCULINE_IN_A: Final = (
    "grama", "dia", "día", "mapa", "tema", "lema", "clima", "idioma", "planeta", "euro",
)  # fmt: skip
_NO_NOUNS: Final = frozenset(
    "que con por los las del una uno sin mas más fue son com dos das não foi são che per dei nel "  # noqa: SIM905
    "sul non est les des qui und ist der die das jest oraz nie dla".split()
)
_LABELS: Final = frozenset(
    {"capítulo", "página", "paso", "punto", "número", "artículo", "nivel", "fase", "parte",
     "sección", "versión", "opción", "capitolo", "pagina", "passo", "numero", "articolo",
     "livello", "sezione", "versione", "opzione", "ponto", "artigo", "nível", "seção",
     "versão", "opção", "chapitre", "page", "étape", "numéro", "niveau", "partie", "rozdział",
     "strona", "krok", "punkt", "numer", "etap", "wersja", "nr"}
)  # fmt: skip
"""Nouns that have their number behind them, so that the next word is none that is counted."""
_LONG_DIGITS: Final = 9
"""More digits in a row are no quantity but somebody's number."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One kind of thing that is not said as it is written."""

    pattern: re.Pattern[str]
    say: Say
    needs_digits: bool = False
    """It finds nothing in a text without any digit, so it need not be tried."""


def with_digits(readers: Iterable[Reader]) -> list[Reader]:
    """Mark readers as needing digits."""
    return [replace(reader, needs_digits=True) for reader in readers]


def word_before(match: re.Match[str]) -> str:
    """The word before a match, or ""."""
    words = match.string[max(0, match.start() - 20) : match.start()].split()
    return words[-1] if words else ""


def either(texts: Iterable[str]) -> str:
    """Regular expression for one of some texts, the longest that fits."""
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))


class NumberWords:
    """Reads numbers in one language with a vocabulary.

    Args:
        vocabulary: the language's words.
        speller: its numbers.
        language: the BCP 47 tag, for how its country writes numbers.
    """

    def __init__(self, vocabulary: Vocabulary, speller: Speller, language: str) -> None:
        self.vocabulary = vocabulary
        self.speller = speller
        country = language.lower().replace("_", "-").rpartition("-")[2]
        point = vocabulary.decimal == "." or (
            vocabulary.language == "es" and country in _POINT_COUNTRIES
        )
        self.decimal = "." if point else ","
        blanks = _NARROW_BLANKS + (" " if vocabulary.blank_groups else "")
        groups = rf"[1-9]\d{{0,2}}(?:[{'.,'[point]}{blanks}'’]\d{{3}})+(?!\d)"
        self.number = rf"(?:{groups}|\d+)(?:[{self.decimal}]\d+)?"
        if not point:
            self.number = rf"(?:\d+\.(?:\d{{1,2}}|\d{{4,}})(?![\d.])|{self.number})"

    def measures(self) -> list[Reader]:
        """Amounts of money, measures and fractions, what is more specific first."""
        words = self.vocabulary
        number, scales = self.number, either(words.scales)
        money = number if self.decimal == "," else rf"(?:\d+,\d\d(?![\d,])|{number})"
        signs = either(words.currencies)
        units = either(words.units)
        loose = rf"(?<![\w.,/])(?P<number>{number})"
        measured = rf"(?:[ {_NARROW_BLANKS}]?(?P<unit>{units})(?![\w/²³°]))?"
        names = "".join(chr(c) for c in range(0x2150, 0x215F)) + "¼½¾"
        return [
            Reader(
                re.compile(rf"(?<!\w)(?P<sign>{signs})\s?(?P<number>{money})"
                           rf"(?:\s?(?P<scale>{scales})(?!\w))?"),
                self._say_money,
            ),
            Reader(
                re.compile(rf"(?<![\w.,])(?P<number>{money})(?:\s?(?P<scale>{scales}))?"
                           rf"\s?(?P<sign>{signs})(?!\w)"),
                self._say_money,
            ),
            Reader(
                re.compile(rf"{loose}\s?(?P<sign>{either(words.suffixes)})(?![CF]\b)"),
                self._say_suffix,
            ),
            Reader(re.compile(rf"{loose}[ {_NARROW_BLANKS}]?(?P<unit>{units})"
                              r"(?![\w/²³°])(?:\.(?=\s+[a-zà-öø-ÿ]))?"), self._say_measure),
            Reader(re.compile(r"(?<![\w.,/])(?:(?P<whole>\d{1,4})[ +])?(?P<top>\d{1,3})"
                              rf"[/⁄](?P<bottom>\d{{1,3}})(?![\w/]){measured}"),  # noqa: RUF001
                   self._say_fraction),
            Reader(re.compile(rf"(?<![\w.,])(?P<whole>\d{{1,4}}\s?)?(?P<sign>[{names}]){measured}"),
                   self._say_sign_of_fraction),
        ]  # fmt: skip

    def plain(self) -> list[Reader]:
        """Any number."""
        noun = r"(?:(?=\s+(?P<noun>[^\W\d_]+)))?"
        return [Reader(re.compile(rf"(?P<number>{self.number}){noun}"), self._say_plain)]

    def say(self, number: str, noun: str = "") -> str:
        """Say a number as it is written in this language, before a noun if one is given."""
        whole, fraction = self.parts(number)
        if fraction:
            return self._say_decimal(whole, fraction)
        if len(whole) > MAX_DIGITS or (len(whole) > 1 and whole[0] == "0"):
            return self.speller.digits(whole)
        if len(whole) > _LONG_DIGITS and number.isdecimal():
            return self.speller.digits(whole)
        return self.speller.integer(int(whole), self._gender(whole, noun))

    def parts(self, number: str) -> tuple[str, str]:
        """Digits before and after the decimal mark, the latter "" in a whole number."""
        whole, mark, fraction = number.rpartition(self.decimal)
        if not mark:
            whole, fraction = number, ""
            point = re.fullmatch(r"(\d+)\.(\d{1,2}|\d{4,})", number)
            if self.decimal == "," and point:
                return point[1], point[2]
        return "".join(filter(str.isdecimal, whole)), fraction

    def _say_decimal(self, whole: str, fraction: str) -> str:
        as_number = self.vocabulary.fraction_as_number and len(fraction) <= 2
        if as_number and fraction[0] != "0":
            after = self.speller.integer(int(fraction))
        else:
            after = self.speller.digits(fraction)
        before = self.say(whole)
        return f"{before} {self.vocabulary.point} {after}"

    def _gender(self, whole: str, noun: str) -> Gender:
        """The gender in which a number agrees with the noun after it, judged by its ending."""
        language = self.vocabulary.language
        if not noun or language not in _AGREEING:
            return ""
        agrees = 1 <= int(whole[-1]) <= _AGREEING[language] or (
            language in ("es", "pt") and len(whole) > 2
        )
        if not agrees or (language in ("de", "it") and whole != "1"):
            return ""
        if noun.removesuffix("s").endswith(_MASCULINE_IN_A):
            return "masculine"
        return "feminine" if noun.endswith(self.vocabulary.feminine) else "masculine"

    def count(self, number: str, forms: Forms) -> str:
        """Say how many of something there are."""
        whole, fraction = self.parts(number)
        noun = self.vocabulary.form(forms, f"{whole}.{fraction}" if fraction else whole)
        return f"{self.say(number, forms[0].partition(' ')[0])} {noun}"

    def _say_money(self, match: re.Match[str]) -> str:
        words, number = self.vocabulary, match["number"]
        currency = words.currencies[match["sign"]]
        if match["scale"]:
            whole, fraction = self.parts(number)
            count = f"{whole}.{fraction}" if fraction else whole
            scale = words.form(words.scales[match["scale"]], count)
            unit, joint = currency.unit[-1], words.scale_joint
            if not joint or scale in ("mille", "mil", "mila", "tysięcy"):
                return f"{self.say(number)} {scale} {unit}"
            elided = words.language == "fr" and unit[0] in "aeiouh"
            return f"{self.say(number)} {scale} " + (f"d'{unit}" if elided else f"{joint} {unit}")
        if self.decimal == "," and not match["number"].count(","):
            number = number.replace(".", ",") if re.fullmatch(r"\d+\.\d{2}", number) else number
        elif self.decimal == ".":
            number = re.sub(r"^(\d+),(\d{2})$", r"\1.\2", number)
        whole, fraction = self.parts(number)
        if len(fraction) != 2 or not currency.cent:
            return self.count(number, currency.unit)
        if not int(fraction):
            return self.count(whole, currency.unit)
        cents = str(int(fraction))
        if not whole.strip("0"):
            return self.count(cents, currency.cent)
        named = self.count(cents, currency.cent) if words.cent_named else self.say(cents)
        return " ".join(filter(None, (self.count(whole, currency.unit), words.cent_joint, named)))

    def _say_suffix(self, match: re.Match[str]) -> str:
        return f"{self.say(match['number'])} {self.vocabulary.suffixes[match['sign']]}"

    def _say_measure(self, match: re.Match[str]) -> str:
        said = self.count(match["number"], self.vocabulary.units[match["unit"]])
        if match["unit"].endswith("."):
            after = match.string[match.end() :].lstrip()
            # German nouns begin with a capital too.
            if not after or (after[0].isupper() and self.vocabulary.language != "de"):
                return f"{said}."
        return said

    def _say_fraction(self, match: re.Match[str]) -> str:
        return self._fraction(match, int(match["top"]), int(match["bottom"]))

    def _say_sign_of_fraction(self, match: re.Match[str]) -> str | None:
        parts = unicodedata.normalize("NFKC", match["sign"]).split("⁄")  # noqa: RUF001
        if len(parts) != 2 or not all(parts):
            return None
        return self._fraction(match, *map(int, parts))

    def _fraction(self, match: re.Match[str], top: int, bottom: int) -> str:
        words = self.vocabulary
        whole = (match["whole"] or "").strip()
        named = words.fractions.get(bottom) if top < bottom else None
        if named and words.language in ("de", "nl") and (top, bottom) == (1, 2):
            said = "ein halb" if words.language == "de" else "een half"
        elif named and words.language == "pl":
            said = f"{self.speller.integer(top, 'feminine')} {words.form(named, str(top))}"
        elif named:
            said = self.count(str(top), named)
        elif top != bottom or whole:
            said = f"{self.say(str(top))} {words.over} {self.say(str(bottom))}"
        else:
            said = f"{self.say(str(top))} {self.say(str(bottom))}"
        if whole:
            said = f"{self.say(whole)} {words.half_joint} {said}"
        if match["unit"]:
            said += f" {words.units[match['unit']][-1 if whole else 0]}"
        return said

    def _say_plain(self, match: re.Match[str]) -> str:
        noun = match["noun"] or ""
        if noun in _NO_NOUNS or len(noun) < 3 or word_before(match).lower() in _LABELS:
            noun = ""
        if self.vocabulary.language == "de" and not noun[:1].isupper():
            noun = ""
        if self.vocabulary.language == "fr" and not noun.endswith(self.vocabulary.feminine):
            noun = ""
        return self.say(match["number"], noun)
