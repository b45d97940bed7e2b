"""The words that one language needs to read signs, units and abbreviations aloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Forms: TypeAlias = tuple[str, ...]
"""A noun after a number: one form for all, or (one, many), or (one, few, many)."""


def table(text: str) -> dict[str, Forms]:
    """Read lines of ``written | spoken | spoken …``; several written forms share a line.

    Args:
        text: the lines; written forms are separated by two blanks or more.
    """
    entries: dict[str, Forms] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        written, *spoken = (part.strip() for part in line.split("|"))
        for key in filter(None, written.split("  ")):
            entries[key.strip()] = tuple(spoken)
    return entries


def words(text: str) -> dict[str, str]:
    """Read a `table` in which everything is said in one way."""
    return {written: spoken[0] for written, spoken in table(text).items()}


def abbreviations(text: str) -> dict[str, str]:
    """Read `words`, and add what each is at the beginning of a sentence."""
    entries = words(text)
    for written, spoken in list(entries.items()):
        # "Max." is somebody's name.
        if written[0].islower() and written not in ("max.", "min."):
            capital = written[0].upper() + written[1:]
            entries.setdefault(capital, spoken[0].upper() + spoken[1:])
    return entries


@dataclass(frozen=True, slots=True)
class Currency:
    """How an amount of money is said."""

    unit: Forms
    cent: Forms = ()
    """Empty: the currency has no hundredths that are said apart."""


def currencies(text: str) -> dict[str, Currency]:
    """Read lines of ``signs | unit / units | cent / cents``."""
    entries: dict[str, Currency] = {}
    for written, spoken in table(text).items():
        unit, *cent = (tuple(form.strip() for form in part.split("/")) for part in spoken)
        entries[written] = Currency(unit, cent[0] if cent else ())
    return entries


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What one language says for things that are not written as words."""

    language: str
    """Two letters, as in "en"."""
    decimal: str
    """The decimal mark, "." or ","; the other one separates thousands."""
    blank_groups: bool
    """A plain blank may separate thousands, as in "12 000"."""
    fraction_as_number: bool
    """Two decimals are read as one number: "trois virgule quatorze"."""
    point: str
    """The decimal mark when said."""
    minus: str
    to: str
    """Between the ends of a range."""
    by: str
    """Between two measures, as in "4x6"."""
    over: str
    """Between the parts of a fraction that has no name."""
    per: str
    """For the slash in "$5/month"."""
    number: str
    """For "#" before a number."""
    half_joint: str
    """Between a whole number and a fraction."""
    dot: str
    """The full stop in addresses and names of files."""
    slash: str
    hyphen: str
    at: str
    """In an e-mail address."""
    code: str
    """The notice that stands for a block of code, a sentence."""
    squared: str
    cubed: str
    power: str
    clock: str
    """Between hours and minutes, with blanks as needed; "" says the two numbers alone."""
    clock_full: str
    """After a full hour."""
    cent_joint: str
    """Between the whole and the hundredths of an amount of money."""
    cent_named: bool
    """The hundredths' name is said too."""
    scale_joint: str
    """Between "million" and the currency."""
    months: tuple[str, ...]
    symbols: Mapping[str, str]
    """Signs that stand alone or between two operands."""
    suffixes: Mapping[str, str]
    """Signs right after a number: "%"."""
    units: Mapping[str, Forms]
    scales: Mapping[str, Forms]
    """Million and its kin, abbreviated or not, between a number and a currency."""
    currencies: Mapping[str, Currency]
    fractions: Mapping[int, Forms]
    """Names of the parts by denominator: 2 is a half."""
    titles: Mapping[str, str]
    """Abbreviations before a name; a sentence never ends after one."""
    abbreviations: Mapping[str, str]
    before_number: Mapping[str, str]
    """Abbreviations only where a number follows: "No." """
    closing: frozenset[str]
    """Abbreviations that often end a sentence: their full stop then counts twice."""
    feminine: tuple[str, ...]
    """Endings of nouns that are most likely feminine; () where numbers know no gender."""
    not_abbreviated: frozenset[str] = frozenset()
    """Plain words, in lower case, that lists of abbreviations hold: "no"."""
    before_ordinals: frozenset[str] = frozenset()
    """Words, in lower case, after which a number with a full stop is "third", not "three"."""

    def form(self, forms: Forms, count: str) -> str:
        """Choose the form of a noun for a number.

        Args:
            forms: what there is to choose from.
            count: the number in digits; with a decimal mark it is not a whole one.
        """
        if len(forms) == 1:
            return forms[0]
        whole = count.isdigit()
        value = int(count[-12:]) if whole else 0
        if whole and value == 1 and len(count) < 12:
            return forms[0]
        if self.language in ("fr", "pt") and count.split(".")[0] in ("0", "1"):
            return forms[0]
        if len(forms) == 3:
            few = whole and 2 <= value % 10 <= 4 and not 12 <= value % 100 <= 14
            return forms[1] if few or not whole else forms[2]
        return forms[-1]
