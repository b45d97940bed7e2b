from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from streamkit.audio.convert import Samples
from streamkit.audio.handover import AbandonedError, Handover
from streamkit.errors import AudioFormatError, BufferFullError

WAIT_S = 20.0  # never reached unless something is broken


def block(frames: int, channels: int = 1) -> Samples:
    return np.zeros((frames, channels), np.float32)


class Worker:
    """Runs a function as the worker of a handover, the way the container decoder does."""

    def __init__(self, handover: Handover, work: Callable[[Handover], None]) -> None:
        self.handover = handover
        self.work = work
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        error: Exception | None = None
        try:
            self.work(self.handover)
        except AbandonedError:
            pass
        except Exception as failure:
            error = failure
        self.handover.finish(error)


@pytest.fixture
def start() -> Iterator[Callable[[Handover, Callable[[Handover], None]], Worker]]:
    workers: list[Worker] = []

    def start_one(handover: Handover, work: Callable[[Handover], None]) -> Worker:
        worker = Worker(handover, work)
        workers.append(worker)
        worker.thread.start()
        return worker

    yield start_one
    for worker in workers:
        worker.handover.abandon()
        worker.thread.join(WAIT_S)
        assert not worker.thread.is_alive()


Start = Callable[[Handover, Callable[[Handover], None]], Worker]


def ten_frames_a_byte(handover: Handover) -> None:
    while data := handover.read(1):
        for _ in data:
            handover.emit(block(10), 8_000)


def test_take_returns_all_that_the_bytes_give(start: Start) -> None:
    handover = Handover(max_pending=100, max_buffered=1_000, max_silent=100)
    start(handover, ten_frames_a_byte)
    for count in (1, 5, 0, 3):
        handover.put(b"x" * count)
        assert len(handover.take(WAIT_S)) == count
        assert not handover.backlog


def test_a_full_output_stops_the_worker_until_it_is_taken(start: Start) -> None:
    handover = Handover(max_pending=100, max_buffered=25, max_silent=100)
    start(handover, ten_frames_a_byte)
    handover.put(b"x" * 8)
    sizes = []
    while True:
        sizes.append(sum(map(len, handover.take(WAIT_S))))
        if not handover.backlog:
            break
    assert sum(sizes) == 80
    assert max(sizes) <= 30  # the bound, and the rest of one block


def test_bytes_beyond_the_bound_are_refused_as_a_whole(start: Start) -> None:
    handover = Handover(max_pending=10, max_buffered=10, max_silent=100)
    handover.put(b"x" * 6)
    with pytest.raises(BufferFullError, match="5 bytes were given while 6 of at most 10 wait"):
        handover.put(b"x" * 5)
    assert handover.pending == 6
    handover.put(b"x" * 4)


def test_an_error_comes_after_the_frames_before_it_and_stays(start: Start) -> None:
    def fail_after_two(handover: Handover) -> None:
        handover.emit(block(1), 8_000)
        handover.emit(block(1), 8_000)
        raise ValueError("broken")

    handover = Handover(100, 100, 100)
    worker = start(handover, fail_after_two)
    worker.thread.join(WAIT_S)
    assert len(handover.take(WAIT_S)) == 2
    assert handover.backlog
    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            handover.take(WAIT_S)
    assert not handover.backlog


def test_too_many_bytes_without_audio_are_an_error(start: Start) -> None:
    def only_read(handover: Handover) -> None:
        while handover.read(7):
            pass

    handover = Handover(max_pending=100, max_buffered=100, max_silent=20)
    start(handover, only_read)
    handover.put(b"x" * 20)
    assert handover.take(WAIT_S) == []
    handover.put(b"x")
    with pytest.raises(AudioFormatError, match="21 bytes were read without finding audio"):
        handover.take(WAIT_S)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 1), (8_000, 2)])
def test_a_stream_may_not_change_its_form(start: Start, rate: int, channels: int) -> None:
    def change(handover: Handover) -> None:
        handover.emit(block(3), 8_000)
        handover.emit(block(3, channels), rate)

    handover = Handover(100, 100, 100)
    start(handover, change).thread.join(WAIT_S)
    assert len(handover.take(WAIT_S)) == 1
    with pytest.raises(AudioFormatError, match=f"to {rate} Hz with {channels}"):
        handover.take(WAIT_S)


def test_abandoning_wakes_a_worker_that_waits_for_bytes(start: Start) -> None:
    handover = Handover(100, 100, 100)
    worker = start(handover, ten_frames_a_byte)
    handover.take(WAIT_S)
    handover.abandon()
    worker.thread.join(WAIT_S)
    assert handover.finished


def test_abandoning_wakes_a_worker_that_waits_for_room(start: Start) -> None:
    handover = Handover(100, 5, 100)
    worker = start(handover, ten_frames_a_byte)
    handover.put(b"xxx")
    handover.abandon()
    worker.thread.join(WAIT_S)
    assert handover.finished
    assert handover.take(WAIT_S) == []


def test_the_end_lets_the_worker_finish(start: Start) -> None:
    handover = Handover(100, 100, 100)
    worker = start(handover, ten_frames_a_byte)
    handover.put(b"xx")
    handover.end()
    assert len(handover.take(WAIT_S)) + len(handover.take(WAIT_S)) == 2
    worker.thread.join(WAIT_S)
    assert not handover.backlog
