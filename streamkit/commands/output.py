"""How the commands write: tables and progress for a person, plain lines for a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console

from streamkit.errors import StreamkitError

PLAIN_WIDTH: Final = 400
"""Columns where there is no terminal: nothing is wrapped in a pipe."""


def out() -> Console:
    """Standard output."""
    # Names and paths may hold brackets, so nothing is taken for markup.
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        # Rich would assume 80 columns, and cut paths into pieces.
        console.width = PLAIN_WIDTH
    return console


def err() -> Console:
    """Standard error."""
    return Console(stderr=True, highlight=False, markup=False)


@contextmanager
def errors_as_text() -> Iterator[None]:
    """Print a `StreamkitError` of the block, without a traceback, and exit with status 1."""
    try:
        yield
    except StreamkitError as error:
        console = err()
        console.print("error: ", style="bold red", end="")
        console.print(str(error), soft_wrap=True)
        raise typer.Exit(1) from None
