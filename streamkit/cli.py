"""The `streamkit` program.

The commands live in `streamkit.commands` (server, models), in `streamkit_clients` (captions, demo,
devices) and in `streamkit_benchmarks` (what is measured). Each imports what it needs when it runs,
so that `--help` and shell completion stay quick.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from streamkit import __version__
from streamkit.commands import doctor, latency, models, replay, serve, voices
from streamkit.errors import StreamkitError
from streamkit_benchmarks import calibrate, captions, page, speech, voice
from streamkit_clients import caption, demo, devices, talk

app = typer.Typer(
    help="Real-time streaming speech: live captions that say how late they are.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(demo.demo)
app.command("caption")(caption.caption)
app.command("talk")(talk.talk)
app.command("serve")(serve.serve)
app.command("devices")(devices.devices)
app.command("replay")(replay.replay)
app.command("doctor")(doctor.doctor)
models.app.command("calibrate")(calibrate.calibrate)
app.add_typer(models.app, name="models")
app.add_typer(voices.app, name="voices")
app.add_typer(latency.app, name="latency")
bench = typer.Typer(help="Measure on this machine.", no_args_is_help=True)
bench.command("captions")(captions.captions)
bench.command("voice")(voice.voice)
bench.command("speech")(speech.speech)
bench.command("page")(page.page)
app.add_typer(bench, name="bench")


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"streamkit {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Real-time streaming speech: live captions that say how late they are."""


def main() -> None:
    """Run the program; an error that we raise on purpose is one paragraph, no traceback."""
    try:
        app()
    except StreamkitError as error:
        typer.echo(f"streamkit: {error}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
