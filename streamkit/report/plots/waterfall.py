"""Waits, cut into their parts: one of them as stairs, many of them as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streamkit.report.plots.theme import Theme, bare, new_figure
from streamkit.report.stages import Part
from streamkit.report.wording import milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABEL_SHARE: Final = 0.045
"""A part that is shorter than this share of the longest bar has no room for its figure."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One wait.

    Attributes:
        label: whose it is.
        parts: with their seconds, in order.
        marked: it is one to look at.
    """

    label: str
    parts: Sequence[tuple[Part, float]]
    marked: bool = False

    @property
    def total(self) -> float:
        """Seconds."""
        return sum(seconds for _, seconds in self.parts)


def stairs(theme: Theme, bars: Sequence[Bar], origin: str) -> Figure:
    """Waits beside each other, each part where it begins and ends, on one scale.

    Args:
        theme: colours.
        bars: one or two.
        origin: what the time is counted from, for the axis.
    """
    shown = [
        part for part in _order(bars) if any(part == each for bar in bars for each, _ in bar.parts)
    ]
    figure = new_figure(1.15 + 0.29 * (len(shown) + 1))
    longest = max((bar.total for bar in bars), default=0.0) or 0.001
    panels = figure.subplots(1, len(bars), sharey=True, squeeze=False)[0]
    for axes, bar in zip(panels, bars, strict=True):
        _stair(axes, theme, bar, shown, longest)
        axes.set_title(bar.label)
        axes.set_xlabel(f"milliseconds after {origin}")
    return figure


def _order(bars: Sequence[Bar]) -> list[Part]:
    """Parts of all bars, in an order that suits each."""
    order: list[Part] = []
    for bar in bars:
        place = 0
        for part, _ in bar.parts:
            if part in order:
                place = order.index(part) + 1
            else:
                order.insert(place, part)
                place += 1
    return order


def _stair(axes: Axes, theme: Theme, bar: Bar, shown: Sequence[Part], longest: float) -> None:
    given = {part.key: seconds for part, seconds in bar.parts}
    reached = 0.0
    for row, part in enumerate(shown):
        seconds = given.get(part.key)
        if seconds is None:
            axes.text(
                1000 * reached, row, " not known", color=theme.soft, va="center", fontsize=8.5
            )
            continue
        axes.plot(
            [1000 * reached] * 2, [row - 1 + 0.3, row], color=theme.soft, linewidth=0.7, zorder=1
        ) if row else None
        axes.barh(
            row, 1000 * seconds, left=1000 * reached, height=0.6,
            color=theme.parts[part.key], edgecolor=theme.soft, linewidth=0.4,
        )  # fmt: skip
        reached += seconds
        axes.text(
            1000 * reached, row, f" {milliseconds(seconds)}", va="center", fontsize=8.5,
            color=theme.ink if seconds >= 0.00005 else theme.soft,
        )  # fmt: skip
    row = len(shown)
    axes.barh(row, 1000 * reached, height=0.6, color="none", edgecolor=theme.ink, linewidth=1.1)
    axes.text(
        1000 * reached, row, f" {milliseconds(reached)}", va="center", fontweight="bold",
        fontsize=9.5,
    )  # fmt: skip
    axes.set_yticks(range(row + 1), [*(part.label for part in shown), "all of it"])
    axes.set_ylim(row + 0.6, -0.6)
    axes.set_xlim(0, 1000 * longest * 1.2)
    axes.grid(axis="x")
    bare(axes)


def stacked(theme: Theme, bars: Sequence[Bar], origin: str) -> Figure:
    """Waits below each other, each a bar of its parts.

    Args:
        theme: colours.
        bars: in the order from above.
        origin: what the time is counted from.
    """
    from matplotlib.patches import Patch

    figure = new_figure(1.5 + 0.235 * len(bars))
    axes = figure.subplots()
    longest = 1000 * max((bar.total for bar in bars), default=0.0) or 1.0
    for row, bar in enumerate(bars):
        reached = 0.0
        for part, seconds in bar.parts:
            width = 1000 * seconds
            axes.barh(
                row, width, left=reached, height=0.72,
                color=theme.parts[part.key], edgecolor=theme.ground, linewidth=0.6,
            )  # fmt: skip
            if width > LABEL_SHARE * longest:
                axes.text(
                    reached + width / 2, row, f"{width:.0f}", ha="center", va="center",
                    fontsize=7.5, color=on(theme.parts[part.key]),
                )  # fmt: skip
            reached += width
        axes.text(
            reached, row, f"  {milliseconds(bar.total)}", va="center", fontsize=8.5,
            fontweight="bold" if bar.marked else "normal",
        )  # fmt: skip
    axes.set_yticks(range(len(bars)), [bar.label for bar in bars], fontsize=8.5)
    for label, bar in zip(axes.get_yticklabels(), bars, strict=True):
        label.set_fontweight("bold" if bar.marked else "normal")
    axes.set_ylim(len(bars) - 0.4, -0.6)
    axes.set_xlim(0, longest * 1.1)
    axes.set_xlabel(f"milliseconds after {origin}")
    axes.grid(axis="x")
    bare(axes)
    handles = [Patch(color=theme.parts[part.key], label=part.label) for part in _order(bars)]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=min(8, len(handles)), fontsize=8.5,
        handlelength=1.1, handleheight=0.9, columnspacing=1.3, handletextpad=0.5,
    )  # fmt: skip
    return figure


def on(colour: str) -> str:
    """Black or white, whichever can be read on a colour."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    # Relative luminance of WCAG 2, with a plain square for its exponent.
    light = 0.2126 * red**2 + 0.7152 * green**2 + 0.0722 * blue**2
    return "#000000" if light > 0.18 else "#ffffff"
