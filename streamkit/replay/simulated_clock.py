"""An event loop whose clock skips the time in which nothing happens.

Its time passes at real speed while something computes: the loop itself, a worker thread, another
process or machine that is waited for over a socket. As soon as all of them only wait for the time
to come, it is there. So an hour of sound takes as long as its computing does, and how late a word
comes is still told in seconds that a real session would have taken.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


class SimulatedClock:
    """Seconds that never go back; most of them are skipped.

    Attributes:
        skipped: seconds so far in which nothing happened, and nobody waited.
        busy: something computes that the event loop cannot see, in a thread, say; to be set by
            whoever knows.
    """

    def __init__(self) -> None:
        self.skipped = 0.0
        self.busy: Callable[[], bool] = lambda: False

    def now(self) -> float:
        """The time, in seconds."""
        return time.monotonic() + self.skipped


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop on a simulated clock.

    Args:
        clock: of this loop, and of all that runs in it.
    """

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._lookups = 0
        super().__init__(_SkippingSelector(clock, self._looks_up))

    def time(self) -> float:
        """The simulated time in seconds."""
        return self._clock.now()

    # Its type has a variable that Python 3.10 cannot write.
    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Any, *args: Any
    ) -> Any:
        """As asyncio's; time passes at real speed meanwhile: addresses are looked up so."""
        future = super().run_in_executor(executor, func, *args)
        self._lookups += 1
        future.add_done_callback(self._looked_up)
        return future

    def _looks_up(self) -> bool:
        return self._lookups > 0

    def _looked_up(self, _future: object) -> None:
        self._lookups -= 1


class _SkippingSelector(selectors.BaseSelector):
    """Does not wait where it can skip; all else is a real selector's business."""

    def __init__(self, clock: SimulatedClock, executes: Callable[[], bool]) -> None:
        self._clock = clock
        self._executes = executes
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0 or self._somebody_works():
            return self._real.select(timeout)
        ready = self._real.select(0)
        if not ready:
            self._clock.skipped += timeout
        return ready

    def _somebody_works(self) -> bool:
        # One file is the loop's own, by which threads wake it; whoever reads from another one
        # waits for somebody else.
        return len(self._real.get_map()) > 1 or self._executes() or self._clock.busy()

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


def run_simulated(function: Callable[[SimulatedClock], Awaitable[T]]) -> T:
    """Run an async function in an event loop of its own, on a clock of its own."""
    clock = SimulatedClock()
    return anyio.run(
        function,
        clock,
        backend="asyncio",
        backend_options={"loop_factory": lambda: SimulatedLoop(clock)},
    )
