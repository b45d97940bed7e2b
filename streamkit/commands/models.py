"""``streamkit models``: list, pull, find and remove the speech models of this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from streamkit.commands.output import err, errors_as_text, out
from streamkit.errors import ModelError
from streamkit.models.catalogue import CATALOGUE, default_cache
from streamkit.models.resolve import ResolvedModel, find, installed, resolve
from streamkit.models.store import partial_path, remove
from streamkit.models.voice_models import VOICE_ALIASES, VOICE_MODELS
from streamkit.models.voice_resolve import find_voice_model, installed_voice_models

if TYPE_CHECKING:
    from streamkit.models.download import ConsentError, PullProgress

PLAIN_STEP: Final = 10
"""Percent between two lines of progress where nobody watches."""
INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""
NOT_ACCEPTED: Final = 2
"""Exit status where a licence would have to be accepted first."""

app = typer.Typer(
    help="Models that hear or speak: which there are, and which of them are on this machine.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="A name out of `streamkit models list`.")]


@app.command("list")
def list_models() -> None:
    """Show the models that are known, and where those on this machine lie."""
    from rich.table import Table

    with errors_as_text():
        console = out()
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column("name", no_wrap=True)
        table.add_column("kind", no_wrap=True)
        table.add_column("MB", justify="right", no_wrap=True)
        for column in ("languages", "licence", "here", "where, or what it is for"):
            table.add_column(column, overflow="fold")
        own = [name for name in installed() if name not in CATALOGUE]
        for name in (*CATALOGUE, *own):
            table.add_row(*_describe(name))
        voices = [found.name for found in installed_voice_models()]
        for name in dict.fromkeys((*VOICE_MODELS, *voices)):
            table.add_row(*_describe_voice(name))
        console.print(table)
        console.print(f"pulled models are kept in {default_cache()}", style="dim", soft_wrap=True)


@app.command()
def pull(
    name: Name,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="Base URL of the hub or a mirror; $HF_ENDPOINT, else huggingface.co. For Kokoro, "
            "of a mirror of github.com."
        ),
    ] = None,
    accept_license: Annotated[
        bool,
        typer.Option("--accept-license", help="You agree to the licence of the weights."),
    ] = False,
) -> None:
    """Download a model; one that was interrupted goes on where it stopped."""
    with errors_as_text():
        from streamkit.models.download import missing_consent
        from streamkit.models.download import pull as download

        accepted = "--accept-license" if accept_license else None
        refusal = missing_consent(name, accepted)
        if refusal is not None and not _is_here(name):
            accepted = _ask(refusal)
        try:
            with _progress(out(), name) as on_progress:
                path = download(name, endpoint=endpoint, accepted=accepted, on_progress=on_progress)
        except KeyboardInterrupt:
            err().print(
                f"stopped; what came so far is kept, and `streamkit models pull {name}` goes on "
                "from there",
                soft_wrap=True,
            )
            raise typer.Exit(INTERRUPTED) from None
        typer.echo(f"{name} is in {path}")


def _is_here(name: str) -> bool:
    try:
        return find_voice_model(name) is not None
    except ModelError:
        return False  # broken: a pull mends it


def _ask(refusal: ConsentError) -> str:
    """Let the person at the terminal agree to a licence; without one, or without consent, exit."""
    console = err()
    if not (sys.stdin.isatty() and console.is_terminal):
        console.print(str(refusal), soft_wrap=True)
        raise typer.Exit(NOT_ACCEPTED)
    console.print(refusal.licence.essentials, soft_wrap=True)
    if not typer.confirm("Do you agree?", err=True):
        raise typer.Exit(NOT_ACCEPTED)
    return "terminal"


@app.command()
def path(name: Annotated[str, typer.Argument(help="A name, a directory, or auto.")]) -> None:
    """Print the directory of a model on this machine, and nothing else."""
    with errors_as_text():
        voice = find_voice_model(name)
        if voice is not None:
            typer.echo(str(voice.path))
            return
        if VOICE_ALIASES.get(name, name) in VOICE_MODELS:
            raise ModelError(
                f"the model {name!r} is not on this machine; `streamkit models pull {name}` "
                "downloads it"
            )
        model = resolve(name)
        if model.notice:
            err().print(model.notice, soft_wrap=True)
        typer.echo(str(model.path))


@app.command("remove")
def remove_model(name: Name) -> None:
    """Delete a pulled model, or what an interrupted pull left of it."""
    with errors_as_text():
        typer.echo(f"removed {remove(name)}")


def _describe_voice(name: str) -> tuple[str, str, str, str, str, str, str]:
    """One row of the list, for a model that speaks."""
    entry = VOICE_MODELS.get(name)
    try:
        found = find_voice_model(name)
    except ModelError:
        found = None
        state, where = "broken", str(default_cache() / name)
    else:
        state, where = ("yes", str(found.path)) if found is not None else _absent(name)
    if entry is None:
        return name, "speaks", "", "", "", state, where
    if state == "no":
        where = entry.description
    size = f"{entry.size / 1e6:.0f}"
    return name, "speaks", size, entry.languages, entry.licence.name, state, where


def _describe(name: str) -> tuple[str, str, str, str, str, str, str]:
    """One row of the list, for a model that hears."""
    name, size, languages, state, where = _describe_recognizer(name)
    return name, "hears", size, languages, "", state, where


def _describe_recognizer(name: str) -> tuple[str, str, str, str, str]:
    entry = CATALOGUE.get(name)
    try:
        model = find(name)
    except ModelError:
        model = None
        state, where = "broken", str(default_cache() / name)
    else:
        state, where = _state(name, model)
    if model is not None and entry is None:
        languages = "English" if model.profile.english_only else "about 100"
        return name, "", languages, state, where
    if entry is None:
        return name, "", "", state, where
    if model is None and state == "no":
        where = entry.profile.description
    return name, f"{entry.size / 1e6:.0f}", entry.languages, state, where


def _state(name: str, model: ResolvedModel | None) -> tuple[str, str]:
    if model is not None:
        return "bundled" if model.source == "bundled" else "yes", str(model.path)
    return _absent(name)


def _absent(name: str) -> tuple[str, str]:
    if partial_path(default_cache(), name).is_dir():
        return "in part", str(partial_path(default_cache(), name))
    return "no", ""


@contextmanager
def _progress(console: Console, name: str) -> Iterator[Callable[[PullProgress], None]]:
    """Show a bar on a terminal, and a line now and then elsewhere."""
    if not console.is_terminal:
        yield _plain_progress(name)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"pulling {name}", total=None)

        def show(progress: PullProgress) -> None:
            if bar.tasks[0].total is None:
                # What was here before would count as speed if it came as an advance.
                bar.reset(task, total=progress.total, completed=progress.done)
            bar.update(task, completed=progress.done)

        yield show


def _plain_progress(name: str) -> Callable[[PullProgress], None]:
    shown = -1

    def show(progress: PullProgress) -> None:
        nonlocal shown
        step = 100 * progress.done // max(progress.total, 1) // PLAIN_STEP
        if step != shown:
            shown = step
            done, total = progress.done / 1e6, progress.total / 1e6
            typer.echo(f"pulling {name}: {step * PLAIN_STEP} %, {done:.1f} of {total:.1f} MB")

    return show
