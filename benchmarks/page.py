"""`streamkit bench page`: how soon, how small, how smooth and how true the web page is.

A real Chromium opens the page of a real `streamkit serve`, which is a process of its own, and hears
a sound file in the place of a microphone. Measured are: the time until the page can be used; all
that it ever loads; how long a caption takes from its message to the screen; gaps in what is played
in a long chat with one core busy; the page's waterfalls against the silences in the samples; the
time to silence after an interruption; and the tab's memory over a long time of talk and captions.
`page_load`, `page_talk` and `page_memory` say how, `page_judge` what each figure means.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streamkit.errors import StreamkitError

if TYPE_CHECKING:
    from streamkit_benchmarks.page_browser import Stage

READY = r"page +(http://\S+)"
FIGURES = ("interactive", "transfer", "captions", "waterfall", "barge-in", "chat", "memory")


def page(
    minutes: Annotated[float, typer.Option(help="Minutes of the chat with a core busy.")] = 10.0,
    memory_minutes: Annotated[
        float, typer.Option(help="Minutes over which the tab's memory is watched.")
    ] = 30.0,
    caption_seconds: Annotated[float, typer.Option(help="Seconds of speech to be read.")] = 60.0,
    loads: Annotated[int, typer.Option(help="Loads of the page, each with a new browser.")] = 5,
    starts: Annotated[
        int, typer.Option(help="Talks, each of three sentences, for waterfall and barge-in.")
    ] = 10,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="FIGURE", help=f"Of {', '.join(FIGURES)}, or none; several."),
    ] = None,
    chromium: Annotated[
        Path | None, typer.Option(help="The browser; else the one that is installed.")
    ] = None,
    model: Annotated[str, typer.Option(help="Whisper model of the server.")] = "whisper-micro-en",
    seed: Annotated[int, typer.Option(help="Of what is said, and by whom.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for page.json, page.html and plots.")] = Path(
        "page-benchmark"
    ),
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write pictures of the page at work there, too."),
    ] = None,
) -> None:
    """Measure the web page in a real browser: loading, captions, playback, waterfalls, memory."""
    for name, value, low, high in (
        ("--minutes", minutes, 0.1, 1440),
        ("--memory-minutes", memory_minutes, 0.1, 1440),
        ("--caption-seconds", caption_seconds, 3, 3600),
        ("--loads", loads, 1, 1000),
        ("--starts", starts, 1, 1000),
    ):
        if not low <= value <= high:
            raise typer.BadParameter(f"{name} {value:g} is out of range: {low:g} to {high:g}")
    chosen = _chosen(only or [])

    from streamkit_benchmarks.page_browser import Stage, find_chromium

    program = find_chromium(chromium)

    from playwright.sync_api import sync_playwright

    from streamkit_benchmarks import page_load, page_memory, page_report, page_talk
    from streamkit_benchmarks.captions import ends_on_signal
    from streamkit_benchmarks.launch import launched
    from streamkit_benchmarks.page_pictures import take
    from streamkit_benchmarks.voice_sounds import Voices

    out.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable, "-m", "streamkit.cli", "serve", "--port", "0", "--model", model,
        "--log-level", "warning",
    ]  # fmt: skip
    report = page_report.begin(model, seed)
    figures = report["figures"]
    with (
        ends_on_signal(),
        tempfile.TemporaryDirectory() as sounds,
        launched(command, READY) as (_, ready),
        sync_playwright() as playwright,
    ):
        stage = Stage(playwright, program, ready[1], Voices(seed, None, None), Path(sounds), _tell)
        try:
            report["browser"] = _version(stage)
            if "interactive" in chosen:
                figures["interactive"] = page_load.interactive(stage, loads)
            if "transfer" in chosen:
                figures["transfer"] = page_load.transfer(stage)
            if "captions" in chosen:
                figures["captions"] = page_load.captions(stage, caption_seconds)
            if chosen & {"waterfall", "barge-in"}:
                figures["waterfall"], figures["barge-in"] = page_talk.timing(stage, starts)
            if "chat" in chosen:
                figures["chat"] = page_talk.chat(stage, minutes)
            if "memory" in chosen:
                figures["memory"] = page_memory.memory(stage, memory_minutes)
            if pictures is not None:
                for path in take(stage, pictures):
                    _tell(f"written: {path}")
            report["finished"] = True
        except KeyboardInterrupt:
            _tell("interrupted")
        finally:
            if figures:
                for path in page_report.finish(report, out):
                    _tell(f"written: {path}")
    if not report["finished"]:
        raise typer.Exit(130)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


def _version(stage: Stage) -> str:
    browser = stage.playwright.chromium.launch(
        executable_path=stage.chromium, args=["--no-sandbox"]
    )
    with browser:
        return f"Chromium {browser.version}"


def _chosen(names: list[str]) -> set[str]:
    unknown = [name for name in names if name not in (*FIGURES, "none")]
    if unknown:
        raise typer.BadParameter(
            f"--only {', '.join(unknown)} is not known; accepted: {', '.join(FIGURES)}, or none "
            "(which makes sense with --pictures)"
        )
    return set(names) - {"none"} if names else set(FIGURES)


def main() -> None:
    """Run as a program of its own; an error raised on purpose is one paragraph."""
    try:
        typer.run(page)
    except StreamkitError as error:
        typer.echo(f"page: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
