from __future__ import annotations

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.tts.worker.log_lines import (
    MAX_LINE_BYTES,
    OUTPUT_LOGGER,
    LineHandler,
    LogLine,
    LogLines,
)


def record(message: str, level: int = logging.WARNING, name: str = "a.b") -> logging.LogRecord:
    return logging.LogRecord(name, level, "file", 1, message, (), None)


def test_records_travel_among_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    handler = LineHandler()
    written.write("half a line")
    handler.handle(record("two\nlines", logging.ERROR))
    written.write("100 %\rdone\n")
    handler.handle(record("caf\u00e9", logging.INFO, "c"))
    assert list(LogLines().feed(written.getvalue().encode())) == [
        LogLine(logging.DEBUG, OUTPUT_LOGGER, "half a line"),
        LogLine(logging.ERROR, "a.b", "two\nlines"),
        LogLine(logging.DEBUG, OUTPUT_LOGGER, "100 %\rdone"),
        LogLine(logging.INFO, "c", "caf\u00e9"),
    ]


@pytest.mark.parametrize("line", ["\x1e{", '\x1e["x", 1, 2]', "\x1e3", '\x1e[1, "a"]'])
def test_what_only_looks_like_a_record_is_printed_text(line: str) -> None:
    assert list(LogLines().feed(f"{line}\n".encode())) == [
        LogLine(logging.DEBUG, OUTPUT_LOGGER, line)
    ]


@given(data=st.binary(max_size=200), cut=st.integers(0, 200))
def test_any_bytes_in_any_pieces_are_lines(data: bytes, cut: int) -> None:
    whole, pieces = LogLines(), LogLines()
    expected = [*whole.feed(data), *whole.finish()]
    assert [*pieces.feed(data[:cut]), *pieces.feed(data[cut:]), *pieces.finish()] == expected


def test_a_line_without_an_end_is_not_kept() -> None:
    lines = LogLines()
    assert [len(line.text) for line in lines.feed(b"x" * (MAX_LINE_BYTES + 1))] == [
        MAX_LINE_BYTES + 1
    ]
    assert list(lines.finish()) == []


def test_lines_end_in_the_log_of_this_process(caplog: pytest.LogCaptureFixture) -> None:
    LogLine(logging.WARNING, "a.b", "100 %s").log()
    assert caplog.record_tuples == [("a.b", logging.WARNING, "100 %s")]


def test_a_handler_without_a_stream_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    LineHandler().handle(record("unheard"))
