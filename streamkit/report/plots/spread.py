"""How durations are spread: ranges of every part, and histograms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from streamkit.report.plots.theme import Theme, bare, new_figure
from streamkit.report.statistics import Values, percentile, summary
from streamkit.report.wording import milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_SECONDS: Final = 0.0001
"""Left end of the logarithmic axis: what is shorter, traces do not resolve."""
SINGLE: Final = 40
"""Values up to which each has its own mark below the histogram."""
MOST_BINS: Final = 48


def ranges(theme: Theme, rows: Sequence[tuple[str, Values, str]]) -> Figure:
    """A line for each part: its median, its middle half, and its slowest percents.

    Args:
        theme: colours.
        rows: name, seconds and colour of each part, in the order from above.
    """
    figure = new_figure(1.35 + 0.29 * len(rows))
    axes = figure.subplots()
    for row, (_, values, colour) in enumerate(rows):
        _range(axes, theme, row, 1000 * np.maximum(np.sort(values), LEAST_SECONDS), colour)
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xscale("log")
    axes.set_xlim(1000 * LEAST_SECONDS * 0.8, None)
    _plain_numbers(axes)
    axes.set_xlabel("milliseconds (logarithmic; what took less than 0.1 ms stands at 0.1)")
    axes.grid(axis="x")
    bare(axes)
    _key(figure, theme)
    return figure


def _range(axes: Axes, theme: Theme, row: int, values: Values, colour: str) -> None:
    low, first, middle, third = (percentile(values, at) for at in (1, 25, 50, 75))
    found = summary(values)
    assert found is not None
    axes.plot([low, found.largest], [row, row], linewidth=1, color=theme.soft)
    axes.barh(
        row, third - first, left=first, height=0.46, color=colour, edgecolor=theme.soft,
        linewidth=0.5,
    )  # fmt: skip
    axes.plot([middle] * 2, [row - 0.32, row + 0.32], color=theme.ink, linewidth=2)
    for percent, marker in ((95, "o"), (99, "D")):
        if percent in found.percentiles:
            axes.plot(
                found.percentiles[percent], row, marker, markersize=5 if marker == "o" else 4,
                color=theme.ground, markeredgecolor=theme.ink, markeredgewidth=1,
            )  # fmt: skip


def _key(figure: Figure, theme: Theme) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    rings = [
        Line2D(
            [], [], linestyle="", marker=marker, markersize=size, label=label,
            markerfacecolor=theme.ground, markeredgecolor=theme.ink,
        )
        for marker, size, label in (("o", 5, "p95"), ("D", 4, "p99"))
    ]  # fmt: skip
    figure.legend(
        handles=[
            Patch(facecolor=theme.soft, label="middle half"),
            Line2D([], [], color=theme.ink, linewidth=2, label="median"),
            *rings,
            Line2D([], [], color=theme.soft, linewidth=1, label="p1 to the slowest"),
        ],
        loc="outside upper left", ncols=5, fontsize=8.5,
    )  # fmt: skip


def histograms(theme: Theme, panels: Sequence[tuple[str, Values, str]]) -> Figure:
    """How often which wait came, one panel beside the other.

    Args:
        theme: colours.
        panels: title, seconds, and what is counted.
    """
    figure = new_figure(3.3)
    for axes, (title, values, counted) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        _histogram(axes, theme, [("", values, theme.first)])
        _head(axes, theme, title)
        axes.set_ylabel(f"number of {counted}")
        axes.set_xlabel("milliseconds")
    return figure


def two_histograms(
    theme: Theme, panels: Sequence[tuple[str, Values, Values]], names: tuple[str, str]
) -> Figure:
    """The histograms of two traces over each other.

    Args:
        theme: colours.
        panels: title, and seconds of the first and of the second trace.
        names: of the traces.
    """
    from matplotlib.patches import Patch

    figure = new_figure(3.6)
    for axes, (title, first, second) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        _histogram(axes, theme, [("1", first, theme.first), ("2", second, theme.second)])
        _head(axes, theme, title)
        axes.set_ylabel("share of each trace, %")
        axes.set_xlabel("milliseconds")
    figure.legend(
        handles=[
            Patch(facecolor=theme.first, alpha=0.55, label=f"1: {names[0]}"),
            Patch(
                facecolor="none", edgecolor=theme.second, hatch="////", label=f"2: {names[1]}"
            ),
        ],
        loc="outside upper left", ncols=2, fontsize=8.5,
    )  # fmt: skip
    return figure


def _head(axes: Axes, theme: Theme, title: str) -> None:
    """Title and what is counted, with room for a line of figures below them."""
    name, _, counted = title.partition("\n")
    axes.set_title(name, pad=36)
    axes.annotate(
        counted, (0, 1), (0, 20), xycoords="axes fraction", textcoords="offset points",
        color=theme.soft, fontsize=9,
    )  # fmt: skip


def _histogram(axes: Axes, theme: Theme, sets: Sequence[tuple[str, Values, str]]) -> None:
    from matplotlib.ticker import MaxNLocator

    together = 1000 * np.concatenate([values for _, values, _ in sets])
    shares = len(sets) > 1
    # A few very slow ones would squeeze all others into one bar.
    edges = _edges(together[together <= percentile(np.sort(together), 99.5)])
    top = 0.0
    for place, (_, values, colour) in enumerate(sets):
        counts, _ = np.histogram(1000 * values, edges)
        heights = 100 * counts / len(values) if shares else counts
        top = max(top, float(heights.max()))
        if place:
            axes.stairs(heights, edges, edgecolor=colour, linewidth=1.4, hatch="////", fill=False)
        else:
            axes.stairs(
                heights, edges, fill=True, color=colour, alpha=0.55 if shares else 0.85,
                linewidth=0,
            )  # fmt: skip
    rugs = sum(len(values) <= SINGLE for _, values, _ in sets)
    for place, (name, values, colour) in enumerate(sets):
        _marks(axes, theme, name, values, colour if shares else theme.ink, place)
        if len(values) <= SINGLE:
            height = -0.04 * top * (1 + (place if rugs > 1 else 0))
            axes.plot(1000 * values, np.full(len(values), height), "|", markersize=6, color=colour)
    axes.set_ylim(-0.04 * top * (rugs + 0.5) if rugs else 0, top * 1.08)
    axes.set_xlim(edges[0], edges[-1])
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.grid(axis="y")
    if rugs:
        axes.axhline(0, color=theme.soft, linewidth=0.8)
    beyond = int((together > edges[-1]).sum())
    if beyond:
        axes.text(
            0.995, 0.97, f"{beyond} slower than {edges[-1]:.0f} ms →", transform=axes.transAxes,
            ha="right", va="top", fontsize=8.5, color=theme.soft,
            bbox={"facecolor": theme.ground, "edgecolor": "none", "pad": 1.5},
        )  # fmt: skip


def _marks(axes: Axes, theme: Theme, name: str, values: Values, colour: str, place: int) -> None:
    """Lines at the median and at p95; what they are stands above the panel."""
    found = summary(values)
    assert found is not None
    told = []
    for percent, style in ((50, "-"), (95, "--")):
        at = found.percentiles.get(percent)
        if at is not None:
            axes.axvline(1000 * at, color=colour, linestyle=style, linewidth=1.4)
            told.append(f"{'│' if percent == 50 else '┆'} p{percent} {milliseconds(at)}")
    axes.text(
        0.5 * place, 1.015, f"{name + ': ' if name else ''}{'   '.join(told)}", fontsize=8.5,
        transform=axes.transAxes, color=colour if name else theme.ink,
    )  # fmt: skip


def _edges(values: Values) -> Values:
    """Borders of bins, at round milliseconds, as wide as Freedman and Diaconis advise."""
    low, high = float(values.min()), float(values.max())
    spread = float(np.subtract(*np.percentile(values, (75, 25))))
    width = 2 * spread / len(values) ** (1 / 3) if spread else (high - low) / 10
    width = max(width, (high - low) / MOST_BINS, 0.1)
    rounded = 10 ** np.floor(np.log10(width))
    width = rounded * min(step for step in (1, 2, 5, 10) if step * rounded >= width * 0.999)
    first = np.floor(low / width) * width
    count = max(1, int(np.ceil((high - first) / width + 1e-9)))
    # An empty bin on both sides: the curve begins and ends at nothing.
    return np.asarray(first + width * np.arange(-1 if first > 0 else 0, count + 2))


def _plain_numbers(axes: Axes) -> None:
    """Figures of a logarithmic axis as people write them."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
