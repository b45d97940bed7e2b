"""What the benchmark of captions writes: a table for people, JSON for programs, plots for both."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import streamkit

Report = dict[str, Any]

PLAIN_WIDTH = 120
"""Columns where the output is no terminal."""

PACKAGES = ("faster-whisper", "ctranslate2", "onnxruntime", "numpy", "websockets")


def machine() -> Report:
    """What a reader has to know to judge a latency."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {"streamkit": streamkit.__version__}
        | {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def save(report: Report, path: Path) -> None:
    """Write the report as JSON, whole or not at all."""
    fresh = path.with_suffix(".json.part")
    fresh.write_text(json.dumps(report, indent=1, ensure_ascii=False), "utf-8")
    fresh.replace(path)


# The tables


def _number(value: Any, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _three(key: str) -> Callable[[Report], str]:
    def cell(main: Report) -> str:
        return " / ".join(_number(main[key][name]) for name in ("p50", "p95", "p99"))

    return cell


def _finals(main: Report) -> str:
    found = main["end_of_speech_to_final"]
    missed = found["pauses"] - found["last_words_understood"]
    text = f"{_number(found['p50'])} / {_number(found['p95'])}"
    return f"{text} ({missed} missed)" if missed else text


def _beyond(main: Report) -> str:
    found = main["end_of_speech_to_final"]["beyond_endpointing"]
    return f"{_number(found['p50'])} / {_number(found['p95'])}"


def _difference(main: Report) -> str:
    if "wer_difference" not in main:
        return "–"
    low, high = main["wer_difference_95"]
    return f"{main['wer_difference']:+.2f} ({low:.2f} … {high:.2f})"


def _memory(main: Report) -> str:
    memory = main["memory_mib"]
    if memory is None:
        return "–"
    return f"{memory['settled']:.0f} -> {memory['end']:.0f}"


def _late(main: Report) -> str:
    late = main["generator"]
    return f"{1000 * late['loop_late_p99']:.0f} / {1000 * late['loop_late_max']:.0f}"


ROWS: tuple[tuple[str, Callable[[Report], str]], ...] = (
    ("WER of the stream, %", lambda main: _number(main["wer"])),
    ("WER offline, same model, %", lambda main: _number(main.get("wer_offline"))),
    ("difference (95 %)", _difference),
    (
        "words wrong / missing / inserted",
        lambda main: f"{main['wrong']} / {main['missing']} / {main['inserted']}",
    ),
    ("first partial after a word's end, s, p50/p95/p99", _three("first_partial")),
    ("commit after a word's end, s, p50/p95/p99", _three("commit")),
    ("end of speech -> final, s, p50/p95", _finals),
    ("… beyond the endpointing silence", _beyond),
    ("tentative words rewritten, %", lambda main: _number(main["rewrite_percent"])),
    ("committed words rewritten", lambda main: str(main["committed_words_rewritten"])),
    (
        "tail words lost",
        lambda main: f"{main['tail_words_lost']} of {main['tail_words']}",
    ),
    (
        "words lost that offline has",
        lambda main: f"{main['words_lost']} of {main['words']}",
    ),
    ("words per minute of silence", lambda main: _number(main["words_per_quiet_minute"])),
    ("words repeated at pauses", lambda main: str(main["words_repeated_at_pauses"])),
    ("CPU seconds per audio second", lambda main: _number(main["cpu_per_audio_second"], 3)),
    ("memory, MiB, settled -> end", _memory),
    ("generator's own lateness, ms, p99/max", _late),
)


def show(report: Report, console: Console | None = None) -> None:
    """Print the tables of whatever the report has."""
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    talk = report["talk"]
    console.print(
        f"{talk['seconds']:.0f} s of audio, {talk['words']} words, {talk['quiet_seconds']:.0f} s "
        f"without speech ({talk['origin']}); model {report['model']}, {report['threads']} "
        f"thread(s), server on core(s) {_list(report['server_cores'])}, "
        f"generator on {_list(report['generator_cores'])}",
        highlight=False,
    )
    systems = {name: each for name, each in report["systems"].items() if "main" in each}
    if systems:
        table = Table(title="One client", title_justify="left")
        table.add_column("")
        for name, each in systems.items():
            table.add_column(f"{name} {each['version']}", justify="right")
        for title, cell in ROWS:
            table.add_row(title, *(cell(each["main"]) for each in systems.values()))
        console.print(table)
    unaware = report.get("unaware")
    if unaware:
        console.print(
            "streamkit with computing that takes no time: first partial "
            f"{_three('first_partial')(unaware)} s, commit {_three('commit')(unaware)} s, "
            f"end of speech -> final {_finals(unaware)} s",
            highlight=False,
        )
    if any(len(each.get("clients", ())) > 1 for each in systems.values()):
        console.print(_ladder(report, systems))
    for name, each in report["systems"].items():
        if each.get("failure"):
            console.print(f"{name}: {each['failure']}", highlight=False, markup=False)
    redecode = report.get("redecode")
    if redecode:
        console.print(redecode["sentence"], highlight=False, markup=False)
    if not report["finished"]:
        console.print("Interrupted: these are the parts that were finished.")


def _ladder(report: Report, systems: dict[str, Report]) -> Table:
    table = Table(
        title=f"More clients, until p95 of the commit latency passes {report['limit']:g} s",
        title_justify="left",
    )
    table.add_column("system")
    for title in (
        "clients", "commit, s, p50/p95/p99", "final, s, p50/p95", "CPU, %", "words lost",
        "late, ms", "failed",
    ):  # fmt: skip
        table.add_column(title, justify="right", no_wrap=True)
    table.caption = (
        "CPU: of the server's cores. late: p99 of the generator's own clock. !: over the limit."
    )
    table.caption_justify = "left"
    for name, each in systems.items():
        for row in each["clients"]:
            table.add_row(
                name,
                str(row["clients"]),
                _three("commit")(row) + ("" if row["within_limit"] else " !"),
                f"{_number(row['final']['p50'])} / {_number(row['final']['p95'])}",
                f"{row['cpu_percent_of_cores']:.0f}",
                f"{row['words_lost']} of {row['words']}",
                f"{1000 * row['generator']['loop_late_p99']:.0f}",
                str(len(row["failures"]) or ""),
            )
    return table


def _list(cores: list[int]) -> str:
    return ", ".join(map(str, cores)) or "any"


# The plots


def plot(report: Report, folder: Path) -> list[Path]:
    """Draw what the report has: latencies as distributions, p95 over the number of clients."""
    systems = {name: each for name, each in report["systems"].items() if "main" in each}
    if not systems:
        return []
    made = [_distributions(systems, folder / "latency.png")]
    if any(len(each["clients"]) > 1 for each in systems.values()):
        made.append(_load(systems, report["limit"], folder / "clients.png"))
    return made


def _distributions(systems: dict[str, Report], path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    kinds = (("first_partial", "first shown"), ("commit", "committed"))
    for place, (key, title) in enumerate(kinds, 1):
        axes = figure.add_subplot(1, 2, place)
        for name, each in systems.items():
            values = sorted(each["main"]["latencies"][key])
            shares = [100 * (i + 1) / len(values) for i in range(len(values))]
            axes.step(values, shares, where="post", label=name)
        axes.set_xlabel("seconds after the end of the word")
        axes.set_ylabel("% of understood words")
        axes.set_title(f"Words {title}")
        axes.set_ylim(0, 100)
        axes.grid(alpha=0.3)
        axes.legend(loc="lower right")
    figure.savefig(path, dpi=140)
    return path


def _load(systems: dict[str, Report], limit: float, path: Path) -> Path:
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for name, each in systems.items():
        rows = [row for row in each["clients"] if row["commit"]["p95"] is not None]
        axes.plot(
            [row["clients"] for row in rows],
            [row["commit"]["p95"] for row in rows],
            marker="o",
            label=name,
        )
    counts = sorted({row["clients"] for each in systems.values() for row in each["clients"]})
    axes.axhline(limit, color="grey", linestyle="--", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(ScalarFormatter())
    axes.set_xlabel("clients at once")
    axes.set_ylabel("p95 commit latency, s")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=140)
    return path
