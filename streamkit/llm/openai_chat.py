"""Replies of any endpoint that speaks OpenAI's chat completions, over HTTP.

That is most of them: llama.cpp, Ollama, vLLM, LM Studio and the hosted ones. This module holds
the tries and the time that they may take; the connection, what is written and what is read
stand in the modules `openai_*` beside it.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Final, TypeVar

import anyio
from pydantic import SecretStr

from streamkit.errors import ConfigurationError, ReplyError
from streamkit.llm.chat_model import Delta, ReplyRequest, ToolCall, ToolResult, Utterance
from streamkit.llm.openai_endpoint import Endpoint
from streamkit.llm.openai_exchange import Bounds, Exchange, close_response
from streamkit.llm.openai_faults import Fault, Redactor
from streamkit.llm.openai_reply import ReplyReader
from streamkit.llm.openai_request import Dialect, write_request

CONNECT_SECONDS: Final = 5.0
FIRST_TOKEN_SECONDS: Final = 30.0
TOKEN_SECONDS: Final = 20.0
ATTEMPTS: Final = 3
FIRST_PAUSE_SECONDS: Final = 0.25
MAX_PAUSE_SECONDS: Final = 5.0
"""The longest wait before another try; who asks for more gets none: nobody waits that long."""
MAX_REPLIES: Final = 128
MAX_EVENT_BYTES: Final = 1 << 20
MAX_REPLY_BYTES: Final = 32 << 20

_MAX_LISTED: Final = 12
_T = TypeVar("_T")


class OpenAIChat:
    """A `ChatModel` behind an OpenAI-compatible address.

    A connection is kept between replies, unless the reply is left early. Before the first
    token a try that fails for a reason that may pass (no connection, 408, 409, 425, 429, 5xx)
    is repeated; afterwards nothing is, since what was said cannot be taken back. Where the
    endpoint does not say what a reply cost, its `Usage` is estimated.

    Args:
        url: the API's base address, which mostly ends in "/v1"; "/v1" is added to an address
            without a path. It is the operator's: never take it from a client. A query is sent
            along, and may get into logs.
        model: its name there; None: the only one that the endpoint lists.
        api_key: sent as a bearer token; None sends none.
        connect_timeout: seconds for a connection to stand.
        first_token_timeout: seconds from asking to the first token, all tries together; thoughts
            that are not said count as tokens.
        token_timeout: seconds from one token to the next.
        attempts: tries in all.
        first_pause: seconds before the second try; doubles with each further one. An
            endpoint's Retry-After is honoured up to `MAX_PAUSE_SECONDS`.
        max_replies: replies open at once; one more waits for `connect_timeout`, and fails.
        max_event_bytes: bound on a line or event of an answer.
        max_reply_bytes: bound on all of an answer.
        extra: further fields for every request, such as {"temperature": 0.7} or
            {"reasoning_effort": "none"}.
        chance: source of random numbers in [0, 1), for the jitter of the pauses.

    Raises:
        ConfigurationError: the address or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        api_key: SecretStr | str | None = None,
        *,
        connect_timeout: float = CONNECT_SECONDS,
        first_token_timeout: float = FIRST_TOKEN_SECONDS,
        token_timeout: float = TOKEN_SECONDS,
        attempts: int = ATTEMPTS,
        first_pause: float = FIRST_PAUSE_SECONDS,
        max_replies: int = MAX_REPLIES,
        max_event_bytes: int = MAX_EVENT_BYTES,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        extra: Mapping[str, Any] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._endpoint = Endpoint(
            url,
            api_key,
            connect_timeout=connect_timeout,
            write_timeout=first_token_timeout,
            max_connections=max_replies,
        )
        self._model = model
        self._bounds = Bounds(connect_timeout, token_timeout, max_event_bytes, max_reply_bytes)
        self._first_token_timeout = first_token_timeout
        self._attempts = attempts
        self._first_pause = first_pause
        self._extra = dict(extra or {})
        self._chance = chance
        self._dialect = Dialect()

    @property
    def name(self) -> str:
        """The model's name; "default" until the endpoint has said what it has."""
        return self._model or "default"

    @asynccontextmanager
    async def reply(self, request: ReplyRequest) -> AsyncIterator[AsyncIterator[Delta]]:
        """Begin a reply; see `ChatModel.reply`. The request leaves with the first iteration.

        Raises:
            ReplyError: while iterating.
        """
        async with aclosing(self._deltas(request)) as deltas:
            yield deltas

    async def warm(self) -> None:
        """Open a connection and see whether the model is there, before somebody waits for it.

        Where the endpoint has a list of its models and this one is not in it, it is asked for
        one token: some endpoints know names that they do not list.

        Raises:
            ReplyError: the endpoint cannot be reached, or refuses the key.
            ConfigurationError: the endpoint does not know the model, or no model was named
                and the endpoint does not have exactly one.
        """
        names = await self._persist(self._endpoint.list_models)
        if self._model is None:
            self._model = self._choose(names)
            return
        # Ollama lists "name:latest" and takes "name".
        if names is None or {self._model, f"{self._model}:latest"} & set(names):
            return
        question = ReplyRequest((Utterance("user", "Hello"),), max_output_tokens=1)
        try:
            async with self.reply(question) as deltas:
                async for _ in deltas:
                    pass
        except ReplyError as error:
            raise ConfigurationError(
                f"{self._endpoint.url} does not list the model {self._model!r} (it lists "
                f"{_join(names)}), and asking for it failed: {error}"
            ) from error

    async def close(self) -> None:
        """Close all connections; see `ChatModel.close`."""
        await self._endpoint.close()

    async def _deltas(self, request: ReplyRequest) -> AsyncGenerator[Delta, None]:
        redactor = self._endpoint.redactor(_texts(request))
        exchange = await self._persist(lambda: self._ask(request, redactor))
        try:
            while not exchange.finished or exchange.ready:
                while exchange.ready:
                    yield exchange.ready.popleft()
                if not exchange.finished:
                    await exchange.advance()
            await exchange.drain()
        except Fault as fault:
            raise self._error(fault.reason) from fault
        finally:
            await exchange.close()

    async def _ask(self, request: ReplyRequest, redactor: Redactor) -> Exchange:
        """One try to get a reply to its first token, in words that the endpoint understands.

        Raises:
            Fault: it failed.
            ReplyError: it cannot be asked at all.
        """
        model = request.model or self._model
        if model is None:
            try:
                model = self._model = self._choose(await self._endpoint.list_models())
            except ConfigurationError as error:
                raise ReplyError(str(error)) from error
        dialect = self._dialect
        while True:
            body = write_request(request, model, dialect, self._extra)
            try:
                exchange = await self._open(body, request, redactor)
            except Fault as fault:
                fewer = dialect
                if fault.complaint is not None:
                    fewer = dialect.without_refused(body, fault.complaint)
                if fewer == dialect:
                    raise
                dialect = fewer
                continue
            if dialect != self._dialect:
                self._dialect = dialect
            return exchange

    async def _open(
        self, body: Mapping[str, Any], request: ReplyRequest, redactor: Redactor
    ) -> Exchange:
        response = await self._endpoint.ask(body, redactor)
        try:
            reader = ReplyReader(request, redactor, lambda: f"call_{uuid.uuid4().hex[:24]}")
            exchange = Exchange(response, reader, self._bounds)
        except Fault:
            await close_response(response)
            raise
        try:
            while not exchange.begun:
                await exchange.step()
        except BaseException:
            await exchange.close()
            raise
        return exchange

    async def _persist(self, attempt: Callable[[], Awaitable[_T]]) -> _T:
        """Try until it works, or there is no point or no time for another try.

        Raises:
            ReplyError: it did not work.
        """
        failures = 0
        reason = ""
        try:
            with anyio.fail_after(self._first_token_timeout):
                while True:
                    if self._endpoint.closed:
                        raise ReplyError(
                            f"the language model {self.name} was closed: make another one"
                        )
                    try:
                        return await attempt()
                    except Fault as fault:
                        failures += 1
                        reason = fault.reason
                        if not fault.again or failures >= self._attempts:
                            raise self._error(reason) from fault
                        await anyio.sleep(self._pause(fault, failures))
        except TimeoutError:
            within = f"within {self._first_token_timeout:g} s"
            if reason:
                raise self._error(f"did not answer {within}; before that it {reason}") from None
            raise self._error(
                f"did not say anything {within}: is it still loading, or overloaded? A smaller "
                "model answers sooner, and it can be given more time"
            ) from None

    def _pause(self, fault: Fault, failures: int) -> float:
        if fault.pause is None:
            pause = min(MAX_PAUSE_SECONDS, self._first_pause * 2.0 ** min(failures - 1, 64))
            return pause * (1 - self._chance() / 2)
        if fault.pause > MAX_PAUSE_SECONDS:
            raise self._error(
                f"{fault.reason}; it asks to be left alone for {fault.pause:g} s"
            ) from fault
        return fault.pause

    def _choose(self, names: list[str] | None) -> str:
        if names is not None and len(names) == 1:
            return names[0]
        has = "does not list its models" if names is None else f"has the models {_join(names)}"
        raise ConfigurationError(f"{self._endpoint.url} {has}: name the one that is to reply")

    def _error(self, reason: str) -> ReplyError:
        return ReplyError(f"the language model {self.name} at {self._endpoint.url} {reason}")


def _texts(request: ReplyRequest) -> list[str]:
    """All that was said in a conversation."""
    texts = [request.instructions]
    for turn in request.turns:
        match turn:
            case Utterance(text=text) | ToolCall(arguments=text) | ToolResult(output=text):
                texts.append(text)
    return texts


def _join(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_MAX_LISTED])
    return f"{shown} and others" if len(names) > _MAX_LISTED else shown or "none"
