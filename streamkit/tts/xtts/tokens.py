"""A sentence as XTTS's tokens, each with the word that it is of."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from streamkit.tts.worker.messages import SpokenWord

_SPACE = "[SPACE]"


def tokenize(
    tokenizer: Any, text: str, language: str, words: Sequence[SpokenWord]
) -> tuple[list[int], list[int | None]]:
    """Tokenize a sentence as the library does.

    Args:
        tokenizer: coqui-tts's `VoiceBpeTokenizer`.
        text: the sentence.
        language: as in "en".
        words: of the sentence, in order.

    Returns:
        The tokens, and for each the index of its word; None: of no word.
    """
    pieces, owners = _clean(tokenizer, text, language, words)
    code = "zh-cn" if language == "zh" else language
    written = f"[{code}]"
    at: list[int | None] = [None] * len(written)
    for piece, owner in zip(pieces, owners, strict=True):
        shown = _SPACE if piece == " " else piece
        written += shown
        at += [owner] * len(shown)
    encoded = tokenizer.tokenizer.encode(written)
    return list(encoded.ids), [_owner(at, start, end) for start, end in encoded.offsets]


def _owner(at: Sequence[int | None], start: int, end: int) -> int | None:
    """The word of the first character of a token that is of any."""
    return next((word for word in at[start:end] if word is not None), None)


def _clean(
    tokenizer: Any, text: str, language: str, words: Sequence[SpokenWord]
) -> tuple[list[str], list[int | None]]:
    """The characters that are encoded, and the word of each."""
    lowered = [character.lower() for character in text]
    owners = [_word_at(words, position) for position in range(len(text))]
    pieces = [part for character in lowered for part in character]
    of = [word for character, word in zip(lowered, owners, strict=True) for _ in character]
    cleaned: str = tokenizer.preprocess_text("".join(pieces), language)
    if cleaned == "".join(pieces):
        return pieces, of
    # The library writes this language in other letters (Japanese, Chinese, Korean): positions are
    # kept by proportion, which is exact at both ends and about right between.
    scale = len(of) / max(1, len(cleaned))
    return list(cleaned), [of[min(len(of) - 1, int(n * scale))] for n in range(len(cleaned))]


def _word_at(words: Sequence[SpokenWord], position: int) -> int | None:
    index = bisect_right(words, position, key=lambda word: word.start) - 1
    return index if index >= 0 and position < words[index].end else None
