"""Who is being spoken by a process, who waits, and who is to blame when it ends; pure.

When a process ends, all that it was given is given to the next one. When that ends too, one of
those that were in both may be what ends it, so each of them is tried alone, and a request that
a process ends over while it is alone, for the second time or later, is lost. So nobody fails for
what another one does, and no request ends more than three processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from streamkit.errors import SynthesisError

SUSPECT_ENDS = 2
"""Processes that have ended over a request before it is tried alone, or lost if it was alone."""
MAX_TRIES_IN_A_PROCESS = 2
"""Of a request that fails for a reason that may pass."""

Job = TypeVar("Job")


@dataclass(eq=False, slots=True)
class _Place:
    """One request in the line."""

    id: int | None = None
    """Under which the process has it; None: it waits."""
    ends: int = 0
    """Processes that ended while they had it."""
    failures: int = 0


class Line(Generic[Job]):
    """Requests from when they are made until they are over.

    Args:
        most: requests at a time.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._places: dict[Job, _Place] = {}
        self._sent: dict[int, Job] = {}
        self._ids = count(1)

    def __len__(self) -> int:
        """Requests that are not over."""
        return len(self._places)

    @property
    def waiting(self) -> int:
        """Those of them that no process has."""
        return len(self._places) - len(self._sent)

    def add(self, job: Job) -> None:
        """Take a request.

        Raises:
            SynthesisError: there are too many.
        """
        if len(self._places) >= self._most:
            raise SynthesisError(
                f"the voice has {self._most} sentences to speak, which is as many as it takes: "
                "try again in a moment, or raise its limit (max_sentences)"
            )
        self._places[job] = _Place()

    def due(self) -> list[tuple[int, Job]]:
        """Requests to be sent to the process now, each with an id that was never used before."""
        suspects = [job for job, place in self._places.items() if place.ends >= SUSPECT_ENDS]
        if suspects:
            chosen = [] if self._sent else suspects[:1]
        else:
            chosen = [job for job, place in self._places.items() if place.id is None]
        sent = {next(self._ids): job for job in chosen}
        for id, job in sent.items():
            self._places[job].id = id
        self._sent.update(sent)
        return list(sent.items())

    def find(self, id: int) -> Job | None:
        """The request that the process has under an id; None: it is over."""
        return self._sent.get(id)

    def remove(self, job: Job) -> int | None:
        """Forget a request, if there is such a one; the id under which the process has it."""
        place = self._places.pop(job, None)
        if place is None or place.id is None:
            return None
        del self._sent[place.id]
        return place.id

    def over(self, id: int) -> Job | None:
        """The process has no more to say of a request: it is forgotten, and returned."""
        job = self._sent.get(id)
        if job is not None:
            self.remove(job)
        return job

    def again(self, id: int) -> Job | None:
        """Let one that failed wait for another try; None: it is unknown, or has had its tries."""
        job = self._sent.get(id)
        if job is None:
            return None
        place = self._places[job]
        place.failures += 1
        if place.failures >= MAX_TRIES_IN_A_PROCESS:
            return None
        del self._sent[id]
        place.id = None
        return job

    def ended(self) -> tuple[list[Job], list[Job]]:
        """The process has ended.

        Returns:
            Those that it had and that wait for the next process, and those that are lost.
        """
        alone = len(self._sent) == 1
        kept: list[Job] = []
        lost: list[Job] = []
        for job in self._sent.values():
            place = self._places[job]
            place.id = None
            place.ends += 1
            (lost if alone and place.ends >= SUSPECT_ENDS else kept).append(job)
        self._sent.clear()
        for job in lost:
            del self._places[job]
        return kept, lost

    def clear(self) -> list[Job]:
        """Forget all requests, and return them."""
        jobs = list(self._places)
        self._places.clear()
        self._sent.clear()
        return jobs
