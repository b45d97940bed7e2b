"""A session over time: what was heard of it, what was understood, and what was answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from streamkit.report.join import RATE
from streamkit.report.plots.theme import Theme, bare, new_figure
from streamkit.report.records import Caption, Hypothesis
from streamkit.report.samples import Envelope
from streamkit.report.sessions import Detail, Session
from streamkit.report.statistics import Values
from streamkit.report.wording import clean, milliseconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLOSE_SECONDS: Final = 30.0
"""A stretch in which single words and passes can be told apart."""
FLOOR_DB: Final = -80.0
"""Lower end of the axis of levels."""
LETTERS: Final = 118
"""That fit side by side, in the size of words."""
WORD_LINES: Final = 4
PASS_ROWS: Final = 6
"""Passes below each other before the first row is used again."""
MOST_ENDPOINTS: Final = 20
"""Lines that are drawn across a whole session; more would hide it."""
COLUMNS: Final = 1500
"""Points that a curve is drawn with at most."""


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn, and from where to where.

    Attributes:
        session: with its detail.
        lateness: when words were there, Unix seconds, and how late they were, seconds.
        begin: seconds from the session's beginning.
        end: the same.
        close: single words and passes are drawn.
    """

    session: Session
    lateness: Sequence[tuple[float, float]]
    begin: float
    end: float
    close: bool

    @property
    def detail(self) -> Detail:
        """Of the session."""
        assert self.session.detail is not None
        return self.session.detail

    @property
    def curve(self) -> Envelope | None:
        """Level and speech of the first channel; None: there is no sound in the trace."""
        curves = self.detail.curves
        return curves[min(curves)] if curves else None

    def seconds(self, at: float) -> float:
        """Unix seconds -> seconds from the session's beginning."""
        return at - self.session.first

    def heard(self, position: int) -> float:
        """When the server had a sample, seconds from the session's beginning."""
        curve = self.curve
        if curve is None:
            return position / RATE
        first = curve.position[0]
        if position <= first:
            return self.seconds(float(curve.at[0]) - float(first - position) / RATE)
        return self.seconds(float(np.interp(position, curve.position, curve.at)))

    def shows(self, start: float, end: float) -> bool:
        """Some of a stretch is in the picture."""
        return start < self.end and end > self.begin


Draw = Callable[["Axes", Theme, View], None]


def timeline(theme: Theme, view: View) -> Figure:
    """Draw a session, or a stretch of it: a lane for each thing that the trace knows of."""
    lanes = _lanes(view)
    figure = new_figure(0.8 + sum(height for _, height, _ in lanes))
    panels = figure.subplots(
        len(lanes), 1, sharex=True, squeeze=False,
        gridspec_kw={"height_ratios": [height for _, height, _ in lanes]},
    )[:, 0]  # fmt: skip
    endpoints = _endpoints(view)
    if not view.close and len(endpoints) > MOST_ENDPOINTS:
        endpoints = []
    for axes, (name, _, draw) in zip(panels, lanes, strict=True):
        draw(axes, theme, view)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", color=theme.ink, labelpad=8)
        axes.grid(axis="x")
        for at in endpoints:
            axes.axvline(at, color=theme.accent, linestyle=(0, (4, 2)), linewidth=1, zorder=1.5)
        if axes is not panels[-1]:
            axes.spines["bottom"].set_color(theme.line)
            axes.tick_params(axis="x", length=0)
    figure.align_ylabels(panels)
    panels[-1].set_xlim(view.begin, view.end)
    panels[-1].set_xlabel("seconds from the beginning of the session, by the server's clock")
    _key(figure, theme, view, bool(endpoints))
    return figure


def _lanes(view: View) -> list[tuple[str, float, Draw]]:
    """Name, height in inches and drawing of each lane that there is something for."""
    detail, curve = view.detail, view.curve
    lanes: list[tuple[str, float, Draw]] = []
    if curve is not None and not np.isnan(curve.level).all():
        lanes.append(("level\ndBFS", 0.95, _level))
    if curve is not None and not np.isnan(curve.speech).all():
        lanes.append(("speech\nprobability", 0.7, _speech))
    if view.close and any(way.name and way.start is not None for way in detail.words):
        lanes.append(("committed\nwords", 0.95, _words))
    elif detail.captions:
        lanes.append(("final\ncaptions", 0.5, _captions))
    if view.close and detail.hypotheses:
        lanes.append(("decoder's\npasses", 1.05, _passes))
    if view.lateness:
        lanes.append(("words late\nby, ms", 0.95, _lateness))
    if detail.responses:
        lanes.append(("replies", 0.55, _replies))
    return lanes


def _endpoints(view: View) -> list[float]:
    """When it was found that the person has finished."""
    found = [caption.at for caption in view.detail.captions if caption.speech_final]
    found += [
        response.received_at + response.latency["endpoint"]
        for response in view.detail.responses
        if response.received_at is not None and "endpoint" in response.latency
    ]
    return [at for at in map(view.seconds, found) if view.begin <= at <= view.end]


def _key(figure: Figure, theme: Theme, view: View, endpoints: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Line2D | Patch] = []
    if endpoints:
        handles.append(
            Line2D([], [], color=theme.accent, linestyle=(0, (4, 2)), label="endpoint found")
        )
    if view.close and view.detail.hypotheses:
        handles += [
            Patch(color=theme.parts["decode"], label="partial pass"),
            Patch(color=theme.first, label="final pass"),
            Line2D([], [], color=theme.soft, linewidth=1.4, label="pass waits"),
        ]
        if any(each.outcome != "done" for each in view.detail.hypotheses):
            handles.append(
                Line2D(
                    [], [], color=theme.soft, marker="x", ls="", label="pass superseded, or failed"
                )
            )
    if view.detail.responses:
        handles += [
            Patch(color=theme.accent, label="silence before a reply"),
            Patch(color=theme.parts["first_byte"], label="sound of a reply"),
        ]
    if handles:
        figure.legend(
            handles=handles, loc="outside upper left", ncols=len(handles), fontsize=8.5,
            handlelength=1.4, columnspacing=1.4,
        )  # fmt: skip


def _thinned(view: View, values: Values) -> tuple[Values, Values]:
    """The part of a curve that is shown; of points that would cover each other, the highest."""
    curve = view.curve
    assert curve is not None
    at = curve.at - view.session.first
    inside = (at >= view.begin - 1) & (at <= view.end + 1)
    at, values = at[inside], values[inside]
    step = -(-len(at) // COLUMNS)
    if step > 1:
        starts = np.arange(0, len(at), step)
        at, values = at[starts], np.fmax.reduceat(values, starts)
    return at, values


def _level(axes: Axes, theme: Theme, view: View) -> None:
    assert view.curve is not None
    at, level = _thinned(view, view.curve.level.astype(float))
    axes.fill_between(at, FLOOR_DB, level, step="pre", color=theme.first, alpha=0.6, linewidth=0)
    axes.set_ylim(FLOOR_DB, 0)
    axes.set_yticks([-60, -30, 0])


def _speech(axes: Axes, theme: Theme, view: View) -> None:
    assert view.curve is not None
    at, speech = _thinned(view, view.curve.speech.astype(float))
    # A chunk that is shorter than a window may complete none.
    known = ~np.isnan(speech)
    at, speech = at[known], speech[known]
    axes.step(at, speech, where="pre", color=theme.ink, linewidth=1)
    axes.fill_between(at, 0, speech, step="pre", color=theme.soft, alpha=0.25, linewidth=0)
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 1])


def _words(axes: Axes, theme: Theme, view: View) -> None:
    letter = (view.end - view.begin) / LETTERS
    free = [view.begin] * WORD_LINES
    for word in view.detail.words:
        if word.start is None or word.end is None:
            continue
        start, end = view.heard(word.start), view.heard(word.end)
        if not view.shows(start, end):
            continue
        text = clean(word.name, 24)
        start = max(start, view.begin)
        line = next((line for line in range(WORD_LINES) if free[line] <= start), None)
        if line is None or start + letter * len(text) > view.end + letter:
            continue
        free[line] = start + letter * (len(text) + 1)
        axes.plot([start, end], [line + 0.42] * 2, color=theme.first, linewidth=1.6)
        axes.text(start, line, text, fontsize=8.5, va="center", clip_on=True)
    axes.set_ylim(WORD_LINES - 0.3, -0.6)
    _no_scale(axes)


def _captions(axes: Axes, theme: Theme, view: View) -> None:
    letter = (view.end - view.begin) / LETTERS
    shown: list[tuple[float, float, Caption]] = []
    for caption in view.detail.captions:
        start, end = view.heard(caption.start), view.heard(caption.end)
        if caption.word_count and view.shows(start, end):
            shown.append((max(start, view.begin), min(end, view.end), caption))
    for start, end, caption in shown:
        axes.barh(
            0, end - start, left=start, height=0.8, color=theme.first, alpha=0.3,
            edgecolor=theme.first, linewidth=0.8,
        )  # fmt: skip
        room = int((end - start) / letter) - 1
        text = clean(caption.text, room) if room >= 4 else ""
        axes.text(start + letter / 2, 0, text, fontsize=8.5, va="center", clip_on=True)
    axes.set_ylim(-0.5, 0.5)
    _no_scale(axes)


def _passes(axes: Axes, theme: Theme, view: View) -> None:
    row = 0
    for each in view.detail.hypotheses:
        asked = view.seconds(each.asked_at)
        ended = asked if each.ended_at is None else view.seconds(each.ended_at)
        if not view.shows(asked, max(ended, asked)):
            continue
        row = (row + 1) % PASS_ROWS
        _pass(axes, theme, view, each, row)
    axes.set_ylim(PASS_ROWS - 0.3, -0.7)
    _no_scale(axes)


def _pass(axes: Axes, theme: Theme, view: View, each: Hypothesis, row: int) -> None:
    asked = view.seconds(each.asked_at)
    ended = asked if each.ended_at is None else view.seconds(each.ended_at)
    started = ended if each.started_at is None else view.seconds(each.started_at)
    axes.plot([asked, started], [row, row], color=theme.soft, linewidth=1.4)
    if each.outcome == "done":
        colour = theme.first if each.final else theme.parts["decode"]
        # With an edge, so that a quick pass can be seen.
        axes.barh(
            row, ended - started, left=started, height=0.62, color=colour, edgecolor=colour,
            linewidth=1.2,
        )  # fmt: skip
    else:
        axes.plot(ended, row, "x", color=theme.soft, markersize=4.5)


def _lateness(axes: Axes, theme: Theme, view: View) -> None:
    shown = [
        (view.seconds(at), 1000 * late)
        for at, late in view.lateness
        if view.begin <= view.seconds(at) <= view.end
    ]
    top = max((late for _, late in shown), default=1.0)
    if shown:
        at, late = zip(*shown, strict=True)
        axes.vlines(at, 0, late, color=theme.line, linewidth=1)
        axes.plot(
            at, late, "o", markersize=4 if view.close else 2.8, color=theme.first, alpha=0.8,
            markeredgewidth=0,
        )  # fmt: skip
    axes.set_ylim(0, top * 1.12)
    axes.locator_params(axis="y", nbins=3)


def _replies(axes: Axes, theme: Theme, view: View) -> None:
    letter = (view.end - view.begin) / LETTERS
    for response in view.detail.responses:
        if response.audible_sent_at is None:
            # An older trace: it says when the reply was over, not when it was heard.
            axes.plot(view.seconds(response.at), 0, "v", color=theme.parts["first_byte"])
            continue
        start = view.seconds(response.audible_sent_at)
        end = start + response.audio_seconds
        if not view.shows(start - 5, end):
            continue
        axes.barh(0, end - start, left=start, height=0.5, color=theme.parts["first_byte"])
        shown = min(end, view.end) - max(start, view.begin)
        room = int(shown / letter) - 1
        if response.text and room >= 12:
            axes.text(
                max(start, view.begin) + letter / 2, 0, clean(response.text, room), fontsize=8.5,
                va="center", color="#ffffff", clip_on=True,
            )  # fmt: skip
        if response.received_at is not None:
            silence = view.seconds(response.received_at)
            axes.barh(0, start - silence, left=silence, height=0.5, color=theme.accent, alpha=0.85)
            if view.close:
                # Above it: there is always room, whatever is said before and after.
                axes.text(
                    (silence + start) / 2, -0.3, milliseconds(start - silence), fontsize=8.5,
                    ha="center", va="bottom", clip_on=True,
                )  # fmt: skip
    axes.set_ylim(0.3, -0.6 if view.close else -0.3)
    _no_scale(axes)


def _no_scale(axes: Axes) -> None:
    axes.set_yticks([])
    bare(axes)
