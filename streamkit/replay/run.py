"""What came of one session: words, how late they were, what else happened. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from streamkit.replay.recorded import Passed

Who = Literal["heard", "said", "called"]
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """What somebody said without a break.

    Attributes:
        who: `heard`: the person; `said`: the reply; `called`: a tool that the reply called.
        text: its words.
        at: when all of it was told, in seconds of the session.
        start: where in the sound of the session it begins, in seconds; 0 where nobody says.
        channel: of the sound.
    """

    who: Who
    text: str
    at: float
    start: float = 0.0
    channel: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One session, summed up.

    Attributes:
        lines: all that was said, in the order in which it was told.
        latency: milliseconds of every word, or of every reply, by stage.
        events: how often something happened that a person may notice.
        headline: the stage that a person feels.
        committed: words that were told as certain before they were final.
    """

    lines: tuple[Line, ...]
    latency: Mapping[str, tuple[float, ...]]
    events: Mapping[str, int]
    headline: str
    committed: int = 0

    def words(self, who: Who) -> str:
        """All that was said by one of them, as one text."""
        return " ".join(line.text for line in self.lines if line.who == who)

    @property
    def heard(self) -> str:
        """All that was understood of the person."""
        return self.words("heard")

    @property
    def said(self) -> str:
        """All that was replied."""
        return self.words("said")

    def to_json(self) -> dict[str, Any]:
        """As an object that `from_json` takes."""
        return {
            "headline": self.headline,
            "committed": self.committed,
            "lines": [
                {
                    "who": line.who,
                    "text": line.text,
                    "at": round(line.at, 3),
                    "start": round(line.start, 3),
                    "channel": line.channel,
                }
                for line in self.lines
            ],
            "latency": {stage: list(values) for stage, values in self.latency.items()},
            "events": dict(self.events),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Run:
        """Read what `to_json` has made.

        Raises:
            KeyError, TypeError, ValueError: it has not.
        """
        return Run(
            lines=tuple(Line(**line) for line in data["lines"]),
            latency={
                str(stage): tuple(float(each) for each in values)
                for stage, values in data["latency"].items()
            },
            events={str(name): int(count) for name, count in data["events"].items()},
            headline=str(data["headline"]),
            committed=int(data["committed"]),
        )


@dataclass(slots=True)
class _Sums:
    lines: list[Line] = field(default_factory=list)
    latency: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    events: Counter[str] = field(default_factory=Counter)
    committed: dict[tuple[int, int], int] = field(default_factory=dict)

    def late(self, parts: Mapping[str, Any], prefix: str = "") -> None:
        for stage, value in parts.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.latency[prefix + stage].append(round(float(value), 2))


def sum_up(passed: Iterable[Passed], endpoint: str) -> Run:
    """Sum up the messages of a server, and how the session ended."""
    sums = _Sums()
    take = _take_listen if endpoint == "listen" else _take_realtime
    for each in passed:
        if each.side == "client":
            continue
        if each.content is None:
            sums.events[f"closed by the server ({each.closed})"] += 1
        elif isinstance(each.content, dict):
            take(sums, each.content, each.at)
    return Run(
        lines=tuple(sums.lines),
        latency={stage: tuple(values) for stage, values in sums.latency.items()},
        events=dict(sums.events),
        headline="emit" if endpoint == "listen" else "voice_to_voice",
        committed=sum(sums.committed.values()),
    )


def _take_listen(sums: _Sums, message: Content, at: float) -> None:
    kind = message.get("type")
    if kind == "Error":
        sums.events[f"error {message.get('variant')}"] += 1
    elif kind in ("SpeechStarted", "UtteranceEnd"):
        sums.events[str(kind)] += 1
    if kind != "Results":
        return
    words = message["channel"]["alternatives"][0]
    own = message.get("streamkit") or {}
    channel = int(message["channel_index"][0])
    if not words["transcript"]:
        return
    stages = {
        name.removesuffix("_ms"): value
        for name, value in (own.get("latency") or {}).items()
        if name.endswith("_ms")
    }
    sums.late(stages)
    place = (channel, own.get("utterance", 0))
    if not message["is_final"]:
        sums.committed[place] = max(sums.committed.get(place, 0), own.get("committed") or 0)
        return
    sums.late({"final": stages.get("emit")})
    sums.lines.append(Line("heard", words["transcript"], at, float(message["start"]), channel))


def _take_realtime(sums: _Sums, message: Content, at: float) -> None:
    match message:
        case {"type": "conversation.item.input_audio_transcription.completed", "transcript": text}:
            if text:
                sums.lines.append(Line("heard", text, at))
        case {"type": "conversation.item.input_audio_transcription.failed"}:
            sums.events["transcription failed"] += 1
        case {"type": "response.done", "response": response}:
            _take_response(sums, response, at)
        case {"type": "conversation.item.truncated"}:
            sums.events["reply truncated"] += 1
        case {"type": "input_audio_buffer.timeout_triggered"}:
            sums.events["idle timeout"] += 1
        case {"type": "error", "error": error}:
            sums.events[f"error {error.get('code')}"] += 1


def _take_response(sums: _Sums, response: Content, at: float) -> None:
    details = response.get("status_details") or {}
    reason = details.get("reason") or (details.get("error") or {}).get("code")
    status = response.get("status")
    sums.events[f"response {status}" + (f" ({reason})" if reason else "")] += 1
    sums.late((response.get("streamkit") or {}).get("latency") or {})
    for item in response.get("output", ()):
        if item.get("type") == "function_call":
            sums.lines.append(Line("called", f"{item.get('name')} {item.get('arguments')}", at))
            continue
        parts = (part.get("transcript") or part.get("text") for part in item.get("content", ()))
        text = " ".join(part for part in parts if part)
        if text:
            sums.lines.append(Line("said", text, at))
