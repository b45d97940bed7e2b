"""Puts a report together: what a trace says, as a page and its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Final

from streamkit import __version__
from streamkit.report.chapters import (
    Drawings,
    comparison_section,
    percentile_section,
    short_names,
    time_section,
    waits,
    way_section,
)
from streamkit.report.gather import MAX_CHUNKS, MAX_SESSIONS, MAX_WAYS, Trace
from streamkit.report.page import Figure as KeyFigure
from streamkit.report.page import Figures, Page, Paragraph, Part, Section, Table
from streamkit.report.plots.theme import Drawing
from streamkit.report.sessions import Session
from streamkit.report.statistics import summary
from streamkit.report.tables import Waits, counted
from streamkit.report.wording import clean, milliseconds

MOST_SESSIONS: Final = 50
"""Rows of the table of sessions."""


@dataclass(frozen=True, slots=True)
class Report:
    """A page and the pictures in it.

    Attributes:
        page: to render.
        pictures: name of a file without its ending -> picture.
    """

    page: Page
    pictures: dict[str, Drawing]


def compose(trace: Trace, other: Trace | None = None) -> Report:
    """Make the report of a trace; needs matplotlib (`plots.theme.require_matplotlib`).

    Args:
        trace: that it is about.
        other: what it is compared with: the trace is 1, this is 2.
    """
    pictures = Drawings()
    turns, words = waits(trace)
    sections = []
    if other is not None:
        sections.append(comparison_section(pictures, trace, other))
    sections += [
        section
        for section in (
            way_section(pictures, turns, trace, "turns", "Where a turn's time goes"),
            way_section(pictures, words, trace, "words", "Where a word's time goes"),
            percentile_section(pictures, trace, turns, words),
            time_section(pictures, trace, turns, words),
        )
        if section is not None
    ]
    sections.append(_about(trace, other))
    page = Page(
        title="Latency: " + " against ".join(short_names(trace, other)),
        lead="Where every millisecond of a conversation, or of a caption, has gone.",
        facts=_facts(trace),
        opening=_opening(trace, turns, words),
        sections=tuple(sections),
        foot=f"Made by streamkit {__version__}: streamkit latency report. Nothing in this file is "
        "loaded from anywhere else.",
    )  # fmt: skip
    return Report(page, pictures.kept)


def _opening(trace: Trace, turns: Waits, words: Waits) -> tuple[Part, ...]:
    """The figures that one reads first; or why there are none."""
    figures = []
    for found, title in ((turns, "Voice-to-voice"), (words, "Committed word")):
        span, values = found.span, found.totals()
        told = summary(values)
        if span is None or told is None:
            continue
        figures.append(
            KeyFigure(f"{title}, median", milliseconds(told.percentiles[50]), span.label)
        )
        late = told.percentiles.get(95)
        figures.append(
            KeyFigure(f"{title}, slowest of {told.count}", milliseconds(told.largest),
                      "too few for a p95")
            if late is None
            else KeyFigure(f"{title}, p95", milliseconds(late), f"of {told.count} {found.many}")
        )  # fmt: skip
    if not figures:
        return (
            Paragraph(
                "There is no turn with an answer in this trace, and no committed word: so there is "
                "no latency to show, and what there is stands below."
            ),
        )
    return (Figures(tuple(figures)),)


def _facts(trace: Trace) -> list[tuple[str, str]]:
    """Where the figures come from."""
    sessions = list(trace.sessions.values())
    count = len(sessions) + trace.left_out
    facts = [("trace", trace.name), ("sessions", str(count))]
    if sessions:
        first = min(session.first for session in sessions)
        last = max(session.last for session in sessions)
        facts.append(("from", _clock(first)))
        facts.append(("to", _clock(last)))
    begins = [session.begin for session in sessions if session.begin is not None]
    for name, values in (
        ("recognizer", {begin.recognizer for begin in begins}),
        ("reply model", {begin.reply_model for begin in begins}),
        ("voice", {begin.voice for begin in begins}),
        ("streamkit", {begin.version for begin in begins}),
        ("written by", {begin.side for begin in begins}),
    ):
        if values - {""}:
            facts.append((name, ", ".join(clean(value) for value in sorted(values - {""})[:5])))
    errors = [each.clock_error for each in sessions if each.clock_error is not None]
    if errors:
        facts.append(("client's clock within", f"± {milliseconds(max(errors))}"))
    return facts


def _clock(at: float) -> str:
    try:
        return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError, OSError):
        return f"{at:.0f}"


def _about(trace: Trace, other: Trace | None) -> Section:
    """What was in the files, and what could not be read of them."""
    parts: list[Part] = [Paragraph(text) for text in notes(trace)]
    if other is not None:
        parts += [Paragraph(text) for text in notes(other)]
    ordered = sorted(trace.sessions.values(), key=lambda session: -session.seconds)
    rows = [_session_row(session) for session in ordered[:MOST_SESSIONS]]
    caption = "Sessions" if len(rows) == len(ordered) else f"The {MOST_SESSIONS} longest sessions"
    columns = (
        "session", "endpoint", "ended", "from", "seconds", "chunks", "passes", "replies",
    )  # fmt: skip
    parts.append(Table(columns, rows, caption, names=4))
    return Section("About the trace", tuple(parts))


def _session_row(session: Session) -> tuple[str, ...]:
    begin, end = session.begin, session.end
    return (
        clean(session.id),
        clean(begin.endpoint) if begin is not None else "not told",
        "not told" if end is None else clean(end.code) or "yes",
        _clock(session.first),
        f"{session.seconds:.1f}",
        str(session.chunks),
        str(session.passes),
        str(session.replies),
    )


def notes(trace: Trace) -> list[str]:
    """What a reader has to know about a trace, in sentences."""
    reader = trace.reader
    told = [f"{trace.name}: {reader.records} records in {reader.lines} lines."]
    if trace.outcomes:
        told.append(f"Passes of the recognizer: {counted(trace.outcomes)}.")
    if trace.statuses:
        told.append(f"Replies: {counted(trace.statuses)}.")
    if reader.fault_count:
        named = "; ".join(f"line {fault.line}: {fault.reason}" for fault in reader.faults)
        more = " …" if reader.fault_count > len(reader.faults) else ""
        told.append(
            f"{reader.fault_count} lines could not be read and were left out: {named}{more}"
        )
    if reader.truncated:
        told.append("Its last line is cut off: whoever wrote it was stopped in the middle of it.")
    if reader.unknown:
        told.append(f"Kinds of records that are not known here: {counted(reader.unknown)}.")
    if any(kept.sampled for kept in trace.chunks.values()):
        told.append(f"Of its chunks, a random sample of {MAX_CHUNKS} stands for all.")
    for kept, many in ((trace.turns, "turns"), (trace.words, "words")):
        if kept.sampled:
            told.append(
                f"Of its {kept.count} {many}, a random sample of {MAX_WAYS} stands for all."
            )
    if trace.left_out:
        told.append(
            f"Records of more than {MAX_SESSIONS} sessions: of the later ones only turns, words "
            "and chunks were counted."
        )
    return told
