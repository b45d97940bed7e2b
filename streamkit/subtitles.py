"""Spoken words as subtitles: SRT and WebVTT.

Pure: words with times in, text out. The caption client makes files of them, the server answers
transcription requests with them.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MAX_LINE = 42
"""Characters per line that fit on a television and can be read at a glance."""

MAX_LINES = 2
MAX_CUE_MS = 7000
"""Longest time for which a cue is shown."""

MIN_CUE_MS = 1000
"""A shorter cue stays on for so long, if the next one leaves room."""

SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")
CLOSING_MARKS = "\"'”\u2019»)]"


@dataclass(frozen=True, slots=True)
class SubtitleWord:
    """A word as it is shown; `start` and `end` in seconds.

    `spaced` tells whether a blank stands before it, which is not so in Chinese, say.
    """

    text: str
    start: float
    end: float
    spaced: bool = True


Utterance = Sequence[SubtitleWord]
"""What was said without a longer pause; a cue never goes on beyond its end."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One subtitle: `lines` shown from `start` to `end` milliseconds."""

    start: int
    end: int
    lines: tuple[str, ...]


def cues(utterances: Iterable[Utterance]) -> list[Cue]:
    """Divide utterances into cues.

    A cue ends where an utterance does, at the end of a sentence, and before it would exceed two
    lines of 42 characters or 7 seconds. Cues follow each other without overlap, even where
    the times of the words do not; each is at least 1 ms long. A word longer than a line
    has a line of its own. Every word that can be seen appears exactly once, in order.
    """
    result: list[Cue] = []
    for words in _groups(utterances):
        earliest = result[-1].end if result else 0
        start = max(earliest, round(words[0].start * 1000))
        end = max(start + 1, round(max(word.end for word in words) * 1000))
        result.append(Cue(start, min(end, start + MAX_CUE_MS), _lines(words)))
    return [
        Cue(cue.start, _readable_end(cue, following), cue.lines)
        for cue, following in zip(result, [*result[1:], None], strict=False)
    ]


def srt(utterances: Iterable[Utterance]) -> str:
    """Return utterances as SubRip text."""
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n" + _text(cue.lines)
        for number, cue in enumerate(cues(utterances), 1)
    )


def vtt(utterances: Iterable[Utterance]) -> str:
    """Return utterances as WebVTT text."""
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        + _text(html.escape(line, quote=False) for line in cue.lines)
        for cue in cues(utterances)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def visible(text: str) -> str:
    """Return a text without line breaks, which would end a cue."""
    return " ".join(text.split())


def _groups(utterances: Iterable[Utterance]) -> Iterator[list[SubtitleWord]]:
    """Divide the words into the cues that will show them."""
    for utterance in utterances:
        group: list[SubtitleWord] = []
        for word in utterance:
            if not visible(word.text):
                continue
            if group and not _fits([*group, word]):
                yield group
                group = []
            group.append(word)
            if visible(word.text).rstrip(CLOSING_MARKS).endswith(SENTENCE_ENDS):
                yield group
                group = []
        if group:
            yield group


def _fits(words: Sequence[SubtitleWord]) -> bool:
    if round((max(word.end for word in words) - words[0].start) * 1000) > MAX_CUE_MS:
        return False
    return len(_wrap(words, MAX_LINE)) <= MAX_LINES


def _lines(words: Sequence[SubtitleWord]) -> tuple[str, ...]:
    """Break as late as needed and as evenly as possible."""
    needed = len(_wrap(words, MAX_LINE))
    width = MAX_LINE
    while width > 1 and len(_wrap(words, width - 1)) == needed:
        width -= 1
    return tuple(_wrap(words, width))


def _wrap(words: Sequence[SubtitleWord], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        text = visible(word.text)
        joined = f" {text}" if word.spaced else text
        if lines and len(lines[-1]) + len(joined) <= width:
            lines[-1] += joined
        else:
            lines.append(text)
    return lines


def _readable_end(cue: Cue, following: Cue | None) -> int:
    wanted = max(cue.end, cue.start + MIN_CUE_MS)
    return wanted if following is None else max(cue.end, min(wanted, following.start))


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _clock(milliseconds: int, mark: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{thousandths:03}"
