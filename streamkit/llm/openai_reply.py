"""A streamed answer of OpenAI's chat completions, as endpoints really send it; pure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from streamkit.llm.characters import Mender, mend
from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    ReplyRequest,
    TextDelta,
    Usage,
)
from streamkit.llm.event_stream import ServerEvent
from streamkit.llm.openai_faults import Fault, Redactor, error_fault
from streamkit.llm.thoughts import ThoughtFilter
from streamkit.llm.tokens import count_request, estimate_tokens

DONE: Final = "[DONE]"

_Reason = Literal["stop", "length", "tool_calls", "content_filter"]
_REASONS: Final[dict[str, _Reason]] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
}
"""What endpoints call the ends that are not usual; a tool call is seen without being told."""
_FAILED: Final = frozenset({"error", "abort"})
_BROKEN: Final = "is this an OpenAI-compatible endpoint?"


@dataclass(slots=True)
class _Call:
    index: int
    call_id: str
    name: str = ""
    held: str = ""
    """Arguments that came before the name."""
    empty: bool = True
    mender: Mender = field(default_factory=Mender)


class ReplyReader:
    """Turns the events of one answer into deltas.

    Endpoints differ, and this takes what is clear: calls whole or in parts, with indices or
    without, or with one index for all; `finish_reason` in any chunk; usage with the last
    chunk, after it, or never (then it is estimated); an answer that is not streamed, as one
    chunk. What they think (`reasoning_content`, `<think>`) is dropped.

    Args:
        request: what was asked, for estimating its tokens.
        redactor: for what the endpoint says about an error.
        new_id: makes the id of a call that has none.

    Attributes:
        tokens: grows with everything that the model produces, thoughts included.
        complete: the endpoint has said why the reply ends.
        over: the endpoint has said that nothing more is coming.
    """

    def __init__(
        self, request: ReplyRequest, redactor: Redactor, new_id: Callable[[], str]
    ) -> None:
        self.tokens = 0
        self.complete = False
        self.over = False
        self._request = request
        self._redactor = redactor
        self._new_id = new_id
        self._thoughts = ThoughtFilter()
        self._mender = Mender()
        self._calls: list[_Call] = []
        self._by_key: dict[int, _Call] = {}
        self._reason: _Reason = "stop"
        self._usage: Usage | None = None
        self._produced: list[str] = []

    def read(self, event: ServerEvent) -> list[Delta]:
        """Take one event; returns what of it is to be passed on.

        Raises:
            Fault: the event is an error, or cannot be understood.
        """
        if event.data.strip() == DONE:
            self.over = True
            return []
        try:
            chunk = json.loads(event.data)
        except (ValueError, RecursionError):
            raise Fault(f"sent something that is not JSON: {_BROKEN}") from None
        if not isinstance(chunk, dict):
            raise _broken("a chunk", chunk)
        if chunk.get("error") or "error" in (event.kind, chunk.get("object")):
            raise error_fault(chunk.get("error") or chunk, self._redactor)
        self._read_usage(chunk.get("usage"))
        choices = chunk.get("choices") or []
        if not isinstance(choices, list) or not all(isinstance(each, dict) for each in choices):
            raise _broken("choices", choices)
        return self._read_choice(choices[0]) if choices else []

    def end(self) -> list[Delta]:
        """The answer is over; returns what is left, and `Finished`.

        Raises:
            Fault: the answer has no proper end.
        """
        if not self.complete and not (self.over and self.tokens):
            raise Fault(
                "broke off in the middle of its reply: see the log of that server"
                if self.tokens
                else "ended its reply before it said anything: see the log of that server",
                again=not self.tokens,
            )
        deltas: list[Delta] = []
        if text := self._thoughts.feed(self._mender.end()) + self._thoughts.end():
            deltas.append(TextDelta(text))
        if any(not call.name for call in self._calls):
            raise Fault(f"asks for a tool without a name: {_BROKEN}")
        rests = [(call.index, call.mender.end()) for call in self._calls]
        deltas += [CallDelta(index, "", "", rest) for index, rest in rests if rest]
        reason = self._reason
        if reason == "stop" and self._calls:
            reason = "tool_calls"
        if reason == "tool_calls":
            deltas += [CallDelta(call.index, "", "", "{}") for call in self._calls if call.empty]
        usage = self._usage or Usage(
            input_tokens=count_request(self._request),
            output_tokens=estimate_tokens("".join(self._produced)),
        )
        return [*deltas, Finished(reason, usage)]

    def _read_choice(self, choice: dict[str, Any]) -> list[Delta]:
        # An endpoint that does not stream sends one "message" instead of many a "delta".
        delta = choice.get("delta") or choice.get("message") or {}
        if not isinstance(delta, dict):
            raise _broken("delta", delta)
        deltas: list[Delta] = []
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str):
            self._produce(thought)
        said = _text(delta.get("content")) + _text(delta.get("refusal"))
        self._produce(said)
        said = self._mender.feed(said)
        if text := self._thoughts.feed(said):
            deltas.append(TextDelta(text))
        parts = delta.get("tool_calls") or []
        if not isinstance(parts, list):
            raise _broken("tool_calls", parts)
        for part in parts:
            deltas += self._read_call(part)
        self._read_reason(choice.get("finish_reason"))
        return deltas

    def _read_call(self, part: object) -> list[Delta]:
        function = part.get("function") if isinstance(part, dict) else None
        if not isinstance(part, dict) or not isinstance(function, dict | None):
            raise _broken("a tool call", part)
        function = function or {}
        name = mend(_text(function.get("name")))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = json.dumps(arguments, ensure_ascii=False)
        arguments = _text(arguments)
        call = self._find_call(part.get("index"), mend(_text(part.get("id"))), name)
        arguments = call.mender.feed(arguments)
        self._produce(name + arguments)
        self.tokens += 1
        call.empty = call.empty and not arguments.strip()
        if call.name:
            return [CallDelta(call.index, "", "", arguments)] if arguments else []
        call.held += arguments
        if not name:
            return []
        call.name = name
        return [CallDelta(call.index, call.call_id, name, call.held)]

    def _find_call(self, key: object, call_id: str, name: str) -> _Call:
        """The call that a part belongs to, begun if it is new.

        Some endpoints count no calls, or give all of them the index 0: then another id, or
        without ids another name, begins another call.
        """
        if key is not None and (not isinstance(key, int) or isinstance(key, bool)):
            raise _broken("the index of a tool call", key)
        known: _Call | None
        if key is not None:
            known = self._by_key.get(key)
            if known is not None and name and call_id and call_id != known.call_id:
                known = None
        elif call_id:
            known = next((call for call in self._calls if call.call_id == call_id), None)
        else:
            known = None if name or not self._calls else self._calls[-1]
        if known is not None:
            return known
        call = _Call(len(self._calls), call_id or self._new_id())
        self._calls.append(call)
        if key is not None:
            self._by_key[key] = call
        return call

    def _read_reason(self, reason: object) -> None:
        if not reason:
            return
        if not isinstance(reason, str):
            raise _broken("finish_reason", reason)
        if reason.lower() in _FAILED:
            raise Fault(f"broke off with {reason!r}: see the log of that server")
        self.complete = True
        self._reason = _REASONS.get(reason.lower(), "stop")

    def _read_usage(self, usage: object) -> None:
        if not isinstance(usage, dict):
            return
        details = usage.get("prompt_tokens_details")
        cached = details.get("cached_tokens") if isinstance(details, dict) else 0
        read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
        # A wrong count is no reason to give up a reply; it is estimated instead.
        if isinstance(read, int) and isinstance(written, int) and min(read, written) >= 0:
            cached = cached if isinstance(cached, int) and cached > 0 else 0
            self._usage = Usage(read, written, cached)

    def _produce(self, text: str) -> None:
        if text:
            self.tokens += 1
            self._produced.append(text)


def _text(value: object) -> str:
    """A text that may be missing, or a list of parts of which those of type "text" are said."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list():
            texts = (
                part for part in value if isinstance(part, dict) and part.get("type") == "text"
            )
            return "".join(_text(part.get("text")) for part in texts)
        case _:
            raise _broken("a text", value)


def _broken(what: str, value: object) -> Fault:
    return Fault(f"sent {what} of type {type(value).__name__}: {_BROKEN}")
