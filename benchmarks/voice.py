"""`streamkit bench voice`: how long a voice agent lets one wait, and how soon it is silent.

A person says one sentence after the other, in voices that the micro model knows, and waits for
each reply; at every third reply the person breaks in. The server is `streamkit serve` with the
built-in model and voice, in a process of its own. What is measured is measured from the samples
at the person's side; what the server says of the same turns stands beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

READY = r"talk +(wss?://\S+)/v1/realtime"


def voice(
    turns: Annotated[int, typer.Option(help="Sentences to say.")] = 60,
    model: Annotated[str, typer.Option(help="Whisper model of the server.")] = "whisper-micro-en",
    server: Annotated[
        str | None, typer.Option(help="Measure this one, ws://HOST:PORT, instead of starting one.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of sentences and voices.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for voice.json.")] = Path("voice-benchmark"),
) -> None:
    """Measure a voice agent: voice-to-voice latency, and silence after an interruption."""
    import anyio

    from streamkit_benchmarks.extras import require

    require({"psutil": ""})
    from streamkit_benchmarks.launch import launched
    from streamkit_benchmarks.report import machine, save
    from streamkit_benchmarks.voice_run import measure

    out.mkdir(parents=True, exist_ok=True)
    if server is not None:
        report = anyio.run(measure, server.rstrip("/"), turns, seed)
    else:
        command = [
            sys.executable, "-m", "streamkit.cli", "serve", "--port", "0", "--model", model,
            "--log-level", "warning",
        ]  # fmt: skip
        with launched(command, READY) as (_, ready):
            report = anyio.run(measure, ready[1], turns, seed)
    report |= {"machine": machine(), "model": model, "turns": turns, "seed": seed}
    save(report, out / "voice.json")
    _show(report)
    typer.echo(f"written: {out / 'voice.json'}", err=True)


def _show(report: dict[str, Any]) -> None:
    table = Table(title="voice agent, seconds")
    for column in ("", "p50", "p95", "p99"):
        table.add_column(column)
    rows = {
        "end of speech -> audible reply": report["voice_to_voice"],
        "the same without the endpointing silence": report["beyond_endpointing"],
        "onset of an interruption -> last sound sent": report["onset_to_last_sound"],
        **{f"  stage {stage}": values for stage, values in report["stages"].items()},
    }
    for name, values in rows.items():
        cells = (values.get(key) for key in ("p50", "p95", "p99"))
        table.add_row(name, *("" if each is None else f"{each:.3f}" for each in cells))
    console = Console()
    console.print(table)
    console.print(
        f"{report['replies']} replies, {report['interruptions']} interruptions, "
        f"{report['turns_heard']} turns heard of {report['turns']} sentences, "
        f"{report['missed']} without a reply; chunks at most "
        f"{report['latest_chunk'] * 1000:.0f} ms late"
    )
    for error in report["errors"]:
        console.print(f"the server said: {error}")


if __name__ == "__main__":
    typer.run(voice)
