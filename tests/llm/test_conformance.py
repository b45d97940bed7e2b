"""What every model of the reply has to keep, whichever it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from anyio.lowlevel import checkpoint

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import (
    CallDelta,
    ChatModel,
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    Tool,
    ToolCall,
    ToolResult,
    Utterance,
)
from streamkit.llm.openai_chat import OpenAIChat
from streamkit.llm.parrot import Parrot
from streamkit.llm.testing import ScriptedChatModel

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
SPEECH = ReplyRequest((Utterance("user", "count to five"),))
TOOLS = (
    Tool("get_weather", "", {"type": "object", "properties": {}}),
    Tool("get_time", "", {"type": "object", "properties": {}}),
)
CALLS = ReplyRequest((Utterance("user", "call get weather and get time"),), tools=TOOLS)
MODELS = ("parrot", "scripted", "openai")


@dataclass
class Subject:
    """A model, and what the tests have to know about it.

    Attributes:
        speaks: the model, that replies to several requests with a text.
        calls: another one, that calls two tools.
        waits: another one, that begins to reply and then waits for ever.
        fails: another one, whose first reply fails at once and whose second in the middle.
        begun: how many replies of `waits` have been begun.
        released: waits until what the replies of `waits` held is free.
    """

    speaks: ChatModel
    calls: ChatModel
    waits: ChatModel
    fails: ChatModel | None
    begun: Callable[[], int]
    released: Callable[[], Awaitable[None]]


def make_parrot() -> Subject:
    waits = Parrot(pace=1e6)

    async def released() -> None:
        pass  # it holds nothing; that no task is left is looked at for all

    return Subject(Parrot(), Parrot(), waits, None, lambda: 0, released)


def make_scripted() -> Subject:
    calls: list[Delta] = [
        CallDelta(0, "a", "get_weather", ""),
        CallDelta(0, "", "", "{}"),
        CallDelta(1, "b", "get_time", "{}"),
    ]
    never = anyio.Event()
    waits = ScriptedChatModel(*[["One", never]] * 9)

    async def released() -> None:
        assert all(reply.closed for reply in waits.replies)

    speaks = ScriptedChatModel(*[["One, ", "two, ", "three."]] * 9)
    fails = ScriptedChatModel([ReplyError("down")], ["One", ReplyError("broken")], ["Hello"])
    return Subject(
        speaks, ScriptedChatModel(calls), waits, fails, lambda: len(waits.replies), released
    )


def make_openai(endpoint: Any, chunk: Callable[..., Any]) -> Subject:
    async def play(exchange: Any) -> None:
        model = exchange.received.body["model"]
        if model == "fails" and len(endpoint.received) == 1:
            await exchange.answer(404, '{"error": {"message": "no"}}')
            return
        await exchange.head()
        if model == "waits":
            await exchange.say("One")
            await exchange.hung_up()
        elif model == "fails" and len(endpoint.received) == 2:
            await exchange.say("One")
            await exchange.event({"error": "broken"})
            await exchange.hung_up()
        elif model == "calls":
            for index, name in enumerate(("get_weather", "get_time")):
                function = {"name": name, "arguments": "{}"}
                call = {"index": index, "id": f"c{index}", "function": function}
                await exchange.event(chunk({"tool_calls": [call]}))
            await exchange.finish("tool_calls")
        else:
            await exchange.say("One, ", "two, ", "three.")
            await exchange.finish()

    endpoint.play(play)

    async def released() -> None:
        for received in endpoint.received:
            await received.hung_up.wait()

    def make(model: str) -> OpenAIChat:
        return OpenAIChat(endpoint.url, model, "sk-key", first_pause=0.001, attempts=1)

    return Subject(
        make("speaks"),
        make("calls"),
        make("waits"),
        make("fails"),
        lambda: len(endpoint.received),
        released,
    )


@pytest.fixture(params=MODELS)
async def subject(
    request: pytest.FixtureRequest, endpoint: Any, make_chunk: Any
) -> AsyncIterator[Subject]:
    match request.param:
        case "parrot":
            made = make_parrot()
        case "scripted":
            made = make_scripted()
        case _:
            made = make_openai(endpoint, make_chunk)
    yield made
    for model in (made.speaks, made.calls, made.waits, made.fails):
        if model is not None:
            await model.close()


async def collect(model: ChatModel, request: ReplyRequest) -> list[Delta]:
    with anyio.fail_after(PATIENCE):
        async with model.reply(request) as deltas:
            return [delta async for delta in deltas]


async def check_nothing_is_left(subject: Subject, tasks: set[Any]) -> None:
    """All that the replies of `waits` held is free, and no task is left but those of before."""
    with anyio.fail_after(PATIENCE):
        await subject.released()
        # The endpoint of the tests, which lives in this loop, ends its tasks too.
        while len(asyncio.all_tasks() - tasks) > 0:
            await checkpoint()


async def test_speech_ends_with_one_finished(subject: Subject) -> None:
    *deltas, finished = await collect(subject.speaks, SPEECH)
    assert deltas
    assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"


async def test_usage_is_there(subject: Subject) -> None:
    finished = (await collect(subject.speaks, SPEECH))[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert finished.usage.input_tokens > 0
    assert finished.usage.output_tokens > 0


async def test_calls_begin_with_their_id_and_name(subject: Subject) -> None:
    *deltas, finished = await collect(subject.calls, CALLS)
    assert isinstance(finished, Finished)
    assert finished.reason == "tool_calls"
    calls: dict[int, list[CallDelta]] = {}
    for delta in deltas:
        assert isinstance(delta, CallDelta)
        calls.setdefault(delta.index, []).append(delta)
    assert list(calls) == [0, 1]
    assert [parts[0].name for parts in calls.values()] == ["get_weather", "get_time"]
    assert len({parts[0].call_id for parts in calls.values()} - {""}) == 2
    for parts in calls.values():
        assert all((part.call_id, part.name) == ("", "") for part in parts[1:])
        assert "".join(part.arguments for part in parts) == "{}"


async def test_a_conversation_with_calls_and_results_is_taken(subject: Subject) -> None:
    turns = (
        Utterance("user", "call get weather"),
        ToolCall("a", "get_weather", "{}"),
        ToolResult("a", "sunny"),
    )
    *deltas, finished = await collect(subject.speaks, ReplyRequest(turns, tools=TOOLS))
    assert isinstance(finished, Finished)
    assert all(isinstance(delta, TextDelta) for delta in deltas)


async def test_an_empty_conversation_is_taken(subject: Subject) -> None:
    *deltas, _ = await collect(subject.speaks, ReplyRequest(()))
    assert deltas


async def test_nothing_happens_before_the_context_is_entered(subject: Subject) -> None:
    subject.waits.reply(SPEECH)
    for _ in range(20):
        await checkpoint()
    assert subject.begun() == 0


async def test_leaving_at_once_is_harmless(subject: Subject) -> None:
    tasks = asyncio.all_tasks()
    async with subject.waits.reply(SPEECH):
        pass
    await check_nothing_is_left(subject, tasks)


async def test_leaving_early_releases(subject: Subject) -> None:
    tasks = asyncio.all_tasks()
    with anyio.fail_after(PATIENCE):
        async with subject.waits.reply(SPEECH) as deltas:
            if not isinstance(subject.waits, Parrot):
                assert isinstance(await deltas.__anext__(), TextDelta)
    await check_nothing_is_left(subject, tasks)


async def test_an_error_of_the_listener_releases_and_passes(subject: Subject) -> None:
    tasks = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError), anyio.fail_after(PATIENCE):
        async with subject.waits.reply(SPEECH) as deltas:
            if not isinstance(subject.waits, Parrot):
                await deltas.__anext__()
            raise ZeroDivisionError
    await check_nothing_is_left(subject, tasks)


@pytest.mark.parametrize("inside", [True, False], ids=["in-next", "elsewhere"])
async def test_cancelling_releases(subject: Subject, inside: bool) -> None:
    tasks = asyncio.all_tasks()
    waiting = anyio.Event()

    async def listen() -> None:
        async with subject.waits.reply(SPEECH) as deltas:
            if not isinstance(subject.waits, Parrot):
                await deltas.__anext__()
            waiting.set()
            await (deltas.__anext__() if inside else anyio.sleep_forever())

    with anyio.fail_after(PATIENCE):
        async with anyio.create_task_group() as group:
            group.start_soon(listen)
            await waiting.wait()
            await checkpoint()
            group.cancel_scope.cancel()
    await check_nothing_is_left(subject, tasks)


async def test_several_replies_at_once(subject: Subject) -> None:
    expected = await collect(subject.speaks, SPEECH)
    answers: list[list[Delta]] = []

    async def listen() -> None:
        answers.append(await collect(subject.speaks, SPEECH))

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(listen)
    assert answers == [expected] * 8


async def test_one_reply_does_not_wait_for_another(subject: Subject) -> None:
    if isinstance(subject.waits, Parrot):
        pytest.skip("a parrot that waits does so before its first token")
    with anyio.fail_after(PATIENCE):
        async with subject.waits.reply(SPEECH) as first, subject.waits.reply(SPEECH) as second:
            assert await first.__anext__() == await second.__anext__()


async def test_failures_are_reply_errors_and_the_model_goes_on(subject: Subject) -> None:
    if subject.fails is None:
        pytest.skip("a parrot does not fail")
    said: list[Delta] = []
    for expected in ([], [TextDelta("One")]):
        said.clear()
        with pytest.raises(ReplyError) as caught, anyio.fail_after(PATIENCE):
            async with subject.fails.reply(SPEECH) as deltas:
                async for delta in deltas:
                    said.append(delta)  # noqa: PERF401 - those before the error count
        assert said == expected
        assert str(caught.value)
    assert isinstance((await collect(subject.fails, SPEECH))[-1], Finished)


async def test_after_an_error_the_reply_is_over(subject: Subject) -> None:
    if subject.fails is None:
        pytest.skip("a parrot does not fail")
    with anyio.fail_after(PATIENCE):
        async with subject.fails.reply(SPEECH) as deltas:
            with pytest.raises(ReplyError):
                await deltas.__anext__()
            with pytest.raises(StopAsyncIteration):
                await deltas.__anext__()


async def test_a_closed_model_says_so(subject: Subject) -> None:
    await subject.speaks.close()
    await subject.speaks.close()
    with pytest.raises(ReplyError, match="closed"):
        await collect(subject.speaks, SPEECH)


async def test_it_has_a_name(subject: Subject) -> None:
    assert subject.speaks.name
