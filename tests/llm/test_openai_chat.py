"""Replies over real sockets, from an endpoint that is well."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from streamkit.errors import ConfigurationError, ReplyError
from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    NamedTool,
    ReplyRequest,
    TextDelta,
    Tool,
    Usage,
    Utterance,
)
from streamkit.llm.openai_chat import OpenAIChat

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
REQUEST = ReplyRequest((Utterance("user", "Good morning"),), instructions="Be brief.")
WEATHER = Tool("get_weather", "tells the weather", {"type": "object", "properties": {}})


@pytest.fixture
async def make(endpoint: Any) -> AsyncIterator[Callable[..., OpenAIChat]]:
    """A function that makes a model of the endpoint; all are closed at the end."""
    models: list[OpenAIChat] = []

    def open_model(model: str | None = "m", **options: Any) -> OpenAIChat:
        models.append(OpenAIChat(endpoint.url, model, **{"first_pause": 0.001} | options))
        return models[-1]

    yield open_model
    for each in models:
        await each.close()


async def collect(model: OpenAIChat, request: ReplyRequest = REQUEST) -> list[Delta]:
    with anyio.fail_after(PATIENCE):
        async with model.reply(request) as deltas:
            return [delta async for delta in deltas]


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


class TestText:
    async def test_comes_as_it_is_sent(self, endpoint: Any, make: Any) -> None:
        endpoint.says("Good", " morning", "!", usage={"prompt_tokens": 9, "completion_tokens": 3})
        assert await collect(make()) == [
            TextDelta("Good"),
            TextDelta(" morning"),
            TextDelta("!"),
            Finished("stop", Usage(9, 3)),
        ]

    async def test_each_token_comes_before_the_next_is_sent(self, endpoint: Any, make: Any) -> None:
        heard = anyio.Event()

        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.say("one")
            await heard.wait()
            await exchange.say("two")
            await exchange.finish()

        endpoint.play(play)
        with anyio.fail_after(PATIENCE):
            async with make().reply(REQUEST) as deltas:
                assert await deltas.__anext__() == TextDelta("one")
                heard.set()
                assert await deltas.__anext__() == TextDelta("two")

    async def test_what_is_asked(self, endpoint: Any, make: Any) -> None:
        endpoint.says("Hello")
        await collect(make(api_key="sk-canary", extra={"temperature": 0.5, "stream": False}))
        (received,) = endpoint.received
        assert (received.method, received.path) == ("POST", "/v1/chat/completions")
        assert received.headers["authorization"] == "Bearer sk-canary"
        assert received.body == {
            "model": "m",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Good morning"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0.5,
        }

    async def test_without_a_key_no_key_is_sent(self, endpoint: Any, make: Any) -> None:
        endpoint.says("Hello")
        await collect(make(api_key=" "))
        assert "authorization" not in endpoint.received[0].headers

    async def test_text_that_is_no_unicode_is_sent_nevertheless(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.says("Hello")
        await collect(make(), ReplyRequest((Utterance("user", "a\ud800b"),)))
        assert endpoint.bodies[0]["messages"] == [{"role": "user", "content": "a?b"}]

    async def test_usage_is_estimated_where_the_endpoint_says_none(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.says("Good morning")
        finished = (await collect(make()))[-1]
        assert isinstance(finished, Finished)
        assert finished.usage is not None
        assert finished.usage.input_tokens > 5
        assert finished.usage.output_tokens >= 2

    async def test_an_endpoint_that_does_not_stream(self, endpoint: Any, make: Any) -> None:
        choice = {"message": {"role": "assistant", "content": "All at once."}}
        endpoint.refuses(200, {"choices": [{**choice, "finish_reason": "length"}]})
        deltas = await collect(make())
        assert text_of(deltas) == "All at once."
        assert isinstance(deltas[-1], Finished)
        assert deltas[-1].reason == "length"

    async def test_thoughts_are_not_said(self, endpoint: Any, make: Any, make_chunk: Any) -> None:
        endpoint.sends(
            make_chunk({"reasoning_content": "They greet me."}),
            make_chunk({"content": "<thi"}),
            make_chunk({"content": "nk>Greet back.</think"}),
            make_chunk({"content": ">\n\nHello"}),
            make_chunk({}, "stop"),
            "[DONE]",
        )
        assert text_of(await collect(make())) == "Hello"


class TestTools:
    async def test_two_calls_in_pieces(self, endpoint: Any, make: Any, make_chunk: Any) -> None:
        def call(**part: Any) -> dict[str, Any]:
            return make_chunk({"tool_calls": [part]})  # type: ignore[no-any-return]

        endpoint.sends(
            make_chunk({"content": "Let me see."}),
            call(index=0, id="a", type="function", function={"name": "get_weather"}),
            call(index=0, function={"arguments": '{"city": '}),
            call(index=0, function={"arguments": '"Rome"}'}),
            call(index=1, id="b", function={"name": "get_time", "arguments": ""}),
            make_chunk({}, "tool_calls"),
            "[DONE]",
        )
        deltas = await collect(make(), ReplyRequest(REQUEST.turns, tools=(WEATHER,)))
        assert deltas[:-1] == [
            TextDelta("Let me see."),
            CallDelta(0, "a", "get_weather", ""),
            CallDelta(0, "", "", '{"city": '),
            CallDelta(0, "", "", '"Rome"}'),
            CallDelta(1, "b", "get_time", ""),
            CallDelta(1, "", "", "{}"),
        ]
        assert isinstance(deltas[-1], Finished)
        assert deltas[-1].reason == "tool_calls"

    async def test_how_they_are_declared(self, endpoint: Any, make: Any) -> None:
        endpoint.says("Hello")
        request = ReplyRequest(
            REQUEST.turns,
            tools=(WEATHER,),
            tool_choice=NamedTool("get_weather"),
            parallel_tool_calls=False,
            max_output_tokens=7,
        )
        await collect(make(), request)
        (body,) = endpoint.bodies
        assert body["tools"] == [
            {
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "tells the weather",
                    "parameters": {"type": "object", "properties": {}},
                },
            }
        ]
        assert body["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
        assert body["parallel_tool_calls"] is False
        assert body["max_tokens"] == 7


class TestDialects:
    @pytest.mark.parametrize("status", [400, 422])
    async def test_what_the_endpoint_refuses_is_left_out_from_then_on(
        self, endpoint: Any, make: Any, status: int
    ) -> None:
        endpoint.refuses(status, {"error": {"message": "Extra inputs: stream_options"}})
        endpoint.says("Hello")
        model = make()
        assert text_of(await collect(model)) == "Hello"
        assert text_of(await collect(model)) == "Hello"
        assert ["stream_options" in body for body in endpoint.bodies] == [True, False, False]

    async def test_only_what_it_names_is_left_out(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(400, {"error": {"message": "unknown field", "param": "stream_options"}})
        endpoint.refuses(400, {"error": {"message": "parallel_tool_calls is not supported"}})
        endpoint.says("Hello")
        request = ReplyRequest(REQUEST.turns, tools=(WEATHER,), parallel_tool_calls=False)
        assert text_of(await collect(make(), request)) == "Hello"
        assert [
            ("stream_options" in body, "parallel_tool_calls" in body) for body in endpoint.bodies
        ] == [(True, True), (False, True), (False, False)]

    async def test_all_is_left_out_where_it_names_nothing(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(400, "bad request")
        endpoint.says("Hello")
        request = ReplyRequest(REQUEST.turns, tools=(WEATHER,), parallel_tool_calls=False)
        assert text_of(await collect(make(), request)) == "Hello"
        assert endpoint.bodies[1].keys() == {"model", "messages", "stream", "tools"}

    async def test_the_limit_gets_its_new_name(self, endpoint: Any, make: Any) -> None:
        message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        endpoint.refuses(400, {"error": {"message": message}})
        endpoint.says("Hello")
        await collect(make(), ReplyRequest(REQUEST.turns, max_output_tokens=5))
        assert endpoint.bodies[1]["max_completion_tokens"] == 5
        assert endpoint.bodies[1]["stream_options"]
        assert "max_tokens" not in endpoint.bodies[1]

    async def test_a_refusal_that_is_about_something_else_is_told(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.refuses(400, {"error": {"message": "the context is too long"}})
        endpoint.refuses(400, {"error": {"message": "the context is too long"}})
        endpoint.says("Hello")
        model = make()
        with pytest.raises(ReplyError, match=r"refuses the request .400: the context is too long"):
            await collect(model)
        assert len(endpoint.received) == 2
        await collect(model)
        assert "stream_options" in endpoint.bodies[2]


class TestConnections:
    async def test_one_is_enough_for_replies_one_after_the_other(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.says("Hello")
        model = make()
        await model.warm()
        for _ in range(5):
            await collect(model)
        assert endpoint.connections == 1

    async def test_one_is_kept_behind_an_error_too(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(429, {"error": "slow down"})
        endpoint.says("Hello")
        await collect(make())
        assert endpoint.connections == 1

    async def test_one_that_the_server_has_closed_meanwhile_is_replaced(
        self, endpoint: Any, make: Any
    ) -> None:
        closed = anyio.Event()

        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.say("Hello")
            await exchange.finish()
            await exchange._stream.aclose()
            closed.set()

        endpoint.play(play)
        model = make(attempts=2)
        for _ in range(3):
            assert text_of(await collect(model)) == "Hello"
            await closed.wait()
        assert endpoint.connections == 3

    async def test_more_replies_than_are_allowed_wait_and_fail(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.hangs("One")
        model = make(max_replies=1, connect_timeout=0.1)
        async with model.reply(REQUEST) as deltas:
            await deltas.__anext__()
            with pytest.raises(ReplyError, match="max_replies"):
                await collect(model)


async def test_a_reply_that_nobody_reads_is_not_read_ahead(endpoint: Any, make: Any) -> None:
    megabyte = b": " + b"x" * (1 << 20) + b"\n"
    ended = anyio.Event()
    sent = 0

    async def play(exchange: Any) -> None:
        nonlocal sent
        await exchange.head()
        await exchange.say("One")
        for _ in range(100):
            with anyio.move_on_after(0.3) as patience:
                await exchange.body(megabyte)
            if patience.cancelled_caught:
                break
            sent += 1
        ended.set()
        await exchange.hung_up()

    endpoint.play(play)
    with anyio.fail_after(PATIENCE):
        async with make().reply(REQUEST) as deltas:
            await deltas.__anext__()
            await ended.wait()
    assert sent < 50


class TestWarm:
    async def test_a_model_that_is_listed(self, endpoint: Any, make: Any) -> None:
        endpoint.models = ["other", "m"]
        await make().warm()
        assert (endpoint.listed, endpoint.received) == (1, [])

    async def test_a_name_without_its_tag(self, endpoint: Any, make: Any) -> None:
        endpoint.models = ["llama3:latest", "other"]
        await make("llama3").warm()
        assert endpoint.received == []

    async def test_a_model_that_is_not_listed_is_tried(self, endpoint: Any, make: Any) -> None:
        endpoint.models = ["other"]
        endpoint.says("Hi")
        await make("alias").warm()
        (body,) = endpoint.bodies
        assert (body["model"], body["max_tokens"]) == ("alias", 1)

    async def test_an_unknown_model(self, endpoint: Any, make: Any) -> None:
        endpoint.models = ["one", "two"]
        endpoint.refuses(404, {"error": {"message": "model 'm' not found"}})
        with pytest.raises(ConfigurationError, match=r"'m'.*'one', 'two'.*model 'm' not found"):
            await make().warm()

    async def test_no_list(self, endpoint: Any, make: Any) -> None:
        endpoint.models = None
        await make().warm()

    async def test_the_only_model_is_taken(self, endpoint: Any, make: Any) -> None:
        endpoint.models = ["only"]
        endpoint.says("Hello")
        model = make(None)
        assert model.name == "default"
        await model.warm()
        assert model.name == "only"
        await collect(model)
        assert endpoint.bodies[0]["model"] == "only"

    async def test_the_only_model_is_found_by_the_first_reply_too(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.models = ["only"]
        endpoint.says("Hello")
        model = make(None)
        await collect(model)
        await collect(model)
        assert [body["model"] for body in endpoint.bodies] == ["only", "only"]
        assert endpoint.listed == 1

    async def test_a_request_may_name_another_model(self, endpoint: Any, make: Any) -> None:
        endpoint.says("Hello")
        async with make("usual").reply(replace(REQUEST, model="other")) as deltas:
            assert [delta async for delta in deltas]
        assert [body["model"] for body in endpoint.bodies] == ["other"]

    @pytest.mark.parametrize(
        ("models", "told"),
        [(["a", "b"], "has the models 'a', 'b'"), ([], "none"), (None, "does not list")],
    )
    async def test_there_is_not_exactly_one(
        self, endpoint: Any, make: Any, models: list[str] | None, told: str
    ) -> None:
        endpoint.models = models
        model = make(None)
        with pytest.raises(ConfigurationError, match=told):
            await model.warm()
        with pytest.raises(ReplyError, match=told):
            await collect(model)

    async def test_nobody_is_there(self, free_url: str) -> None:
        model = OpenAIChat(free_url, "m", first_pause=0.001)
        with pytest.raises(ReplyError, match="cannot be reached"):
            await model.warm()
        await model.close()


@contextmanager
def real_server(app: Starlette) -> Iterator[str]:
    """Uvicorn in a thread, as real endpoints have it."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run)
    started = threading.Event()
    startup = server.startup

    async def report(*args: Any, **options: Any) -> None:
        await startup(*args, **options)
        started.set()

    server.startup = report  # type: ignore[method-assign]
    thread.start()
    try:
        assert started.wait(PATIENCE)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


async def test_a_server_with_a_framework() -> None:
    left = threading.Event()
    ports: list[int] = []

    async def stream(endless: bool) -> AsyncIterator[str]:
        try:
            word = {"choices": [{"index": 0, "delta": {"content": "word "}}]}
            yield f"data: {json.dumps(word)}\r\n\r\n"
            while endless:
                await anyio.sleep(0.01)
                yield ": still there\r\n\r\n"
            end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            yield f"data: {json.dumps(end)}\r\n\r\ndata: [DONE]\r\n\r\n"
        finally:
            if endless:
                left.set()

    async def complete(request: Request) -> StreamingResponse:
        assert request.client is not None
        ports.append(request.client.port)
        endless = "endless" in str(await request.json())
        return StreamingResponse(stream(endless), media_type="text/event-stream")

    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    with real_server(app) as url:
        model = OpenAIChat(url, "m")
        assert text_of(await collect(model)) == "word "
        assert text_of(await collect(model)) == "word "
        assert ports[0] == ports[1]
        async with model.reply(ReplyRequest((Utterance("user", "endless"),))) as deltas:
            assert await deltas.__anext__() == TextDelta("word ")
        assert await anyio.to_thread.run_sync(left.wait, PATIENCE)
        await model.close()
