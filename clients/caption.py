"""`streamkit caption`: read what is being said, while it is being said."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamkit_clients.program import KeyOption, ServerOption, refuse, run_program

if TYPE_CHECKING:
    from streamkit.client.sources import AudioSource
    from streamkit_clients.terminal import Screen

_refuse = partial(refuse, "caption")


def caption(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE|-]",
            help="Audio or video file, played in real time; - for stdin (WAV or any container, "
            "or raw linear16 with --rate).",
            show_default=False,
        ),
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Listen to the microphone.")] = False,
    device: Annotated[
        str | None,
        typer.Option(
            help="Microphone by number or part of its name (streamkit devices lists them); "
            "implies --mic."
        ),
    ] = None,
    server: ServerOption = None,
    key: KeyOption = None,
    model: Annotated[
        str | None, typer.Option(help="Model: a name, a directory, or auto (the default).")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Language that is spoken, such as en; multi: the model finds out."),
    ] = None,
    translate: Annotated[
        bool, typer.Option("--translate", help="Write in English what is said in --language.")
    ] = False,
    keyterm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TERM", help="A name or term that will be said; may be given many times."
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Text that might have come before, for its style."),
    ] = None,
    endpointing: Annotated[
        int | None,
        typer.Option(min=1, metavar="MS", help="Silence in ms that ends an utterance."),
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Take the file as fast as the server does.")
    ] = False,
    rate: Annotated[
        int | None,
        typer.Option(
            min=8000, max=48000, metavar="HZ", help="Sample rate of raw linear16 mono on stdin."
        ),
    ] = None,
    srt: Annotated[
        Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Write SubRip subtitles.")
    ] = None,
    vtt: Annotated[
        Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Write WebVTT subtitles.")
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            metavar="FILE",
            help="Write all words with times, confidences and latency.",
        ),
    ] = None,
    txt: Annotated[
        Path | None,
        typer.Option(dir_okay=False, metavar="FILE", help="Write one line per utterance."),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print the final lines and warnings, nothing else."),
    ] = False,
    no_latency: Annotated[
        bool, typer.Option("--no-latency", help="Do not show how late the words are.")
    ] = False,
) -> None:
    """Show live captions of a microphone, a file or stdin, and write subtitles.

    Ctrl-C ends the audio: the last words still arrive and the files are written (they are
    kept up to date all the time, too). A second Ctrl-C leaves at once.
    """
    mic = mic or device is not None
    _check_source(file, mic=mic, fast=fast, rate=rate)

    # Everything heavy is loaded here, so that --help and completion are quick.
    from streamkit_clients.caption_run import CaptionPlan, CaptionRun, SpeechHints
    from streamkit_clients.subtitle_files import SubtitleFiles

    outputs = {"srt": srt, "vtt": vtt, "json": json, "txt": txt}
    files = SubtitleFiles({name: path for name, path in outputs.items() if path is not None})

    def make() -> CaptionRun:
        source = _source(file, device, mic=mic, fast=fast, rate=rate)
        screen = _screen(source, quiet=quiet, latency=not no_latency)
        hints = SpeechHints(language, translate, tuple(keyterm or ()), prompt)
        plan = CaptionPlan(source, server, key, model, hints, endpointing, fast)
        return CaptionRun(plan, screen, files)

    run_program(make)


def _check_source(file: str | None, *, mic: bool, fast: bool, rate: int | None) -> None:
    """Exit with status 2 unless the options describe exactly one source."""
    if file is None and not mic:
        _refuse("no audio given; give a FILE, - for stdin, or --mic for the microphone")
    if file is not None and mic:
        _refuse(f"{file!r} and the microphone are two sources; give one of them")
    if fast and (mic or file == "-"):
        _refuse("--fast is for a file; a microphone and stdin are taken as they come")
    if rate is not None and file != "-":
        _refuse(
            "--rate describes raw linear16 on stdin; give - as the source, or leave it out "
            "(a file says its rate itself, and that of a microphone is negotiated)",
        )
    if file == "-" and sys.stdin.isatty():
        _refuse("stdin is a terminal; pipe audio into it, as in: arecord -f S16_LE -r 16000 | …")


def _source(
    file: str | None, device: str | None, *, mic: bool, fast: bool, rate: int | None
) -> AudioSource:
    if mic:
        from streamkit.client.microphone import Microphone

        return Microphone(device)
    from streamkit.client.sources import FileSource, PipeSource

    if file == "-":
        return PipeSource(sys.stdin.fileno(), rate=rate)
    return FileSource(Path(str(file)), fast=fast)


def _screen(source: AudioSource, *, quiet: bool, latency: bool) -> Screen:
    from rich.console import Console

    from streamkit_clients.terminal import LiveScreen, PlainScreen

    console = Console(highlight=False)
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        return PlainScreen(sys.stdout, sys.stderr, quiet=quiet, latency=latency)
    return LiveScreen(console, meter=source.live, latency=latency)
