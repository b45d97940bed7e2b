"""How figures and names are written."""

from __future__ import annotations

from typing import Final

MAX_LABEL: Final = 60
"""Characters of a name from a trace."""


def milliseconds(seconds: float) -> str:
    """A duration for people, with its unit."""
    value = seconds * 1000
    if abs(value) >= 9999.5:
        return f"{seconds:.1f} s"
    if abs(value) >= 99.95:
        return f"{value:.0f} ms"
    if abs(value) >= 0.05:
        return f"{value:.1f} ms"
    return "0 ms"


def times(ratio: float) -> str:
    """A ratio for people."""
    return f"\N{MULTIPLICATION SIGN}{ratio:.2f}"


def signed(seconds: float) -> str:
    """A difference of durations, with its sign."""
    text = milliseconds(abs(seconds))
    sign = "\N{MINUS SIGN}" if seconds < 0 else "+"
    return text if text == "0 ms" else f"{sign}{text}"


def clean(text: str, most: int = MAX_LABEL) -> str:
    """A text from a trace for a label: one line, without control characters, not too long."""
    line = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(line.split())
    return line if len(line) <= most else line[: most - 1] + "…"
