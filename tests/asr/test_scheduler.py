"""Who is decoded next and with whom, and what happens when the engine fails or hangs."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.recognizer import Hypothesis, ModelInfo, RecognitionRequest, Recognizer
from streamkit.asr.scheduler import (
    FINAL_HEAD_START,
    LIKE_LENGTH,
    LIKE_SAMPLES,
    MAX_BATCH,
    MAX_BATCH_SAMPLES,
    MEMORY_SECONDS,
    Decoded,
    RequestQueue,
    Scheduler,
    SupersededError,
    Ticket,
)
from streamkit.audio.clock import seconds
from streamkit.errors import RecognitionError

PATIENCE = 30.0
"""Seconds after which a test is told that something will not happen."""

PASS_TIMEOUT = 0.1
"""A fake engine that hangs is given up quickly; one that answers needs no time."""


def request(start: int = 0, *, final: bool = False, length: int = 1600) -> RecognitionRequest:
    return RecognitionRequest(np.zeros(length, np.float32), start, final=final)


def ticket(
    key: str,
    *,
    urgent: bool = False,
    start: int = 0,
    session: str | None = None,
    fits: Hashable | None = None,
    length: int = 1600,
) -> Ticket:
    return Ticket(key, request(start, length=length), urgent, session, fits)


def queue_of(*tickets: Ticket) -> RequestQueue:
    queue = RequestQueue()
    for each in tickets:
        queue.put(each)
    return queue


def drain(queue: RequestQueue, now: float = 0.0) -> list[Ticket]:
    """One after another, as long as there are any."""
    taken = []
    while found := queue.take(now):
        taken += found
    return taken


class TestOrder:
    def test_finals_go_first_and_in_order(self) -> None:
        partial, first, second = ticket("a"), ticket("b", urgent=True), ticket("c", urgent=True)
        queue = RequestQueue()
        for each in (partial, first, second):
            assert queue.put(each) is None
        assert (queue.finals, len(queue)) == (2, 3)
        assert drain(queue) == [first, second, partial]
        assert queue.take(0.0) == []
        assert queue.take(0.0, 8) == []

    def test_a_newer_partial_takes_the_older_ones_place_in_the_line(self) -> None:
        old, other, new = ticket("a"), ticket("b"), ticket("a", start=1600)
        queue = queue_of(old, other)
        assert queue.put(new) is old
        assert drain(queue) == [new, other]

    def test_a_final_replaces_the_waiting_partial_of_its_segment(self) -> None:
        old, final = ticket("a"), ticket("a", urgent=True)
        queue = queue_of(old)
        assert queue.put(final) is old
        assert drain(queue) == [final]

    def test_a_waiting_partial_can_become_urgent(self) -> None:
        other, late = ticket("a"), ticket("b")
        queue = queue_of(other, late)
        queue.hasten(late)
        assert late.urgent
        assert queue.finals == 1
        assert drain(queue) == [late, other]

    def test_hastening_what_has_begun_or_was_replaced_does_nothing(self) -> None:
        begun, replaced, newer = ticket("a"), ticket("b"), ticket("b", start=1600)
        queue = queue_of(begun)
        assert queue.take(0.0) == [begun]
        queue.put(replaced)
        queue.put(newer)
        queue.hasten(begun)
        queue.hasten(replaced)
        assert queue.finals == 0
        assert drain(queue) == [newer]

    def test_who_does_not_wait_any_more_leaves_the_line(self) -> None:
        one, other, newer = ticket("a"), ticket("b", urgent=True), ticket("a", start=1600)
        queue = queue_of(one, other)
        queue.remove(one)
        queue.remove(other)
        queue.remove(one)
        assert len(queue) == 0
        queue.put(newer)
        queue.remove(one)
        assert drain(queue) == [newer], "only the ticket itself goes, not its successor"

    def test_it_is_bounded_by_finals_and_one_partial_a_segment(self) -> None:
        queue = RequestQueue()
        for number in range(1000):
            queue.put(ticket(f"segment {number % 7}", start=number))
        assert len(queue) == 7


class TestBatches:
    def test_what_fits_goes_together_in_the_order_of_the_line(self) -> None:
        partial, final, other, last = (
            ticket("a", fits="en"),
            ticket("b", fits="en", urgent=True),
            ticket("c", fits="de"),
            ticket("d", fits="en"),
        )
        queue = queue_of(partial, final, other, last)
        assert queue.take(0.0, MAX_BATCH) == [final, partial, last]
        assert queue.take(0.0, MAX_BATCH) == [other]
        assert len(queue) == 0

    def test_what_fits_nothing_goes_alone(self) -> None:
        one, other = ticket("a"), ticket("b")
        queue = queue_of(one, other)
        assert queue.take(0.0, MAX_BATCH) == [one]
        assert queue.take(0.0, MAX_BATCH) == [other]

    def test_no_more_than_asked_for(self) -> None:
        tickets = [ticket(f"{n}", fits="en") for n in range(5)]
        queue = queue_of(*tickets)
        assert queue.take(0.0) == tickets[:1]
        assert queue.take(0.0, 3) == tickets[1:4]
        assert queue.take(0.0, 3) == tickets[4:]

    @pytest.mark.parametrize(
        ("one", "other", "together"),
        [
            # Short windows may differ by a little, whatever part of them it is.
            (1600, 1600 + LIKE_SAMPLES, True),
            (1600, 1601 + LIKE_SAMPLES, False),
            # Long ones by a part of the longer one.
            (seconds(7.5), seconds(10), True),
            (seconds(7.4), seconds(10), False),
            (seconds(10), seconds(7.5), True),
            (seconds(10), seconds(7.4), False),
        ],
    )
    def test_windows_of_like_length_only(self, one: int, other: int, together: bool) -> None:
        first = ticket("a", fits="en", length=one)
        second = ticket("b", fits="en", length=other)
        taken = queue_of(first, second).take(0.0, MAX_BATCH)
        assert taken == ([first, second] if together else [first])

    def test_the_shortest_and_the_longest_of_a_batch_count(self) -> None:
        """Not each one's difference to the leader: that would add up."""
        lengths = [seconds(10), seconds(8), seconds(11.5), seconds(10.5)]
        tickets = [ticket(f"{n}", fits="en", length=each) for n, each in enumerate(lengths)]
        queue = queue_of(*tickets)
        # 11.5 s would be too long for the one of 8 s.
        assert queue.take(0.0, 2) == tickets[:2]
        queue = queue_of(*tickets[1:], tickets[0])
        assert tickets[2] not in queue.take(0.0, MAX_BATCH)

    def test_what_the_engine_can_hold_at_once_is_bounded(self) -> None:
        tickets = [ticket(f"{n}", fits="en", length=seconds(9)) for n in range(4)]
        assert queue_of(*tickets).take(0.0, MAX_BATCH) == tickets[:3]
        long = [ticket(f"{n}", fits="en", length=seconds(28)) for n in range(2)]
        assert queue_of(*long).take(0.0, MAX_BATCH) == long[:1]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([None, "en", "de"]), st.integers(400, seconds(30)), st.booleans()
            ),
            min_size=1,
            max_size=30,
        ),
        st.integers(1, MAX_BATCH),
    )
    def test_every_batch_keeps_to_the_bounds_and_nothing_is_lost(
        self, asked: list[tuple[str | None, int, bool]], most: int
    ) -> None:
        tickets = [
            ticket(f"{n}", fits=fits, length=length, urgent=urgent)
            for n, (fits, length, urgent) in enumerate(asked)
        ]
        queue = queue_of(*tickets)
        taken: list[Ticket] = []
        while len(queue):
            finals = queue.finals
            batch = queue.take(0.0, most)
            lengths = [len(each.request.samples) for each in batch]
            assert batch[0].urgent or not finals
            assert 1 <= len(batch) <= most
            assert len({each.fits for each in batch}) == 1
            assert len(batch) == 1 or batch[0].fits is not None
            assert max(lengths) - min(lengths) <= max(LIKE_SAMPLES, LIKE_LENGTH * max(lengths))
            assert len(batch) == 1 or max(lengths) * len(batch) <= MAX_BATCH_SAMPLES
            taken += batch
        assert sorted(map(id, taken)) == sorted(map(id, tickets))


@dataclass
class Talker:
    """A session that asks for something again and again.

    Attributes:
        name: of the session.
        every: seconds between two requests; 0: there is always one.
        cost: seconds of the engine for each.
        final: they are finals; else each replaces the one before if that still waits.
        begins: when it asks for the first time.
        waits: seconds from each request, or the first that it replaced, to its answer.
        had: seconds of the engine.
    """

    name: str
    every: float = 0.0
    cost: float = 0.2
    final: bool = False
    begins: float = 0.0
    ends: float = float("inf")
    waits: list[tuple[float, float]] = field(default_factory=list)
    had: float = 0.0

    def since(self, when: float) -> list[float]:
        """Waits of what was asked for after some time."""
        return [wait for asked, wait in self.waits if asked >= when]


def simulate(*talkers: Talker, until: float = 60.0) -> None:
    """One worker of an engine, in simulated time."""
    queue = RequestQueue()
    now = 0.0
    asked: dict[Ticket, tuple[Talker, float]] = {}
    next_at = {each.name: each.begins for each in talkers}
    numbers = iter(range(10**9))
    while now < until:
        for each in talkers:
            while next_at[each.name] <= now and next_at[each.name] < each.ends:
                at = next_at[each.name]
                waiting = sum(talker is each for talker, _ in asked.values())
                if each.every == 0 and waiting >= 20:
                    break
                key = f"{each.name} {next(numbers)}" if each.final else each.name
                new = ticket(key, urgent=each.final, session=each.name)
                replaced = queue.put(new)
                asked[new] = (each, asked.pop(replaced)[1] if replaced is not None else at)
                next_at[each.name] = at + each.every if each.every else now
                if each.every == 0 and not each.final:
                    next_at[each.name] = now + 1e-3
        taken = queue.take(now)
        if not taken:
            now = min(max(now, each) for each in next_at.values()) + 1e-6
            continue
        (one,) = taken
        talker, since = asked.pop(one)
        now += talker.cost
        queue.charge(talker.name, talker.cost, now)
        talker.had += talker.cost
        talker.waits.append((since, now - since))


class TestFairness:
    def test_a_flood_of_finals_does_not_starve_another_one_s_partials(self) -> None:
        flood = Talker("flood", final=True)
        other = Talker("other", every=0.25, cost=0.05)
        simulate(flood, other)
        # At first the finals have their head start; once that is used up, turns are taken.
        assert max(other.since(0.0)) <= FINAL_HEAD_START + flood.cost + other.cost + 0.5
        assert max(other.since(10.0)) <= flood.cost + 2 * other.cost
        assert len(other.since(10.0)) >= 0.8 * 50 / 0.3

    def test_a_flood_of_finals_does_not_starve_another_one_s_finals(self) -> None:
        flood = Talker("flood", final=True)
        other = Talker("other", every=3.0, cost=0.1, final=True)
        simulate(flood, other)
        # Behind the one that is being decoded, and never behind the others of the flood.
        assert max(other.since(1.0)) <= flood.cost + other.cost + 0.01
        assert len(other.waits) == 20

    def test_the_flood_itself_is_served_with_what_is_left(self) -> None:
        flood = Talker("flood", final=True)
        other = Talker("other", every=0.25, cost=0.05)
        simulate(flood, other)
        assert flood.had + other.had == pytest.approx(60, abs=1)
        assert flood.had > 40

    @pytest.mark.parametrize("final", [False, True])
    def test_sessions_are_served_evenly_whatever_their_passes_cost(self, final: bool) -> None:
        talkers = [
            Talker(f"{n}", cost=cost, final=final) for n, cost in enumerate((0.1, 0.1, 0.3, 0.6))
        ]
        simulate(*talkers, until=120.0)
        for each in talkers:
            assert each.had == pytest.approx(30, rel=0.1), each.name

    def test_finals_of_one_go_before_partials_of_equals(self) -> None:
        talkers = [Talker(f"{n}", every=0.3, cost=0.15) for n in range(4)]
        final = Talker("final", every=4.0, cost=0.15, final=True)
        simulate(*talkers, final)
        assert max(final.waits)[1] <= 0.3 + 0.01

    def test_a_session_that_comes_late_has_no_credit_for_the_time_before(self) -> None:
        """It goes first for as long as the others' use is remembered, and no longer."""
        early = [Talker(f"{n}", cost=0.1) for n in range(2)]
        late = Talker("late", cost=0.1, begins=60.0)
        simulate(*early, late, until=120.0)
        assert max(each.since(60.0 + 2 * MEMORY_SECONDS)[0] for each in early) <= 0.5
        assert late.had < 60 / 3 + MEMORY_SECONDS

    def test_what_was_used_long_ago_does_not_count(self) -> None:
        queue = RequestQueue()
        queue.charge("a", 4.0, now=0.0)
        assert queue.used("a", 0.0) == 4.0
        assert queue.used("a", MEMORY_SECONDS) == pytest.approx(4.0 / np.e)
        queue.charge("a", 1.0, now=MEMORY_SECONDS)
        assert queue.used("a", MEMORY_SECONDS) == pytest.approx(1 + 4.0 / np.e)
        assert queue.used("a", 20 * MEMORY_SECONDS) < 1e-6
        assert queue.used("nobody", 5.0) == 0

    def test_the_channels_of_a_session_share_its_part(self) -> None:
        queue = RequestQueue()
        queue.charge("stereo", 1.0, now=0.0)
        left, right = ticket("left", session="stereo"), ticket("right", session="stereo")
        mono = ticket("mono", session="other")
        for each in (left, right, mono):
            queue.put(each)
        assert drain(queue) == [mono, left, right]

    def test_sessions_that_are_gone_are_forgotten(self) -> None:
        queue = RequestQueue()
        for number in range(20_000):
            queue.charge(f"session {number}", 0.1, now=number)
        assert len(queue._used) < 1000


class Engine:
    """A recognizer under the test's control; `calls` has the starts of each batch."""

    def __init__(
        self,
        behaviour: Callable[[Sequence[RecognitionRequest]], None] | None = None,
        fits: Hashable | None = "any",
    ) -> None:
        self.info = ModelInfo("engine")
        self.calls: list[list[int]] = []
        self.together = 0
        self.most_together = 0
        self._behaviour = behaviour
        self._fits = fits
        self._lock = threading.Lock()

    def front_end(self, capacity: int) -> None:
        return None

    def batch_key(self, asked: RecognitionRequest) -> Hashable | None:
        return self._fits

    def recognize(self, asked: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        with self._lock:
            self.calls.append([each.start for each in asked])
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        try:
            if self._behaviour is not None:
                self._behaviour(asked)
        finally:
            with self._lock:
                self.together -= 1
        return [Hypothesis((), each.start, each.end) for each in asked]


class Gate:
    """A behaviour that waits, for requests with some starts, until it is opened."""

    def __init__(self, *starts: int) -> None:
        self.begun = threading.Event()
        self._open = threading.Event()
        self._starts = starts

    def __call__(self, asked: Sequence[RecognitionRequest]) -> None:
        if any(each.start in self._starts for each in asked):
            self.begun.set()
            assert self._open.wait(PATIENCE)

    def open(self) -> None:
        self._open.set()

    async def wait_until_begun(self) -> None:
        assert await anyio.to_thread.run_sync(self.begun.wait, PATIENCE)


@contextmanager
def gate(*starts: int) -> Iterator[Gate]:
    """A gate that is opened in the end, so that no thread stays behind."""
    one = Gate(*starts)
    try:
        yield one
    finally:
        one.open()


async def outcome(scheduler: Scheduler, asked: Ticket) -> Decoded | RecognitionError:
    with anyio.fail_after(PATIENCE):
        try:
            return await scheduler.result(asked)
        except RecognitionError as error:
            return error


def starts(outcomes: Sequence[Decoded | RecognitionError]) -> list[int | str]:
    """Where each answered window begins, or why there is no answer."""
    return [
        str(each) if isinstance(each, RecognitionError) else each.hypothesis.start
        for each in outcomes
    ]


def test_the_fake_is_a_recognizer() -> None:
    assert isinstance(Engine(), Recognizer)


@pytest.mark.anyio
class TestScheduler:
    @pytest.mark.parametrize("fits", ["any", None])
    async def test_answers_belong_to_their_requests(self, fits: str | None) -> None:
        engine = Engine(fits=fits)
        async with Scheduler(engine, workers=2) as scheduler:
            tickets = [
                scheduler.submit(number, request(number), urgent=False) for number in range(20)
            ]
            answers = [await scheduler.result(each) for each in tickets]
        assert [answer.hypothesis.start for answer in answers] == list(range(20))
        assert all(answer.started_at <= answer.ended_at for answer in answers)
        assert sorted(start for call in engine.calls for start in call) == list(range(20))

    async def test_newest_partial_wins_while_the_engine_is_busy(self) -> None:
        with gate(1) as held:
            engine = Engine(held)
            async with Scheduler(engine) as scheduler:
                busy = scheduler.submit("other", request(1), urgent=False)
                await held.wait_until_begun()
                old = scheduler.submit("mine", request(2), urgent=False)
                new = scheduler.submit("mine", request(3), urgent=False)
                with pytest.raises(SupersededError):
                    await scheduler.result(old)
                held.open()
                await scheduler.result(busy)
                await scheduler.result(new)
        assert engine.calls == [[1], [3]]

    async def test_no_more_at_once_than_workers(self) -> None:
        def linger(asked: Sequence[RecognitionRequest]) -> None:
            threading.Event().wait(0.01)

        engine = Engine(linger, fits=None)
        async with Scheduler(engine, workers=2) as scheduler:
            tickets = [scheduler.submit(n, request(n), urgent=False) for n in range(12)]
            for each in tickets:
                await scheduler.result(each)
        assert engine.most_together == 2

    async def test_who_is_gone_leaves_the_line(self) -> None:
        with gate(1) as held:
            engine = Engine(held)
            async with Scheduler(engine) as scheduler:
                busy = scheduler.submit("other", request(1), urgent=False)
                await held.wait_until_begun()
                gone = scheduler.submit("gone", request(2), urgent=True)
                with anyio.move_on_after(0):
                    await scheduler.result(gone)
                assert len(scheduler.queue) == 0
                held.open()
                await scheduler.result(busy)
                last = scheduler.submit("last", request(3), urgent=False)
                await scheduler.result(last)
        assert engine.calls == [[1], [3]]

    async def test_who_is_gone_while_it_is_decoded_disturbs_nobody(self) -> None:
        with gate(2) as held:
            engine = Engine(held)
            async with Scheduler(engine) as scheduler:
                tickets = [scheduler.submit(n, request(n), urgent=True) for n in (1, 2, 3)]
                await held.wait_until_begun()
                with anyio.move_on_after(0):
                    await scheduler.result(tickets[1])
                held.open()
                answers = [await outcome(scheduler, tickets[n]) for n in (0, 2)]
                assert starts(answers) == [1, 3]
                later = scheduler.submit("later", request(4), urgent=False)
                assert starts([await outcome(scheduler, later)]) == [4]


@pytest.mark.anyio
class TestTogether:
    async def test_what_waited_while_the_worker_was_busy_goes_together(self) -> None:
        with gate(0) as held:
            engine = Engine(held)
            async with Scheduler(engine) as scheduler:
                busy = scheduler.submit("busy", request(0), urgent=False)
                await held.wait_until_begun()
                tickets = [scheduler.submit(n, request(n), urgent=n == 3) for n in range(1, 4)]
                held.open()
                answers = [await outcome(scheduler, each) for each in (busy, *tickets)]
        assert starts(answers) == [0, 1, 2, 3]
        assert engine.calls == [[0], [3, 1, 2]]

    async def test_no_more_than_the_largest_batch(self) -> None:
        with gate(0) as held:
            engine = Engine(held)
            async with Scheduler(engine) as scheduler:
                scheduler.submit("busy", request(0), urgent=False)
                await held.wait_until_begun()
                tickets = [
                    scheduler.submit(n, request(n), urgent=False) for n in range(1, MAX_BATCH + 4)
                ]
                held.open()
                for each in tickets:
                    await outcome(scheduler, each)
        assert [len(call) for call in engine.calls] == [1, MAX_BATCH, 3]

    async def test_idle_workers_share_what_there_is(self) -> None:
        engine = Engine()
        async with Scheduler(engine, workers=4) as scheduler:
            tickets = [scheduler.submit(n, request(n), urgent=False) for n in range(4)]
            for each in tickets:
                await outcome(scheduler, each)
        assert sorted(engine.calls) == [[0], [1], [2], [3]]

    async def test_an_engine_that_takes_one_at_a_time_gets_one_at_a_time(self) -> None:
        with gate(0) as held:
            engine = Engine(held, fits=None)
            async with Scheduler(engine) as scheduler:
                tickets = [scheduler.submit(n, request(n), urgent=False) for n in range(3)]
                await held.wait_until_begun()
                held.open()
                for each in tickets:
                    await outcome(scheduler, each)
        assert engine.calls == [[0], [1], [2]]

    async def test_the_sessions_of_a_batch_share_its_cost(self) -> None:
        with gate(0) as held:
            async with Scheduler(Engine(held)) as scheduler:
                one = scheduler.submit(1, request(0), urgent=False, session="one")
                other = scheduler.submit(2, request(1), urgent=False, session="other")
                await held.wait_until_begun()
                held.open()
                for each in (one, other):
                    await outcome(scheduler, each)
                now = time.monotonic()
                used = [scheduler.queue.used(name, now) for name in ("one", "other", "nobody")]
        assert used[0] == used[1] > 0
        assert used[2] == 0


def failing(*starts: int, error: type[Exception] = ValueError) -> Engine:
    """An engine that fails whenever a window with one of these starts is in the batch."""

    def fail(asked: Sequence[RecognitionRequest]) -> None:
        bad = [each.start for each in asked if each.start in starts]
        if bad:
            raise error(f"trouble with {bad}")

    return Engine(fail)


@pytest.mark.anyio
class TestFailure:
    @pytest.mark.parametrize("error", [ValueError, RecognitionError, MemoryError])
    async def test_a_final_is_tried_twice_a_partial_once(self, error: type[Exception]) -> None:
        engine = failing(1, 2, error=error)
        async with Scheduler(engine, workers=2) as scheduler:
            partial = scheduler.submit("a", request(1), urgent=False)
            final = scheduler.submit("b", request(2, final=True), urgent=True)
            for each in (partial, final):
                with pytest.raises(RecognitionError, match="trouble"):
                    await scheduler.result(each)
        assert sorted(engine.calls) == [[1], [2], [2]]

    async def test_the_second_try_can_succeed(self) -> None:
        tries: list[int] = []

        def fail_once(asked: Sequence[RecognitionRequest]) -> None:
            tries.append(1)
            if len(tries) == 1:
                raise RecognitionError("once")

        async with Scheduler(Engine(fail_once)) as scheduler:
            answer = await scheduler.result(
                scheduler.submit("a", request(5, final=True), urgent=True)
            )
        assert answer.hypothesis.start == 5

    @pytest.mark.parametrize("final", [False, True])
    async def test_a_batch_that_fails_is_taken_apart_and_only_the_culprit_fails(
        self, final: bool
    ) -> None:
        engine = failing(2)
        async with Scheduler(engine) as scheduler:
            tickets = [
                scheduler.submit(n, request(n, final=final), urgent=final) for n in (1, 2, 3)
            ]
            answers = [await outcome(scheduler, each) for each in tickets]
        assert starts(answers) == [1, "ValueError: trouble with [2]", 3]
        assert engine.calls == [[1, 2, 3], [1], [2], [3]]

    async def test_the_scheduler_goes_on_after_a_failure(self) -> None:
        engine = failing(1)
        async with Scheduler(engine) as scheduler:
            for start in (1, 2, 1, 3):
                await outcome(scheduler, scheduler.submit("a", request(start), urgent=False))
        assert engine.calls == [[1], [2], [1], [3]]
        assert scheduler.replaced_workers == 0

    async def test_a_call_that_fails_is_paid_for_like_another(self) -> None:
        """Else a session whose sound breaks the engine would always go first."""
        async with Scheduler(failing(1)) as scheduler:
            asked = scheduler.submit("a", request(1, final=True), urgent=True, session="breaker")
            await outcome(scheduler, asked)
            assert scheduler.queue.used("breaker", time.monotonic()) > 0

    async def test_an_engine_that_loses_an_answer_fails_those_requests_only(self) -> None:
        class Forgetful(Engine):
            def recognize(self, asked: Sequence[RecognitionRequest]) -> list[Hypothesis]:
                answers = super().recognize(asked)
                return answers[:-1] if asked[0].start == 1 else answers

        async with Scheduler(Forgetful()) as scheduler:
            lost = await outcome(scheduler, scheduler.submit("a", request(1), urgent=False))
            assert isinstance(lost, RecognitionError)
            found = await outcome(scheduler, scheduler.submit("b", request(2), urgent=False))
            assert starts([found]) == [2]


@pytest.mark.anyio
class TestHanging:
    async def test_a_partial_that_hangs_is_given_up_and_others_are_served(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        with gate(1) as held:
            engine = Engine(held, fits=None)
            async with Scheduler(engine, pass_timeout=PASS_TIMEOUT) as scheduler:
                hung = scheduler.submit("a", request(1), urgent=False)
                await held.wait_until_begun()
                other = scheduler.submit("b", request(2), urgent=False)
                answers = [await outcome(scheduler, each) for each in (hung, other)]
                assert starts(answers) == ["the recognizer did not answer within 0.1 s", 2]
                assert scheduler.replaced_workers == 1
        assert engine.calls == [[1], [2]]
        [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
        assert "did not answer" in record.getMessage()

    async def test_a_final_that_hung_is_tried_once_more(self) -> None:
        with gate() as held:
            hangs = iter([True])

            def hang_once(asked: Sequence[RecognitionRequest]) -> None:
                if next(hangs, False):
                    held._open.wait(PATIENCE)

            engine = Engine(hang_once)
            async with Scheduler(engine, pass_timeout=PASS_TIMEOUT) as scheduler:
                asked = scheduler.submit("a", request(1, final=True), urgent=True)
                assert starts([await outcome(scheduler, asked)]) == [1]
        assert engine.calls == [[1], [1]]
        assert scheduler.replaced_workers == 1

    async def test_a_final_that_hangs_twice_fails(self) -> None:
        with gate(1) as held:
            engine = Engine(held)
            async with Scheduler(engine, pass_timeout=PASS_TIMEOUT) as scheduler:
                asked = scheduler.submit("a", request(1, final=True), urgent=True)
                assert isinstance(await outcome(scheduler, asked), RecognitionError)
        assert engine.calls == [[1], [1]]
        assert scheduler.replaced_workers == 2

    async def test_those_who_were_decoded_with_it_do_not_share_its_fate(self) -> None:
        with gate(2) as held:
            engine = Engine(held)
            async with Scheduler(engine, pass_timeout=PASS_TIMEOUT) as scheduler:
                tickets = [scheduler.submit(n, request(n), urgent=False) for n in (1, 2, 3)]
                answers = [await outcome(scheduler, each) for each in tickets]
        assert starts(answers) == [1, "the recognizer did not answer within 0.1 s", 3]

    async def test_the_other_worker_goes_on_meanwhile(self) -> None:
        with gate(1) as held:
            engine = Engine(held, fits=None)
            async with Scheduler(engine, workers=2, pass_timeout=PATIENCE) as scheduler:
                scheduler.submit("a", request(1), urgent=False)
                await held.wait_until_begun()
                for start in range(2, 12):
                    asked = scheduler.submit("b", request(start), urgent=False)
                    assert starts([await outcome(scheduler, asked)]) == [start]

    async def test_there_are_as_many_workers_after_many_have_hung(self) -> None:
        with gate(*range(100, 103)) as held:
            engine = Engine(held, fits=None)
            async with Scheduler(engine, workers=2, pass_timeout=PASS_TIMEOUT) as scheduler:
                for start in range(100, 103):
                    await outcome(scheduler, scheduler.submit(start, request(start), urgent=False))
                assert scheduler.replaced_workers == 3
                threads = engine.together
                barrier = threading.Barrier(2)

                def meet(asked: Sequence[RecognitionRequest]) -> None:
                    barrier.wait(PATIENCE)

                engine._behaviour = meet
                # Each waits for another one, so two run at once.
                tickets = [scheduler.submit(n, request(n), urgent=False) for n in range(4)]
                for each in tickets:
                    assert isinstance(await outcome(scheduler, each), Decoded)
                assert engine.most_together == threads + 2

    async def test_an_answer_that_comes_too_late_is_nobody_s(self) -> None:
        with gate(1) as held:
            engine = Engine(held)
            async with Scheduler(engine, pass_timeout=PASS_TIMEOUT) as scheduler:
                hung = scheduler.submit("a", request(1), urgent=False)
                assert isinstance(await outcome(scheduler, hung), RecognitionError)
                held.open()
                for start in range(2, 6):
                    asked = scheduler.submit("a", request(start), urgent=False)
                    assert starts([await outcome(scheduler, asked)]) == [start]

    async def test_who_waits_for_one_that_hangs_may_go(self) -> None:
        with gate(1) as held:
            async with Scheduler(Engine(held), pass_timeout=PATIENCE) as scheduler:
                hung = scheduler.submit("a", request(1), urgent=True)
                await held.wait_until_begun()
                with anyio.move_on_after(0) as scope:
                    await scheduler.result(hung)
                assert scope.cancelled_caught

    async def test_the_end_does_not_wait_for_one_that_hangs(self) -> None:
        with gate(1) as held:
            with anyio.fail_after(PATIENCE):
                async with Scheduler(Engine(held), workers=2, pass_timeout=PATIENCE) as scheduler:
                    scheduler.submit("a", request(1), urgent=True)
                    scheduler.submit("b", request(1), urgent=True)
                    await held.wait_until_begun()
                    scheduler.submit("c", request(2), urgent=True)
            assert not held._open.is_set()


def test_the_simulation_is_one_of_a_busy_engine() -> None:
    """The fairness tests mean something only if there is more to do than can be done."""
    talkers = [Talker(f"{n}", cost=0.1) for n in range(3)]
    simulate(*talkers, until=10.0)
    counts = Counter({each.name: len(each.waits) for each in talkers})
    assert sum(counts.values()) == pytest.approx(100, abs=2)
