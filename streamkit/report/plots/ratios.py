"""Two traces against each other: how the median of each part has changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from streamkit.report.plots.theme import Theme, bare, new_figure
from streamkit.report.statistics import Comparison
from streamkit.report.wording import times

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST: Final = 16.0
"""Ratios beyond this, and beneath its inverse, stand at the picture's edge."""

STEPS: Final = (
    (1.5, (0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4)),
    (3.0, (0.4, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 2.5)),
    (math.inf, (1 / 16, 1 / 8, 0.25, 0.5, 1, 2, 4, 8, 16)),
)
"""Ticks of the axis, by how far it reaches."""


def ratios(theme: Theme, rows: Sequence[tuple[str, Comparison]]) -> Figure:
    """The second trace's medians as multiples of the first's, with their intervals.

    Args:
        theme: colours.
        rows: name and comparison of each part that has a ratio, in the order from above.
    """
    figure = new_figure(1.35 + 0.29 * len(rows))
    axes = figure.subplots()
    ends = [1.25, 0.8]
    for row, (_, found) in enumerate(rows):
        assert found.ratio is not None
        ratio = float(np.clip(found.ratio, 1 / WIDEST, WIDEST))
        ends.append(ratio)
        clear = found.verdict in ("slower", "faster")
        colour = theme.soft
        if clear:
            colour = theme.second if found.verdict == "slower" else theme.first
        if found.ratio_range is not None:
            low, high = np.clip(found.ratio_range, 1 / WIDEST, WIDEST)
            ends += [float(low), float(high)]
            axes.plot([low, high], [row, row], color=colour, linewidth=2.2)
            axes.plot([low, high], [row, row], "|", color=colour, markersize=8)
        axes.plot(
            ratio, row, "o", markersize=7, color=colour if clear else theme.ground,
            markeredgecolor=colour, markeredgewidth=1.6,
        )  # fmt: skip
        axes.annotate(
            times(found.ratio), (ratio, row), (0, 7), textcoords="offset points",
            ha="center", va="bottom", fontsize=8,
            bbox={"facecolor": theme.ground, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    axes.axvline(1, color=theme.ink, linewidth=1)
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.8)
    widest = max(max(ends), 1 / min(ends)) * 1.12
    axes.set_xscale("log", base=2)
    axes.set_xlim(1 / widest, widest)
    steps = next(steps for reach, steps in STEPS if widest <= reach)
    ticks = [tick for tick in steps if 1 / widest <= tick <= widest]
    axes.set_xticks(ticks, [times(tick).rstrip("0").rstrip(".") for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("median of the second trace as a multiple of the first's:  ← faster   slower →")
    axes.grid(axis="x")
    bare(axes)
    return figure
