"""Drawings of the voice benchmark, as PNG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from streamkit_benchmarks.voice_judge import STAGES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Report = dict[str, Any]

DPI: Final = 140
COLORS: Final = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
"""Okabe and Ito's, that the colour-blind tell apart."""


def draw(report: Report, folder: Path) -> list[tuple[Path, str]]:
    """Draw what the report has.

    Returns:
        Each file, and what it shows, in words.
    """
    steps, limit = report["steps"], report["limit"]
    made = []
    if any(step["values"]["voice_to_voice"] for step in steps):
        made.append(
            (
                _distributions(steps, "voice_to_voice", limit, folder / "waits.png"),
                "End of speech to audible answer: share of answers over the wait in seconds, one "
                "line for each number of users.",
            )
        )
    if len(steps) > 1:
        made.append(
            (
                _over_users(steps, limit, folder / "users.png"),
                "p50, p95 and p99 of the wait, and the CPU of the server for each user, over the "
                "number of users.",
            )
        )
    if any(step["stages"] for step in steps):
        made.append(
            (
                _stages(steps, folder / "stages.png"),
                "Where the time goes: the mean of each stage that the server tells, stacked, and "
                "what is not of the server, for each number of users.",
            )
        )
    if any(step["values"]["time_to_silence"] for step in steps):
        made.append(
            (
                _distributions(steps, "time_to_silence", None, folder / "silence.png"),
                "Onset of an interruption to silence at the loudspeaker: share of interruptions "
                "over seconds, one line for each number of users.",
            )
        )
    return made


def _distributions(steps: Sequence[Report], key: str, limit: float | None, path: Path) -> Path:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.add_subplot()
    for place, step in enumerate(steps):
        values = sorted(step["values"][key])
        if not values:
            continue
        shares = 100 * np.arange(1, len(values) + 1) / len(values)
        label = f"{step['users']} user{'s' * (step['users'] > 1)} ({len(values)})"
        axes.step(values, shares, where="post", label=label, color=COLORS[place % len(COLORS)])
    if limit is not None:
        axes.axvline(limit, color="grey", linestyle="--", linewidth=1)
    waits = key == "voice_to_voice"
    axes.set_xlabel(
        "seconds from the end of speech to the answer" if waits else "seconds from the onset"
    )
    axes.set_ylabel("% of answers" if waits else "% of interruptions")
    axes.set_title("Voice to voice" if waits else "Silence after an interruption")
    axes.set_ylim(0, 100)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", title="at once")
    figure.savefig(path, dpi=DPI)
    return path


def _over_users(steps: Sequence[Report], limit: float, path: Path) -> Path:
    from matplotlib.figure import Figure

    loads = [step for step in steps if "server" in step]
    figure = Figure(figsize=(11 if loads else 7, 4.2), layout="constrained")
    axes = figure.add_subplot(1, 2 if loads else 1, 1)
    for color, name in zip(COLORS, ("p50", "p95", "p99"), strict=False):
        rows = [step for step in steps if step["voice_to_voice"][name] is not None]
        axes.plot(
            [step["users"] for step in rows],
            [step["voice_to_voice"][name] for step in rows],
            marker="o", label=name, color=color,
        )  # fmt: skip
    axes.axhline(limit, color="grey", linestyle="--", linewidth=1)
    axes.set_ylabel("voice to voice, seconds")
    axes.set_ylim(bottom=0)
    axes.legend()
    _label_users(axes, steps)
    if loads:
        axes = figure.add_subplot(1, 2, 2)
        axes.plot(
            [step["users"] for step in loads],
            [100 * step["server"]["cpu_per_user"] for step in loads],
            marker="o", color=COLORS[0],
        )  # fmt: skip
        axes.set_ylabel("CPU of the server for each user, % of a core")
        axes.set_ylim(bottom=0)
        _label_users(axes, loads)
    figure.savefig(path, dpi=DPI)
    return path


def _label_users(axes: Axes, steps: Sequence[Report]) -> None:
    axes.set_xscale("log", base=2)
    counts = [step["users"] for step in steps]
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("users at once")
    axes.grid(alpha=0.3)


def _stages(steps: Sequence[Report], path: Path) -> Path:
    from matplotlib.figure import Figure

    told = [step for step in steps if step["stages"]]
    figure = Figure(figsize=(8, 1.6 + 0.5 * len(told)), layout="constrained")
    axes = figure.add_subplot()
    names = [f"{step['users']} user{'s' * (step['users'] > 1)}" for step in told]
    left = np.zeros(len(told))
    for color, stage in zip(COLORS, STAGES, strict=False):
        widths = np.array([step["stages"].get(stage, {}).get("mean", 0.0) for step in told])
        axes.barh(names, widths, left=left, label=stage, color=color)
        left += widths
    rest = np.array([step["mean_wait"] or 0.0 for step in told]) - left
    axes.barh(names, np.maximum(rest, 0), left=left, label="client and way", color=COLORS[-1])
    axes.invert_yaxis()
    axes.set_xlabel("mean seconds")
    axes.set_title("Where the time goes")
    axes.grid(alpha=0.3, axis="x")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path, dpi=DPI)
    return path
