"""What XTTS v2 can take and how fast it speaks, by language.

Character limits are the model's own (its tokenizer warns beyond them). Rates are those of usual
read speech, rounded; they are for estimates and for noticing that something went wrong, so a tenth
more or less does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TOKEN_SECONDS: Final = 1024 / 22_050
"""Sound of one audio token."""
MAX_TEXT_TOKENS: Final = 402
"""A sentence has fewer, its start and stop tokens included."""
TEXT_BUDGET: Final = 390.0
"""Text tokens that a sentence may have by estimate, see `text_cost`."""


@dataclass(frozen=True, slots=True)
class LanguageLimits:
    """One language of XTTS v2."""

    characters: int
    """Of one sentence, at most."""
    short: int
    """Sentences of fewer characters are joined to a neighbour: alone they are not spoken well."""
    seconds_per_character: float
    """Of what is said, blanks and punctuation included, at a usual speed."""


LIMITS: Final = {
    "ar": LanguageLimits(166, 10, 0.085),
    "cs": LanguageLimits(186, 12, 0.070),
    "de": LanguageLimits(253, 12, 0.066),
    "en": LanguageLimits(250, 12, 0.065),
    "es": LanguageLimits(239, 12, 0.063),
    "fr": LanguageLimits(273, 12, 0.064),
    "hi": LanguageLimits(150, 10, 0.075),
    "hu": LanguageLimits(224, 12, 0.068),
    "it": LanguageLimits(213, 12, 0.065),
    "ja": LanguageLimits(71, 6, 0.150),
    "ko": LanguageLimits(95, 6, 0.150),
    "nl": LanguageLimits(251, 12, 0.065),
    "pl": LanguageLimits(224, 12, 0.068),
    "pt": LanguageLimits(203, 12, 0.065),
    "ru": LanguageLimits(182, 12, 0.072),
    "tr": LanguageLimits(226, 12, 0.068),
    "zh": LanguageLimits(82, 5, 0.220),
}
"""By two letters."""

LANGUAGES: Final = tuple(LIMITS)
"""All languages of XTTS v2, sorted."""

_LATIN_END: Final = 0x250
_USUAL: Final = {
    "ar": ((0x600, 0x700),),
    "hi": ((0x900, 0x980),),
    "ru": ((0x400, 0x500),),
    "zh": ((0x3000, 0x3040), (0xFF00, 0xFFF0)),
    "ja": ((0x3000, 0x3040), (0xFF00, 0xFFF0)),
}
_KANA: Final = (0x3040, 0x3100)
_IDEOGRAPHS: Final = (0x3400, 0xA000)
_HANGUL: Final = (0xAC00, 0xD7A4)
_ROMANIZED: Final = {
    "zh": ((_IDEOGRAPHS, 4.75),),
    "ja": ((_IDEOGRAPHS, 5.4), (_KANA, 3.0)),
    "ko": ((_HANGUL, 4.0),),
}
"""Letters that the model's tokenizer makes of one character: a little more than on average."""


def text_cost(text: str, language: str) -> float:
    """Estimate how many text tokens a text has at most, in the model's byte-pair vocabulary.

    No token is shorter than one character of what the tokenizer reads: lower-case letters, and
    Latin letters instead of Chinese, Japanese and Korean ones. Characters that are unusual in a
    language count as if each of their UTF-8 bytes were a token.

    Args:
        text: what is said.
        language: two letters, one of `LANGUAGES`.
    """
    return sum(_character_cost(character, language) for character in text)


def _character_cost(character: str, language: str) -> float:
    code = ord(character)
    if code < 0x80:
        return 1.0
    for (first, end), cost in _ROMANIZED.get(language, ()):
        if first <= code < end:
            return cost
    if code < _LATIN_END or any(first <= code < end for first, end in _USUAL.get(language, ())):
        return float(len(character.lower()))
    return float(len(character.encode("utf-8", "replace")))
