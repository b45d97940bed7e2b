"""Numbers in words, by the spelling rules of the Unicode CLDR.

The rules and their interpreter are the package ``unicode-rbnf`` (MIT): some sixty languages, each
loaded within a few milliseconds when it is first used.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal

from streamkit.wording.lookup import base_language

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

Gender = Literal["", "masculine", "feminine"]

MAX_DIGITS: Final = 15
"""Longer numbers have no name that people know; they are read digit by digit."""

_FILES: Final = {"nb": "no", "pt-pt": "pt_PT", "fr-be": "fr_BE", "fr-ch": "fr_CH"}
_CARDINALS: Final = {"ko": "spellout-cardinal-sinokorean"}
_COUNTED_DECIMALS: Final = frozenset({"ru", "uk", "be", "bg"})
_YEARS: Final = frozenset({"en", "de", "nl"})
"""Languages that say years in another way than quantities, and whose rules for it are sound."""
_ORDINALS: Final = {
    "fr": "spellout-ordinal-masculine",
    "it": "spellout-ordinal-masculine",
    "pt": "spellout-ordinal-masculine",
    "es": "spellout-ordinal-masculine",
}


class Speller:
    """Says numbers in one language.

    Args:
        language: its two letters.
        engine: its rules.
    """

    def __init__(self, language: str, engine: RbnfEngine) -> None:
        self.language = language
        self._engine = engine
        self._cardinal = _CARDINALS.get(language, "spellout-numbering")
        if self._cardinal not in engine.rulesets:
            self._cardinal = next(
                name for name in engine.rulesets if name.startswith("spellout-cardinal")
            )
        self._digits = tuple(self._say(digit, self._cardinal) for digit in range(10))

    def integer(self, number: int, gender: Gender = "") -> str:
        """Say a whole number of up to `MAX_DIGITS`, before a noun of that gender if given."""
        rules = f"spellout-cardinal-{gender}"
        if not gender or rules not in self._engine.rulesets:
            rules = self._cardinal
        return self._say(number, rules)

    def digits(self, text: str) -> str:
        """Say digit by digit."""
        return " ".join(self._digits[int(digit)] for digit in text)

    def ordinal(self, number: int, form: str = "") -> str | None:
        """Say "third"; None where the language's rules do not tell.

        Args:
            number: from 1.
            form: what follows "spellout-ordinal" in the name of the rules, as in "-feminine";
                "" is the language's plain form.
        """
        rules = f"spellout-ordinal{form}" if form else ""
        if not rules:
            rules = _ORDINALS.get(self.language, "spellout-ordinal")
        return self._say(number, rules) if rules in self._engine.rulesets else None

    def year(self, number: int) -> str:
        """Say a year: "nineteen eighty-four"."""
        if self.language in _YEARS and "spellout-numbering-year" in self._engine.rulesets:
            return self._say(number, "spellout-numbering-year")
        return self.integer(number)

    def decimal(self, whole: str, fraction: str) -> str | None:
        """Say a decimal fraction as the language's rules have it, digit by digit.

        None where the rules count tenths and hundredths, which their interpreter gets wrong.
        """
        if self.language in _COUNTED_DECIMALS:
            return None
        return _clean(self._engine.format_number(Decimal(f"{whole}.{fraction}")).text)

    def _say(self, number: int, rules: str) -> str:
        return _clean(self._engine.format_number(number, ruleset_names=[rules]).text)


def _clean(text: str) -> str:
    return text.replace("〇", "零").replace("\u200b", "")  # noqa: RUF001


@lru_cache(maxsize=64)
def load_speller(language: str | None) -> Speller | None:
    """Load the rules of a BCP 47 tag; None where there are none."""
    base = base_language(language)
    if language is None or base is None:
        return None
    from unicode_rbnf import RbnfEngine

    tag = language.lower().replace("_", "-")
    for name in (_FILES.get(tag), _FILES.get(base, base)):
        if name and name.replace("_", "").isalpha():
            try:
                return Speller(base, RbnfEngine.for_language(name))
            except ValueError:  # it has no rules for this language
                continue
    return None
