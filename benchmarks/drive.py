"""Plays talks to a system in real time, for one viewer or many, and takes the time.

The load comes from one process with prepared messages; nothing is evaluated while the clock
runs. It measures itself too: how late each message left (the system may have held it back), and
how late the event loop woke up for a clock of its own (then the figures are the generator's, not
the system's).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import anyio
import anyio.to_thread
import psutil

from streamkit_benchmarks.systems import CHUNK_SAMPLES, RATE, Served, Setup, System
from streamkit_benchmarks.talk import Talk
from streamkit_benchmarks.timeline import Recording

TICK_SECONDS = 0.05
SAMPLE_SECONDS = 2.0
PROGRESS_SECONDS = 30.0
FINISH_SECONDS = 60.0
"""How long a system may take for its last words, and to take audio that it held back."""

WARM_SHARE = 0.2
"""Part of the run after which memory counts as settled, at most `WARM_SECONDS`."""

WARM_SECONDS = 60.0
MIB = 2**20

Progress = Callable[[str], None]


@dataclass(slots=True)
class Viewer:
    """One client.

    Attributes:
        talk: what it sends.
        messages: of the talk.
        recording: what it saw.
        started: on the monotonic clock; the first sample of the talk.
        late: seconds by which each message left after it was due.
        failure: what went wrong, if something did.
    """

    talk: Talk
    messages: list[bytes]
    recording: Recording = field(default_factory=Recording)
    started: float = 0.0
    late: list[float] = field(default_factory=list)
    failure: str | None = None

    async def audio(self) -> AsyncIterator[bytes]:
        """The messages, each when its last sample has been spoken; the clock starts here."""
        self.started = time.monotonic()
        for number, message in enumerate(self.messages, 1):
            due = self.started + number * CHUNK_SAMPLES / RATE
            wait = due - time.monotonic()
            if wait > 0:
                await anyio.sleep(wait)
            self.late.append(time.monotonic() - due)
            yield message

    def show(self, committed: str, tentative: str) -> None:
        """What the viewer sees from now on."""
        self.recording.show(time.monotonic() - self.started, committed, tentative)


@dataclass(slots=True)
class Load:
    """A run with all its viewers.

    Attributes:
        viewers: one for each client.
        wall: seconds from the first connection to the last word.
        cpu: seconds of the server's processes in that time.
        loop_late: seconds by which the generator's own clock was late, at each tick.
        memory: (seconds, resident MiB of the server's processes).
    """

    viewers: list[Viewer]
    wall: float = 0.0
    cpu: float = 0.0
    loop_late: list[float] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)

    @property
    def audio(self) -> float:
        """Seconds of audio that were sent, all clients together."""
        return sum(len(viewer.late) for viewer in self.viewers) * CHUNK_SAMPLES / RATE

    @property
    def settled_memory(self) -> tuple[float, float] | None:
        """Resident MiB after the warm-up, and at the end."""
        warm = min(WARM_SECONDS, WARM_SHARE * self.wall)
        settled = [size for at, size in self.memory if at >= warm]
        return (settled[0], settled[-1]) if settled else None


def _tree(process: psutil.Process) -> Iterator[psutil.Process]:
    try:
        yield process
        yield from process.children(recursive=True)
    except psutil.NoSuchProcess:
        return


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time so far of a process and all its children, those that have ended included."""
    total = 0.0
    for each in _tree(process):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        # psutil has these where the system does, which macOS is not.
        total += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return total


def memory_mib(process: psutil.Process) -> float:
    """Resident MiB of a process and all its children."""
    total = 0
    for each in _tree(process):
        with suppress(psutil.NoSuchProcess):
            total += each.memory_info().rss
    return total / MIB


@contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """This thread, and the processes and threads that it starts in here, use these cores.

    Where the system cannot do that (macOS), nothing happens.
    """
    if sys.platform != "linux" or not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def available_cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    if sys.platform == "linux":
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextmanager
def serving(system: System, setup: Setup) -> Iterator[Served]:
    """A system's server on the setup's cores, whatever it does about them by itself."""
    with ExitStack() as exits:
        with on_cores(setup.cores):
            served = exits.enter_context(system.serve(setup))
        yield served


def play(system: System, served: Served, talks: Sequence[Talk], progress: Progress) -> Load:
    """Play the talks at the same time, one client each, in real time.

    Args:
        system: under test.
        served: its server.
        talks: one for each client.
        progress: takes a line now and then.
    """
    load = Load([Viewer(talk, talk.messages()) for talk in talks])
    anyio.run(_play, system, served, load, progress)
    return load


async def _play(system: System, served: Served, load: Load, progress: Progress) -> None:
    started = time.monotonic()
    before = cpu_seconds(served.process)
    async with anyio.create_task_group() as watchers:
        watchers.start_soon(_tick, load)
        watchers.start_soon(_sample, served.process, load, started)
        watchers.start_soon(_tell, load, started, progress)
        async with anyio.create_task_group() as clients:
            for number, viewer in enumerate(load.viewers):
                # Spread over one message's time: people do not speak in lockstep either.
                delay = number / len(load.viewers) * CHUNK_SAMPLES / RATE
                clients.start_soon(_client, system, served.url, viewer, delay)
        watchers.cancel_scope.cancel()
    load.wall = time.monotonic() - started
    load.cpu = cpu_seconds(served.process) - before
    load.memory.append((load.wall, memory_mib(served.process)))


async def _client(system: System, url: str, viewer: Viewer, delay: float) -> None:
    await anyio.sleep(delay)
    allowed = viewer.talk.seconds + FINISH_SECONDS
    try:
        with anyio.fail_after(allowed):
            await system.converse(url, viewer.audio(), viewer.show)
    except TimeoutError:
        viewer.failure = f"had not said everything {FINISH_SECONDS:.0f} s after the talk's end"
    except Exception as error:
        viewer.failure = _reason(error)
    else:
        if len(viewer.late) < len(viewer.messages):
            viewer.failure = "hung up before the talk was over"


def _reason(error: BaseException) -> str:
    while isinstance(inner := getattr(error, "exceptions", None), tuple) and inner:
        error = inner[0]
    return f"{type(error).__name__}: {error}"


async def _tick(load: Load) -> None:
    due = time.monotonic()
    while True:
        due += TICK_SECONDS
        await anyio.sleep(max(0.0, due - time.monotonic()))
        late = time.monotonic() - due
        load.loop_late.append(late)
        if late > TICK_SECONDS:
            due += late


async def _sample(process: psutil.Process, load: Load, started: float) -> None:
    while True:
        size = await anyio.to_thread.run_sync(memory_mib, process)
        load.memory.append((time.monotonic() - started, size))
        await anyio.sleep(SAMPLE_SECONDS)


async def _tell(load: Load, started: float, progress: Progress) -> None:
    whole = max(viewer.talk.seconds for viewer in load.viewers)
    while True:
        await anyio.sleep(PROGRESS_SECONDS)
        words = sum(viewer.recording.committed.count(" ") for viewer in load.viewers)
        at = time.monotonic() - started
        progress(f"    {at:.0f} of {whole:.0f} s, {words} final words so far")
