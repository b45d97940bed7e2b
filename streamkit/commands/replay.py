"""`streamkit replay`: a recorded session, or a sound file, against the server as it is today."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streamkit.commands.output import err, errors_as_text, out
from streamkit.commands.serve import assignments
from streamkit.errors import ReplayError

if TYPE_CHECKING:
    from streamkit.replay.run import Run

FORMAT = 1
"""Of the file of --out."""


class Clock(str, Enum):
    """How time passes."""

    simulated = "simulated"
    real = "real"


def replay(
    source: Annotated[
        Path, typer.Argument(help="Folder of a recorded session (serve --record), or a sound file.")
    ],
    clock: Annotated[
        Clock, typer.Option(help="simulated: skip the time in which nothing computes.")
    ] = Clock.simulated,
    talk: Annotated[
        bool, typer.Option("--talk", help="Say a sound file in a conversation, not for captions.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Instead of the recorded one.")] = None,
    llm: Annotated[
        str | None, typer.Option(metavar="URL", help="Who replies, instead of who did.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting that is to be different."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="WS://…", help="A running server instead, on the real clock."),
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="For --url.")] = None,
    against: Annotated[
        Path | None, typer.Option(help="Compare with this --out of another replay.")
    ] = None,
    out_: Annotated[Path | None, typer.Option("--out", help="Write the run as JSON.")] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write the new run's trace, for `latency report`.")
    ] = None,
    fail_on_change: Annotated[
        bool, typer.Option("--fail-on-change", help="Exit with 1 if words or latency changed.")
    ] = False,
    max_growth: Annotated[
        float, typer.Option(min=1.0, help="Ratio up to which the p95 may grow.")
    ] = 1.5,
    write_test: Annotated[
        Path | None, typer.Option(metavar="FILE.py", help="Write a test that replays this.")
    ] = None,
) -> None:
    """Play a session again, and show what is different: words, latency, events.

    The server here has the settings of the recorded one. Its clock is simulated: a minute of
    session takes seconds, and latencies are those of a server with nothing else to do.
    """
    with errors_as_text():
        from streamkit.replay.replaying import replay as run_replay
        from streamkit.replay.show import show
        from streamkit.replay.write_test import write_test as write

        if url is not None and (trace or model or llm or set_):
            raise ReplayError(
                "--trace, --model, --llm and --set are about the server in this program, and with "
                "--url there is none: leave them out, or --url"
            )
        if write_test is not None and not source.is_dir():
            raise ReplayError("--write-test is for recorded sessions; give the folder of one")
        given: dict[str, Any] = {"model": model, "llm_url": llm, "trace": trace}
        settings = {name: value for name, value in given.items() if value is not None}
        err().print("replaying …", style="dim")
        replayed = run_replay(
            source,
            clock=clock.value,
            talk=talk,
            url=url,
            key=api_key,
            against=None if against is None else _read(against),
            **settings,
            **assignments(set_),
        )
        show(replayed, out())
        if out_ is not None:
            _write(out_, source, replayed.clock, replayed.run)
        if write_test is not None:
            write(write_test, source, replayed.run.heard)
            out().print(f"wrote {write_test}")
        comparison = replayed.comparison
        if fail_on_change and comparison is None:
            raise ReplayError("there is nothing to compare a sound file with; add --against FILE")
        problems = (
            comparison.problems(max_growth, replies=llm is None)
            if fail_on_change and comparison is not None
            else []
        )
        for problem in problems:
            err().print(f"changed: {problem}", style="red")
        if problems:
            raise typer.Exit(1)


def _write(path: Path, source: Path, clock: str, run: Run) -> None:
    content = {"format": FORMAT, "source": source.name, "clock": clock, "run": run.to_json()}
    try:
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    except OSError as error:
        raise ReplayError(f"{path} cannot be written: {error.strerror}") from error


def _read(path: Path) -> Run:
    from streamkit.replay.run import Run

    try:
        content = json.loads(path.read_text("utf-8"))
        return Run.from_json(content["run"])
    except OSError as error:
        raise ReplayError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReplayError(
            f"{path} was not written by `streamkit replay --out` ({error!r})"
        ) from error
