"""The scripted model, which other tests rely on."""

from __future__ import annotations

import anyio
import pytest

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    Usage,
    Utterance,
)
from streamkit.llm.testing import ScriptedChatModel

pytestmark = pytest.mark.anyio

FIRST = ReplyRequest((Utterance("user", "one"),))
SECOND = ReplyRequest((Utterance("user", "two"),))


async def collect(model: ScriptedChatModel, request: ReplyRequest = FIRST) -> list[Delta]:
    async with model.reply(request) as deltas:
        return [delta async for delta in deltas]


async def test_scripts_are_used_up_one_after_the_other() -> None:
    model = ScriptedChatModel(["One", TextDelta(" two")], [CallDelta(0, "a", "tool", "{}")])
    *said, finished = await collect(model)
    assert said == [TextDelta("One"), TextDelta(" two")]
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"
    finished = (await collect(model, SECOND))[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == "tool_calls"
    assert model.requests == [FIRST, SECOND]
    with pytest.raises(ReplyError, match="has 2 replies"):
        await collect(model)


async def test_an_end_of_its_own() -> None:
    end = Finished("length", Usage(1, 2))
    assert await collect(ScriptedChatModel(["One", end, "never said"])) == [TextDelta("One"), end]


async def test_it_waits_for_events_and_tells_what_became_of_a_reply() -> None:
    goes_on = anyio.Event()
    model = ScriptedChatModel(["One", goes_on, "two"])
    async with model.reply(FIRST) as deltas:
        (reply,) = model.replies
        assert await deltas.__anext__() == TextDelta("One")
        with anyio.move_on_after(0.01) as patience:
            await deltas.__anext__()
        assert patience.cancelled_caught
    assert reply.deltas == [TextDelta("One")]
    assert reply.closed
    model = ScriptedChatModel(["One", goes_on, "two"])
    goes_on.set()
    assert len(await collect(model)) == 3


async def test_a_reply_that_fails_is_closed() -> None:
    model = ScriptedChatModel(["One", ReplyError("broken")])
    async with model.reply(FIRST) as deltas:
        await deltas.__anext__()
        assert not model.replies[0].closed
        with pytest.raises(ReplyError, match="broken"):
            await deltas.__anext__()
        assert model.replies[0].closed
