"""``streamkit voices``: make voices from recordings, list and remove them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from streamkit.commands.output import err, errors_as_text, out
from streamkit.errors import AudioFormatError, SynthesisError

if TYPE_CHECKING:
    from streamkit.tts.latents import VoiceLatents
    from streamkit.tts.speech_engine import SpeechEngine
    from streamkit.tts.voices.reference import Reference
    from streamkit.tts.voices.store import VoiceStore

INTERRUPTED: Final = 130
"""Exit status after Ctrl-C, as shells have it."""
CLONING_MODEL: Final = "xtts_v2"
"""The model that can make voices."""

app = typer.Typer(
    help="Cloned voices: made from a recording of somebody who agrees. A running server has a new "
    "one at once.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="A name out of `streamkit voices list`.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="For the voice: letters, digits, '.', '_', '-'.")],
    file: Annotated[
        Path, typer.Argument(help="Recording of one person, 6 to 30 s of speech, any format.")
    ],
    consent: Annotated[
        bool, typer.Option("--consent", help="The person who speaks there has agreed.")
    ] = False,
    language: Annotated[
        str | None, typer.Option(help="Of the recording, as in en or pt-BR; only written down.")
    ] = None,
    tts_model: Annotated[
        str, typer.Option(help="Model that makes the voice, and will speak with it.")
    ] = CLONING_MODEL,
) -> None:
    """Make a voice from a recording."""
    with errors_as_text():
        try:
            _add(name, file, consent, language, tts_model)
        except (KeyboardInterrupt, typer.Abort):
            err().print(f"stopped; there is no new voice {name}", soft_wrap=True)
            raise typer.Exit(INTERRUPTED) from None


@app.command("list")
def list_voices() -> None:
    """Show the cloned voices of this machine."""
    from rich.table import Table

    with errors_as_text():
        store = _store()
        records, unusable = store.voices()
        console = out()
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in ("name", "model", "language", "made", "from", "consent"):
            table.add_column(column, overflow="fold", no_wrap=column == "name")
        for record in records:
            made = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created_at))
            agreed = f"{'yes' if record.consent.given else 'no'}, {record.consent.said_by}"
            table.add_row(
                record.name,
                record.model,
                record.language or "",
                made,
                f"{record.source_seconds:.0f} s",
                agreed,
            )
        if records:
            console.print(table)
        for voice in unusable:
            console.print(voice.reason, style="red", soft_wrap=True)
        console.print(f"cloned voices are kept in {store.folder}", style="dim", soft_wrap=True)


@app.command()
def remove(name: Name) -> None:
    """Delete a cloned voice."""
    with errors_as_text():
        typer.echo(f"removed {_store().remove(name)}")


def load_cloner(model: str) -> SpeechEngine:
    """The engine that makes voices, ready to do so; whoever calls closes it.

    Raises:
        StreamkitError: its packages or weights are missing, or it cannot make voices.
    """
    from streamkit.commands.serve import read_settings
    from streamkit.server.speech_engines import load_speech

    engine = load_speech(read_settings({"tts": model}))
    try:
        if engine.cloner is None:
            raise SynthesisError(
                f"the voice {engine.name} cannot be given other people's voices; accepted: "
                f"--tts-model {CLONING_MODEL}, or a directory with weights of its kind"
            )
        engine.prepare()
    except BaseException:
        engine.close()
        raise
    return engine


def _add(name: str, file: Path, consent: bool, language: str | None, model: str) -> None:
    from streamkit.tts.voices.adding import check_language, make_record
    from streamkit.tts.voices.book import RESERVED_NAMES
    from streamkit.tts.voices.names import key_of

    console = out()
    store = _store()
    # What costs nothing comes first, and what costs most comes last.
    check_language(language)
    store.check_new(name, RESERVED_NAMES)
    reference = _check(file)
    found = reference.measurements
    console.print(
        f"{file}: {found.seconds:.1f} s, {found.speech * 100:.0f} % speech, "
        f"{found.distance_db:.0f} dB above the noise",
        soft_wrap=True,
    )
    for warning in reference.warnings:
        console.print(f"note: {warning}", style="yellow", soft_wrap=True)
    said_by = _ask_consent(consent)
    with _step(console, f"loading {model}"):
        engine = load_cloner(model)
    with closing(engine):
        cloned = set(store.names())
        speakers = [each for each in engine.voice_names() if key_of(each) not in cloned]
        reserved = (*speakers, *RESERVED_NAMES)
        store.check_new(name, reserved)
        with _step(console, f"making the voice {name}"):
            latents = _clone(engine, reference)
        store.add(make_record(name, engine.name, reference, said_by, language), latents, reserved)
    typer.echo(f"added {name}, kept in {store.folder}")


def _check(file: Path) -> Reference:
    from functools import partial

    from streamkit.tts.voices.adding import read_reference
    from streamkit.vad.silero import SileroVad, VadStream

    detect = partial(SileroVad.load().process, VadStream())
    try:
        with file.open("rb") as content:
            return read_reference(content, detect)
    except OSError as error:
        raise AudioFormatError(
            f"{file} cannot be read: {error.strerror or error}; give a sound file"
        ) from error


def _clone(engine: SpeechEngine, reference: Reference) -> VoiceLatents:
    assert engine.cloner is not None
    return engine.cloner.clone(reference.samples)


def _ask_consent(given: bool) -> str:
    """Who said that the speaker has agreed.

    Raises:
        SynthesisError: nobody did.
    """
    if given:
        return f"{_user()}, with --consent"
    if not sys.stdin.isatty():
        raise SynthesisError(
            "nobody has said that the speaker agrees; a voice is made only of a recording whose "
            "speaker does: say so with --consent"
        )
    if not typer.confirm("Has the person who speaks in this recording agreed?", err=True):
        raise SynthesisError("the speaker has not agreed, so no voice was made")
    return f"{_user()}, asked on the terminal"


def _user() -> str:
    import getpass

    try:
        return f"user {getpass.getuser()}"
    except (OSError, KeyError):
        # A container may run as a number that has no name.
        return "a user without a name"


def _store() -> VoiceStore:
    from streamkit.commands.serve import read_settings
    from streamkit.models.catalogue import default_voices
    from streamkit.tts.voices.store import VoiceStore

    # As the server finds it.
    settings = read_settings({})
    return VoiceStore(settings.voices or default_voices(settings.cache), settings.max_voices)


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    """Show that something takes its time: moving on a terminal, as a line elsewhere."""
    if not console.is_terminal:
        typer.echo(f"{text} …")
        yield
        return
    with console.status(f"{text} …"):
        yield
