"""What the programs have in common on the command line: options, refusals, and their event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, NoReturn, Protocol

import typer

ServerOption = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Server to use, ws://127.0.0.1:8000 for example; without it one is started "
        "inside this program.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(envvar="STREAMKIT_API_KEY", help="API key of the server."),
]


class Run(Protocol):
    """One run of a program."""

    async def run(self) -> None:
        """Do everything.

        Raises:
            StreamkitError: what went wrong.
        """
        ...


def refuse(command: str, problem: str) -> NoReturn:
    """Exit with status 2, since the options contradict each other."""
    typer.echo(f"streamkit {command}: {problem} (--help tells all options).", err=True)
    raise typer.Exit(2)


def run_program(make: Callable[[], Run]) -> None:
    """Run what `make` returns, on an event loop of its own.

    Raises:
        StreamkitError: what went wrong.
    """
    import anyio

    async def main() -> None:
        await make().run()

    anyio.run(main)
