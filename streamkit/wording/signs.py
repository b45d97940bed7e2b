"""Addresses, abbreviations and signs, and what they are when said."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from streamkit.wording.dates import DateWords
from streamkit.wording.lookup import base_language, find_vocabulary
from streamkit.wording.numbers import NumberWords, Reader, either, with_digits, word_before
from streamkit.wording.ordinals import OrdinalWords
from streamkit.wording.sentence_ends import splits
from streamkit.wording.sign_words import AMOUNT, MINUS, SIGN, SIGN_WORDS, SignWords
from streamkit.wording.spelling import MAX_DIGITS, Speller, load_speller
from streamkit.wording.vocabulary import Vocabulary

_LONGEST_PATH: Final = 32
"""Characters of an address after its host that somebody may want to hear."""

_ADDRESS_END: Final = r"[^\s<>()\[\]{}\"“”«»]*[^\s<>()\[\]{}\"“”«».,;:!?'*_~…]"
_DOMAINS: Final = (
    "com|org|net|edu|gov|info|io|dev|ai|app|me|tv|eu|uk|de|at|ch|fr|be|es|it|pt|br|nl|pl|us|ca|au"
)
_URL: Final = re.compile(
    rf"(?:(?:https?|ftp)://|(?<![\w.])www\.){_ADDRESS_END}"
    rf"|(?<![\w@.-])(?:[A-Za-z0-9-]{{1,63}}\.){{1,4}}(?:{_DOMAINS})/{_ADDRESS_END}",
    re.IGNORECASE,
)
_EMAIL: Final = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}"
)
_INITIALISM: Final = re.compile(r"(?<![\w.])(?:[A-Z]\.){2,8}(?!\w)")
_INITIAL: Final = re.compile(r"(?<![\w.])[A-Z]\.(?=\s[A-Z]\.)|(?<=\b[A-Z]\.\s)[A-Z]\.(?=\s[A-Z])")
_INNER_DOT: Final = re.compile(r"(?<=\w)\.(?=[^\W\d_ºª])")
_LEADING_POINT: Final = re.compile(r"(?<![\w.)])\.(?=\d)")
_LINE_END: Final = re.compile(r"[)\"”’*_]*[ \t]*\n")
_RANGE: Final = re.compile(
    r"(?<=[\d%€$£°])\s?[–—]\s?(?=[$€£]?\d)"
    r"|(?<=\d)(?:\s-\s|-)(?=\d{1,4}(?![\w-]|[.,/]\d))"
)
_RANGE_BEFORE: Final = re.compile(r"(?<![\w./-])\d{1,4}(?:[.,:]\d{1,3})?$")
_EQUALS: Final = re.compile(r"[\d.,]{1,12}\s?=")
_DASH: Final = re.compile(r"\s?—\s?|\s[–-]{1,3}\s|(?<=\w)--(?=\w)")
_MINUS: Final = re.compile(r"(?<![\w)\]])[-−–](?=[$€£]?\.?\d)|−")  # noqa: RUF001
_POWER: Final = re.compile(r"(?<=[\w)])\s?(?:(?:\^|\*\*)\s?(?P<written>[^\W_]+)|(?P<raised>[²³]))")
_BY: Final = re.compile(r"(?<=\d)\s?[x×]\s?(?=\d)")  # noqa: RUF001
_OPERAND_BEFORE: Final = re.compile(r"[\w)\]%]\s?$")
_OPERAND_AFTER: Final = re.compile(r"\s?[\w(\[√π$€£-]")
_FACTOR_BEFORE: Final = re.compile(r"(?:\d|\b[^\W\d_]|[)\]%])\s?$")
_FACTOR_AFTER: Final = re.compile(r"\s?(?:[$€£-]?\d|[^\W\d_]\b|[(\[√π])")
_COMPARED: Final = re.compile(r"\s?[<>]\s?[$€£-]?\d|\s[<>]\s|\d[<>]")
_SILENT: Final = re.compile(
    r"[*#~|`^_\\{}\[\]<>\"“”„‟«»‹›「」『』《》〈〉【】=]|(?<!\w)[‘’']|[‘’'](?!\w)"  # noqa: RUF001
)
_GROUPED: Final = re.compile(
    r"[1-9]\d{0,2}(?:(?P<mark>[., \u00a0\u202f])\d{3})(?:(?P=mark)\d{3})*(?!\d)"
)
_DECIMAL_POINT: Final = frozenset("zh yue ja ko hi th he ar ta te ur fa sw ms".split())  # noqa: SIM905
"""Languages without a vocabulary that write a decimal point, not a comma."""


@lru_cache(maxsize=64)
def load_readers(language: str | None) -> tuple[Reader, ...]:
    """Everything that is said in another way than it is written, what goes first first.

    Args:
        language: BCP 47 tag; None reads no numbers, signs or abbreviations.
    """
    vocabulary, speller = find_vocabulary(language), load_speller(language)
    readers = [Reader(_URL, lambda match: _say_url(match[0], None))]
    if vocabulary and speller and language:
        numbers = NumberWords(vocabulary, speller, language)
        ordinals = OrdinalWords(numbers)
        dates = DateWords(numbers, ordinals, language)
        readers = [
            *_addresses(vocabulary),
            *_abbreviations(vocabulary),
            *with_digits(dates.readers()),
            *with_digits(ordinals.codes()),
            *with_digits(ordinals.ordinals()),
            *with_digits(numbers.measures()),
            *ordinals.romans(),
            *with_digits(dates.years()),
            *_between_numbers(numbers),
            *with_digits(numbers.plain()),
            *_signs(vocabulary),
        ]
    elif speller:
        signs = SIGN_WORDS.get(speller.language)
        bare = _bare_numbers(
            speller, base_language(language) in _DECIMAL_POINT, signs.point if signs else ""
        )
        readers += [*_bare_signs(signs, bare), *bare] if signs else bare
    return (*readers, Reader(_DASH, lambda _: ","), Reader(_SILENT, _say_silent))


def _say_silent(match: re.Match[str]) -> str:
    """Nothing, but for a blank where two words would become one."""
    return " " if set(match[0]) & set("_\\|[]{}<>=") else ""


def _addresses(vocabulary: Vocabulary) -> list[Reader]:
    def email(match: re.Match[str]) -> str:
        name, _, host = match[0].partition("@")
        return f"{_spell(name, vocabulary)} {vocabulary.at} {_spell(host, vocabulary)}"

    return [
        Reader(_URL, lambda match: _say_url(match[0], vocabulary)),
        Reader(_EMAIL, email),
    ]


def _say_url(url: str, vocabulary: Vocabulary | None) -> str:
    """Host and path, the latter only where it is short."""
    url = re.sub(r"^\w+://", "", url, flags=re.IGNORECASE)
    url = re.sub(r"^www\.", "", re.split(r"[?#]", url, maxsplit=1)[0], flags=re.IGNORECASE)
    host, _, path = url.rstrip("/").partition("/")
    host = host.rpartition("@")[2].partition(":")[0]
    if len(path) > _LONGEST_PATH or "%" in path:
        path = ""
    if vocabulary is None:
        return f"{host}/{path}" if path else host
    folders = (re.sub(r"[-_+~]", " ", part) for part in path.split("/") if part)
    parts = [_spell(part, vocabulary) for part in (host, *folders)]
    return f" {vocabulary.slash} ".join(parts)


def _spell(text: str, vocabulary: Vocabulary) -> str:
    """Part of an address with its signs in words."""
    signs = {
        ".": vocabulary.dot,
        "-": vocabulary.hyphen,
        "+": vocabulary.symbols["+"],
        "_": "",
        "%": "",
        "=": "",
        "&": "",
        ",": "",
    }
    text = re.sub(r"[.+_%=&,-]", lambda match: f" {signs[match[0]]} ", text)
    speller = load_speller(vocabulary.language)

    def number(match: re.Match[str]) -> str:
        assert speller
        digits = match[0]
        if len(digits) > 4 or digits[0] == "0":
            return f" {speller.digits(digits)} "
        return f" {speller.integer(int(digits))} "

    return " ".join(re.sub(r"\d+", number, text).split())


def _abbreviations(vocabulary: Vocabulary) -> list[Reader]:
    titles, before = vocabulary.titles, vocabulary.before_number
    others = vocabulary.abbreviations

    def title(match: re.Match[str]) -> str | None:
        word = word_before(match)
        if match[0] in others and word.istitle() and len(word) > 3:
            return None  # "Main St.", not "St. Mary"
        return titles[match[0]] if _after(match)[:1].isupper() else None

    def other(match: re.Match[str]) -> str | None:
        written = match[0]
        if counted(match) and {written, written.rstrip(".")} & vocabulary.units.keys():
            return None
        if counted(match) and written.lower() in ("a.m.", "p.m.") and vocabulary.language == "en":
            return None  # of a time of day
        spoken = others[written]
        if not written.endswith("."):
            return spoken
        return f"{spoken}." if closes(match, written in vocabulary.closing) else spoken

    def counted(match: re.Match[str]) -> bool:
        return match.string[: match.start()].rstrip()[-1:].isdigit()

    def letters(match: re.Match[str]) -> str | None:
        if match[0] in ("A.M.", "P.M.") and counted(match):
            return None
        spoken = " ".join(match[0].replace(".", ""))
        return f"{spoken}." if closes(match, True) else spoken

    def closes(match: re.Match[str], may_close: bool) -> bool:
        """Tell whether the full stop of an abbreviation ends the sentence too."""
        after = match.string[match.end() :]
        if not after.strip() or _LINE_END.match(after):
            return True
        words = after.split(maxsplit=1)
        return (
            may_close
            and after[0].isspace()
            and words[0][0].isupper()
            and splits(vocabulary.language, match.string[: match.end()], f"{words[0]} ")
        )

    return [
        Reader(re.compile(rf"(?<![\w.])(?:{either(titles)})(?=\s)"), title),
        Reader(re.compile(rf"(?<![\w.])(?:{either(before)})(?=\s?\d)"), lambda m: before[m[0]]),
        Reader(re.compile(rf"(?<![\w.])(?:{either(others)})(?!\w)"), other),
        Reader(_INITIALISM, letters),
        Reader(_INITIAL, lambda match: match[0][0]),
    ]


def _after(match: re.Match[str]) -> str:
    """Some of the text after a match, without blanks and what opens a word."""
    return match.string[match.end() : match.end() + 12].lstrip(" \n\t*_\"'“„«(\u00a0")


def _between_numbers(numbers: NumberWords) -> list[Reader]:
    vocabulary = numbers.vocabulary

    def power(match: re.Match[str]) -> str:
        exponent = match["written"] or {"²": "2", "³": "3"}[match["raised"]]
        if exponent in ("2", "3"):
            return vocabulary.squared if exponent == "2" else vocabulary.cubed
        if exponent.isdecimal():
            exponent = numbers.say(exponent)
        return f"{vocabulary.power} {exponent}"

    return [
        Reader(_POWER, power),
        Reader(_BY, lambda _: vocabulary.by),
    ]


def _signs(vocabulary: Vocabulary) -> list[Reader]:
    symbols = vocabulary.symbols

    def sign(match: re.Match[str]) -> str | None:
        written, text = match[0], match.string
        before = _OPERAND_BEFORE.search(text, max(0, match.start() - 2), match.start())
        after = _OPERAND_AFTER.match(text, match.end())
        if written == "=" and not (before and after):
            return " "
        if written == "*" and not (
            _FACTOR_BEFORE.search(text, max(0, match.start() - 3), match.start())
            and _FACTOR_AFTER.match(text, match.end())
        ):
            return ""
        if written in "<>" and not _COMPARED.match(text, max(0, match.start() - 1)):
            return " "
        if written == "~" and not re.match(r"\s?[$€£]?\d", text[match.end() :]):
            return ""
        return symbols[written]

    def dot(match: re.Match[str]) -> str:
        before, after = match.string[match.start() - 1], match.string[match.end()]
        # A blank is missing after a sentence, or this is a name with a dot.
        return ". " if before.islower() and after.isupper() else vocabulary.dot

    def to(match: re.Match[str]) -> str | None:
        text, start, end = match.string, match.start(), match.end()
        if match[0] == "-" and not _RANGE_BEFORE.search(text, max(0, start - 12), start):
            return None
        subtracted = "-" in match[0] and _EQUALS.match(text, end)
        return vocabulary.minus if subtracted else vocabulary.to

    unit = either(key for key in vocabulary.units if "/" in key or "°" in key)
    return [
        Reader(_INNER_DOT, dot),
        Reader(_LEADING_POINT, lambda _: vocabulary.point, needs_digits=True),
        Reader(_RANGE, to, needs_digits=True),
        Reader(_MINUS, lambda _: vocabulary.minus),
        Reader(re.compile(r"#(?=\d)"), lambda _: vocabulary.number),
        Reader(
            re.compile(rf"(?<![\w/])(?:{unit})(?![\w/])"),
            lambda match: vocabulary.units[match[0]][-1],
        ),
        Reader(re.compile(either(symbols)), sign),
        Reader(re.compile(r"(?<=[^\W\d_])/(?=[^\W\d_])"), lambda _: " "),
        Reader(re.compile(r"(?<=[\d$€£])/(?=[^\W\d_])"), lambda _: vocabulary.per),
    ]


def _bare_signs(signs: SignWords, numbers: list[Reader]) -> list[Reader]:
    """Signs in a language that has no vocabulary here."""
    blank = signs.blank

    def number(text: str) -> str:
        for reader in numbers:
            match = reader.pattern.fullmatch(text)
            spoken = reader.say(match) if match else None
            if spoken is not None:
                return spoken
        # Groups of digits of no known kind: each for itself.
        plain = numbers[-1]
        return plain.pattern.sub(lambda match: plain.say(match) or "", text)

    def amount(match: re.Match[str]) -> str:
        if match["sign"]:
            return f"{number(match['before'])}{blank}{signs.words[match['sign']]}"
        percent, spoken = signs.words["%"], number(match["after"])
        return blank.join((percent, spoken) if signs.percent_first else (spoken, percent))

    def sign(match: re.Match[str]) -> str:
        return f"{blank}{signs.words[match[0].strip()]}{blank}"

    return [
        Reader(AMOUNT, amount, needs_digits=True),
        Reader(SIGN, sign),
        Reader(MINUS, lambda _: f"{signs.words['−']}{blank}"),  # noqa: RUF001
    ]


def _bare_numbers(speller: Speller, point: bool, point_word: str) -> list[Reader]:
    """Numbers in a language that has no vocabulary here."""
    mark = r"\." if point else ","

    def grouped(match: re.Match[str]) -> str | None:
        # A blank separates thousands only where a comma is the decimal mark.
        if match["mark"] in (". " if point else ","):
            return None
        return whole(re.sub(r"\D", "", match[0]))

    def decimal(match: re.Match[str]) -> str | None:
        spoken = speller.decimal(match[1], match[2])
        if spoken is None and point_word:
            fraction = match[2]
            after = speller.digits(fraction) if fraction[0] == "0" else whole(fraction)
            return f"{whole(match[1])} {point_word} {after}"
        return spoken

    def whole(digits: str) -> str:
        if len(digits) > MAX_DIGITS or (len(digits) > 1 and digits[0] == "0"):
            return speller.digits(digits)
        return speller.integer(int(digits))

    return [
        Reader(re.compile(r"\d{4}(?=年)"), lambda match: speller.digits(match[0]).replace(" ", "")),
        Reader(_GROUPED, grouped),
        Reader(re.compile(rf"(?<![\d.,])(\d{{1,15}}){mark}(\d{{1,15}})(?![\d.,]\d)"), decimal),
        Reader(re.compile(r"\d+"), lambda match: whole(match[0])),
    ]
