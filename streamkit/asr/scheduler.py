"""One model, many sessions: who is decoded next.

The order is a pure queue, `RequestQueue`: urgent finals first and in order, then partials,
oldest first, at most one waiting per segment, because a newer partial of the same
segment makes the older one worthless. So the queue is never longer than the finals that are
due plus one partial for each open segment. `Scheduler` runs it on a bounded number of
worker threads.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

import anyio
import anyio.abc
import anyio.to_thread

from streamkit.asr.recognizer import Hypothesis, RecognitionRequest, Recognizer
from streamkit.errors import RecognitionError

FINAL_ATTEMPTS = 2
"""A final that fails is tried once more; a partial is not, the next one comes soon."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A hypothesis and when it was computed, in seconds on `time.monotonic`."""

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
        done: set when `outcome` is there.
        outcome: the answer, or why there is none.
    """

    key: Hashable
    request: RecognitionRequest
    urgent: bool
    done: anyio.Event = field(default_factory=anyio.Event)
    outcome: Decoded | RecognitionError | SupersededError | None = None

    def settle(self, outcome: Decoded | RecognitionError | SupersededError) -> None:
        """Give the answer to whoever waits."""
        self.outcome = outcome
        self.done.set()


class RequestQueue:
    """The order of the waiting requests."""

    def __init__(self) -> None:
        self._finals: OrderedDict[Ticket, None] = OrderedDict()
        self._partials: OrderedDict[Hashable, Ticket] = OrderedDict()

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

    def get(self) -> Ticket | None:
        """Take the next request out, None when nothing waits."""
        if self._finals:
            return self._finals.popitem(last=False)[0]
        if self._partials:
            return self._partials.popitem(last=False)[1]
        return None


class Scheduler:
    """Runs a recognizer for all sessions on `workers` threads.

    Use as `async with`; requests may be made inside the block.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        workers: int = 1,
    ) -> None:
        """Make a scheduler.

        Args:
            recognizer: shared by all sessions.
            workers: requests that are decoded at once.
        """
        self.recognizer = recognizer
        self.queue = RequestQueue()
        self._workers = workers
        self._limiter = anyio.CapacityLimiter(workers)
        self._wake = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

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

    def submit(self, key: Hashable, request: RecognitionRequest, *, urgent: bool) -> Ticket:
        """Put a request in the line; `result` waits for its answer."""
        ticket = Ticket(key, request, urgent)
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
            ticket = self.queue.get()
            if ticket is None:
                self._wake = anyio.Event() if self._wake.is_set() else self._wake
                await self._wake.wait()
                continue
            ticket.settle(await self._decode(ticket))

    async def _decode(self, ticket: Ticket) -> Decoded | RecognitionError:
        attempts = FINAL_ATTEMPTS if ticket.request.final else 1
        failure = RecognitionError("not tried")
        for _ in range(attempts):
            started = time.monotonic()
            try:
                hypothesis = await anyio.to_thread.run_sync(
                    self.recognizer.recognize,
                    ticket.request,
                    limiter=self._limiter,
                    # An engine that hangs must not keep the server from ending.
                    abandon_on_cancel=True,
                )
            except RecognitionError as error:
                failure = error
            except Exception as error:
                # An engine may fail in its own ways; one request must not end the worker.
                failure = RecognitionError(f"{type(error).__name__}: {error}")
            else:
                return Decoded(hypothesis, started, time.monotonic())
        return failure
