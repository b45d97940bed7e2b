"""One model, many sessions: who is decoded next, and together with whom.

The order is a pure queue, `RequestQueue`. A session that has used the engine little goes before one
that has used it much, and a final has a head start before all partials, so finals come first
unless one session floods the line with them. At most one partial waits per segment, because a
newer one makes the older one worthless. So the queue is never longer than the finals that are
due plus one partial for each open segment.

`Scheduler` runs it on a bounded number of worker threads. What waits together and fits together
is decoded together. A worker that fails, or hangs, is replaced, and its finals are tried once
more, each alone, so that nobody's bad luck is shared.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.abc
import anyio.to_thread

from streamkit.asr.cadence import Cadence
from streamkit.asr.recognizer import Hypothesis, RecognitionRequest, Recognizer
from streamkit.audio.clock import seconds
from streamkit.errors import RecognitionError

logger = logging.getLogger("streamkit.asr")

FINAL_HEAD_START = 2.0
"""Seconds of the engine's time that a final's session may have had more than others."""

MEMORY_SECONDS = 10.0
"""How long it counts that a session has used the engine: half of it after 7 s."""

MAX_BATCH = 8
"""More gain little: the decoder is 2.5 times as quick with 8 windows at once, the encoder is not
quicker at all, and the first window waits for the last."""

MAX_BATCH_SAMPLES = seconds(30)
LIKE_LENGTH = 0.25
"""Windows are padded to the longest of a batch, so none may be shorter by more than this part."""
LIKE_SAMPLES = seconds(0.64)
"""But so much never matters."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A hypothesis and when it was computed, in seconds on the scheduler's clock."""

    hypothesis: Hypothesis
    started_at: float
    ended_at: float


class SupersededError(Exception):
    """A newer partial of the same segment took this one's place before it began."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One request on its way through the scheduler.

    Attributes:
        key: identifies the segment among all segments of all sessions.
        request: what is to be decoded.
        urgent: a final that somebody waits for.
        session: who pays for it; sessions share the engine evenly.
        fits: requests with equal ones can be decoded together; None: only alone.
        done: set when `outcome` is there.
        outcome: the answer, or why there is none.
    """

    key: Hashable
    request: RecognitionRequest
    urgent: bool
    session: Hashable = None
    fits: Hashable | None = None
    done: anyio.Event = field(default_factory=anyio.Event)
    outcome: Decoded | RecognitionError | SupersededError | None = None

    def settle(self, outcome: Decoded | RecognitionError | SupersededError) -> None:
        """Give the answer to whoever waits."""
        self.outcome = outcome
        self.done.set()


class RequestQueue:
    """The order of the waiting requests."""

    def __init__(self) -> None:
        # In the order in which they came; a dict, since it removes in constant time.
        self._finals: dict[Ticket, None] = {}
        self._partials: dict[Hashable, Ticket] = {}
        self._used: dict[Hashable, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._finals) + len(self._partials)

    @property
    def finals(self) -> int:
        """Waiting finals."""
        return len(self._finals)

    def put(self, ticket: Ticket) -> Ticket | None:
        """Add a request.

        Returns:
            The waiting partial whose place it took, if any. The newer one keeps the older
            one's place in the line, so that a session that speaks without pause is served.
        """
        if ticket.urgent:
            self._finals[ticket] = None
            return self._partials.pop(ticket.key, None)
        replaced = self._partials.get(ticket.key)
        self._partials[ticket.key] = ticket
        return replaced

    def hasten(self, ticket: Ticket) -> None:
        """A waiting partial has become a final; nothing happens if it has begun already."""
        if self._partials.get(ticket.key) is ticket:
            del self._partials[ticket.key]
            ticket.urgent = True
            self._finals[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        """Whoever asked does not wait any more."""
        self._finals.pop(ticket, None)
        if self._partials.get(ticket.key) is ticket:
            del self._partials[ticket.key]

    def take(self, now: float, most: int = 1) -> list[Ticket]:
        """Take out the next request and up to `most` - 1 others that fit to it.

        Args:
            now: seconds, on the clock of `charge`.
            most: how many are decoded together.

        Returns:
            The requests, the most pressing one first; empty when nothing waits.
        """
        line = sorted(
            (*self._finals, *self._partials.values()),
            key=lambda each: self.used(each.session, now) - FINAL_HEAD_START * each.urgent,
        )
        taken = list(_together(line, most)) if line else []
        for ticket in taken:
            self.remove(ticket)
        return taken

    def charge(self, session: Hashable, cost: float, now: float) -> None:
        """A session has used the engine for `cost` seconds."""
        self._used[session] = (self.used(session, now) + cost, now)
        if len(self._used) > 4 * (len(self) + 64):
            self._used = {
                each: entry for each, entry in self._used.items() if self.used(each, now) > 1e-4
            }

    def used(self, session: Hashable, now: float) -> float:
        """Seconds of the engine that a session has had lately; older use counts less."""
        amount, since = self._used.get(session, (0.0, now))
        return amount * math.exp((since - now) / MEMORY_SECONDS)


def _together(line: Sequence[Ticket], most: int) -> Iterable[Ticket]:
    """The first of a line, and those after it that can be decoded with it."""
    leader = line[0]
    yield leader
    if leader.fits is None:
        return
    length = len(leader.request.samples)
    longest, count = length, 1
    for ticket in line[1:]:
        other = len(ticket.request.samples)
        longer, shorter = max(longest, other), min(length, other)
        if (
            count < most
            and ticket.fits == leader.fits
            and longer - shorter <= max(LIKE_SAMPLES, LIKE_LENGTH * longer)
            and longer * (count + 1) <= MAX_BATCH_SAMPLES
        ):
            yield ticket
            longest, length, count = longer, shorter, count + 1


class Scheduler:
    """Runs a recognizer for all sessions on `workers` threads.

    Use as `async with`; requests may be made inside the block.

    Attributes:
        recognizer: shared by all sessions.
        queue: what waits.
        cadence: how often partials are welcome.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        workers: int = 1,
        pass_timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make a scheduler.

        Args:
            recognizer: shared by all sessions.
            workers: batches that are decoded at once.
            pass_timeout: seconds after which a worker is taken to hang, and replaced.
            clock: that of the event loop.
        """
        self.recognizer = recognizer
        self.queue = RequestQueue()
        self.cadence = Cadence(workers)
        self.replaced_workers = 0
        self._workers = workers
        self._idle = workers
        self._pass_timeout = pass_timeout
        self._clock = clock
        self._limiter = anyio.CapacityLimiter(workers)
        self._wake = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    @property
    def busy(self) -> bool:
        """Something is being decoded."""
        return self._idle < self._workers

    async def __aenter__(self) -> Scheduler:
        self._tasks = anyio.create_task_group()
        await self._tasks.__aenter__()
        for _ in range(self._workers):
            self._tasks.start_soon(self._work)
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._tasks is not None
        self._tasks.cancel_scope.cancel()
        await self._tasks.__aexit__(None, None, None)

    def submit(
        self,
        key: Hashable,
        request: RecognitionRequest,
        *,
        urgent: bool,
        session: Hashable = None,
    ) -> Ticket:
        """Put a request in the line; `result` waits for its answer."""
        ticket = Ticket(key, request, urgent, session, self.recognizer.batch_key(request))
        replaced = self.queue.put(ticket)
        if replaced is not None:
            replaced.settle(SupersededError())
        self._wake.set()
        return ticket

    async def result(self, ticket: Ticket) -> Decoded:
        """Wait for an answer. A caller that is cancelled leaves the line.

        Raises:
            SupersededError: a newer partial took its place.
            RecognitionError: the recognizer failed; for a final, twice.
        """
        try:
            await ticket.done.wait()
        finally:
            self.queue.remove(ticket)
        if isinstance(ticket.outcome, Exception):
            raise ticket.outcome
        assert ticket.outcome is not None
        return ticket.outcome

    async def _work(self) -> None:
        while True:
            # What could run beside each other on idle workers is not put together.
            share = -(-len(self.queue) // self._idle)
            tickets = self.queue.take(self._clock(), min(share, MAX_BATCH))
            if not tickets:
                self._wake = anyio.Event() if self._wake.is_set() else self._wake
                await self._wake.wait()
                continue
            self._idle -= 1
            try:
                await self._serve(tickets)
            finally:
                self._idle += 1

    async def _serve(self, tickets: Sequence[Ticket]) -> None:
        """Decode a batch; one that fails is taken apart."""
        outcome = await self._decode(tickets)
        if not isinstance(outcome, RecognitionError):
            for ticket, decoded in zip(tickets, outcome, strict=True):
                ticket.settle(decoded)
            return
        for ticket in tickets:
            again: list[Decoded] | RecognitionError = outcome
            if ticket.request.final or len(tickets) > 1:
                again = await self._decode([ticket])
            ticket.settle(again if isinstance(again, RecognitionError) else again[0])

    async def _decode(self, tickets: Sequence[Ticket]) -> list[Decoded] | RecognitionError:
        requests = [ticket.request for ticket in tickets]
        started = self._clock()
        hypotheses: list[Hypothesis] = []
        try:
            with anyio.fail_after(self._pass_timeout):
                hypotheses = await anyio.to_thread.run_sync(
                    self.recognizer.recognize,
                    requests,
                    limiter=self._limiter,
                    # An engine that hangs must not keep the server from ending.
                    abandon_on_cancel=True,
                )
        except TimeoutError:
            return self._replace_worker()
        except RecognitionError as error:
            return error
        except Exception as error:
            # An engine may fail in its own ways; one request must not end the worker.
            return RecognitionError(f"{type(error).__name__}: {error}")
        finally:
            # A call that failed has kept a worker busy like any other.
            ended = self._clock()
            self.cadence.worked(started, ended)
            for ticket in tickets:
                self.queue.charge(ticket.session, (ended - started) / len(tickets), ended)
        if len(hypotheses) != len(tickets):
            return RecognitionError(
                f"the recognizer gave {len(hypotheses)} answers to {len(tickets)} requests"
            )
        return [Decoded(hypothesis, started, ended) for hypothesis in hypotheses]

    def _replace_worker(self) -> RecognitionError:
        """Go on without the thread that does not answer; it ends when its call returns."""
        self.replaced_workers += 1
        text = f"the recognizer did not answer within {self._pass_timeout:g} s"
        logger.error("%s; its worker was replaced (the %d. one)", text, self.replaced_workers)
        return RecognitionError(text)
