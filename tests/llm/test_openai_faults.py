"""Endpoints that are slow, broken, away, or say too much; over real sockets."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import (
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    Tool,
    Utterance,
)
from streamkit.llm.openai_chat import OpenAIChat
from streamkit.llm.openai_exchange import FINISH_SECONDS

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
CANARY = "my secret is the word marmalade"
KEY = "sk-canary-0123456789"
REQUEST = ReplyRequest((Utterance("user", CANARY),))


@pytest.fixture
async def make(endpoint: Any) -> AsyncIterator[Callable[..., OpenAIChat]]:
    """A function that makes a model of the endpoint; all are closed at the end."""
    models: list[OpenAIChat] = []

    def open_model(**options: Any) -> OpenAIChat:
        defaults = {"api_key": KEY, "first_pause": 0.001}
        models.append(OpenAIChat(endpoint.url, "m", **defaults | options))
        return models[-1]

    yield open_model
    for each in models:
        await each.close()


async def collect(model: OpenAIChat, into: list[Delta] | None = None) -> str:
    """All that is said; what comes before an error is in `into`."""
    deltas = [] if into is None else into
    with anyio.fail_after(PATIENCE):
        async with model.reply(REQUEST) as stream:
            async for delta in stream:
                deltas.append(delta)
    assert isinstance(deltas[-1], Finished)
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


async def fail(model: OpenAIChat, into: list[Delta] | None = None) -> str:
    """The text of the error that a reply ends with."""
    deltas = [] if into is None else into
    with pytest.raises(ReplyError) as caught:
        await collect(model, deltas)
    assert not any(isinstance(delta, Finished) for delta in deltas)
    message = str(caught.value)
    assert KEY not in message
    assert CANARY not in message
    return message


class TestBeforeTheFirstToken:
    @pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
    async def test_what_may_pass_is_tried_again(
        self, endpoint: Any, make: Any, status: int
    ) -> None:
        endpoint.refuses(status, {"error": {"message": "not now"}})
        endpoint.refuses(status, "not now")
        endpoint.says("Hello")
        assert await collect(make()) == "Hello"
        assert len(endpoint.received) == 3

    async def test_a_lost_connection_is_tried_again(self, endpoint: Any, make: Any) -> None:
        async def drop(exchange: Any) -> None:
            await exchange._stream.aclose()

        async def drop_behind_the_headers(exchange: Any) -> None:
            await exchange.head()
            await exchange._stream.aclose()

        endpoint.play(drop, drop_behind_the_headers)
        endpoint.says("Hello")
        assert await collect(make()) == "Hello"

    async def test_an_error_within_the_stream_is_tried_again_if_it_may_pass(
        self, endpoint: Any, make: Any
    ) -> None:
        endpoint.sends({"error": {"message": "busy", "code": 503}})
        endpoint.says("Hello")
        assert await collect(make()) == "Hello"

    async def test_tries_are_bounded(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(500, {"error": {"message": "out of memory"}})
        message = await fail(make(attempts=4))
        assert "m at" in message
        assert endpoint.url in message
        assert "fails (500: out of memory)" in message
        assert len(endpoint.received) == 4

    @pytest.mark.parametrize(
        ("status", "body", "told"),
        [
            (400, {"error": {"message": "no such role", "code": 400}}, "refuses the request (400"),
            (401, {"error": {"message": f"Incorrect API key: {KEY}."}}, "refuses the API key"),
            (403, {"detail": "not for you"}, "refuses the API key (403: not for you)"),
            (404, {"error": "model 'm' not found"}, "is not there (404: model 'm' not found)"),
            (404, "<!DOCTYPE html><html>lots of page</html>", "(404: a web page instead of"),
            (413, "too large", "refuses the request (413: too large)"),
            (422, {"detail": [{"msg": "bad role", "input": CANARY}]}, "(422: bad role)"),
            (429, {"error": {"message": "pay", "code": "insufficient_quota"}}, "no quota left"),
            (418, "", "fails (418)"),
        ],
    )
    async def test_what_will_not_pass_is_told_at_once(
        self, endpoint: Any, make: Any, status: int, body: object, told: str
    ) -> None:
        endpoint.refuses(status, body)
        assert told in await fail(make())
        distinct = [json.dumps(each, sort_keys=True) for each in endpoint.bodies]
        assert len(distinct) == len(set(distinct)), "the same was asked twice"

    async def test_a_missing_key_is_told(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(401)
        assert "wants an API key, and none is set" in await fail(make(api_key=None))

    async def test_nobody_is_there(self, free_url: str) -> None:
        model = OpenAIChat(free_url, "m", first_pause=0.001)
        message = await fail(model)
        assert free_url in message
        assert "cannot be reached" in message
        assert "is the server running" in message
        await model.close()

    async def test_a_host_that_cannot_be(self) -> None:
        model = OpenAIChat(f"http://{'x' * 70}.invalid", "m", first_pause=0.001)
        await fail(model)
        await model.close()

    async def test_a_server_that_says_nothing(self, endpoint: Any, make: Any) -> None:
        endpoint.play(lambda exchange: exchange.hung_up())
        message = await fail(make(first_token_timeout=0.1))
        assert "did not say anything within 0.1 s" in message
        with anyio.fail_after(PATIENCE):
            await endpoint.received[0].hung_up.wait()

    async def test_signs_of_life_are_no_token(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            try:
                while True:
                    await exchange.body(b": still loading\n\n")
                    await exchange.event({"choices": []})
                    await anyio.sleep(0.01)
            except anyio.BrokenResourceError:
                exchange.received.hung_up.set()

        endpoint.play(play)
        assert "did not say anything within 0.2 s" in await fail(make(first_token_timeout=0.2))

    async def test_a_redirection_is_not_followed(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(307, location=f"{endpoint.url}/elsewhere?secret=1")
        message = await fail(make())
        assert f"sends one on to {endpoint.url}/elsewhere:" in message
        assert "secret" not in message
        assert len(endpoint.received) == 1


class TestRetryAfter:
    async def test_is_waited_for(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(429, "slow down", retry_after="3")
        endpoint.says("Hello")
        # It would have been asked again after a millisecond.
        message = await fail(make(first_token_timeout=0.3))
        assert "did not answer within 0.3 s; before that it gets too many requests" in message
        assert len(endpoint.received) == 1

    async def test_may_be_nothing(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(503, "restarting", retry_after="0")
        endpoint.says("Hello")
        assert await collect(make(first_pause=1000.0)) == "Hello"

    @pytest.mark.parametrize("as_date", [False, True])
    async def test_longer_than_anybody_waits(self, endpoint: Any, make: Any, as_date: bool) -> None:
        now = datetime(2020, 5, 1, 12, tzinfo=timezone.utc)
        later = format_datetime(now + timedelta(seconds=60), usegmt=True)
        endpoint.refuses(
            429,
            "slow down",
            retry_after=later if as_date else "60",
            date=format_datetime(now, usegmt=True),
        )
        assert "asks to be left alone for 60 s" in await fail(make())
        assert len(endpoint.received) == 1

    @pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "9" * 5000, "Mon, 99 Foo"])
    async def test_nonsense_is_ignored(self, endpoint: Any, make: Any, value: str) -> None:
        endpoint.refuses(429, "slow down", retry_after=value, date="nonsense")
        endpoint.says("Hello")
        assert await collect(make()) == "Hello"


class TestInTheMiddle:
    async def test_a_server_that_stops(self, endpoint: Any, make: Any) -> None:
        endpoint.hangs("One", " two")
        said: list[Delta] = []
        message = await fail(make(token_timeout=0.1), said)
        assert "stopped in the middle of its reply for 0.1 s" in message
        assert said == [TextDelta("One"), TextDelta(" two")]
        with anyio.fail_after(PATIENCE):
            await endpoint.received[0].hung_up.wait()
        assert len(endpoint.received) == 1

    async def test_thoughts_are_signs_of_life(
        self, endpoint: Any, make: Any, make_chunk: Any
    ) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            for _ in range(30):
                await exchange.event(make_chunk({"reasoning_content": "Hm."}))
                await anyio.sleep(0.05)
            await exchange.say("Yes.")
            await exchange.finish()

        endpoint.play(play)
        assert await collect(make(first_token_timeout=1.0, token_timeout=1.0)) == "Yes."

    async def test_a_connection_that_drops(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.say("One")
            await exchange._stream.aclose()

        endpoint.play(play)
        said: list[Delta] = []
        assert "dropped the connection in the middle of its reply" in await fail(make(), said)
        assert said == [TextDelta("One")]
        assert len(endpoint.received) == 1

    @pytest.mark.parametrize("together", [False, True])
    @pytest.mark.parametrize(
        ("bad", "told"),
        [
            ('{"choices": [{"del', "not JSON"),
            ("[" * 100_000, "not JSON"),
            ("[1]", "a chunk of type list"),
            ('{"choices": 3}', "choices of type int"),
            ('{"choices": [3]}', "choices of type list"),
            ('{"choices": [{"delta": "x"}]}', "delta of type str"),
            ('{"choices": [{"delta": {"content": 7}}]}', "a text of type int"),
            ('{"choices": [{"delta": {"tool_calls": {"a": 1}}}]}', "tool_calls of type dict"),
            ('{"choices": [{"delta": {"tool_calls": [1]}}]}', "a tool call of type int"),
            ('{"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}', "index of a tool call"),
            ('{"choices": [{"delta": {}, "finish_reason": 5}]}', "finish_reason of type int"),
            ('{"choices": [{"delta": {}, "finish_reason": "error"}]}', "broke off with 'error'"),
            ('{"error": {"message": "kaputt"}}', "broke off with an error (kaputt)"),
            ('{"error": "kaputt"}', "broke off with an error (kaputt)"),
            (f'{{"error": {{"message": "cannot parse {CANARY}"}}}}', "cannot parse […]"),
        ],
    )
    async def test_malformed_streams(
        self, endpoint: Any, make: Any, make_chunk: Any, bad: str, told: str, together: bool
    ) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            good = make_chunk({"content": "One"})
            await (exchange.event(good, bad) if together else exchange.say("One"))
            if not together:
                await exchange.event(bad)
            await exchange.finish()

        endpoint.play(play)
        endpoint.says("Hello")
        model = make()
        said: list[Delta] = []
        assert told in await fail(model, said)
        assert said == [TextDelta("One")]
        assert await collect(model) == "Hello"

    async def test_an_error_event(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.body(b'event: error\ndata: {"message": "overloaded"}\n\n')
            await exchange.hung_up()

        endpoint.play(play)
        with pytest.raises(ReplyError) as caught:
            await collect(make())
        # The connection is closed now, not when the error with all its frames is forgotten.
        with anyio.fail_after(PATIENCE):
            await endpoint.received[0].hung_up.wait()
        assert "broke off with an error (overloaded)" in str(caught.value)

    @pytest.mark.parametrize("done", [False, True])
    async def test_a_stream_without_an_end(
        self, endpoint: Any, make: Any, make_chunk: Any, done: bool
    ) -> None:
        endpoint.sends(make_chunk({"content": "One"}), *["[DONE]"] * done)
        if done:  # which says it all
            assert await collect(make()) == "One"
        else:
            assert "broke off in the middle of its reply" in await fail(make())

    @pytest.mark.parametrize("last", [[], ["[DONE]"]])
    async def test_a_stream_without_a_word(self, endpoint: Any, make: Any, last: list[str]) -> None:
        endpoint.sends(*last)
        assert "before it said anything" in await fail(make())
        assert len(endpoint.received) == 3

    async def test_a_call_without_a_name(self, endpoint: Any, make: Any, make_chunk: Any) -> None:
        part = {"index": 0, "id": "a", "function": {"arguments": "{}"}}
        endpoint.sends(make_chunk({"tool_calls": [part]}, "tool_calls"), "[DONE]")
        assert "a tool without a name" in await fail(make())

    @pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/html"])
    async def test_a_web_page(self, endpoint: Any, make: Any, kind: str) -> None:
        endpoint.refuses(200, "<html>Please log in</html>", content_type=kind)
        assert "answers with a web page" in await fail(make())

    async def test_a_web_page_that_says_it_is_none(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(200, "<html>Please log in</html>", content_type="text/event-stream")
        assert "before it said anything" in await fail(make())

    async def test_a_compressed_answer(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(200, "xxxx", content_encoding="gzip", content_type="text/event-stream")
        assert "compressed (gzip)" in await fail(make())

    async def test_a_line_without_end(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.say("One")
            try:
                while True:
                    await exchange.body(b"x" * 4096)
            except anyio.BrokenResourceError:
                exchange.received.hung_up.set()

        endpoint.play(play)
        assert "more than 100000 bytes in one go" in await fail(make(max_event_bytes=100_000))
        with anyio.fail_after(PATIENCE):
            await endpoint.received[0].hung_up.wait()

    async def test_a_reply_without_end(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            try:
                while True:
                    await exchange.say("on and ")
            except anyio.BrokenResourceError:
                exchange.received.hung_up.set()

        endpoint.play(play)
        assert "more than 50000 bytes" in await fail(make(max_reply_bytes=50_000))

    async def test_a_body_that_is_not_streamed_and_too_long(self, endpoint: Any, make: Any) -> None:
        endpoint.refuses(200, " " * 200_000)
        assert "more than 100000 bytes" in await fail(make(max_event_bytes=100_000))

    async def test_no_http(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.raw(b"SSH-2.0-OpenSSH_9.6\r\n")
            exchange.received.hung_up.set()

        endpoint.play(play)
        assert "dropped the connection" in await fail(make())

    async def test_broken_chunks(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.say("One")
            await exchange.raw(b"zzz\r\n")
            await exchange.hung_up()

        endpoint.play(play)
        assert "dropped the connection" in await fail(make())


class TestTheEnd:
    async def test_done_is_not_needed(self, endpoint: Any, make: Any, make_chunk: Any) -> None:
        endpoint.sends(make_chunk({"content": "One"}), make_chunk({}, "stop"))
        assert await collect(make()) == "One"

    async def test_the_empty_line_behind_the_last_event_is_not_needed(
        self, endpoint: Any, make: Any, make_chunk: Any
    ) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.body(
                f"data: {json.dumps(make_chunk({'content': 'One'}, 'stop'))}".encode()
            )
            await exchange.end()

        endpoint.play(play)
        assert await collect(make()) == "One"

    async def test_a_connection_may_drop_behind_the_reason(
        self, endpoint: Any, make: Any, make_chunk: Any
    ) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.event(make_chunk({"content": "One"}, "stop"))
            await exchange._stream.aclose()

        endpoint.play(play)
        assert await collect(make()) == "One"

    async def test_a_server_that_leaves_the_answer_open(
        self, endpoint: Any, make: Any, make_chunk: Any
    ) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.event(make_chunk({"content": "One"}, "stop"))
            await exchange.hung_up()

        assert FINISH_SECONDS < PATIENCE / 2
        endpoint.play(play)
        assert await collect(make(token_timeout=1000.0)) == "One"
        with anyio.fail_after(PATIENCE):
            await endpoint.received[0].hung_up.wait()

    async def test_a_server_that_talks_on_behind_done(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            await exchange.head()
            await exchange.say("One")
            await exchange.event("[DONE]", "and what else I wanted to say")
            await exchange.hung_up()

        endpoint.play(play)
        assert await collect(make()) == "One"

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    async def test_reasons(self, endpoint: Any, make: Any, make_chunk: Any, reason: str) -> None:
        endpoint.sends(make_chunk({"content": "One"}), make_chunk({}, reason), "[DONE]")
        said: list[Delta] = []
        await collect(make(), said)
        assert isinstance(said[-1], Finished)
        assert said[-1].reason == reason


class TestCancelling:
    @pytest.mark.parametrize("words", [[], ["One"]])
    async def test_while_waiting(self, endpoint: Any, make: Any, words: list[str]) -> None:
        endpoint.hangs(*words)
        endpoint.says("Hello")
        model = make()
        arrived = anyio.Event()

        async def listen() -> None:
            async with model.reply(REQUEST) as deltas:
                for _ in words:
                    await deltas.__anext__()
                arrived.set()
                await deltas.__anext__()

        with anyio.fail_after(PATIENCE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                await arrived.wait()
                while not endpoint.received:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            await endpoint.received[0].hung_up.wait()
        assert await collect(model) == "Hello"

    async def test_at_any_moment_leaves_nothing_behind(self, endpoint: Any, make: Any) -> None:
        async def play(exchange: Any) -> None:
            try:
                await exchange.head()
                for _ in range(20):
                    await exchange.say("word ")
                    await anyio.sleep(0.001)
                await exchange.finish()
            except anyio.BrokenResourceError:
                exchange.received.hung_up.set()

        endpoint.play(play)
        # With more than one connection it would not be seen that one has got lost.
        model = make(max_replies=1)
        for number in range(60):
            with anyio.move_on_after(number * 0.0008):
                await collect(model)
        assert await collect(model) == "word " * 20


class TestSecrets:
    async def test_neither_key_nor_conversation_get_into_logs(
        self, endpoint: Any, make: Any, caplog: pytest.LogCaptureFixture, free_url: str
    ) -> None:
        echo = {"error": {"message": f"Bearer {KEY} said {CANARY}"}}
        endpoint.refuses(500, echo)
        endpoint.refuses(401, echo)
        endpoint.hangs(CANARY)
        endpoint.says(CANARY)
        model = make(token_timeout=0.05)
        logger = logging.getLogger("test")
        with caplog.at_level(logging.DEBUG):
            for _ in range(2):
                with pytest.raises(ReplyError) as caught:
                    await collect(model)
                logger.error("failed: %r", caught.value, exc_info=caught.value)
            await collect(model)
            logger.info("%r %r %r", model, vars(model), vars(model._endpoint))
        assert {"test", "httpx", "httpcore.http11"} <= {record.name for record in caplog.records}
        assert KEY not in caplog.text
        assert CANARY not in caplog.text

    async def test_parameters_that_are_not_json(self, endpoint: Any, make: Any) -> None:
        model = make()
        tool = Tool("a", "", {"default": float("nan")})
        with pytest.raises(ReplyError, match="not JSON"):
            async with model.reply(ReplyRequest(REQUEST.turns, tools=(tool,))) as deltas:
                await deltas.__anext__()
        assert endpoint.received == []
