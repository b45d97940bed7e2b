"""What is left of a text in Markdown when only its words count.

Everything here looks at one stretch of a reply at a time, so marks are judged by what is next to
them, as CommonMark does for emphasis: ``**`` before a letter opens, after a letter it closes, and
both are left out, whether the other one is in this stretch or in another. What cannot be judged
in one stretch, a block of code over many lines, is the business of whoever cuts the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from streamkit.wording.lookup import find_vocabulary

FENCE: Final = re.compile(
    r"[ \t>]*(?:[-*+]\s+|\d{1,3}[.)]\s+)?(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$"
)
"""A line that opens a block of code; one that closes it has no more than the marks."""

_RULE: Final = re.compile(
    r"[ \t>]*(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,}|={3,})[ \t]*$"
)
_TABLE_RULE: Final = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*(?::?-+:?[ \t]*)?)+$")
_REFERENCE: Final = re.compile(
    r"[ \t]*\[[^\]\n]+\]:[ \t]*(?:<[^>\n]*>|\S*(?:/|\w\.\w|#\w)\S*)(?:[ \t]+[\"'(].*)?$"
)
_QUOTE: Final = re.compile(r"[ \t]*(?:>[ \t]?)+")
_HEADING: Final = re.compile(r"[ \t]*#{1,6}[ \t]+")
_HEADING_END: Final = re.compile(r"[ \t]#+[ \t]*$")
_BULLET: Final = re.compile(r"[ \t]*[-*+•‣◦▪–—][ \t]+(?:\[[ xX]\][ \t]+)?")
_NUMBERED: Final = re.compile(r"[ \t]*(?P<number>\d{1,3})[.)][ \t]+(?=\S)")
_TABLE_ROW: Final = re.compile(r"[ \t]*\|")

_TARGET: Final = r"\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:[ \t]+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)"
_TAGS: Final = (
    "a|abbr|b|blockquote|body|br|center|code|dd|del|details|div|dl|dt|em|font|h[1-6]|hr|html|i|img|"
    "input|ins|kbd|li|mark|ol|p|pre|q|s|samp|small|span|strong|sub|summary|sup|table|tbody|td|th|"
    "thead|tr|u|ul|var|video"
)
_INLINE: Final = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<ticks>`+)(?!`)(?P<code>[^`\n]+)(?P=ticks)(?!`)"
    rf"|(?P<target>\]{_TARGET}|\]\[[^\]\n]*\])"
    r"|(?P<footnote>\[\^[^\]\s]+\]|【\d{1,3}(?:[:†][^】\n]*)?】"
    r"|(?<=[\w.,;!?)])\[\d{1,3}(?:[ ,–-]{1,2}\d{1,3})*\])"
    r"|(?P<bracket>!?\[|\])"
    r"|<(?P<address>(?:https?|ftp|mailto):[^<>\s]+|[^<>\s@]+@[^<>\s]+)>"
    rf"|(?P<tag><!--.*?-->|</?(?:{_TAGS})(?:\s[^<>\n]*)?/?>|(?<!\w)</?[A-Za-z][A-Za-z0-9-]*/?>)"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});)"
    r"|(?P<emphasis>\*+|_+|~~+|==+|\|\|)"
    r"|(?P<tick>`+)"
    r"|(?P<dollar>\$(?=[A-Za-z\\{(])|(?<=[a-z})])\$(?!\d))",
    re.DOTALL,
)
_BREAKING_TAGS: Final = frozenset({"br", "p", "li", "div", "tr", "hr", "h1", "h2", "h3", "h4"})
_ENDED: Final = frozenset(".!?…:;,。！？；：，、।؟؛،")  # noqa: RUF001
_STOPS: Final = {"zh": "。", "ja": "。", "hi": "।"}
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "So", "Me"})
_KEPT_SYMBOLS: Final = frozenset("°№℃℉₿")
_VARIANTS: Final = range(0xFE00, 0xFE10)
_SKIN_COLOURS: Final = range(0x1F3FB, 0x1F400)
_JOINERS: Final = "\u200c\u200d"


@dataclass(slots=True)
class Plain:
    """Text without markup, and where each of its characters stood."""

    characters: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    """Per character its index in the written text; never decreasing."""

    @property
    def text(self) -> str:
        """All characters."""
        return "".join(self.characters)

    def add(self, text: str, origin: int) -> None:
        """Add characters that stand where one stood."""
        self.characters.extend(text)
        self.origins.extend([origin] * len(text))

    def copy(self, written: str, start: int, end: int) -> None:
        """Add characters as they were written, but for those that nobody can say."""
        for index in range(start, end):
            character = _simple(written[index])
            if not character and written[index] in _JOINERS and self._joins():
                character = written[index]
            if character:
                self.characters.append(character)
                self.origins.append(index)

    def _joins(self) -> bool:
        """A joiner here is part of a word in a script that has them, not of a picture."""
        return bool(self.characters) and self.characters[-1] > "\u0590"

    def end_line(self, stop: str) -> None:
        """Add a full stop unless the line has ended in some punctuation, or said nothing."""
        for character in reversed(self.characters):
            if character == "\n" or character in _ENDED:
                return
            if character.isalnum() or unicodedata.category(character)[0] in "MS":
                break
        else:
            return
        while self.characters[-1].isspace():
            self.characters.pop()
            self.origins.pop()
        self.add(stop, self.origins[-1])


@lru_cache(maxsize=4096)
def _simple(character: str) -> str:
    """The character itself, one that is said alike, or "" for one that nobody says."""
    if character in "\n\t":
        return character
    if character.isalnum() or character in _KEPT_SYMBOLS:
        # Wide forms of Latin letters and digits.
        wide = 0xFF10 <= ord(character) <= 0xFF5A
        return unicodedata.normalize("NFKC", character) if wide else character
    category, code = unicodedata.category(character), ord(character)
    if category in _DROPPED or code in _VARIANTS or code in _SKIN_COLOURS:
        # A picture stands between words, what is invisible may stand inside one.
        return " " if category == "So" or character.isspace() else ""
    return "'" if character in "’ʼ" else character  # noqa: RUF001


def strip_markdown(written: str, language: str | None, *, line_start: bool) -> Plain:
    """Take the markup out of a stretch of text.

    Args:
        written: the stretch.
        language: two letters, for the full stop after a line that has none.
        line_start: it begins a line, so marks of lists and headings count from its beginning.
    """
    plain = Plain()
    stop = _STOPS.get(language or "", ".")
    vocabulary = find_vocabulary(language)
    months = vocabulary.months if vocabulary else ()
    at = 0
    while at < len(written):
        end = written.find("\n", at)
        end = len(written) if end < 0 else end
        begin, end_of_text, table = at, end, False
        if at > 0 or line_start:
            begin, end_of_text, table = _strip_line(plain, written, at, end, months)
        _strip_inline(plain, written, begin, end_of_text, table=table)
        if end < len(written):
            if not _goes_on(written, end):
                plain.end_line(stop)
            plain.add("\n", end)
        at = end + 1
    return plain


def _goes_on(written: str, newline: int) -> bool:
    """A line that begins in lower case goes on with the one before it."""
    return written[newline + 1 : newline + 40].lstrip(" \t")[:1].islower()


def _strip_line(
    plain: Plain, written: str, start: int, end: int, months: tuple[str, ...]
) -> tuple[int, int, bool]:
    """Find what is text in a line, and whether it is a row of a table."""
    line = written[start:end]
    if _RULE.match(line) or _TABLE_RULE.match(line) or _REFERENCE.match(line) or FENCE.match(line):
        return end, end, False
    at = 0
    if match := _QUOTE.match(line):
        at = match.end()
    if match := _HEADING.match(line, at):
        closing = _HEADING_END.search(line, match.end())
        return start + match.end(), start + closing.start() if closing else end, False
    while match := _BULLET.match(line, at):
        at = match.end()
    match = _NUMBERED.match(line, at)
    if match and not line.startswith(months, match.end()):
        plain.copy(written, start + match.start("number"), start + match.end("number"))
        plain.add(",", start + match.end("number"))
        plain.add(" ", start + match.end("number"))
        at = match.end()
        if match := _HEADING.match(line, at):
            at = match.end()
    return start + at, end, _TABLE_ROW.match(line, at) is not None


def _strip_inline(plain: Plain, written: str, start: int, end: int, *, table: bool) -> None:
    """Copy a line without emphasis, links, code marks and tags."""
    at = start
    for match in _INLINE.finditer(written, start, end):
        _copy(plain, written, at, match.start(), table)
        at = match.end()
        match match.lastgroup:
            case "escaped":
                _copy(plain, written, match.start() + 1, match.end(), False)
            case "code":
                _copy(plain, written, *match.span("code"), False)
            case "address":
                plain.copy(written, *match.span("address"))
            case "bracket":
                plain.add(" ", match.start())
            case "tag":
                name = match["tag"].strip("</>").split(maxsplit=1)
                if name and name[0].lower() in _BREAKING_TAGS:
                    plain.end_line(".")
                    plain.add(" ", match.start())
            case "entity":
                plain.add(_simple_text(html.unescape(match["entity"])), match.start())
            case "emphasis":
                _strip_emphasis(plain, written, match, table)
    _copy(plain, written, at, end, table)
    if table:
        while plain.characters and plain.characters[-1] in ", ":
            plain.characters.pop()
            plain.origins.pop()


def _simple_text(text: str) -> str:
    return "".join(map(_simple, text))


def _copy(plain: Plain, written: str, start: int, end: int, table: bool) -> None:
    """Copy text; in a table a bar ends a cell."""
    if not table:
        plain.copy(written, start, end)
        return
    for index in range(start, end):
        if written[index] != "|":
            plain.copy(written, index, index + 1)
            continue
        before = next((c for c in reversed(plain.characters) if c not in " \t"), "\n")
        plain.add(" " if before in ",\n" else ", ", index)


def _strip_emphasis(plain: Plain, written: str, match: re.Match[str], table: bool) -> None:
    """Leave marks of emphasis out, and keep what only looks like them."""
    marks, text = match["emphasis"], match.string
    before = text[match.start() - 1 : match.start()] if match.start() else ""
    after = text[match.end() : match.end() + 1]
    inside = before.isalnum() and after.isalnum()
    match marks[0]:
        case "|":
            keep = True
        case "_":
            keep = inside
        case "=":
            # Highlighting has a word on one side only.
            keep = len(marks) == 2 and before.isalnum() == after.isalnum()
        case "*" if len(marks) <= 2:
            digits = before.isdigit() or after.isdigit()
            keep = (inside and digits) or (before.isspace() and after.isspace())
        case _:
            keep = False
    if keep:
        _copy(plain, written, *match.span(), table)
