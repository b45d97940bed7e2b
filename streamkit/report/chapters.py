"""The sections of a report that show figures: each a few pictures, and the tables beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

import numpy as np

from streamkit.report.gather import Trace
from streamkit.report.page import Paragraph, Part, Picture, Section, Table
from streamkit.report.plots.ratios import ratios
from streamkit.report.plots.spread import histograms, ranges, two_histograms
from streamkit.report.plots.theme import Drawing, Theme, drawn
from streamkit.report.plots.timeline import CLOSE_SECONDS, View, timeline
from streamkit.report.plots.waterfall import stacked, stairs
from streamkit.report.sessions import Session
from streamkit.report.spans import TURN_SPANS, WORD_SPANS, measured, shared
from streamkit.report.stages import TURN_PARTS, WORD_PARTS
from streamkit.report.statistics import Values
from streamkit.report.tables import (
    MOST_BARS,
    Waits,
    comparison_table,
    comparisons,
    percentiles,
    wait_rows,
)
from streamkit.report.wording import clean, milliseconds

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLOSE_LOOK: Final = 12.0
"""Seconds of the session that are drawn closely."""
WORDLESS: Final = (
    " There are no words in this trace, so the last one of each commit stands for all of it."
)
DEPENDENT: Final = (
    "A 95-percent interval misses the truth once in twenty times, so among many parts one may look "
    "changed by chance. Words of one stretch of speech are late together and count as one value "
    "there. Below 6 values on a side there is no interval, and no verdict."
)
"""What intervals mean."""


@dataclass(slots=True)
class Drawings:
    """Draws pictures and keeps them for their own files."""

    kept: dict[str, Drawing] = field(default_factory=dict)

    def __call__(
        self, name: str, draw: Callable[[Theme], Figure], alternative: str, caption: str
    ) -> Picture:
        """Draw a picture; see `page.Picture` for its words."""
        drawing = self.kept[name] = drawn(draw)
        return Picture(drawing.light, alternative, drawing.dark, caption)


def waits(trace: Trace) -> tuple[Waits, Waits]:
    """The turns and the words of a trace."""
    turns, words = list(trace.turns), list(trace.words)
    return (
        Waits(
            "turn", "turns", TURN_PARTS, TURN_SPANS, shared(TURN_SPANS, turns), turns,
            trace.turns.count,
        ),
        Waits(
            "word", "words", WORD_PARTS, WORD_SPANS, shared(WORD_SPANS, words), words,
            trace.words.count,
        ),
    )  # fmt: skip


def short_names(trace: Trace, other: Trace | None) -> tuple[str, ...]:
    """Names of the files without their folders, unless the folders make the difference."""
    paths = [each.name for each in (trace, other) if each is not None]
    names = [PurePath(path).name or path for path in paths]
    return tuple(clean(name, 50) for name in (names if len({*names}) == len(paths) else paths))


def way_section(
    pictures: Drawings, found: Waits, trace: Trace, name: str, title: str
) -> Section | None:
    """The waits of one kind: the median one, the late one, and all of them.

    Args:
        pictures: draws.
        found: the waits.
        trace: that they are of.
        name: of the files of the pictures.
        title: of the section.

    Returns:
        None: there are no waits of this kind.
    """
    typical = found.typical()
    if found.span is None or not typical:
        return None
    origin = "the sound was captured" if found.span.captured else "the server had the sound"
    first = min((session.first for session in trace.sessions.values()), default=0.0)
    bars = found.bars(first)
    total = len(found.measured)
    chosen = "in their order, with the time since the beginning of the trace"
    if total > MOST_BARS:
        chosen = f"{MOST_BARS} of {total}, evenly from the quickest to the slowest"
    parts: list[Part] = [
        Paragraph(
            f"What is counted: {found.span.label}. The parts follow each other and add up to all "
            "of it; one that was done before its turn came, such as a reply that was begun early, "
            "cost nothing."
            + (WORDLESS if name == "words" and not any(way.name for way in found.ways) else "")
        ),
        pictures(
            f"{name}-waterfall",
            lambda theme: stairs(theme, typical, origin),
            "; ".join(f"{bar.label}: {milliseconds(bar.total)}" for bar in typical),
            "Every part begins where the one above it ends; grey are the client and the network.",
        ),
    ]
    if len(bars) > 1:
        parts.append(
            pictures(
                name,
                lambda theme: stacked(theme, bars, origin),
                f"{len(bars)} {found.many} as bars of their parts",
                f"The {found.many}: {chosen}.",
            )
        )
        rows = [
            (bar.label, *(_given(bar.parts, part) for part in found.parts()),
             milliseconds(bar.total))
            for bar in bars
        ]  # fmt: skip
        columns = ("at", *(part.label for part in found.parts()), "together")
        parts.append(Table(columns, rows, f"These {found.many} in figures", folded=True))
    return Section(title, tuple(parts))


def _given(parts: Sequence[tuple[object, float]], wanted: object) -> str:
    return next((milliseconds(seconds) for part, seconds in parts if part == wanted), "–")


def percentile_section(
    pictures: Drawings, trace: Trace, turns: Waits, words: Waits
) -> Section | None:
    """Tables and pictures of how all durations are spread."""
    parts: list[Part] = []
    for found, name in ((turns, "turns"), (words, "words")):
        if not found.ways:
            continue
        rows = wait_rows(found)
        parts.append(percentiles(rows, f"The parts of {found.count} {found.many}"))
        by_label = {part.label: part.key for part in found.order}

        def draw(
            theme: Theme,
            rows: list[tuple[str, Values, str]] = rows,
            keys: dict[str, str] = by_label,
        ) -> Figure:
            lines = [
                (label if label in keys else meaning, values,
                 theme.parts[keys[label]] if label in keys else theme.line)
                for label, values, meaning in rows
            ]  # fmt: skip
            return ranges(theme, lines)

        parts.append(
            pictures(
                f"{name}-percentiles",
                draw,
                f"range of each part of the {found.many}",
                "A percentile is shown where there are enough values for it: 20 for p95, 100 for "
                "p99.",
            )
        )
    chunks = {name: np.array(list(kept)) for name, kept in trace.chunks.items() if len(kept)}
    if chunks:
        meanings = {
            "uplink": ("capture + network", "last sample captured → chunk received"),
            "vad": ("speech detector", "chunk received → the detector has heard it"),
        }
        rows = [(meanings[name][0], values, meanings[name][1]) for name, values in chunks.items()]
        parts.append(percentiles(rows, "Each chunk of sound"))
    panels = _panels(turns, words)
    if panels:
        parts.append(
            pictures(
                "histograms",
                lambda theme: histograms(theme, panels),
                "histograms of " + " and of ".join(title for title, _, _ in panels),
                "How often which latency came. Up to 40 values each have their own mark below.",
            )
        )
    return Section("Percentiles and distribution", tuple(parts)) if parts else None


def _panels(turns: Waits, words: Waits) -> list[tuple[str, Values, str]]:
    panels = []
    for found, title in ((turns, "Voice-to-voice"), (words, "Committed words")):
        values = found.totals()
        if len(values):
            panels.append(
                (f"{title}\n{found.span.label if found.span else ''}", values, found.many)
            )
    return panels


def time_section(pictures: Drawings, trace: Trace, turns: Waits, words: Waits) -> Section | None:
    """The longest session: all of it, and some seconds of it closely."""
    session = trace.longest
    if session is None:
        return None
    assert session.detail is not None
    ways = session.detail.words
    # Captions are sent and replies' words are not, so sessions differ in how far words go.
    late = [(way.at, seconds) for way, seconds in measured(shared(WORD_SPANS, ways), ways)]
    whole = View(session, late, 0.0, max(session.seconds, 0.1), session.seconds <= CLOSE_SECONDS)
    name = clean(session.id)
    said = f"Session {name}" + (
        f", the longest of {len(trace.sessions)}" if len(trace.sessions) > 1 else ""
    )
    if len(session.channels) > 1:
        said += f"; the sound is that of channel {min(session.channels)}"
    parts: list[Part] = [
        pictures(
            "timeline",
            lambda theme: timeline(theme, whole),
            f"session {name} over {session.seconds:.0f} s: level, speech, words, replies",
            f"{said}.",
        )
    ]
    if not whole.close:
        begin, why = _interesting(session, turns, late)
        close = View(session, late, begin, begin + CLOSE_LOOK, True)
        parts.append(
            pictures(
                "timeline-close",
                lambda theme: timeline(theme, close),
                f"{CLOSE_LOOK:.0f} s of session {name} closely",
                f"{CLOSE_LOOK:.0f} seconds of it closely: {why}.",
            )
        )
    return Section("A session over time", tuple(parts))


def _interesting(
    session: Session, turns: Waits, late: Sequence[tuple[float, float]]
) -> tuple[float, str]:
    """Where to look closely: at the turn, or the word, that was late."""
    assert session.detail is not None
    spoken = {way.name: seconds for way, seconds in turns.measured if way.session == session.id}
    replies = [
        (spoken[each.response], each.audible_sent_at, each.received_at)
        for each in session.detail.responses
        if each.response in spoken
        and each.audible_sent_at is not None
        and each.received_at is not None
    ]
    if replies:
        _, audible, _ = max(replies)
        at, why = audible - 0.65 * CLOSE_LOOK, "around the slowest turn"
    elif late:
        slowest = max(late, key=lambda pair: pair[1])
        at, why = slowest[0] - 0.7 * CLOSE_LOOK, "around the word that was latest"
    else:
        at, why = session.first, "its beginning"
    last = max(0.0, session.seconds - CLOSE_LOOK)
    return min(max(0.0, at - session.first), last), why


def comparison_section(pictures: Drawings, trace: Trace, other: Trace) -> Section:
    """The medians of two traces, and how they are spread."""
    short = short_names(trace, other)
    names = (f"1 is {trace.name}", f"2 is {other.name}")
    parts: list[Part] = [Paragraph("; ".join(names) + ". " + DEPENDENT)]
    panels: list[tuple[str, Values, Values]] = []
    for before, after, key in zip(waits(trace), waits(other), ("turns", "words"), strict=True):
        span = shared(before.spans, before.ways, after.ways)
        rows = comparisons(before, after, span)
        if not rows:
            continue
        parts.append(comparison_table(rows, f"The parts of the {before.many}"))
        lines = [row for row in rows if row[1].ratio is not None]
        if lines:
            parts.append(
                pictures(
                    f"{key}-compared",
                    lambda theme, lines=lines: ratios(theme, lines),  # type: ignore[misc]
                    f"ratios of the medians of the {before.many}",
                    "Full dots: the interval excludes 1, so there is a difference. Medians below "
                    "1 ms have no ratio.",
                )
            )
        if span is not None:
            title = "Voice-to-voice" if key == "turns" else "Committed words"
            panels.append((f"{title}\n{span.label}", before.totals(span), after.totals(span)))
    if panels:
        parts.append(
            pictures(
                "histograms-compared",
                lambda theme: two_histograms(theme, panels, (short[0], short[1])),
                "histograms of both traces over each other",
                "",
            )
        )
    else:
        parts.append(Paragraph("They have nothing in common that could be compared."))
    return Section("The two compared", tuple(parts))
