"""A maker of traces: records as servers and pages write them, with known latencies."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Record = dict[str, Any]

RATE = 16000
CHUNK = 640
"""40 ms."""
BEGIN = 1_763_000_000.0
"""Unix seconds, in November 2025."""
SENTENCE = (
    "the", "bus", "to", "Berlin", "is", "eight", "minutes", "late", "and", "nobody", "knows", "the",
    "reason",
)  # fmt: skip


class TraceMaker:
    """Makes the records of sessions in which everything takes as long as it is told to.

    Args:
        seed: of what varies.
        slower: times of the server as multiples of the usual ones.
    """

    def __init__(self, seed: int = 1, slower: float = 1.0) -> None:
        self._random = random.Random(seed)
        self._slower = slower

    def vary(self, seconds: float) -> float:
        """A time of the server: about so long."""
        return seconds * self._slower * self._random.lognormvariate(0.0, 0.25)

    def realtime(
        self, session: str, turns: int, *, words: bool = False, at: float = BEGIN
    ) -> Iterator[Record]:
        """A conversation: speech of 3 s, a reply of 2 s, and so on."""
        yield self.begin(session, "realtime", at)
        yield {"kind": "clock", "session": session, "at": at, "offset": 0.25, "error": 0.0008}
        records: list[tuple[float, Record]] = []
        position = 0
        for number in range(turns):
            speech_end = position + 3 * RATE
            end = speech_end + 3 * RATE
            records += self.chunks(session, at, position, end, speech_end)
            records += self.passes(session, at, number, position, speech_end, words)
            records += self.answer(session, at, number, speech_end, words)
            position = end
        records.sort(key=lambda pair: pair[0])
        yield from (record for _, record in records)
        yield self.end(session, at + position / RATE + 0.5, position)

    def listen(
        self, session: str, segments: int, *, words: bool = False, at: float = BEGIN
    ) -> Iterator[Record]:
        """Captions: speech of 3 s, silence of 1 s, and so on."""
        yield self.begin(session, "listen", at)
        records: list[tuple[float, Record]] = []
        position = 0
        for number in range(segments):
            speech_end, end = position + 3 * RATE, position + 4 * RATE
            records += self.chunks(session, at, position, end, speech_end)
            passes = self.passes(session, at, number, position, speech_end, words)
            records += passes
            records += self.captions(session, passes, position)
            position = end
        records.sort(key=lambda pair: pair[0])
        yield from (record for _, record in records)
        yield self.end(session, at + position / RATE + 0.5, position)

    def begin(self, session: str, endpoint: str, at: float) -> Record:
        return {
            "kind": "begin", "format": 2, "session": session, "at": at, "endpoint": endpoint,
            "side": "server", "version": "0.9.0", "recognizer": "whisper-micro-en",
            "reply_model": "parrot", "voice": "espeak",
        }  # fmt: skip

    def end(self, session: str, at: float, position: int) -> Record:
        return {
            "kind": "end", "session": session, "at": at, "code": 1000,
            "audio_seconds": position / RATE,
        }  # fmt: skip

    def chunks(
        self, session: str, at: float, start: int, end: int, speech_end: int
    ) -> Iterator[tuple[float, Record]]:
        """Each is captured in real time, 12 ms under way, and scored 3 ms later."""
        for place in range(start, end, CHUNK):
            loud = place < speech_end
            received = at + (place + CHUNK) / RATE + 0.012
            level = -22 + self._random.gauss(0, 4) if loud else -62 + self._random.gauss(0, 2)
            yield received, {
                "kind": "chunk", "session": session, "channel": 0, "start": place,
                "end": place + CHUNK, "captured_at": round(at + place / RATE, 4),
                "received_at": round(received, 4), "scored_at": round(received + 0.003, 4),
                "level": round(level, 1), "speech": 0.97 if loud else 0.02,
            }  # fmt: skip

    def passes(
        self, session: str, at: float, segment: int, start: int, speech_end: int, words: bool
    ) -> list[tuple[float, Record]]:
        """One each 0.4 s; each commits the words that the one before it had."""
        found = []
        ends = [start + (number + 1) * (speech_end - start) // 13 for number in range(13)]
        committed, before = 0, 0
        for end in range(start + 6400, speech_end + 1, 6400):
            final = end + 6400 > speech_end
            asked = at + end / RATE + 0.016
            started = asked + self.vary(0.004)
            ended = started + self.vary(0.09 if not final else 0.14)
            heard = sum(each <= end for each in ends)
            committed, before = (heard if final else before), heard
            until = ends[committed - 1] if committed else None
            superseded = not final and self._random.random() < 0.1
            record = {
                "kind": "hypothesis", "session": session, "channel": 0, "segment": segment,
                "start": start, "end": end, "asked_at": round(asked, 4),
                "started_at": None if superseded else round(started, 4),
                "ended_at": round(ended, 4), "final": final,
                "outcome": "superseded" if superseded else "done", "decision": "accept",
                "doubts": [], "word_count": heard, "committed_count": committed,
                "committed_until": None if superseded else until,
            }  # fmt: skip
            if words and not superseded:
                record["words"] = [
                    [word, ends[place] - 2400, ends[place], place < committed]
                    for place, word in enumerate(SENTENCE[:heard])
                ]
            found.append((ended, record))
        return found

    def captions(
        self, session: str, passes: list[tuple[float, Record]], start: int
    ) -> Iterator[tuple[float, Record]]:
        """Each pass is told 2 ms after it."""
        for ended, each in passes:
            if each["outcome"] != "done":
                continue
            sent, received = ended + 0.002, each["asked_at"] - 0.004
            yield sent, {
                "kind": "caption", "session": session, "channel": 0, "at": round(sent, 4),
                "start": start, "end": each["end"], "is_final": each["final"],
                "speech_final": each["final"], "word_count": each["word_count"],
                "committed_count": each["committed_count"],
                "latency": {"received_at": received, "emit": round(sent - received, 4)},
                **({"text": " ".join(SENTENCE[: each["word_count"]])} if "words" in each else {}),
            }  # fmt: skip

    def answer(
        self, session: str, at: float, number: int, speech_end: int, words: bool
    ) -> Iterator[tuple[float, Record]]:
        """The parts of the silence, one after the other; the first piece costs nothing."""
        captured = at + speech_end / RATE
        received = captured + 0.012
        parts = {
            "endpoint": 0.2 + self.vary(0.06), "final": self.vary(0.02),
            "first_token": self.vary(0.15), "first_piece": 0.0, "first_byte": self.vary(0.08),
            "first_audible": self.vary(0.01),
        }  # fmt: skip
        parts = {part: round(seconds, 4) for part, seconds in parts.items()}
        whole = round(sum(parts.values()), 4)
        told = received + parts["endpoint"] + parts["final"]
        yield told, {
            "kind": "turn", "at": round(told, 4), "session": session, "item": f"item_{number}",
            "status": "completed", "seconds": 3.0, "words": 13, "language": "en",
            "received_at": received, "latency": {"vad": 0.003, "commit": 0.2},
            **({"transcript": " ".join(SENTENCE)} if words else {}),
        }  # fmt: skip
        done = received + whole + 1.5
        yield done, {
            "kind": "response", "at": round(done, 4), "session": session,
            "response": f"resp_{session}_{number}", "status": "completed", "reason": None,
            "error": None, "items": [], "modalities": ["audio"], "audio_seconds": 2.0,
            "input_tokens": 10, "output_tokens": 10,
            "latency": {**parts, "voice_to_voice": whole, "played": 0.05},
            "speech": {"end": speech_end, "captured_at": round(captured, 4),
                       "received_at": round(received, 4)},
            "stages": {}, "audible_sent_at": round(received + whole, 4),
            **({"text": "I am sorry to hear that the bus is late."} if words else {}),
        }  # fmt: skip


def lines(records: Iterator[Record]) -> bytes:
    """Records as a file has them."""
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.fixture(scope="session")
def maker() -> Callable[..., TraceMaker]:
    """Makes makers."""
    return TraceMaker


@pytest.fixture(scope="session")
def as_file() -> Callable[[Iterator[Record]], io.BytesIO]:
    """Makes an open file of records."""
    return lambda records: io.BytesIO(lines(records))
