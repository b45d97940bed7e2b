"""What the benchmark of voices shows: tables for people, plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from streamkit_benchmarks.report import PLAIN_WIDTH

Report = dict[str, Any]


def show(report: Report, console: Console | None = None) -> None:
    """Print the tables of whatever the report has."""
    console = console or Console()
    if not console.is_terminal:
        console.width = max(console.width, PLAIN_WIDTH)
    console.print(
        f"{report['weights']['what']}; {report['device']}, {report['threads']} thread(s)",
        highlight=False,
    )
    for part, title in (("systems", "One sentence"), ("vocoder", "One sentence, vocoder-bound")):
        if any("lengths" in each for each in report.get(part, {}).values()):
            console.print(_lengths(report[part], title))
    if any(each.get("streams") for each in report.get("systems", {}).values()):
        console.print(_streams(report["systems"]))
    if report.get("tokens"):
        console.print(_tokens(report["tokens"]))
    if report.get("exact"):
        console.print(_exact(report["exact"]))
    if report.get("loop"):
        console.print(_loop(report["loop"]))
    for name, heard in report.get("heard", {}).items():
        if "wer" in heard:
            console.print(
                f"round trip, {name}: {heard['wer']:.1f} % of {heard['words']} words wrong "
                f"({heard['recognizer']})",
                highlight=False,
            )
    for part in ("systems", "vocoder", "tokens", "exact", "heard"):
        for name, each in report.get(part, {}).items():
            if "failure" in each:
                console.print(f"{part}, {name}: {each['failure']}", highlight=False, markup=False)
    if "failure" in report.get("loop", {}):
        console.print(f"loop: {report['loop']['failure']}", highlight=False, markup=False)
    console.print(_targets(report["targets"]))
    if not report["finished"]:
        console.print("Interrupted: these are the parts that were finished.")


def _table(title: str, *columns: str, names: int = 1) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < names else "right")
    return table


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if value < 1 else f"{value:.2f}"


def _lengths(systems: Report, title: str) -> Table:
    table = _table(
        title, "voice", "asked, s", "sound, s", "heard after, s", "RTF", "longest gap, s",
        "dry in all, s", "CPU s per s", "MiB, loaded / peak",
    )  # fmt: skip
    for name, each in systems.items():
        for number, row in enumerate(each.get("lengths", ())):
            memory = f"{each['loaded_mib']:.0f} / {each['peak_mib']:.0f}" if not number else ""
            table.add_row(
                name if not number else "",
                f"{row['asked']:g}",
                f"{row['audio']:.2f}",
                _seconds(row["first_audible"]),
                f"{row['rtf']:.3f}",
                _seconds(row["longest_gap"]),
                _seconds(row["dry"]),
                f"{row['cpu_per_audio_second']:.3f}",
                memory,
            )
    return table


def _streams(systems: Report) -> Table:
    table = _table(
        "Several sentences at once", "voice", "at once", "heard after, s, p50 / last",
        "RTF, p50 / slowest", "longest gap, s", "s of sound per s", "MiB",
    )  # fmt: skip
    table.caption = "*: calculated, since it speaks one sentence after the other"
    table.caption_justify = "left"
    for name, each in systems.items():
        for number, row in enumerate(each.get("streams", ())):
            first = row["first_audible"]
            table.add_row(
                name if not number else "",
                f"{row['streams']}{' *' if row['calculated'] else ''}",
                "–" if first is None else f"{_seconds(first['p50'])} / {_seconds(first['max'])}",
                f"{row['rtf']['p50']:.2f} / {row['rtf']['max']:.2f}",
                _seconds(row["longest_gap"]),
                f"{row['speed']:.2f}",
                "" if row.get("peak_mib") is None else f"{row['peak_mib']:.0f}",
            )
    return table


def _tokens(sides: Report) -> Table:
    table = _table(
        "A token of the GPT", "side", "precision", "ms", "ms, 4 / 8 together", "latents' error",
        "KL, nats, mean / max", "same likeliest, %", "sound, dB",
        names=2,
    )  # fmt: skip
    table.caption = (
        "float32 is compared with the library, the others with float32; sound: with the library's"
    )
    table.caption_justify = "left"
    for side, precisions in sides.items():
        for precision, row in precisions.items():
            if precision == "failure":
                continue
            together, apart = row.get("together"), row.get("divergence")
            table.add_row(
                side,
                precision,
                f"{row['milliseconds']['p50']:.1f}",
                "" if together is None else f"{together['4']:.1f} / {together['8']:.1f}",
                f"{row['latents']:.1e}" if "latents" in row else "",
                "" if apart is None else f"{apart['mean']:.1e} / {apart['max']:.1e}",
                "" if apart is None else f"{100 * row['same_likeliest']:.1f}",
                f"{row['sound_db']:.0f}" if "sound_db" in row else "",
            )
    return table


def _exact(parts: Report) -> Table:
    table = _table(
        "Sound against decoding at once", "weights", "who", "largest error", "at chunks' ends",
        "dB", "step at ends : elsewhere", "two at once against alone",
        names=2,
    )  # fmt: skip
    for weights, part in parts.items():
        for who in ("streamkit", "library"):
            row = part.get(who)
            if row is None:
                continue
            together = part["interleaved"]
            same = "same tokens" if together["same_tokens"] else "OTHER TOKENS"
            table.add_row(
                weights,
                who,
                f"{row['largest']:.1e}",
                f"{row['at_borders']:.1e}",
                f"{row['signal_to_noise_db']:.0f}",
                f"{row['seams']['ratio']:.2f}",
                f"{together['largest_difference']:.1e}, {same}" if who == "streamkit" else "cannot",
            )
    return table


def _loop(loop: Report) -> Table:
    table = _table("Event loop's delay, ms", "while", "p50", "p99", "max")
    for name, row in loop.items():
        if name != "failure":
            table.add_row(name, *(f"{row[key]:.2f}" for key in ("p50", "p99", "max")))
    return table


def _targets(rows: list[dict[str, Any]]) -> Table:
    table = _table("Limits", "figure", "wanted", "measured", "", "note", names=2)
    words = {True: "yes", False: "NO", None: "–"}
    for row in rows:
        measured = row["measured"]
        table.add_row(
            row["figure"],
            row["wanted"],
            "–" if measured is None else f"{measured:.3g}",
            words[row["met"]],
            row["note"],
        )
    return table


# The plots


def plot(report: Report, folder: Path) -> list[Path]:
    """Draw what the report has: each figure over the length, and over the number of streams."""
    made = []
    for part in ("systems", "vocoder"):
        shown = {
            name: each["lengths"]
            for name, each in report.get(part, {}).items()
            if len(each.get("lengths", ())) > 1
        }
        if shown:
            made.append(_over_length(shown, folder / f"{part}.png"))
    shown = {
        name: each["streams"]
        for name, each in report.get("systems", {}).items()
        if len(each.get("streams", ())) > 1
    }
    if shown:
        made.append(_over_streams(shown, folder / "streams.png"))
    return made


def _over_length(shown: dict[str, Any], path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    kinds = (
        ("first_audible", "seconds until sound is heard", True),
        ("rtf", "seconds of work for a second of sound", True),
        ("longest_gap", "longest gap in playback, s", False),
    )
    for place, (key, label, logarithmic) in enumerate(kinds, 1):
        axes = figure.add_subplot(1, 3, place)
        for name, rows in shown.items():
            known = [row for row in rows if row[key] is not None]
            axes.plot(
                [row["asked"] for row in known], [row[key] for row in known], marker="o", label=name
            )
        if logarithmic:
            axes.set_yscale("log")
        if key == "rtf":
            axes.axhline(1, color="grey", linestyle="--", linewidth=1)
        axes.set_xlabel("length of the sentence, s")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=140)
    return path


def _over_streams(shown: dict[str, Any], path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.2), layout="constrained")
    counts = sorted({row["streams"] for rows in shown.values() for row in rows})
    kinds = (
        ("first_audible", "seconds until the last one is heard"),
        ("rtf", "RTF of the slowest"),
    )
    for place, (key, label) in enumerate(kinds, 1):
        axes = figure.add_subplot(1, 2, place)
        for name, rows in shown.items():
            known = [row for row in rows if row[key] is not None]
            axes.plot(
                [row["streams"] for row in known],
                [row[key]["max"] for row in known],
                marker="o",
                label=name,
            )
        if key == "rtf":
            axes.axhline(1, color="grey", linestyle="--", linewidth=1)
        axes.set_xscale("log", base=2)
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.set_yscale("log")
        axes.set_xlabel("sentences at once")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=140)
    return path
