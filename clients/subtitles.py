"""Finals as subtitles: SRT, WebVTT, plain text, and JSON with everything that is known.

Pure: finals in, text out. `streamkit.subtitles` makes the cues, `subtitle_files.py` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

from streamkit import subtitles
from streamkit.client.events import Transcript, Word
from streamkit.subtitles import Cue, SubtitleWord, visible


def cues(finals: Iterable[Transcript]) -> list[Cue]:
    """Divide finals into cues; an endpoint ends one."""
    return subtitles.cues(_shown(finals))


def srt(finals: Iterable[Transcript]) -> str:
    """Return the finals as SubRip text."""
    return subtitles.srt(_shown(finals))


def vtt(finals: Iterable[Transcript]) -> str:
    """Return the finals as WebVTT text."""
    return subtitles.vtt(_shown(finals))


def txt(finals: Iterable[Transcript]) -> str:
    """Return one line per utterance."""
    return "".join(
        " ".join(visible(word.punctuated) for word in words) + "\n" for words in _utterances(finals)
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


def _shown(finals: Iterable[Transcript]) -> Iterator[list[SubtitleWord]]:
    for words in _utterances(finals):
        yield [SubtitleWord(word.punctuated, word.start, word.end) for word in words]


def _utterances(finals: Iterable[Transcript]) -> Iterator[list[Word]]:
    """Join the finals of each utterance; utterances without words are left out."""
    words: list[Word] = []
    number = 0
    for final in finals:
        if words and final.utterance != number:
            yield words
            words = []
        number = final.utterance
        words.extend(word for word in final.words if visible(word.punctuated))
        if final.speech_final and words:
            yield words
            words = []
    if words:
        yield words


def _rounded(word: Word) -> dict[str, str | float]:
    return {
        "word": word.word,
        "punctuated": word.punctuated,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "confidence": round(word.confidence, 4),
    }
