"""A replay for people: the words with what has changed in colour, latencies, events."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from streamkit.replay.compare import Comparison, StageChange, WordChanges, summary
from streamkit.replay.replaying import Replayed
from streamkit.replay.run import Run

NAMES = {"heard": "heard", "said": "said ", "called": "call "}
MISSING, NEW = "red strike", "bold green"

Percentiles = tuple[float, float, int] | None


def show(replayed: Replayed, console: Console) -> None:
    """Print a replay, beside the old run if there is one."""
    console.print(
        f"{replayed.seconds:.1f} s of session in {replayed.took:.1f} s, {replayed.clock} clock"
    )
    comparison = replayed.comparison
    if comparison is None:
        _show_alone(replayed.run, console)
    else:
        _show_changes(comparison, console)
    for note in replayed.notes:
        console.print(Text(f"note: {note}", style="dim"))


def _show_alone(run: Run, console: Console) -> None:
    for line in run.lines:
        console.print(Text(f"{line.at:8.2f} {NAMES[line.who]} {line.text}"))
    stages = [StageChange(stage, None, summary(values)) for stage, values in run.latency.items()]
    _show_latency(stages, console, compared=False)
    for name, count in sorted(run.events.items()):
        console.print(f"  {name}: {count}")


def _show_changes(comparison: Comparison, console: Console) -> None:
    for changes in comparison.words:
        _show_words(changes, console)
    old, new = comparison.committed
    if old or new:
        console.print(f"words that were certain before their final: {old} -> {new}")
    _show_latency(comparison.latency, console, compared=True)
    for name, (before, now) in comparison.events.items():
        console.print(Text(f"  {name}: {before} -> {now}", style="yellow"))
    if not comparison.events:
        console.print("the same events")


def _show_words(changes: WordChanges, console: Console) -> None:
    channel = f", channel {changes.channel}" if changes.channel else ""
    console.print(
        f"words {changes.who}{channel}: {changes.errors} of {changes.old_words} differ "
        f"({100 * changes.rate:.1f} %)"
    )
    for _, pairs in groupby(changes.pairs, key=lambda pair: pair.line):
        text = Text("  ")
        for pair in pairs:
            if pair.change == "same":
                text.append(f"{pair.new} ")
                continue
            # Signs too, for those who see no colour, or read from a pipe.
            if pair.old is not None:
                text.append(f"[-{pair.old}-]", MISSING).append(" ")
            if pair.new is not None:
                text.append(f"[+{pair.new}+]", NEW).append(" ")
        console.print(text)


def _show_latency(
    stages: list[StageChange] | tuple[StageChange, ...], console: Console, *, compared: bool
) -> None:
    if not stages:
        return
    table = Table("ms", box=None, pad_edge=False)
    for name in ("old p50", "old p95") if compared else ():
        table.add_column(name, justify="right")
    for name in ("p50", "p95", "n"):
        table.add_column(name, justify="right")
    if compared:
        table.add_column("p95 x", justify="right")
    for stage in stages:
        row = [stage.stage]
        if compared:
            row += _cells(stage.old)[:2]
        row += _cells(stage.new)
        if compared:
            row.append("" if stage.growth is None else f"{stage.growth:.2f}")
        table.add_row(*row)
    console.print(table)


def _cells(values: Percentiles) -> list[str]:
    if values is None:
        return ["-", "-", "0"]
    return [f"{values[0]:.0f}", f"{values[1]:.0f}", str(values[2])]
