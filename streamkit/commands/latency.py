"""``streamkit latency``: what traces say about latency."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Final

import typer

from streamkit.commands.output import errors_as_text
from streamkit.errors import ConfigurationError

if TYPE_CHECKING:
    from streamkit.report.gather import Trace

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""

app = typer.Typer(help="What traces say about latency.", no_args_is_help=True)

TraceName = Annotated[
    str,
    typer.Argument(
        help="Of `streamkit serve --trace FILE`, or saved by the page; - reads from a pipe.",
        metavar="TRACE",
    ),
]


@app.callback()
def _group() -> None:
    """Keep `report` a command of its own, though it is the only one."""


@app.command()
def report(
    trace: TraceName,
    other: Annotated[
        str | None,
        typer.Argument(help="A later trace, to compare the first one with.", metavar="[OTHER]"),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(
            help="Only this session of TRACE, by its id or the beginning of it; otherwise all "
            "count, and the longest is drawn."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures.")] = Path(
        "latency-report"
    ),
) -> None:
    """Write one HTML file, and PNGs, that show where the time of words and turns goes."""
    with errors_as_text():
        try:
            _report(trace, other, session, out)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _report(trace: str, other: str | None, session: str | None, out: Path) -> None:
    from streamkit.report.plots.theme import require_matplotlib

    if trace == other == "-":
        raise ConfigurationError(
            "only one of the two traces can come from the pipe; give the other one as a file"
        )
    # Before minutes are spent on a long trace.
    require_matplotlib()
    from streamkit.report.compose import compose, notes
    from streamkit.report.writing import write

    first = _gather(trace, session)
    second = None if other is None else _gather(other, None)
    for path in write(compose(first, second), out):
        typer.echo(str(path))
    for each in (first, second):
        if each is not None and each.reader.fault_count:
            typer.echo(next(note for note in notes(each) if "could not be read" in note), err=True)


def _gather(name: str, session: str | None) -> Trace:
    from streamkit.report.gather import gather

    with _opened(name) as stream:
        shown = "standard input" if name == "-" else name
        try:
            return gather(stream, shown, session)
        except OSError as error:
            raise ConfigurationError(
                f"the trace {shown} cannot be read: {error.strerror or error}; copy it to another "
                "place and try again"
            ) from error


@contextmanager
def _opened(name: str) -> Iterator[BinaryIO]:
    if name == "-":
        yield sys.stdin.buffer
        return
    try:
        stream = Path(name).open("rb")  # noqa: SIM115, closed below
    except OSError as error:
        raise ConfigurationError(
            f"the trace {name} cannot be read: {error.strerror or error}; accepted: a file that "
            "`streamkit serve --trace FILE` wrote, or a trace that the page saved, or - for a pipe"
        ) from error
    with stream:
        yield stream
