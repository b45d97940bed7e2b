"""Rows of figures: what the report says in tables, and what it chooses to draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from streamkit.report.join import Way
from streamkit.report.page import Table
from streamkit.report.plots.waterfall import Bar
from streamkit.report.spans import Span, measured
from streamkit.report.stages import Part
from streamkit.report.statistics import PERCENTS, Comparison, Values, compare, summary
from streamkit.report.wording import clean, milliseconds, signed, times

MOST_BARS: Final = 24
"""Of one picture."""


@dataclass(frozen=True, slots=True)
class Waits:
    """The ways of one kind, ready to be shown.

    Attributes:
        one: what one of them is called.
        many: what several are.
        order: its parts.
        spans: in which they may be compared, the longest first.
        span: the longest in which most of them are known; None: there are none.
        ways: all that are kept.
        count: all that there were.
    """

    one: str
    many: str
    order: tuple[Part, ...]
    spans: tuple[Span, ...]
    span: Span | None
    ways: Sequence[Way]
    count: int

    @property
    def measured(self) -> list[tuple[Way, float]]:
        """Those that are known in the span, with their seconds."""
        return measured(self.span, self.ways)

    def totals(self, span: Span | None = None) -> Values:
        """Seconds of those that are known in a span; None: in its own."""
        return np.array([seconds for _, seconds in measured(span or self.span, self.ways)])

    def parts(self) -> dict[Part, Values]:
        """Seconds of each part, of the ways that have it."""
        found = {
            part: np.array([way.parts[part.key] for way in self.ways if part.key in way.parts])
            for part in self.order
        }
        return {part: values for part, values in found.items() if len(values)}

    @property
    def groups(self) -> int:
        """How many of them do not depend on each other."""
        return len({(way.session, way.group) for way in self.ways})

    def bar(self, way: Way, label: str, marked: bool = False) -> Bar:
        """A way as it is drawn: as much of it as lies in the span."""
        assert self.span is not None
        parts = [
            (part, way.parts[part.key])
            for part in self.order
            if part.key in way.parts and part.key in self.span.inner
        ]
        return Bar(label, parts, marked)

    def typical(self) -> list[Bar]:
        """The median one, and that of the 95th percentile or, of few, the slowest."""
        ordered = sorted(self.measured, key=lambda pair: pair[1])
        if not ordered:
            return []
        count = len(ordered)
        chosen = [(ordered[-(-count // 2) - 1][0], f"The median {self.one}")]
        if count >= 20:
            late = ordered[-(-count * 95 // 100) - 1][0]
            chosen.append((late, f"The {self.one} at p95, slower than 19 of 20"))
        elif count > 1:
            chosen.append((ordered[-1][0], f"The slowest {self.one} of {count}"))
        return [self.bar(way, f"{title}{_called(way, self)}") for way, title in chosen]

    def bars(self, first: float) -> list[Bar]:
        """All of them in their order, or of many as many as fit, from the quickest to the slowest.

        Args:
            first: Unix seconds from which their times are counted.
        """
        found = sorted(self.measured, key=lambda pair: pair[0].at)
        if len(found) > MOST_BARS:
            found.sort(key=lambda pair: pair[1])
            places = np.linspace(0, len(found) - 1, MOST_BARS).round().astype(int)
            found = [found[place] for place in places]
        return [self.bar(way, _when(way.at - first)) for way, _ in found]


def _called(way: Way, waits: Waits) -> str:
    return f": “{clean(way.name, 24)}”" if way.name and waits.one == "word" else ""


def _when(seconds: float) -> str:
    """A time of a session as clocks show it."""
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}:{minutes:02d}:{rest:04.1f}" if hours else f"{minutes}:{rest:04.1f}"


def percentiles(rows: Iterable[tuple[str, Values, str]], caption: str) -> Table:
    """Count, median, p95, p99, slowest and mean of each row.

    Args:
        rows: name, seconds and meaning.
        caption: of the table.
    """
    lines = []
    for name, values, meaning in rows:
        found = summary(values)
        if found is None:
            continue
        ranks = (
            milliseconds(found.percentiles[each]) if each in found.percentiles else "–"
            for each in PERCENTS
        )
        lines.append(
            (name, meaning, str(found.count), *ranks, milliseconds(found.largest),
             milliseconds(found.mean))
        )  # fmt: skip
    columns = ("", "from … to", "values", "p50", "p95", "p99", "slowest", "mean")
    return Table(columns, lines, caption, names=2)


def wait_rows(waits: Waits) -> list[tuple[str, Values, str]]:
    """Rows of the percentiles: each part, and all of it."""
    rows = [(part.label, values, part.meaning) for part, values in waits.parts().items()]
    for span in waits.spans:
        values = waits.totals(span)
        if len(values) and 2 * len(values) > len(waits.ways):
            rows.append(("together", values, span.label))
    return rows


def comparisons(before: Waits, after: Waits, span: Span | None) -> list[tuple[str, Comparison]]:
    """Each part that both traces have, and all of it, against each other."""
    groups = (before.groups, after.groups)
    first, second = before.parts(), after.parts()
    rows = []
    for part in before.order:
        if part in first and part in second:
            found = compare(first[part], second[part], groups)
            if found is not None:
                rows.append((part.label, found))
    if span is not None:
        found = compare(before.totals(span), after.totals(span), groups)
        if found is not None:
            rows.append((f"together: {span.label}", found))
    return rows


def comparison_table(rows: Sequence[tuple[str, Comparison]], caption: str) -> Table:
    """Medians, their ratio and difference with intervals, and what follows from them."""
    lines = []
    for name, found in rows:
        lines.append(
            (
                name,
                f"{found.counts[0]} / {found.counts[1]}",
                milliseconds(found.before),
                milliseconds(found.after),
                "–" if found.ratio is None else times(found.ratio),
                "–" if found.ratio_range is None
                else " … ".join(map(times, found.ratio_range)),
                signed(found.difference),
                "–" if found.difference_range is None
                else " … ".join(map(signed, found.difference_range)),
                found.verdict,
            )
        )  # fmt: skip
    columns = (
        "", "values, 1 / 2", "median, 1", "median, 2", "ratio", "95% interval", "difference",
        "95% interval", "2 is",
    )  # fmt: skip
    return Table(columns, lines, caption)


def counted(counts: Mapping[str, int]) -> str:
    """Counts of names, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{number} {clean(name, 30)}" for name, number in ordered)
