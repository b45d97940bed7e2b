"""What waits for a slow reader: order, replacement, bounds."""

from __future__ import annotations

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from streamkit.server.outbox import Outbox

pytestmark = pytest.mark.anyio

TURNS = 20
"""Turns of the event loop in which a task that can go on would have gone on."""


async def drain(outbox: Outbox[str]) -> list[str]:
    outbox.close()
    items = []
    while (item := await outbox.get()) is not None:
        items.append(item)
    return items


async def test_items_come_in_order() -> None:
    outbox: Outbox[str] = Outbox(10)
    for item in "abc":
        outbox.put(item)
    assert await drain(outbox) == ["a", "b", "c"]


async def test_an_item_takes_the_place_of_the_one_it_replaces_at_the_end() -> None:
    outbox: Outbox[str] = Outbox(10)
    outbox.put("partial 1", replaces=0)
    outbox.put("other channel", replaces=1)
    outbox.put("final")
    outbox.put("partial 2", replaces=0)
    assert len(outbox) == 3
    assert await drain(outbox) == ["other channel", "final", "partial 2"]


async def test_what_was_taken_is_not_replaced() -> None:
    outbox: Outbox[str] = Outbox(10)
    outbox.put("partial 1", replaces=0)
    assert await outbox.get() == "partial 1"
    outbox.put("partial 2", replaces=0)
    assert await drain(outbox) == ["partial 2"]


async def test_get_waits_for_an_item() -> None:
    outbox: Outbox[str] = Outbox(10)
    got: list[str | None] = []

    async def take() -> None:
        got.append(await outbox.get())
        got.append(await outbox.get())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        for _ in range(TURNS):
            await checkpoint()
        assert got == []
        outbox.put("late")
        outbox.close()
    assert got == ["late", None]


async def test_room_waits_until_something_is_taken() -> None:
    outbox: Outbox[str] = Outbox(2)
    outbox.put("a")
    await outbox.room()
    outbox.put("b")
    through = anyio.Event()

    async def wait() -> None:
        await outbox.room()
        through.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        for _ in range(TURNS):
            await checkpoint()
        assert not through.is_set()
        await outbox.get()
        with anyio.fail_after(10):
            await through.wait()


@given(st.lists(st.one_of(st.none(), st.integers(0, 2)), max_size=50))
def test_nothing_that_must_arrive_is_lost_and_the_rest_is_bounded(
    channels: list[int | None],
) -> None:
    async def run() -> None:
        outbox: Outbox[tuple[int, int | None]] = Outbox(4)
        for number, channel in enumerate(channels):
            outbox.put((number, channel), replaces=channel)
        finals = [(n, c) for n, c in enumerate(channels) if c is None]
        newest = {c: (n, c) for n, c in enumerate(channels) if c is not None}
        outbox.close()
        got = []
        while (item := await outbox.get()) is not None:
            got.append(item)
        assert got == sorted([*finals, *newest.values()])

    anyio.run(run)
