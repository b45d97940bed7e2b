"""`streamkit bench voice`: how long a voice agent lets one wait, and how well it listens.

Persons talk with an agent over the OpenAI Realtime protocol, with real pacing: plain sentences,
sentences with a pause for thought, real interruptions, and sounds that are none. Everything is
measured at the person's side, from the samples. The server is `streamkit serve` with the built-in
model and voice in a process of its own, or, with `--url`, any server of that protocol. More and
more persons talk at once until p95 of the wait passes a limit. `voice_judge` says what each figure
means.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from streamkit.errors import StreamkitError

if TYPE_CHECKING:
    import psutil

READY = r"talk +(wss?://\S+)/v1/realtime"
KEY_VARIABLE = "STREAMKIT_BENCH_KEY"
MAX_USERS = 512


def voice(
    users: Annotated[
        str, typer.Option(metavar="1,2,…", help="Numbers of persons at once, growing.")
    ] = "1,2,4,8,16,32",
    until_p95: Annotated[
        float, typer.Option(help="p95 of the wait, in seconds, after which no more are tried.")
    ] = 1.0,
    turns: Annotated[
        int, typer.Option(help="Scenes of each number of persons, all of them together.")
    ] = 60,
    kinds: Annotated[
        str,
        typer.Option(
            help="What persons do, in turn: plain, thinking, barge-in, back-channel, noise, with "
            "commas; else all of it, plain sentences most."
        ),
    ] = "",
    url: Annotated[
        str | None,
        typer.Option(help="Measure this server, ws, wss, http or https, instead of starting one."),
    ] = None,
    key: Annotated[
        str | None, typer.Option(envvar=KEY_VARIABLE, help="API key of that server.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="NAME: VALUE", help="Of the handshake; several.")
    ] = None,
    reply_model: Annotated[
        str, typer.Option(help="Model of the reply, as that server calls it.")
    ] = "gpt-realtime",
    reply_voice: Annotated[
        str | None, typer.Option("--voice", help="Of the agent; else the server's choice.")
    ] = None,
    instructions: Annotated[
        str | None, typer.Option(help="For the model; else it is asked for four sentences.")
    ] = None,
    turn_detection: Annotated[
        str,
        typer.Option(help="server_vad, semantic_vad, a JSON object, or default: the server's."),
    ] = "default",
    model: Annotated[
        str, typer.Option(help="Whisper model of the server that is started.")
    ] = "whisper-micro-en",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of it; several."),
    ] = None,
    recordings: Annotated[
        Path | None,
        typer.Option(help="Folder of people's speech, a file a sentence, instead of espeak-ng."),
    ] = None,
    noises: Annotated[
        Path | None, typer.Option(help="Folder of noises that nobody means; else coughs are made.")
    ] = None,
    jitter_ms: Annotated[
        int, typer.Option(help="Buffer of the client's playback, milliseconds.")
    ] = 60,
    patience: Annotated[float, typer.Option(help="Seconds that an answer may take.")] = 30.0,
    seed: Annotated[int, typer.Option(help="Of sentences, voices and times.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for voice.json, voice.html and plots.")] = Path(
        "voice-benchmark"
    ),
    plots: Annotated[bool, typer.Option(help="Draw PNG files, and show them in the page.")] = True,
) -> None:
    """Measure a voice agent: how long it lets one wait, false endpoints, interruptions, users."""
    from streamkit_benchmarks.extras import require

    steps = _numbers(users)
    for name, value, low, high in (
        ("--until-p95", until_p95, 0.05, 60),
        ("--turns", turns, 1, 100_000),
        ("--jitter-ms", jitter_ms, 0, 2000),
        ("--patience", patience, 1, 300),
    ):
        if not low <= value <= high:
            raise typer.BadParameter(f"{name} {value:g} is out of range: {low:g} to {high:g}")
    chosen = _kinds(kinds)
    needed = {"psutil": ""}
    if plots:
        needed["matplotlib"] = ", or leave the plots out with --no-plots"
    require(needed)

    from streamkit_benchmarks.captions import ends_on_signal
    from streamkit_benchmarks.voice_link import INSTRUCTIONS, Target
    from streamkit_benchmarks.voice_report import begin, finish
    from streamkit_benchmarks.voice_run import Plan, climb
    from streamkit_benchmarks.voice_sounds import Voices

    voices = Voices(seed, recordings, noises)
    out.mkdir(parents=True, exist_ok=True)
    with ends_on_signal(), _server(url, model, set_ or []) as (address, process):
        target = Target(
            url=address,
            model=reply_model,
            key=key,
            voice=reply_voice,
            instructions=INSTRUCTIONS if instructions is None else instructions,
            turn_detection=_turn_detection(turn_detection),
            headers=tuple(map(_header, header or [])),
        )
        plan = Plan(
            target, voices, chosen, turns, jitter_ms / 1000, patience, seed, process=process
        )
        report = begin(plan, until_p95, None if url else model)
        try:
            climb(plan, steps, until_p95, _tell, report["steps"].append)
            report["finished"] = True
        except KeyboardInterrupt:
            _tell("interrupted")
        finally:
            if report["steps"]:
                for path in finish(report, out, plots=plots):
                    typer.echo(f"written: {path}", err=True)
    if not report["finished"]:
        raise typer.Exit(130)


def _tell(line: str) -> None:
    typer.echo(line, err=True)


@contextmanager
def _server(
    url: str | None, model: str, settings: list[str]
) -> Iterator[tuple[str, psutil.Process | None]]:
    """The server's address, and its process if it is on this machine."""
    from streamkit_benchmarks.launch import launched
    from streamkit_benchmarks.voice_link import Target
    from streamkit_benchmarks.voice_run import find_process

    if url is not None:
        parts = urlsplit(Target(url).address)
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        yield url, find_process(port) if Target(url).local else None
        return
    command = [
        sys.executable, "-m", "streamkit.cli", "serve", "--port", "0", "--model", model,
        "--log-level", "warning",
    ]  # fmt: skip
    for setting in settings:
        command += ["--set", setting]
    with launched(command, READY) as (process, ready):
        yield ready[1], process


def _numbers(text: str) -> list[int]:
    try:
        values = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError:
        values = []
    if not values or values[0] < 1 or values[-1] > MAX_USERS:
        raise typer.BadParameter(
            f"--users {text!r}: numbers from 1 to {MAX_USERS} with commas between them are accepted"
        )
    return values


def _kinds(text: str) -> tuple[str, ...]:
    from streamkit_benchmarks.voice_scene import KINDS, MIX

    chosen = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [part for part in chosen if part not in KINDS]
    if unknown:
        raise typer.BadParameter(
            f"--kinds {text!r}: {', '.join(unknown)} is not known; accepted: {', '.join(KINDS)}, "
            "with commas between them, a kind twice to have it twice as often"
        )
    return chosen or MIX


def _turn_detection(text: str) -> dict[str, Any] | None:
    if text == "default":
        return None
    if text in ("server_vad", "semantic_vad"):
        return {"type": text}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise typer.BadParameter(
            f"--turn-detection {text!r}: accepted are default, server_vad, semantic_vad, or a JSON "
            'object such as {"type": "server_vad", "silence_duration_ms": 300}'
        )
    return value


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":")
    if not sign or not name.strip():
        raise typer.BadParameter(f"--header {text!r}: write it as 'NAME: VALUE'")
    return name.strip(), value.strip()


def main() -> None:
    """Run as a program of its own; an error raised on purpose is one paragraph."""
    try:
        typer.run(voice)
    except StreamkitError as error:
        typer.echo(f"voice: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
