"""Text that can be sent on: no halves of characters.

JSON can name a character beyond the first 65,536 by two halves (surrogates), and a program that
counts in halves may cut a text between them. Half a character cannot be encoded.
"""

from __future__ import annotations


def mend(text: str) -> str:
    """Join halves that belong together, and replace the others by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class Mender:
    """Mends a text that comes in parts; half a character waits for the next part."""

    def __init__(self) -> None:
        self._half = ""

    def feed(self, text: str) -> str:
        """The next part, but for a first half of a character at its end."""
        text = self._half + text
        self._half = text[-1] if text and "\ud800" <= text[-1] < "\udc00" else ""
        return mend(text[: len(text) - len(self._half)])

    def end(self) -> str:
        """What stands for a half that stayed alone."""
        half, self._half = self._half, ""
        return mend(half)
