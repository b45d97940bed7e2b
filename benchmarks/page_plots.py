"""Drawings of the page's benchmark, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from streamkit_benchmarks.voice_plots import COLORS, DPI

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Report = dict[str, Any]


def draw(figures: Report, folder: Path) -> list[tuple[Path, str]]:
    """Draw what there is.

    Returns:
        Each file, and what it shows, in words.
    """
    made = []
    captions = figures.get("captions", {}).get("values")
    if captions:
        figure, axes = _begin()
        _share(axes, captions, COLORS[0])
        axes.axvline(50, color="grey", linestyle="--", linewidth=1)
        axes.set(xlabel="milliseconds from message to screen", ylabel="% of captions")
        words = "Share of captions that are on the screen, over milliseconds since they came."
        made.append((_save(figure, folder / "captions.png"), words))
    turns = figures.get("waterfall", {}).get("values")
    if turns:
        made.append(
            (
                _differences(turns, folder / "waterfall.png"),
                "The page's waterfall less the silence in the samples, for each turn; and the part "
                "of that at either end. The grey band is 5 ms.",
            )
        )
    silence = figures.get("barge-in", {}).get("values")
    if silence:
        figure, axes = _begin()
        _share(axes, silence, COLORS[5])
        axes.axvline(200, color="grey", linestyle="--", linewidth=1)
        axes.set(xlabel="milliseconds from speech to silence", ylabel="% of interruptions")
        words = "Share of interruptions after which it is silent, over milliseconds since speech."
        made.append((_save(figure, folder / "barge-in.png"), words))
    rows = figures.get("memory", {}).get("rows")
    if rows:
        words = (
            "The tab's heap, process and nodes over minutes; dashed: lines through the 2nd half."
        )
        made.append((_memory(figures["memory"], folder / "memory.png"), words))
    return made


def _begin(height: float = 3.8) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    return figure, axes


def _save(figure: Figure, path: Path) -> Path:
    figure.savefig(path, dpi=DPI)
    return path


def _share(axes: Axes, values: Sequence[float], color: str) -> None:
    shares = 100 * np.arange(1, len(values) + 1) / len(values)
    axes.step(sorted(values), shares, where="post", color=color)
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)


def _differences(turns: Sequence[Report], path: Path) -> Path:
    figure, axes = _begin()
    places = range(1, len(turns) + 1)
    axes.axhspan(-5, 5, color="grey", alpha=0.15)
    for color, marker, label, values in (
        (COLORS[0], "o", "waterfall - samples", [row["page"] - row["samples"] for row in turns]),
        (COLORS[1], "v", "where speech ended", [row["captured"] for row in turns]),
        (COLORS[2], "^", "where the answer is heard", [row["heard"] for row in turns]),
    ):
        axes.plot(places, values, marker=marker, linestyle="none", color=color, label=label)
    axes.set(xlabel="turn", ylabel="milliseconds")
    axes.legend()
    return _save(figure, path)


def _memory(memory: Report, path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    rows = memory["rows"]
    minutes = [row["minute"] for row in rows]
    half = minutes[len(rows) // 2 :]
    names = {"heap_mib": "heap, MiB", "rss_mib": "process, MiB", "nodes": "nodes"}
    for place, (name, label) in enumerate(names.items()):
        axes = figure.add_subplot(3, 1, place + 1)
        axes.plot(minutes, [row[name] for row in rows], marker=".", color=COLORS[place])
        line = memory["lines_through"][name]
        if line is not None:
            middle = sum(half) / len(half)
            values = [line["level"] + line["per_hour"] * (each - middle) / 60 for each in half]
            axes.plot(half, values, linestyle="--", color="grey")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
    figure.axes[-1].set_xlabel("minutes")
    return _save(figure, path)
