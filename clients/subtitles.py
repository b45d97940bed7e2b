"""Finals as subtitles: SRT, WebVTT, plain text, and JSON with everything that is known.

Pure: finals in, text out. `subtitle_files.py` writes it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from streamkit.client.events import Transcript, Word

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
class Cue:
    """One subtitle: `lines` shown from `start` to `end` milliseconds."""

    start: int
    end: int
    lines: tuple[str, ...]


def cues(finals: Iterable[Transcript]) -> list[Cue]:
    """Divide finals into cues.

    A cue ends at an endpoint, at the end of a sentence, and before it would exceed two
    lines of 42 characters or 7 seconds. Cues follow each other without overlap, even where
    the times of the words do not; each is at least 1 ms long. A word longer than a line
    has a line of its own. Every word appears exactly once, in order.
    """
    result: list[Cue] = []
    for words in _groups(finals):
        earliest = result[-1].end if result else 0
        start = max(earliest, round(words[0].start * 1000))
        end = max(start + 1, round(max(word.end for word in words) * 1000))
        lines = _lines([_visible(word) for word in words])
        result.append(Cue(start, min(end, start + MAX_CUE_MS), lines))
    return [
        Cue(cue.start, _readable_end(cue, following), cue.lines)
        for cue, following in zip(result, [*result[1:], None], strict=False)
    ]


def srt(finals: Iterable[Transcript]) -> str:
    """Return the finals as SubRip text."""
    return "\n".join(
        f"{number}\n{_clock(cue.start, ',')} --> {_clock(cue.end, ',')}\n" + _text(cue.lines)
        for number, cue in enumerate(cues(finals), 1)
    )


def vtt(finals: Iterable[Transcript]) -> str:
    """Return the finals as WebVTT text."""
    blocks = [
        f"{_clock(cue.start, '.')} --> {_clock(cue.end, '.')}\n"
        + _text(html.escape(line, quote=False) for line in cue.lines)
        for cue in cues(finals)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def txt(finals: Iterable[Transcript]) -> str:
    """Return one line per utterance."""
    return "".join(
        " ".join(_visible(word) for word in words) + "\n" for words in _utterances(finals)
    )


def as_json(finals: Sequence[Transcript]) -> str:
    """Return all finals with words, times (s), confidences and the latency of their chunk.

    ::

        {"finals": [{"utterance", "channel", "start", "end", "speech_final", "transcript",
                     "words": [{"word", "punctuated", "start", "end", "confidence"}],
                     "latency": {"captured_at", "received_at", "vad_ms", ...} or null}]}
    """
    document = {
        "finals": [
            {
                "utterance": final.utterance,
                "channel": final.channel,
                "start": round(final.start, 3),
                "end": round(final.end, 3),
                "speech_final": final.speech_final,
                "transcript": final.text,
                "words": [_rounded(word) for word in final.words],
                "latency": None if final.latency is None else asdict(final.latency),
            }
            for final in finals
            if final.words
        ]
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _groups(finals: Iterable[Transcript]) -> Iterator[list[Word]]:
    """Divide the words into the cues that will show them."""
    for utterance in _utterances(finals):
        group: list[Word] = []
        for word in utterance:
            if group and not _fits([*group, word]):
                yield group
                group = []
            group.append(word)
            if _visible(word).rstrip(CLOSING_MARKS).endswith(SENTENCE_ENDS):
                yield group
                group = []
        if group:
            yield group


def _utterances(finals: Iterable[Transcript]) -> Iterator[list[Word]]:
    """Join the finals of each utterance; utterances without words are left out."""
    words: list[Word] = []
    number = 0
    for final in finals:
        if words and final.utterance != number:
            yield words
            words = []
        number = final.utterance
        words.extend(word for word in final.words if _visible(word))
        if final.speech_final and words:
            yield words
            words = []
    if words:
        yield words


def _fits(words: Sequence[Word]) -> bool:
    if round((max(word.end for word in words) - words[0].start) * 1000) > MAX_CUE_MS:
        return False
    return len(_wrap([_visible(word) for word in words], MAX_LINE)) <= MAX_LINES


def _lines(words: Sequence[str]) -> tuple[str, ...]:
    """Break as late as needed and as evenly as possible."""
    needed = len(_wrap(words, MAX_LINE))
    width = MAX_LINE
    while width > 1 and len(_wrap(words, width - 1)) == needed:
        width -= 1
    return tuple(_wrap(words, width))


def _wrap(words: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _readable_end(cue: Cue, following: Cue | None) -> int:
    wanted = max(cue.end, cue.start + MIN_CUE_MS)
    return wanted if following is None else max(cue.end, min(wanted, following.start))


def _visible(word: Word) -> str:
    """Return the word without line breaks, which would end a cue."""
    return " ".join(word.punctuated.split())


def _rounded(word: Word) -> dict[str, str | float]:
    return {
        "word": word.word,
        "punctuated": word.punctuated,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "confidence": round(word.confidence, 4),
    }


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _clock(milliseconds: int, mark: str) -> str:
    seconds, thousandths = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{mark}{thousandths:03}"
