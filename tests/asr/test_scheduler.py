from __future__ import annotations

import threading
from collections.abc import Callable

import anyio
import numpy as np
import pytest

from streamkit.asr.recognizer import Hypothesis, ModelInfo, RecognitionRequest
from streamkit.asr.scheduler import RequestQueue, Scheduler, SupersededError, Ticket
from streamkit.errors import RecognitionError


def request(start: int = 0, *, final: bool = False) -> RecognitionRequest:
    return RecognitionRequest(np.zeros(1600, np.float32), start, final=final)


def ticket(key: str, *, urgent: bool = False, start: int = 0) -> Ticket:
    return Ticket(key, request(start), urgent)


class TestQueue:
    def test_finals_go_first_and_in_order(self) -> None:
        queue = RequestQueue()
        partial, first, second = ticket("a"), ticket("b", urgent=True), ticket("c", urgent=True)
        for each in (partial, first, second):
            assert queue.put(each) is None
        assert queue.finals == 2
        assert [queue.get(), queue.get(), queue.get(), queue.get()] == [
            first,
            second,
            partial,
            None,
        ]

    def test_a_newer_partial_takes_the_older_ones_place_in_the_line(self) -> None:
        queue = RequestQueue()
        old, other, new = ticket("a"), ticket("b"), ticket("a", start=1600)
        queue.put(old)
        queue.put(other)
        assert queue.put(new) is old
        assert [queue.get(), queue.get(), queue.get()] == [new, other, None]

    def test_a_final_replaces_the_waiting_partial_of_its_segment(self) -> None:
        queue = RequestQueue()
        old, final = ticket("a"), ticket("a", urgent=True)
        queue.put(old)
        assert queue.put(final) is old
        assert [queue.get(), queue.get()] == [final, None]

    def test_a_waiting_partial_can_become_urgent(self) -> None:
        queue = RequestQueue()
        other, late = ticket("a"), ticket("b")
        queue.put(other)
        queue.put(late)
        queue.hasten(late)
        assert late.urgent
        assert [queue.get(), queue.get()] == [late, other]

    def test_hastening_what_has_begun_does_nothing(self) -> None:
        queue = RequestQueue()
        begun = ticket("a")
        queue.put(begun)
        assert queue.get() is begun
        queue.hasten(begun)
        assert len(queue) == 0

    def test_removal(self) -> None:
        queue = RequestQueue()
        one, other = ticket("a"), ticket("b", urgent=True)
        queue.put(one)
        queue.put(other)
        queue.remove(one)
        queue.remove(other)
        queue.remove(one)
        assert len(queue) == 0

    def test_it_is_bounded_by_finals_and_one_partial_a_segment(self) -> None:
        queue = RequestQueue()
        for number in range(1000):
            queue.put(ticket(f"segment {number % 7}", start=number))
        assert len(queue) == 7


class Engine:
    """A recognizer under the test's control."""

    def __init__(self, behaviour: Callable[[RecognitionRequest], None] | None = None) -> None:
        self.info = ModelInfo("engine")
        self.calls: list[int] = []
        self.together = 0
        self.most_together = 0
        self._behaviour = behaviour
        self._lock = threading.Lock()

    def recognize(self, asked: RecognitionRequest) -> Hypothesis:
        with self._lock:
            self.calls.append(asked.start)
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        try:
            if self._behaviour is not None:
                self._behaviour(asked)
        finally:
            with self._lock:
                self.together -= 1
        return Hypothesis((), asked.start, asked.end)


@pytest.mark.anyio
class TestScheduler:
    async def test_answers_belong_to_their_requests(self) -> None:
        async with Scheduler(Engine(), workers=2) as scheduler:
            tickets = [
                scheduler.submit(number, request(number), urgent=False) for number in range(20)
            ]
            answers = [await scheduler.result(each) for each in tickets]
        assert [answer.hypothesis.start for answer in answers] == list(range(20))
        assert all(answer.started_at <= answer.ended_at for answer in answers)

    async def test_newest_partial_wins_while_the_engine_is_busy(self) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def wait(asked: RecognitionRequest) -> None:
            begun.set()
            assert go_on.wait(10)

        engine = Engine(wait)
        async with Scheduler(engine) as scheduler:
            busy = scheduler.submit("other", request(1), urgent=False)
            await anyio.to_thread.run_sync(begun.wait)
            old = scheduler.submit("mine", request(2), urgent=False)
            new = scheduler.submit("mine", request(3), urgent=False)
            with pytest.raises(SupersededError):
                await scheduler.result(old)
            go_on.set()
            await scheduler.result(busy)
            await scheduler.result(new)
        assert engine.calls == [1, 3]

    async def test_no_more_at_once_than_workers(self) -> None:
        def linger(asked: RecognitionRequest) -> None:
            threading.Event().wait(0.01)

        engine = Engine(linger)
        async with Scheduler(engine, workers=2) as scheduler:
            tickets = [scheduler.submit(n, request(n), urgent=False) for n in range(12)]
            for each in tickets:
                await scheduler.result(each)
        assert engine.most_together == 2

    async def test_a_final_is_tried_twice_a_partial_once(self) -> None:
        def fail(asked: RecognitionRequest) -> None:
            raise ValueError("engine trouble")

        engine = Engine(fail)
        async with Scheduler(engine) as scheduler:
            partial = scheduler.submit("a", request(1), urgent=False)
            final = scheduler.submit("b", request(2, final=True), urgent=True)
            for each in (partial, final):
                with pytest.raises(RecognitionError, match="engine trouble"):
                    await scheduler.result(each)
        assert sorted(engine.calls) == [1, 2, 2]

    async def test_the_second_try_can_succeed(self) -> None:
        tries: list[int] = []

        def fail_once(asked: RecognitionRequest) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise RecognitionError("once")

        async with Scheduler(Engine(fail_once)) as scheduler:
            answer = await scheduler.result(
                scheduler.submit("a", request(5, final=True), urgent=True)
            )
        assert answer.hypothesis.start == 5

    async def test_who_is_gone_leaves_the_line(self) -> None:
        begun, go_on = threading.Event(), threading.Event()

        def wait(asked: RecognitionRequest) -> None:
            begun.set()
            assert go_on.wait(10)

        engine = Engine(wait)
        async with Scheduler(engine) as scheduler:
            busy = scheduler.submit("other", request(1), urgent=False)
            await anyio.to_thread.run_sync(begun.wait)
            gone = scheduler.submit("gone", request(2), urgent=True)
            with anyio.move_on_after(0):
                await scheduler.result(gone)
            assert len(scheduler.queue) == 0
            go_on.set()
            await scheduler.result(busy)
            last = scheduler.submit("last", request(3), urgent=False)
            await scheduler.result(last)
        assert engine.calls == [1, 3]
