"""Lines of a trace: those that can be read, and those that cannot."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.errors import ConfigurationError
from streamkit.report.fields import parse
from streamkit.report.reading import MAX_LINE, PATIENCE_LINES, TraceReader
from streamkit.report.records import Begin, Caption, Chunk, Hypothesis, Record, Response, Turn

BEGIN = {"kind": "begin", "session": "s", "at": 1.0, "endpoint": "listen"}
CHUNK = {"kind": "chunk", "session": "s", "channel": 0, "start": 0, "end": 640,
         "captured_at": 9.0, "received_at": 10.0, "scored_at": 10.1, "level": -20.5,
         "speech": 0.9}  # fmt: skip


def line(record: Any) -> bytes:
    return json.dumps(record).encode() + b"\n"


def read(data: bytes) -> tuple[list[Record], TraceReader]:
    reader = TraceReader("trace.jsonl")
    return list(reader.read(io.BytesIO(data))), reader


def test_records_become_data() -> None:
    caption = {"kind": "caption", "session": "s", "channel": 1, "at": 11.0, "start": 0, "end": 640,
               "is_final": True, "speech_final": False, "word_count": 2, "committed_count": 2,
               "latency": {"received_at": 10.0, "vad": 0.1, "commit": None,
                           "emit": 1.0}}  # fmt: skip
    records, reader = read(line(BEGIN) + b"\n" + line(CHUNK) + line(caption))
    assert records == [
        Begin("s", 1.0, "listen"),
        Chunk("s", 0, 0, 640, 9.0, None, 10.0, 10.1, -20.5, 0.9),
        Caption("s", 1, 11.0, 0, 640, True, False, 2, 2, {"vad": 0.1, "emit": 1.0},
                received_at=10.0),
    ]  # fmt: skip
    assert (reader.records, reader.lines, reader.fault_count) == (3, 3, 0)


def test_a_clock_that_was_not_compared_is_not_believed() -> None:
    chunk = parse(line(CHUNK | {"mapped": False}))
    assert isinstance(chunk, Chunk)
    assert chunk.captured_at is None
    speech = {"captured_at": 1.0, "received_at": 2.0}
    for mapped, captured in ((True, 1.0), (False, None)):
        given = {"kind": "response", "session": "s", "at": 3.0,
                 "speech": speech | {"mapped": mapped}}  # fmt: skip
        response = parse(line(given))
        assert isinstance(response, Response)
        assert response.captured_at == captured


def test_the_first_format_had_turns_and_responses_only() -> None:
    records, _ = read(
        line({"kind": "turn", "at": 1.5, "session": "s", "item": "i", "status": "completed",
              "seconds": 1.2, "words": 3, "language": "en", "latency": {"vad": 0.01}})
        + line({"kind": "response", "at": 3.0, "session": "s", "response": "r",
                "status": "completed", "reason": None, "audio_seconds": 1.0,
                "latency": {"endpoint": 0.2, "voice_to_voice": 0.5}})
    )  # fmt: skip
    assert records == [
        Turn("s", 1.5, "completed", 1.2, 3, {"vad": 0.01}),
        Response("s", 3.0, "r", "completed", "", 1.0, {"endpoint": 0.2, "voice_to_voice": 0.5}),
    ]


def test_only_the_first_format_leaves_open_what_was_answered() -> None:
    asked = parse(
        line({"kind": "response", "session": "s", "at": 1.0, "speech": None, "stages": {}})
    )
    assert isinstance(asked, Response)
    assert not asked.spoken


def test_a_page_does_not_know_when_a_caption_was_sent() -> None:
    given = {"kind": "caption", "session": "s", "at": None, "start": 0, "end": 1, "latency": None}
    caption = parse(line(given | {"received_at_client": 7.0}))
    assert isinstance(caption, Caption)
    assert caption.at == 7.0
    with pytest.raises(ValueError, match="at is missing"):
        parse(line(given))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"nonsense", "not JSON"),
        (b'{"kind": "turn", "at": NaN}', "NaN is not JSON"),
        (b"\xff\xfe{}", "not text in UTF-8"),
        (b"[" * 100_000, "nested too deeply|not JSON"),
        (b'"kind"', "not an object with a kind"),
        (b'{"kind": 7}', "not an object with a kind"),
        (b'{"kind": "turn"}', "at is missing"),
        (b'{"kind": "turn", "at": "now"}', "at is not a number"),
        (b'{"kind": "turn", "at": true}', "at is not a number"),
        (b'{"kind": "turn", "at": 1e300}', "at is out of range"),
        (b'{"kind": "turn", "at": 1, "session": []}', "session is not a text"),
        (b'{"kind": "turn", "at": 1, "latency": 1}', "latency is not an object"),
        (b'{"kind": "turn", "at": 1, "latency": {"vad": "x"}}', "latency.vad is not a number"),
        (b'{"kind": "chunk", "start": 5, "end": 4}', "end lies before start"),
        (b'{"kind": "hypothesis", "start": 0, "end": 4, "asked_at": 1, "words": [["a", 0]]}',
         "words has a row"),
        (b'{"kind": "hypothesis", "start": 0, "end": 4, "asked_at": 1, "final": 1}',
         "final is neither true nor false"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_and_left_out(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)
    records, reader = read(line(BEGIN) + text + b"\n" + line(CHUNK))
    assert len(records) == 2
    assert (reader.fault_count, reader.faults[0].line) == (1, 2)
    assert not reader.truncated


def test_numbers_that_no_float_can_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="out of range"):
        parse(b'{"kind": "turn", "at": 1' + b"0" * 400 + b"}")


def test_a_line_that_was_cut_off_at_the_end_is_what_a_crash_leaves() -> None:
    records, reader = read(line(BEGIN) + line(CHUNK)[:-30])
    assert len(records) == 1
    assert reader.truncated
    assert not reader.fault_count


def test_unknown_kinds_are_counted_and_unknown_fields_are_let_pass() -> None:
    records, reader = read(line(BEGIN | {"new": [1]}) + 2 * line({"kind": "later", "x": 1}))
    assert len(records) == 1
    assert reader.unknown == {"later": 2}


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    data = line(BEGIN) + b'{"kind": "' + b"x" * (3 * MAX_LINE) + b'"}\n' + line(CHUNK)
    records, reader = read(data)
    assert len(records) == 2
    assert "longer than" in reader.faults[0].reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b'{"kind": "later"}\n', "no record of a known kind"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is not a trace: line 1"),
        (b'{"systems": {}}', "is not a trace: line 1"),
    ],
)
def test_a_file_with_nothing_in_it_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        read(data)


def test_a_foreign_file_is_not_read_to_its_end() -> None:
    stream = io.BytesIO(b"a line of a log\n" * 100 * PATIENCE_LINES)
    with pytest.raises(ConfigurationError, match="is not a trace"):
        list(TraceReader("log").read(stream))
    assert stream.tell() == PATIENCE_LINES * len(b"a line of a log\n")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=6,
)
KINDS = st.sampled_from(
    ["begin", "end", "clock", "chunk", "hypothesis", "caption", "turn", "response"]
)
NAMES = st.sampled_from(
    ["session", "at", "start", "end", "channel", "latency", "speech", "words", "asked_at",
     "ended_at", "committed_until", "parts", "received_at", "mapped", "text"]
)  # fmt: skip


@given(KINDS, st.dictionaries(NAMES, JSON, max_size=12))
def test_nothing_but_a_value_error_comes_of_strange_fields(kind: str, fields: Any) -> None:
    try:
        found = parse(json.dumps({**fields, "kind": kind}).encode())
    except ValueError:
        return
    assert not isinstance(found, str)


def test_words_of_a_hypothesis() -> None:
    found = parse(
        line({"kind": "hypothesis", "session": "s", "start": 0, "end": 9, "asked_at": 1.0,
              "words": [["a", 0, 4, True], ["b", 4, 9, False]]})
    )  # fmt: skip
    assert isinstance(found, Hypothesis)
    assert [(word.text, word.end, word.committed) for word in found.words] == [
        ("a", 4, True),
        ("b", 9, False),
    ]
