"""The line in which notes wait: in order, bounded, and never in anybody's way."""

from __future__ import annotations

import gc
import logging
import threading

import numpy as np
import pytest

from streamkit.server import trace_thread
from streamkit.server.records import Note
from streamkit.server.trace_thread import AT_ONCE, PLACES, TraceThread
from streamkit.server.tracing import SessionTrace


class Taken:
    """What a thread has handed on."""

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.threads: set[str] = set()
        self.flushed: list[int] = []
        self.ended = False

    def take(self, note: Note) -> None:
        self.notes.append(note)
        self.threads.add(threading.current_thread().name)

    def flush(self) -> None:
        self.flushed.append(len(self.notes))

    def end(self) -> None:
        self.ended = True

    def thread(self, places: int = PLACES) -> TraceThread:
        return TraceThread("line", self.take, self.flush, self.end, places)


def test_notes_are_taken_in_the_thread_in_order() -> None:
    taken = Taken()
    thread = taken.thread()
    notes = [("number", number) for number in range(3 * AT_ONCE + 1)]
    for note in notes:
        thread.write(note)
    assert thread.close()
    assert taken.notes == notes
    assert taken.threads == {"line"}
    assert taken.ended
    assert (thread.lost, len(thread)) == (0, 0)


def test_notes_leave_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waking the thread for each of them would cost more than the rest of it."""
    monkeypatch.setattr(trace_thread, "BATCH_SECONDS", 60.0)
    taken = Taken()
    thread = taken.thread()
    for number in range(1000):
        thread.write(("number", number))
    # What waits leaves at the end at once, whatever the time.
    assert thread.close()
    assert taken.flushed == [1000]


def test_nothing_is_flushed_where_nothing_was_taken() -> None:
    taken = Taken()
    assert taken.thread().close()
    assert taken.flushed == []
    assert taken.ended


def test_what_does_not_fit_is_counted_and_waits_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace_thread, "BATCH_SECONDS", 60.0)
    taken = Taken()
    thread = taken.thread(places=10)
    for number in range(100):
        thread.write(("number", number))
    assert (len(thread), thread.lost) == (10, 90)
    assert thread.close()
    assert taken.notes == [("number", number) for number in range(10)]


def test_an_end_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_thread, "CLOSE_SECONDS", 0.01)
    held = threading.Event()

    def hang() -> None:
        held.wait()

    thread = TraceThread("line", lambda note: None, lambda: None, hang)
    assert not thread.close()
    monkeypatch.undo()
    held.set()
    assert thread.close()


def test_a_mistake_in_a_record_does_not_end_the_trace(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[Note] = []

    def take(note: Note) -> None:
        if note[0] == "wrong":
            raise ValueError("a mistake in the program")
        taken.append(note)

    thread = TraceThread("line", take, lambda: None, lambda: None)
    for kind in ("one", "wrong", "two", "wrong", "three"):
        thread.write((kind,))
    assert thread.close()
    assert taken == [("one",), ("two",), ("three",)]
    assert thread.lost == 2
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1


def test_what_waits_is_no_work_for_pythons_collector() -> None:
    """It takes what lives long for what stays, and looks through everything when there is more."""
    waiting: list[Note] = []

    class Line:
        lost = 0

        def write(self, note: Note) -> None:
            waiting.append(note)

        def close(self) -> None:
            pass

    trace = SessionTrace(Line(), "s", 1e9, words=False)
    for number in range(100):
        times = (1.0 + number, 2.0 + number, 3.0 + number)
        span = (number * 320, number * 320 + 320)
        trace.chunk(0, span, times, np.zeros(320, np.float32), (0.5 + number,))
    gc.collect()
    gc.collect()
    assert not any(gc.is_tracked(note) for note in waiting)
