"""Makes a recorded client fit to a server that says other things than it did. No clock, no socket.

A client's messages depend on what it was told: they name items, responses and calls by the
server's ids, and say how far a reply was played. The ids are translated by the order of their
appearance. How far a new reply is played is up to a simulated loudspeaker, as is where it was
interrupted.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from streamkit.replay.recorded import Passed, messages
from streamkit.testing.loudspeaker import Loudspeaker

Message = dict[str, Any]

AFTER_SPEECH_SECONDS: Final = 1.0
"""A truncation within this time after the beginning of speech is the client's answer to it."""

STAYED_FOR: Final = ("response.done", "conversation.item.input_audio_transcription.completed")

CLOCK_FIELDS: Final = frozenset(("captured_at", "sent_at", "server_sent_at", "received_at"))
"""Under `streamkit`: Unix times."""


class NotThereYetError(Exception):
    """A message names something that the server has not told of for as long as it had, or at all.

    Attributes:
        due: when it will have; None: it depends on what the server does.
    """

    def __init__(self, due: float | None) -> None:
        super().__init__()
        self.due = due


@dataclass(slots=True)
class _Names:
    """Ids of a run, by what they stand for: the third function call, say."""

    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    ids: dict[tuple[str, int], tuple[str, float]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def told(self, message: Mapping[str, Any], at: float) -> None:
        for kind, name in _named(message):
            if name not in self.places:
                place = (kind, self.counts[kind])
                self.counts[kind] += 1
                self.places[name] = place
                self.ids[place] = (name, at)


def _named(message: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Ids that a server's message brings up, with what they are of."""
    match message:
        case {"type": "session.created", "session": {"id": str(name)}}:
            yield "session", name
        case {"type": "response.created", "response": {"id": str(name)}}:
            yield "response", name
        case {"type": "input_audio_buffer.speech_started" | "input_audio_buffer.committed"}:
            if isinstance(item := message.get("item_id"), str):
                yield "message user", item
        case {
            "type": "conversation.item.added"
            | "conversation.item.created"
            | "response.output_item.added",
            "item": {"id": str(name), "type": kind, **rest},
        }:
            yield f"{kind} {rest.get('role', rest.get('name', ''))}", name
            if isinstance(call := rest.get("call_id"), str):
                yield f"call {rest.get('name', '')}", call


class Adapter:
    """Translates one client's messages.

    Args:
        old: all messages of the recorded session.
        shift: seconds from its beginning, in Unix time, to that of the new run.

    Attributes:
        notes: what was adapted, and how often.
    """

    def __init__(self, old: Iterable[Passed] = (), shift: float = 0.0) -> None:
        self.notes: Counter[str] = Counter()
        self._responses = 0
        self._left_open = 0
        self._owed = 0
        self._old = _Names()
        self._new = _Names()
        self._shift = shift
        self._reports = False
        self._truncates = False
        self._answers: set[float] = set()
        # Ids that the client has given are the same in every run.
        self._own: set[str] = set()
        self._loudspeaker = Loudspeaker(24_000)
        self._width = 2
        self._parts: dict[str, int] = {}
        self._over: set[str] = set()
        self._reported: dict[str, float] = {}
        spoke_at = -AFTER_SPEECH_SECONDS
        for each in messages(tuple(old)):
            assert isinstance(each.content, dict)
            if each.side == "server":
                self._old.told(each.content, each.at)
                kind = each.content.get("type")
                self._left_open += (kind == "response.created") - (kind == "response.done")
                self._owed += kind in STAYED_FOR
                if each.content.get("type") == "input_audio_buffer.speech_started":
                    spoke_at = each.at
                continue
            match each.content:
                case {"type": "conversation.item.create", "item": {"id": str(name)}}:
                    self._own.add(name)
            if each.content.get("type") == "conversation.item.truncate":
                if each.at - spoke_at < AFTER_SPEECH_SECONDS:
                    self._truncates = True
                    self._answers.add(each.at)
            elif "played" in (each.content.get("streamkit") or {}):
                self._reports = True

    @property
    def replying(self) -> bool:
        """The recorded client stayed for a response, or for words, that are still to come."""
        return self._responses > self._left_open or self._owed > 0

    def told(self, message: Message, at: float) -> list[Message]:
        """Take what the new server says.

        Args:
            message: of the server.
            at: seconds since the session began.

        Returns:
            What the client answers at once.
        """
        self._new.told(message, at)
        self._owed -= message.get("type") in STAYED_FOR
        match message:
            case {"type": "session.created" | "session.updated", "session": session}:
                self._change(session)
            case {"type": "response.created" | "response.done" as kind}:
                self._responses += 1 if kind == "response.created" else -1
            case {"type": "response.output_audio.delta", "item_id": item, "delta": delta}:
                sound = len(base64.b64decode(delta)) // self._width
                self._parts[item] = message.get("content_index", 0)
                self._loudspeaker.play(item, sound, at)
            case {"type": "response.output_audio.done", "item_id": item}:
                self._over.add(item)
            case {"type": "input_audio_buffer.speech_started"} if self._truncates:
                return self._interrupt(at)
        return []

    def adapt(self, sent: Passed, at: float) -> Message | None:
        """A message as the client of the new run sends it.

        Args:
            sent: an object, as it was.
            at: the time now, in seconds since the session began.

        Returns:
            None if it is not to be sent.

        Raises:
            NotThereYetError: it has to wait.
        """
        assert isinstance(sent.content, dict)
        kind = sent.content.get("type")
        if sent.at in self._answers and kind == "conversation.item.truncate":
            self.notes["truncations left out: the simulated loudspeaker says where"] += 1
            return None
        message = self._shifted(sent.content)
        if kind in ("input_audio_buffer.append", "KeepAlive"):
            return self._report(message, at)
        message = {name: self._renamed(each, sent.at, at) for name, each in message.items()}
        if kind == "conversation.item.truncate":
            self._clamp(message, at)
        return message

    def _change(self, session: Mapping[str, Any]) -> None:
        wanted = ((session.get("audio") or {}).get("output") or {}).get("format") or {}
        rate = int(wanted.get("rate") or (24_000 if wanted.get("type") == "audio/pcm" else 8000))
        self._width = 2 if wanted.get("type", "audio/pcm") == "audio/pcm" else 1
        if rate != self._loudspeaker.rate:
            self._loudspeaker = Loudspeaker(rate)

    def _interrupt(self, at: float) -> list[Message]:
        """Stop the loudspeaker, and say where."""
        unplayed = self._loudspeaker.unplayed(at)
        self._loudspeaker.stop(at)
        if unplayed:
            self.notes["truncations at what a simulated loudspeaker had played"] += 1
        return [
            {
                "type": "conversation.item.truncate",
                "item_id": item,
                "content_index": self._parts.get(item, 0),
                "audio_end_ms": int(self._milliseconds(item, at)),
            }
            for item in unplayed
        ]

    def _milliseconds(self, item: str, at: float) -> float:
        return 1000 * self._loudspeaker.position(at, item) / self._loudspeaker.rate

    def _report(self, message: Message, at: float) -> Message:
        """Say how far the new replies were played, if this client says such things."""
        own = dict(message.get("streamkit") or {})
        own.pop("played", None)
        if self._reports and message.get("type") == "input_audio_buffer.append":
            played = [each for item in self._parts if (each := self._played(item, at))]
            if played:
                own["played"] = played
                self.notes["reports of what a simulated loudspeaker had played"] += 1
        rest = {name: value for name, value in message.items() if name != "streamkit"}
        return {**rest, "streamkit": own} if own else rest

    def _played(self, item: str, at: float) -> Message | None:
        """A report, if there is something new to tell."""
        played = self._milliseconds(item, at)
        if played <= self._reported.get(item, 0.0):
            return None
        self._reported[item] = played
        report = {
            "item_id": item,
            "content_index": self._parts[item],
            "audio_end_ms": round(played, 3),
        }
        if item in self._over and item not in self._loudspeaker.unplayed(at):
            report["ended"] = True
        return report

    def _clamp(self, message: Message, at: float) -> None:
        """Nobody has heard more of a reply than there is."""
        item, wanted = message.get("item_id"), message.get("audio_end_ms")
        if not isinstance(item, str) or item not in self._parts:
            return
        played = int(self._milliseconds(item, at))
        if isinstance(wanted, int | float) and wanted > played:
            message["audio_end_ms"] = played
            self.notes["truncations moved to what was played at most"] += 1

    def _renamed(self, value: Any, was_at: float, at: float) -> Any:
        """Put the new run's ids in the place of the old run's."""
        match value:
            case str() if value in self._old.places and value not in self._own:
                place = self._old.places[value]
                new = self._new.ids.get(place)
                if new is None:
                    raise NotThereYetError(None)
                due = new[1] + was_at - self._old.ids[place][1]
                if due > at:
                    raise NotThereYetError(due)
                return new[0]
            case dict():
                return {name: self._renamed(each, was_at, at) for name, each in value.items()}
            case list():
                return [self._renamed(each, was_at, at) for each in value]
            case _:
                return value

    def _shifted(self, message: Mapping[str, Any]) -> Message:
        own = message.get("streamkit")
        if not self._shift or not isinstance(own, dict):
            return dict(message)
        return {**message, "streamkit": _shift(own, self._shift)}


def _shift(own: Mapping[str, Any], seconds: float) -> Message:
    """Move the Unix times of a client into another run."""
    return {
        name: _shift(value, seconds)
        if isinstance(value, dict)
        else value + seconds
        if name in CLOCK_FIELDS and isinstance(value, int | float)
        else value
        for name, value in own.items()
    }
