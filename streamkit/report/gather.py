"""Goes through a trace once, and keeps what a report needs: bounded, however long the trace is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from streamkit.errors import ConfigurationError
from streamkit.report.join import BELIEVED_SECONDS, RATE, Way, WordJoiner, turn_way
from streamkit.report.reading import TraceReader
from streamkit.report.records import Caption, Chunk, End, Hypothesis, Record, Response, Turn
from streamkit.report.samples import Reservoir
from streamkit.report.sessions import Detail, Session, moment
from streamkit.report.wording import clean

MAX_CHUNKS: Final = 1_000_000
"""Chunks of which each duration is kept: 5.5 hours of 20 ms."""
MAX_WAYS: Final = 50_000
"""Words, and turns, that are kept: the 99th percentile of so many is within 0.1 % of the ranks."""
MAX_SESSIONS: Final = 10_000
"""Sessions that are known by name."""
MAX_DETAILS: Final = 32
"""Sessions that could still be drawn; the shortest gives way."""
MAX_JOINERS: Final = 512
"""Channels that are followed at the same time; the one that was silent longest gives way."""
NAMED_SESSIONS: Final = 10
"""In messages."""


@dataclass(slots=True)
class Trace:
    """What a report needs of a trace.

    Attributes:
        reader: what is to be said of the file.
        sessions: by id.
        left_out: sessions that there was no room for.
        words: the ways of committed words.
        turns: the ways of turns.
        chunks: stage -> seconds, of the chunks.
        outcomes: of the recognizer's passes.
        statuses: of the replies.
    """

    reader: TraceReader
    sessions: dict[str, Session] = field(default_factory=dict)
    left_out: int = 0
    words: Reservoir[Way] = field(default_factory=lambda: Reservoir(MAX_WAYS))
    turns: Reservoir[Way] = field(default_factory=lambda: Reservoir(MAX_WAYS))
    chunks: dict[str, Reservoir[float]] = field(default_factory=dict)
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)

    @property
    def name(self) -> str:
        """Of the file."""
        return self.reader.name

    @property
    def longest(self) -> Session | None:
        """The session to draw; None: none has anything to show."""
        drawable = [session for session in self.sessions.values() if session.detail]
        return max(drawable, key=lambda session: session.seconds, default=None)


def gather(stream: BinaryIO, name: str, session: str | None = None) -> Trace:
    """Read a trace.

    Args:
        stream: of lines.
        name: of the file, for messages.
        session: id of the only one that counts, or the beginning of its id; None: all.

    Raises:
        ConfigurationError: it is no trace, or has not that session.
    """
    reader = TraceReader(name)
    if session is None:
        return _Gathering(reader).all_of(reader.read(stream))
    return _chosen(reader, stream, session)


def _chosen(reader: TraceReader, stream: BinaryIO, wanted: str) -> Trace:
    """Read one session; a whole id is preferred to ids that only begin so."""
    others: dict[str, None] = {}
    found: dict[str, None] = {}
    gathering = _Gathering(reader)
    chosen: str | None = None
    for record in reader.read(stream):
        name = record.session
        names = found if name.startswith(wanted) else others
        if len(names) < NAMED_SESSIONS:
            names[name] = None
        if names is found and chosen is None:
            chosen = name
        elif name == wanted != chosen:
            gathering, chosen = _Gathering(reader), name
        if name == chosen:
            gathering.add(record)
    if chosen is None:
        raise ConfigurationError(
            f"{reader.name} has no session {wanted!r}; it has {_named(others)}; give one of them "
            "with --session, or leave that out for all"
        )
    if chosen != wanted and len(found) > 1:
        raise ConfigurationError(
            f"--session {wanted!r} is the beginning of more than one: {_named(found)}; give more "
            "of the id"
        )
    return gathering.finish()


def _named(sessions: Iterable[str]) -> str:
    names = [repr(clean(name)) for name in sessions]
    return ", ".join(names) + (", …" if len(names) == NAMED_SESSIONS else "")


class _Gathering:
    """Sorts records to their sessions."""

    def __init__(self, reader: TraceReader) -> None:
        self._trace = Trace(reader)
        self._joiners: dict[tuple[str, int], WordJoiner] = {}
        self._details = 0
        self._turn_places: dict[tuple[str, str], Response] = {}
        self._number = 0

    def all_of(self, records: Iterable[Record]) -> Trace:
        for record in records:
            self.add(record)
        return self.finish()

    def add(self, record: Record) -> None:
        session = self._session(record)
        if session is not None:
            session.add(record)
        match record:
            case Chunk():
                self._chunk(record)
                self._joiner(record).chunk(record)
            case Hypothesis():
                self._trace.outcomes[record.outcome] += 1
                self._take(self._joiner(record).hypothesis(record))
            case Caption():
                self._take(self._joiner(record).caption(record))
            case Turn():
                self._take(self._joiner(record).turn(record))
            case Response():
                self._response(record)
            case End():
                for key in [key for key in self._joiners if key[0] == record.session]:
                    self._take(self._joiners.pop(key).rest())
            case _:
                pass

    def finish(self) -> Trace:
        for joiner in self._joiners.values():
            self._take(joiner.rest())
        for response in self._turn_places.values():
            self._answer(response)
        return self._trace

    def _session(self, record: Record) -> Session | None:
        sessions = self._trace.sessions
        session = sessions.get(record.session)
        if session is None:
            if len(sessions) >= MAX_SESSIONS:
                self._trace.left_out += 1
                return None
            at = moment(record) or 0.0
            session = Session(record.session, at, at, detail=Detail())
            sessions[record.session] = session
            self._details += 1
            if self._details > MAX_DETAILS:
                self._drop_shortest(but=session)
        return session

    def _drop_shortest(self, but: Session) -> None:
        """Sessions that are over go first; one that goes on may become long."""
        held = [each for each in self._trace.sessions.values() if each.detail is not None]
        shortest = min(
            (each for each in held if each is not but),
            key=lambda each: (each.end is None, each.seconds),
        )
        shortest.detail = None
        self._details -= 1

    def _joiner(self, record: Chunk | Hypothesis | Caption | Turn) -> WordJoiner:
        channel = 0 if isinstance(record, Turn) else record.channel
        # Put in anew, so that the first one in the table is the one that was silent longest.
        joiner = self._joiners.pop((record.session, channel), None) or WordJoiner()
        self._joiners[record.session, channel] = joiner
        if len(self._joiners) > MAX_JOINERS:
            self._take(self._joiners.pop(next(iter(self._joiners))).rest())
        return joiner

    def _take(self, ways: Iterable[Way]) -> None:
        for way in ways:
            self._trace.words.add(way)
            session = self._trace.sessions.get(way.session)
            if session is not None and session.detail is not None:
                session.detail.words.append(way)

    def _chunk(self, chunk: Chunk) -> None:
        received, captured = chunk.received_at, chunk.captured_at
        if received is None:
            return
        if captured is not None:
            captured += (chunk.end - chunk.start) / RATE
            if 0 <= received - captured <= BELIEVED_SECONDS:
                self._duration("uplink", received - captured)
        if chunk.scored_at is not None:
            self._duration("vad", max(0.0, chunk.scored_at - received))

    def _duration(self, stage: str, seconds: float) -> None:
        if stage not in self._trace.chunks:
            self._trace.chunks[stage] = Reservoir(MAX_CHUNKS)
        self._trace.chunks[stage].add(seconds)

    def _response(self, response: Response) -> None:
        """Both sides may tell of the same reply; the client knows more of its silence."""
        key = (response.session, response.response)
        before = self._turn_places.pop(key, None)
        if before is not None and before.parts and not response.parts:
            response = before
        self._turn_places[key] = response
        if len(self._turn_places) > MAX_WAYS:
            self._answer(self._turn_places.pop(next(iter(self._turn_places))))

    def _answer(self, response: Response) -> None:
        self._number += 1
        self._trace.statuses[response.status or "not told"] += 1
        way = turn_way(response, self._number)
        if way is not None:
            self._trace.turns.add(way)
