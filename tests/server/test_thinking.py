"""A model's reply on its way to the session."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import Delta, Finished, ReplyRequest, TextDelta
from streamkit.server.testing import PATIENCE_SECONDS
from streamkit.server.thinking import think
from streamkit.session.conversation_events import ReplyFailed, TokenArrived

pytestmark = pytest.mark.anyio

REQUEST = ReplyRequest(())
ONE, TWO, END = TextDelta("one"), TextDelta("two"), Finished("stop", None)


@dataclass
class Model:
    """Says what it is given; an exception among it is raised."""

    script: list[Delta | Exception]
    asked: list[ReplyRequest] = field(default_factory=list)
    open: int = 0

    @property
    def name(self) -> str:
        return "model"

    @asynccontextmanager
    async def reply(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        self.asked.append(request)
        self.open += 1
        try:
            yield self._deltas()
        finally:
            self.open -= 1

    async def _deltas(self) -> AsyncIterator[Delta]:
        for each in self.script:
            if isinstance(each, Exception):
                raise each
            yield each

    async def close(self) -> None:
        pass


async def always() -> None:
    """There is always room."""


async def test_each_token_is_passed_on() -> None:
    model = Model([ONE, TWO, END])
    posted: list[TokenArrived | ReplyFailed] = []
    await think(model, REQUEST, 3, post=posted.append, room=always)
    assert posted == [TokenArrived(3, each) for each in (ONE, TWO, END)]
    assert (model.asked, model.open) == ([REQUEST], 0)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ReplyError("the endpoint is down"), "the endpoint is down"),
        (KeyError("the secret words"), "the model of the reply failed with KeyError"),
    ],
    ids=["of the model", "of its program"],
)
async def test_a_failure_is_told_once(
    error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = Model([ONE, error])
    posted: list[TokenArrived | ReplyFailed] = []
    await think(model, REQUEST, 3, post=posted.append, room=always)
    assert posted == [TokenArrived(3, ONE), ReplyFailed(3, reason)]
    assert model.open == 0
    assert "secret" not in caplog.text


async def test_a_client_that_does_not_read_stops_the_model() -> None:
    model = Model([ONE, TWO, END])
    posted: list[TokenArrived | ReplyFailed] = []
    gates = [anyio.Event() for _ in range(3)]

    async def room() -> None:
        await gates[len(posted) - 1].wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run(model, posted.append, room))
        await anyio.wait_all_tasks_blocked()
        assert len(posted) == 1
        gates[0].set()
        await anyio.wait_all_tasks_blocked()
        assert len(posted) == 2
        assert model.open == 1
        # Nobody wants the rest.
        tasks.cancel_scope.cancel()
    assert len(posted) == 2
    assert model.open == 0


def run(
    model: Model,
    post: Callable[[TokenArrived | ReplyFailed], None],
    room: Callable[[], Awaitable[None]],
) -> Callable[[], Coroutine[Any, Any, None]]:
    async def go() -> None:
        with anyio.fail_after(PATIENCE_SECONDS):
            await think(model, REQUEST, 3, post=post, room=room)

    return go
