from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint

from streamkit.client.event_queue import EventQueue
from streamkit.client.events import SpeechStarted, Transcript

pytestmark = pytest.mark.anyio


def partial(end: float) -> Transcript:
    return Transcript((), 0.0, end, 0, False, False, 0, 0, None)


async def test_a_newer_partial_replaces_an_unread_one() -> None:
    queue = EventQueue()
    for event in (partial(1), partial(2), SpeechStarted(0, 0), partial(3), partial(4)):
        await queue.put(event)
    queue.close()
    assert [await queue.get() for _ in range(4)] == [
        partial(2),
        SpeechStarted(0, 0),
        partial(4),
        None,
    ]


async def test_a_full_queue_makes_the_writer_wait() -> None:
    queue = EventQueue(bound=2)
    done: list[int] = []

    async def write() -> None:
        for index in range(4):
            await queue.put(SpeechStarted(index, 0))
            done.append(index)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        for _ in range(5):
            await checkpoint()
        assert done == [0, 1]
        assert await queue.get() == SpeechStarted(0, 0)
        for _ in range(5):
            await checkpoint()
        assert done == [0, 1, 2]
        queue.close()
    assert await queue.get() == SpeechStarted(1, 0)


async def test_the_reader_waits_and_ends_with_the_queue() -> None:
    queue = EventQueue()
    got: list[object] = []

    async def read() -> None:
        while (event := await queue.get()) is not None:
            got.append(event)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await checkpoint()
        await queue.put(partial(1))
        for _ in range(3):
            await checkpoint()
        assert got == [partial(1)]
        queue.close()
