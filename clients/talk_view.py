"""What a person sees of a conversation. Pure: turns in, lines, spans and records out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from streamkit.client.conversation import State
from streamkit.client.turns import AgentTurn, Turn, UserTurn
from streamkit.latency.statistics import Percentiles
from streamkit_clients.caption_view import printable

Style = Literal["firm", "soft", "struck"]

NAMES = {"you": "you", "agent": "agent"}
"""Who speaks, in the margin."""

WHOLE = "voice_to_voice"
"""The stage by which a server of ours calls the sum of the others."""

STATES: Mapping[State, str] = {
    "listening": "○ listening",
    "you": "● you speak",
    "thinking": "… thinking",
    "speaking": "▶ speaking",
}


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of what is said: `soft` may still change, `struck` was never heard."""

    text: str
    style: Style = "firm"


@dataclass(frozen=True, slots=True)
class Line:
    """One turn, or something else that a person should know."""

    kind: Literal["you", "agent", "latency", "notice", "warning"]
    spans: tuple[Span, ...]

    @property
    def text(self) -> str:
        """Its text without the styles; what was not heard stands in brackets."""
        return " ".join(
            f"[{span.text}]" if span.style == "struck" else span.text for span in self.spans
        )


def open_line(turn: Turn) -> Line | None:
    """What to show of a turn that goes on; None: nothing yet."""
    match turn:
        case UserTurn():
            text = printable(turn.text)
            if not text and not turn.speaking:
                return None
            return Line("you", (Span(text or "…", "firm" if turn.closed else "soft"),))
        case AgentTurn():
            heard = printable(turn.split()[0])
            return Line("agent", (Span(heard),)) if heard else None


def finished_lines(turn: Turn) -> list[Line]:
    """The lines of a turn that is over; none where nothing was said."""
    match turn:
        case UserTurn():
            text = printable(turn.text)
            return [Line("you", (Span(text),))] if text else []
        case AgentTurn():
            heard, rest = map(printable, turn.split())
            spans = [Span(heard)] if heard else []
            if rest:
                spans.append(Span(rest, "struck"))
            lines = [Line("agent", tuple(spans))] if spans else []
            if lines and (latency := latency_text(turn)):
                lines.append(Line("latency", (Span(latency),)))
            return lines


def latency_text(turn: AgentTurn) -> str:
    """How long the person waited for a reply, and for what; empty where nobody measured it.

    Stages that took no time are left out.
    """
    parts = []
    if turn.voice_to_voice is not None:
        parts.append(f"voice to voice {turn.voice_to_voice:.0f} ms")
    stages = [
        f"{_stage(name)} {value:.0f}"
        for name, value in turn.latency.items()
        if name != WHOLE and round(value)
    ]
    if turn.latency:
        whole = f" {turn.latency[WHOLE]:.0f} ms" if WHOLE in turn.latency else ""
        parts.append(f"at the server{whole}" + (f" ({', '.join(stages)})" if stages else ""))
    return "; ".join(parts)


def record(turn: Turn) -> dict[str, Any] | None:
    """A turn that is over, for programs; None where nothing was said."""
    match turn:
        case UserTurn():
            text = turn.text.strip()
            return {"role": "user", "text": text, "item_id": turn.item_id or None} if text else None
        case AgentTurn():
            heard, rest = (" ".join(text.split()) for text in turn.split())
            if not heard and not rest:
                return None
            return {
                "role": "assistant",
                "text": heard,
                "unheard": rest,
                "interrupted": turn.interrupted,
                "played_ms": turn.played_ms,
                "item_ids": list(turn.item_ids),
                "voice_to_voice_ms": _rounded(turn.voice_to_voice),
                "latency_ms": {name: _rounded(value) for name, value in turn.latency.items()},
            }


class TalkMeter:
    """How long replies are waited for, over the whole conversation."""

    def __init__(self) -> None:
        self._waits = Percentiles()
        self.interrupted = 0

    def apply(self, turn: Turn) -> None:
        """Take in a turn that is over."""
        if isinstance(turn, AgentTurn):
            self.interrupted += turn.interrupted
            if turn.voice_to_voice is not None:
                self._waits.add(turn.voice_to_voice)

    def __str__(self) -> str:
        """One line, or an empty string before the first reply."""
        if not len(self._waits):
            return ""
        return (
            f"voice to voice ms: p50 {self._waits.at(50):.0f} p95 {self._waits.at(95):.0f} "
            f"({len(self._waits)})"
        )


def _stage(name: str) -> str:
    return name.removesuffix("_ms").replace("_", " ")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
