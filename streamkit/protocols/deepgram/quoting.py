"""A client's text as it may stand in an error message."""

from __future__ import annotations

MAX_ECHO_CHARACTERS = 200
"""How much of it is given back."""


def echo(text: str) -> str:
    """Short, one line, printable."""
    shown = text if len(text) <= MAX_ECHO_CHARACTERS else text[:MAX_ECHO_CHARACTERS] + "…"
    return ascii(shown)
