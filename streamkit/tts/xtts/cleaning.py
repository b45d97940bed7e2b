"""The last changes to what is said, so that XTTS's own tokenizer has nothing left to change.

The tokenizer of the library expands some abbreviations, signs and digits, each language's in its
own way, and takes quotes out. What it changed could not be traced to the words of the text any
more, so everything that it would change is said here already; it then only puts the text into
lower case and its blanks in order (and Chinese, Japanese and Korean into Latin letters).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from streamkit.wording.lookup import find_vocabulary
from streamkit.wording.sign_words import SIGN_WORDS
from streamkit.wording.spelling import load_speller

_ABBREVIATIONS: Final = {
    "cs": {"dr": "doktor", "ing": "inženýr", "p": "pan"},
    "de": {"fr": "Frau", "dr": "Doktor", "st": "Sankt", "co": "Co", "jr": "junior"},
    "en": {
        "mrs": "misses", "mr": "mister", "dr": "doctor", "st": "saint", "co": "company",
        "jr": "junior", "maj": "major", "gen": "general", "drs": "doctors", "rev": "reverend",
        "lt": "lieutenant", "hon": "honorable", "sgt": "sergeant", "capt": "captain",
        "esq": "esquire", "ltd": "limited", "col": "colonel", "ft": "fort",
    },
    "es": {
        "sra": "señora", "sr": "señor", "dr": "doctor", "dra": "doctora", "st": "santo",
        "co": "compañía", "jr": "junior", "ltd": "limitada",
    },
    "fr": {
        "mme": "madame", "mr": "monsieur", "dr": "docteur", "st": "saint", "co": "compagnie",
        "jr": "junior", "ltd": "limitée",
    },
    "hu": {"dr": "doktor", "b": "bácsi", "nőv": "nővér"},
    "it": {
        "sig": "signore", "dr": "dottore", "st": "santo", "co": "compagnia", "jr": "junior",
        "ltd": "limitata",
    },
    "nl": {"dhr": "de heer", "mevr": "mevrouw", "dr": "dokter", "jhr": "jonkheer"},
    "pl": {"p": "pani", "m": "pan", "dr": "doktor", "sw": "święty", "jr": "junior"},
    "pt": {
        "sra": "senhora", "sr": "senhor", "dr": "doutor", "dra": "doutora", "st": "santo",
        "co": "companhia", "jr": "júnior", "ltd": "limitada",
    },
    "tr": {"b": "bay", "byk": "büyük", "dr": "doktor"},
}  # fmt: skip
"""What the library expands before a full stop, whatever follows."""
_RUSSIAN_TITLES: Final = {"г-жа": "госпожа", "г-н": "господин", "д-р": "доктор"}  # noqa: RUF001

_SIGNS: Final = "&@%#$£°"
"""What the library replaces by words, wherever it stands."""
_MARKS: Final = frozenset(".,;:!?'-¿¡")
_OWN_MARKS: Final = {
    "ar": frozenset("،؛؟"),
    "hi": frozenset("।"),
    "ja": frozenset("。、！？・ー"),
}
"""Marks beside the usual ones that stay in a language."""
_PLAIN_MARKS: Final = {
    mark: plain
    for plain, marks in {
        ".": "。．｡।॥։۔",  # noqa: RUF001
        ",": "、，､،՝",  # noqa: RUF001
        ";": "；؛",  # noqa: RUF001
        ":": "：׃",  # noqa: RUF001
        "!": "！",
        "?": "？؟",
        "-": "‐‑–—−",  # noqa: RUF001
        "'": "’ʼ‘`´",  # noqa: RUF001
        "...": "…",
    }.items()
    for mark in marks
}
_LETTER_PAIR: Final = re.compile(r"(?<=\w)\((\w{1,2})\)")
_REPEATED: Final = re.compile(r"([,;:!?'¡¿،؛؟。、！？।-])\1+")
_SUPERFLUOUS: Final = re.compile(r"(?<=[,;:.!?])[,;:]+|[,;:]+(?=[.!?])")
_STOPS: Final = re.compile(r"\.{4,}|(?<!\.)\.\.(?!\.)")
_BLANK_BEFORE: Final = re.compile(r"\s+(?=[,;:!?])")
_TURKISH: Final = str.maketrans("Iİ", "ıi")  # noqa: RUF001


@lru_cache(maxsize=32)
def _abbreviations(language: str) -> re.Pattern[str] | None:
    if language == "ru":
        return re.compile(rf"\b({'|'.join(_RUSSIAN_TITLES)})\b", re.IGNORECASE)
    stems = _ABBREVIATIONS.get(language)
    return re.compile(rf"\b({'|'.join(stems)})\.", re.IGNORECASE) if stems else None


@lru_cache(maxsize=256)
def _sign_word(sign: str, language: str) -> str:
    """A sign that stands where the rules of the language did not expect it."""
    if signs := SIGN_WORDS.get(language):
        return signs.words.get(sign, "")
    vocabulary = find_vocabulary(language)
    if vocabulary is None:
        return ""
    if sign in vocabulary.currencies:
        return vocabulary.currencies[sign].unit[-1]
    known = {**vocabulary.symbols, **vocabulary.suffixes, "#": vocabulary.number}
    return known.get(sign, "")


@lru_cache(maxsize=4096)
def _simple(character: str, language: str) -> str:
    """What stands for one character that is no sign; a blank for what cannot be said."""
    if character in _MARKS or character in _OWN_MARKS.get(language, ()):
        return character
    if character in _PLAIN_MARKS:
        return _PLAIN_MARKS[character]
    match unicodedata.category(character):
        case "Nd" | "Nl" | "No":
            return _say_number(character, language)
        case "Mn" | "Mc":
            return character
        case category if category[0] == "L":
            return "I" if character == "İ" else character
        case "Cc" | "Cf" | "Cs" | "Co" | "Cn" | "Me" if not character.isspace():
            return ""
        case _:
            return " "


def _say_number(character: str, language: str) -> str:
    """A digit that is left, a raised one, a Roman one, one in a circle."""
    plain = unicodedata.normalize("NFKC", character)
    if plain.isascii() and plain.isalpha():
        return plain
    speller = load_speller(language)
    value = unicodedata.numeric(character)
    if speller is None or value != int(value) or not 0 <= value < 10**15:
        return " "
    spoken = speller.integer(int(value))
    return spoken if language in ("zh", "ja") else f" {spoken} "


def clean_word(spoken: str, language: str, *, last: bool) -> str:
    """Change one word, with its punctuation, as described above.

    Args:
        spoken: what is said for the word; it may be several words.
        language: two letters, one of XTTS v2.
        last: the sentence ends with it, so a full stop is the sentence's too.

    Returns:
        What is said for it in characters that the model knows; "" when that has no letter.
    """
    text = unicodedata.normalize("NFC", spoken)
    if language == "tr":
        text = text.translate(_TURKISH)
    text = _LETTER_PAIR.sub(r"\1", text)
    text = "".join(
        f" {_sign_word(character, language)} "
        if character in _SIGNS
        else _simple(character, language)
        for character in text
    )
    # Changes above may have made letters and marks of what did not fit together.
    text = unicodedata.normalize("NFC", text)
    pattern = _abbreviations(language)
    if pattern is not None:
        text = pattern.sub(lambda match: _expand(match, language, last), text)
    text = _STOPS.sub("...", " ".join(text.split()))
    text = _SUPERFLUOUS.sub("", _REPEATED.sub(r"\1", _BLANK_BEFORE.sub("", text)))
    if language == "zh":
        # The library makes all marks commas, inside words too.
        text = text.replace("'", "").replace("-", " ")
        text = re.sub(r"[^\w\s,]+|,+|_+", _chinese_mark, text)
        text = _REPEATED.sub(r"\1", " ".join(text.split()))
    text = text.rstrip(" -'_").lstrip(" -'_,;:.!?")
    return text if any(map(str.isalpha, text)) else ""


def _chinese_mark(match: re.Match[str]) -> str:
    marks = match[0]
    return marks if all(unicodedata.category(mark)[0] == "M" for mark in marks) else ","


def _expand(match: re.Match[str], language: str, last: bool) -> str:
    stem = match[1].lower()
    if language == "ru":
        return _RUSSIAN_TITLES[stem]
    if not last or match.end() < len(match.string):
        return _ABBREVIATIONS[language][stem]
    if len(stem) == 1:
        # A letter at the end of a sentence, as in "plan B", is that letter.
        return f"{match[1]} ."
    return f"{_ABBREVIATIONS[language][stem]}."
