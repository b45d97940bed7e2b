"""Takes out of a reply what the model thinks and does not say."""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = ("think", "thinking", "thought", "reasoning")
_OPENING: Final = rf"(?P<opening><(?:{'|'.join(_NAMES)})>)"
_CLOSING: Final = rf"</(?:{'|'.join(_NAMES)})>"
_EITHER: Final = re.compile(rf"{_OPENING}|{_CLOSING}", re.IGNORECASE)
_END: Final = re.compile(_CLOSING, re.IGNORECASE)
_TAGS: Final = tuple(f"<{slash}{name}>" for name in _NAMES for slash in ("", "/"))
_LONGEST: Final = max(map(len, _TAGS))


class ThoughtFilter:
    """Drops `<think>…</think>` and its kin from a text that comes in parts.

    A tag may be spread over any number of parts. What could be the beginning of a tag waits
    for the next part, at most a tag's length; all else passes at once. Blanks after a thought
    are dropped too. A closing tag without an opening one is dropped alone: some chat
    templates put the opening one into the question, and what was let through cannot be taken
    back; such endpoints have a setting that separates thoughts from the reply.
    """

    def __init__(self) -> None:
        self._held = ""
        self._thinking = False
        self._after_thought = False

    def feed(self, text: str) -> str:
        """Return what can be said of the next part, possibly nothing."""
        text = self._held + text
        said: list[str] = []
        position = 0
        while match := (_END if self._thinking else _EITHER).search(text, position):
            if not self._thinking:
                said.append(self._say(text[position : match.start()]))
            self._thinking = match.lastgroup == "opening"
            self._after_thought = True
            position = match.end()
        rest = text[position:]
        held = _begun_tag(rest)
        self._held = rest[len(rest) - held :]
        if not self._thinking:
            said.append(self._say(rest[: len(rest) - held]))
        return "".join(said)

    def end(self) -> str:
        """Return what was held back and turned out to be no tag."""
        held, self._held = self._held, ""
        return "" if self._thinking else self._say(held)

    def _say(self, text: str) -> str:
        if self._after_thought:
            text = text.lstrip()
            self._after_thought = not text
        return text


def _begun_tag(text: str) -> int:
    """Characters at the end of a text that could become a tag."""
    start = text.rfind("<", max(0, len(text) - _LONGEST + 1))
    if start < 0:
        return 0
    begun = text[start:].lower()
    return len(begun) if any(tag.startswith(begun) for tag in _TAGS) else 0
