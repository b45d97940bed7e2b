"""`streamkit demo`: the whole way of live captions, with nothing else on the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamkit.audio.clock import SAMPLE_RATE

if TYPE_CHECKING:
    from rich.table import Table

    from streamkit.client.events import Event, Transcript
    from streamkit_clients.dialogue import Said
    from streamkit_clients.terminal import Screen

STAGES = (
    ("vad_ms", "speech detector has heard it"),
    ("decode_start_ms", "decoding begins"),
    ("decode_end_ms", "decoding ends"),
    ("first_partial_ms", "first shown"),
    ("commit_ms", "will not change any more"),
    ("emit_ms", "this result sent"),
)


def demo(
    model: Annotated[
        str, typer.Option(help="Model: a name, a directory, or auto.")
    ] = "whisper-micro-en",
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="Server to use instead of one inside.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar="STREAMKIT_API_KEY", help="API key of the server.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(dir_okay=False, metavar="FILE", help="Keep the sound as WAV.")
    ] = None,
) -> None:
    """Speak a short dialogue, caption it in real time, and show how late each step was.

    The built-in voice (espeak-ng) speaks, a server inside this program hears it through a
    real WebSocket, and the bundled micro model recognises it. About half a minute.
    """
    import tempfile

    from rich.console import Console

    from streamkit.client.sources import FileSource
    from streamkit.errors import ConfigurationError
    from streamkit_clients.caption_run import CaptionPlan, CaptionRun, SpeechHints
    from streamkit_clients.dialogue import render_dialogue, write_wav
    from streamkit_clients.program import run_program
    from streamkit_clients.subtitle_files import SubtitleFiles
    from streamkit_clients.terminal import LiveScreen, PlainScreen

    console = Console(highlight=False)
    samples, said = render_dialogue()
    console.print(
        f"Two voices speak {len(said)} sentences ({len(samples) / SAMPLE_RATE:.0f} s); "
        "captions as they come:\n",
        style="dim",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = save or Path(folder) / "dialogue.wav"
        try:
            write_wav(path, samples)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write {path}: {error.strerror}; choose another --save"
            ) from error
        recorders: list[Recorder] = []

        def make() -> CaptionRun:
            live = console.is_terminal and not console.is_dumb_terminal
            screen: Screen = LiveScreen(console) if live else _plain(console, PlainScreen)
            recorders.append(Recorder(screen))
            plan = CaptionPlan(
                FileSource(path), server, key, model, SpeechHints(), None, fast=False
            )
            return CaptionRun(plan, recorders[0], SubtitleFiles({}))

        run_program(make)
    _report(console, said, recorders[0])


def _plain(console: object, kind: type) -> Screen:
    import sys

    screen: Screen = kind(sys.stdout, sys.stderr, latency=False)
    return screen


class Recorder:
    """A screen that passes everything on and keeps the transcripts."""

    def __init__(self, screen: Screen) -> None:
        self.transcripts: list[Transcript] = []
        self._screen = screen

    def event(self, event: Event) -> None:
        """Keep transcripts; show everything."""
        from streamkit.client.events import Transcript

        if isinstance(event, Transcript):
            self.transcripts.append(event)
        self._screen.event(event)

    def level(self, dbfs: float) -> None:
        """Pass it on."""
        self._screen.level(dbfs)

    def idle(self, text: str) -> None:
        """Pass it on."""
        self._screen.idle(text)

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Pass it on."""
        self._screen.notice(text, warning=warning)

    def close(self) -> None:
        """Pass it on."""
        self._screen.close()


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """Words of `said` that are missing or wrong in `heard` or too many there, and all its words.

    Case and punctuation do not count. This is the edit distance over words.
    """
    from streamkit.asr.incremental import normalise

    one = [text for word in said.split() if (text := normalise(word))]
    other = [text for word in heard.split() if (text := normalise(word))]
    row = list(range(len(other) + 1))
    for index, left in enumerate(one, 1):
        diagonal, row[0] = row[0], index
        for column, right in enumerate(other, 1):
            diagonal, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, diagonal + (left != right)),
            )
    return row[-1], len(one)


def _report(console: object, said: tuple[Said, ...], recorder: Recorder) -> None:
    """Print what was said and heard, and the percentiles of each stage."""
    from rich.console import Console

    assert isinstance(console, Console)
    finals = [each for each in recorder.transcripts if each.is_final]
    # After Ctrl-C the rest was never played, and the last sentence only in part.
    played = [sentence for sentence in said if finals and sentence.end <= finals[-1].end]
    end = played[-1].end if played else 0.0
    heard = " ".join(
        word.punctuated for final in finals for word in final.words if word.start < end
    )
    wrong, words = word_errors(" ".join(sentence.text for sentence in played), heard)
    console.print(f"\n{words} words were said, {wrong} of them came out wrong.\n")
    console.print(_stages(recorder.transcripts))
    console.print(
        "\nEach result carries these times of the chunk in which its last word ends; "
        "a server shows them all at /metrics.\n"
        "The micro model knows these voices and about 440 words; for people, pull a real model:\n"
        "    streamkit models pull base.en && streamkit caption --mic --model base.en",
        style="dim",
    )


def _stages(transcripts: list[Transcript]) -> Table:
    from rich.table import Table

    from streamkit.latency.statistics import Percentiles

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("ms after the chunk was received")
    for column in ("p50", "p95", "max"):
        table.add_column(column, justify="right")
    traced = [each.latency for each in transcripts if each.words and each.latency]
    for stage, title in STAGES:
        values = Percentiles()
        for latency in traced:
            value = getattr(latency, stage)
            if value is not None:
                values.add(value)
        figures = (values.at(percent) for percent in (50, 95, 100))
        table.add_row(title, *("-" if each is None else f"{each:.0f}" for each in figures))
    return table
