"""A whole trace: which sessions count, and how much of it is kept."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from streamkit.errors import ConfigurationError
from streamkit.report import gather as module
from streamkit.report.gather import gather
from streamkit.report.spans import TURN_SPANS, WORD_SPANS, shared

AsFile = Callable[[Any], io.BytesIO]


def test_a_conversation(maker: Any, as_file: AsFile) -> None:
    records = list(maker().realtime("s", 6, words=True))
    trace = gather(as_file(records), "t")
    responses = [record for record in records if record["kind"] == "response"]
    assert len(trace.turns) == 6
    span = shared(TURN_SPANS, list(trace.turns))
    assert span is TURN_SPANS[1]
    for way, response in zip(trace.turns, responses, strict=True):
        whole = response["audible_sent_at"] - response["speech"]["captured_at"]
        assert span.of(way) == pytest.approx(whole, abs=0.001)
        assert TURN_SPANS[2].of(way) == pytest.approx(response["latency"]["voice_to_voice"])
    assert shared(WORD_SPANS, list(trace.words)) is WORD_SPANS[3]
    said = [way.name for way in trace.words]
    assert said[:3] == ["the", "bus", "to"]
    assert said.count("Berlin") == 6
    session = trace.sessions["s"]
    assert (session.replies, session.clock_error) == (6, 0.0008)
    assert session.chunks == sum(record["kind"] == "chunk" for record in records)
    assert trace.statuses == {"completed": 6}
    assert set(trace.chunks) == {"uplink", "vad"}


def test_captions(maker: Any, as_file: AsFile) -> None:
    for words in (True, False):
        trace = gather(as_file(maker().listen("s", 4, words=words)), "t")
        assert not trace.turns.count
        span = shared(WORD_SPANS, list(trace.words))
        assert span is not None
        assert span.label == "word captured → sent, committed"
        for way in trace.words:
            assert sum(way.parts.values()) == pytest.approx(span.of(way))
            assert bool(way.name) == words
        positions = [way.end for way in trace.words]
        assert positions == sorted(set(positions), key=lambda place: place or 0)


def test_the_same_trace_gives_the_same_words_with_and_without_the_clock(
    maker: Any, as_file: AsFile
) -> None:
    records = list(maker().listen("s", 3))
    raw = [record | {"mapped": False} if record["kind"] == "chunk" else record
           for record in records]  # fmt: skip
    mapped, unmapped = gather(as_file(records), "t"), gather(as_file(raw), "t")
    assert [way.end for way in mapped.words] == [way.end for way in unmapped.words]
    assert all("uplink" in way.parts for way in mapped.words)
    assert not any("uplink" in way.parts for way in unmapped.words)


def test_sessions_can_be_chosen_by_the_beginning_of_their_id(maker: Any, as_file: AsFile) -> None:
    def traces() -> io.BytesIO:
        records = (maker().realtime(name, 1) for name in ("sess_ab", "sess_abc", "sess_b"))
        return as_file(itertools.chain(*records))

    assert set(gather(traces(), "t", "sess_b").sessions) == {"sess_b"}
    assert gather(traces(), "t", "sess_b").turns.count == 1
    assert gather(traces(), "t").turns.count == 3
    with pytest.raises(ConfigurationError, match="more than one: 'sess_ab', 'sess_abc'"):
        gather(traces(), "t", "sess_a")
    with pytest.raises(ConfigurationError, match="it has 'sess_ab', 'sess_abc', 'sess_b'"):
        gather(traces(), "t", "other")


def test_a_whole_id_is_not_the_beginning_of_another_one(maker: Any, as_file: AsFile) -> None:
    names = ("sess_ab", "sess_abc")
    records = itertools.chain(*(maker().realtime(name, 1) for name in names))
    trace = gather(as_file(records), "t", "sess_ab")
    assert set(trace.sessions) == {"sess_ab"}
    assert trace.turns.count == 1


def test_the_client_knows_more_of_a_turn(maker: Any, as_file: AsFile) -> None:
    records = list(maker().realtime("s", 1))
    (server,) = (record for record in records if record["kind"] == "response")
    parts = {"capture": 0.01, "network": 0.01, "endpoint": 0.2, "first_audible": 0.3,
             "downlink": 0.02, "played": 0.1}  # fmt: skip
    client = {"kind": "response", "session": "s", "at": server["at"], "parts": parts,
              "response": server["response"]}  # fmt: skip
    for both in ([server, client], [client, server]):
        trace = gather(as_file(both), "t")
        (way,) = trace.turns
        assert way.parts == parts
        assert shared(TURN_SPANS, [way]) is TURN_SPANS[0]


def test_memory_is_bounded(maker: Any, as_file: AsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many sessions that never end, as those of a server that is killed again and again."""
    for name, most in (("MAX_DETAILS", 2), ("MAX_JOINERS", 3), ("MAX_SESSIONS", 6)):
        monkeypatch.setattr(module, name, most)

    def session(number: int) -> Any:
        records = list(maker(number).realtime(f"s{number}", 4 if number == 2 else 1))
        return records[:-1]

    trace = gather(as_file(itertools.chain(*map(session, range(9)))), "t")
    assert len(trace.sessions) == 6
    assert trace.left_out > 0
    held = [each.id for each in trace.sessions.values() if each.detail is not None]
    assert len(held) == 2
    assert trace.longest is not None
    assert trace.longest.id == "s2"
    assert trace.turns.count == 12
    assert trace.words.count > 12


def test_sessions_that_are_over_give_way_first(
    maker: Any, as_file: AsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_DETAILS", 2)
    over = list(maker().realtime("over", 2))
    going = list(maker().realtime("going", 3))
    first, rest = going[:200], going[200:]
    extra = list(maker().realtime("extra", 1))
    trace = gather(as_file([*over, *first, *extra, *rest]), "t")
    assert {each.id for each in trace.sessions.values() if each.detail} == {"going", "extra"}


def test_a_sample_stands_for_all_and_that_is_said(
    maker: Any, as_file: AsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CHUNKS", 100)
    trace = gather(as_file(maker().listen("s", 3)), "t")
    assert len(trace.chunks["vad"]) == 100
    assert trace.chunks["vad"].count == 300


def test_older_traces_have_turns_and_no_sound(as_file: AsFile) -> None:
    turn = {
        "kind": "turn",
        "at": 5.0,
        "session": "s",
        "item": "i",
        "status": "completed",
        "latency": {"vad": 0.01, "decode_start": 0.02, "decode_end": 0.05, "commit": 0.05},
    }
    response = {"kind": "response", "at": 9.0, "session": "s", "response": "r",
                "status": "completed", "audio_seconds": 1.0,
                "latency": {"endpoint": 0.3, "first_audible": 0.2}}  # fmt: skip
    trace = gather(as_file([turn, response]), "t")
    assert (trace.turns.count, trace.words.count) == (1, 1)
    assert trace.longest is not None
    assert list(trace.sessions) == ["s"]
