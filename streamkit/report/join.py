"""Joins the records of a session: the way of each word, and of each turn, in parts that add up."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from streamkit.report.records import Caption, Chunk, Hypothesis, Response, SpokenWord, Turn
from streamkit.report.stages import SERVER_TURN_PARTS, TURN_PARTS, in_turn, known

RATE: Final = 16000
"""Samples per second of all positions."""
KEPT_CHUNKS: Final = 4096
"""Chunks in which words are looked for."""
KEPT_SAMPLES: Final = 60 * RATE
"""Of sound behind the newest chunk; no window stays open so long."""
KEPT_PASSES: Final = 512
KEPT_WORDS: Final = 512
"""Words that wait for the caption with which they are sent."""
ROUNDING: Final = 0.001
"""Seconds within which times of a trace are the same."""
BELIEVED_SECONDS: Final = 60.0
"""A way to the server that takes longer, or less than nothing, is a clock that was set."""


@dataclass(frozen=True, slots=True)
class Way:
    """What one word, or one turn, has waited for.

    Attributes:
        session: id.
        at: when it was there, Unix seconds.
        name: the word, or the response's id; empty: not known.
        group: ways of one group depend on each other: words of one stretch of speech.
        parts: part -> seconds, in order.
        start: position of a word; None: not known.
        end: position behind it.
    """

    session: str
    at: float
    name: str
    group: int
    parts: Mapping[str, float]
    start: int | None = None
    end: int | None = None


@dataclass(slots=True)
class _Committed:
    """A word that stands, and waits for the caption that says so."""

    word: SpokenWord
    group: int
    at: float
    start: float
    passed: list[tuple[str, float | None]]


class WordJoiner:
    """Follows the words of one channel of a session.

    Where passes of the recognizer were recorded, each word is followed from the chunk that
    completes it to the pass that commits it, and to the caption that says so; without words in
    the trace, the last word of each commit stands for all of it. Where there are none, as in the
    page's own traces, the captions tell the way of their newest committed word, and in older
    traces the turns that of their last.
    """

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque(maxlen=KEPT_CHUNKS)
        self._passes: deque[Hypothesis] = deque(maxlen=KEPT_PASSES)
        self._waiting: deque[_Committed] = deque()
        self._newest: Hypothesis | None = None
        self._committed = 0
        self._received = 0.0
        self._told: float | None = None
        self._groups = 0

    def chunk(self, chunk: Chunk) -> None:
        """A chunk came; they come in order."""
        if chunk.end > chunk.start:
            self._chunks.append(chunk)
            while self._chunks[0].end < chunk.end - KEPT_SAMPLES:
                self._chunks.popleft()

    def hypothesis(self, found: Hypothesis) -> Iterator[Way]:
        """A pass has ended; gives ways that will not learn more."""
        if found.outcome != "done" or found.ended_at is None:
            return
        self._newest = found
        self._passes.append(found)
        if found.committed_until is not None:
            self._commit(found.committed_until, found.ended_at)
        while len(self._waiting) > KEPT_WORDS:
            yield self._finish(self._waiting.popleft(), None)

    def caption(self, caption: Caption) -> Iterator[Way]:
        """A caption was sent; gives the ways of the words that it is the first to commit."""
        if self._newest is None:
            yield from self._from_caption(caption)
            return
        received, commit = caption.received_at, caption.latency.get("commit")
        alone = False
        if caption.is_final and received is not None and commit is not None:
            # What was not committed before is by the end of its segment, without another pass.
            fresh = received > self._received + ROUNDING
            if self._newest.words:
                self._commit(caption.end, received + commit, only_known=True)
            else:
                alone = fresh
            self._committed = max(self._committed, caption.end)
        if caption.is_final or caption.committed_count:
            # A caption was made after the passes that came before it; clocks are rounded.
            while self._waiting and self._waiting[0].at <= caption.at + ROUNDING:
                if self._waiting[0].word.end > caption.end:
                    break
                yield self._finish(self._waiting.popleft(), caption.at)
        if alone:
            yield from self._from_caption(caption)

    def turn(self, turn: Turn) -> Iterator[Way]:
        """The words of a turn were told: its last ones stand from then on."""
        commit = turn.latency.get("commit")
        if commit is None:
            return
        if self._newest is None:
            # An older trace: it says how late the last word was, and nothing else.
            self._groups += 1
            parts = in_turn(0.0, _stages(turn.latency))
            yield Way(turn.session, turn.at, "", self._groups, parts)
        elif turn.end is not None and turn.received_at is not None:
            self._commit(turn.end, turn.received_at + commit)

    def rest(self) -> Iterator[Way]:
        """The session is over: gives what still waits for a caption."""
        while self._waiting:
            yield self._finish(self._waiting.popleft(), None)

    def _commit(self, until: int, at: float, *, only_known: bool = False) -> None:
        """Words up to a position stand from a moment on.

        Args:
            until: position; those before the last one are committed already.
            at: when.
            only_known: where the trace has no words, do not take one that ends there for granted.
        """
        newest = self._newest
        if newest is None or until <= self._committed:
            return
        words = [word for word in newest.words if self._committed < word.end <= until]
        if not words and not only_known:
            words = [SpokenWord("", until, until, True)]
        for word in words:
            committed = self._follow(word, newest, at)
            if committed is not None:
                self._waiting.append(committed)
                self._committed = word.end
        if not only_known:
            self._committed = until

    def _follow(self, word: SpokenWord, newest: Hypothesis, at: float) -> _Committed | None:
        chunk = self._chunk_of(word.end)
        if chunk is None or chunk.received_at is None:
            return None
        first = min(
            (each for each in self._passes if each.start < word.end <= each.end),
            key=lambda each: each.ended_at or 0.0,
            default=newest,
        )
        self._received = chunk.received_at
        uplink = _uplink(chunk, word.end)
        passed = [
            *uplink,
            ("vad", chunk.scored_at),
            ("wait", first.started_at),
            ("decode", first.ended_at),
            ("commit", at),
        ]
        start = _captured(chunk, word.end) if uplink else chunk.received_at
        return _Committed(word, newest.segment, at, start or 0.0, passed)

    def _finish(self, word: _Committed, sent: float | None) -> Way:
        at = word.at if sent is None else sent
        parts = in_turn(word.start, [*word.passed, ("emit", sent)])
        said = word.word
        start = said.start if said.start < said.end else None
        return Way(self._chunks[-1].session, at, said.text, word.group, parts, start, said.end)

    def _chunk_of(self, position: int) -> Chunk | None:
        """The chunk with the sample before `position`."""
        for chunk in reversed(self._chunks):
            if chunk.start < position:
                return chunk if position <= chunk.end else None
        return None

    def _from_caption(self, caption: Caption) -> Iterator[Way]:
        """The way of a caption's last word, if it is committed and was not before."""
        received, latency = caption.received_at, caption.latency
        if received is None or "commit" not in latency:
            return
        told = received + latency["commit"]
        if told == self._told:
            return
        self._told = told
        captured = caption.captured_at
        if captured is not None and not 0 <= received - captured <= BELIEVED_SECONDS:
            captured = None
        stages = _stages(latency)
        passed: list[tuple[str, float | None]] = []
        if captured is not None:
            sent_at = self._sent(captured)
            passed += (
                [("uplink", received)]
                if sent_at is None
                else [("capture", sent_at), ("network", received)]
            )
        passed += [(part, None if at is None else received + at) for part, at in stages]
        passed += [("downlink", caption.received_at_client), ("shown", caption.shown_at)]
        parts = in_turn(received if captured is None else captured, passed)
        self._groups += caption.is_final
        group = self._newest.segment if self._newest is not None else self._groups
        last = caption.shown_at or caption.received_at_client or caption.at
        yield Way(caption.session, last, "", group, parts)

    def _sent(self, captured: float) -> float | None:
        """When the client sent the chunk in which this was captured."""
        for chunk in reversed(self._chunks):
            if chunk.captured_at is not None and chunk.captured_at <= captured:
                return chunk.sent_at
        return None


def turn_way(response: Response, number: int) -> Way | None:
    """What the person has waited for; None: the reply had no sound, or nobody had spoken.

    The client's own parts are all of the silence; the server's are its share of it, and how long
    the sound was under way to it where the client's clock is known.
    """
    parts = {part.key: response.parts[part.key] for part in known(response.parts, TURN_PARTS)}
    if not response.spoken:
        return None
    if not parts:
        if "first_audible" not in response.latency:
            return None
        parts = {
            part.key: response.latency[part.key]
            for part in known(response.latency, TURN_PARTS)
            if part.key in SERVER_TURN_PARTS
        }
        captured, received = response.captured_at, response.received_at
        if captured is not None and received is not None:
            uplink = received - captured
            if 0 <= uplink <= BELIEVED_SECONDS:
                parts = {"uplink": uplink, **parts}
    return Way(response.session, response.at, response.response, number, parts)


def _stages(latency: Mapping[str, float]) -> list[tuple[str, float | None]]:
    """Part -> seconds after reception at which it ended."""
    return [
        ("vad", latency.get("vad")),
        ("wait", latency.get("decode_start")),
        ("decode", latency.get("decode_end")),
        ("commit", latency.get("commit")),
        ("emit", latency.get("emit")),
    ]


def _captured(chunk: Chunk, position: int) -> float | None:
    """When the sample before a position was captured."""
    if chunk.captured_at is None:
        return None
    return chunk.captured_at + (position - chunk.start) / RATE


def _uplink(chunk: Chunk, position: int) -> list[tuple[str, float | None]]:
    """The parts of the way to the server; none where the client's clock is not known."""
    captured, received = _captured(chunk, position), chunk.received_at
    if captured is None or received is None or not 0 <= received - captured <= BELIEVED_SECONDS:
        return []
    if chunk.sent_at is None:
        return [("uplink", received)]
    return [("capture", chunk.sent_at), ("network", received)]
