"""A request in the words of OpenAI's chat completions; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from streamkit.llm.calls import match_results
from streamkit.llm.chat_model import (
    NamedTool,
    ReplyRequest,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Turn,
    Utterance,
)

NO_RESULT: Final = "(no result)"
"""Stands for the result of a call that has none; endpoints refuse a call without."""
BEGIN: Final = "(The user has not said anything yet. Begin the conversation.)"
"""Stands for the user before their first turn: many endpoints want at least one turn of theirs."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What an endpoint understands of the fields that came later to the API.

    Attributes:
        stream_options: it can be asked for the usage.
        parallel_tool_calls: it knows this field.
        limit: what it calls the bound on the tokens of a reply.
    """

    stream_options: bool = True
    parallel_tool_calls: bool = True
    limit: str = "max_tokens"

    def without_refused(self, body: Mapping[str, Any], complaint: str) -> Dialect:
        """The dialect to try next after the endpoint has refused a request.

        What the complaint names is left out, or renamed; where it names nothing, all that can
        be left out is.

        Args:
            body: what was sent.
            complaint: text of the refusal.

        Returns:
            The same dialect when there is nothing to try.
        """
        fewer = replace(
            self,
            stream_options=self.stream_options and "stream_options" not in complaint,
            parallel_tool_calls=(
                self.parallel_tool_calls and "parallel_tool_calls" not in complaint
            ),
            limit="max_completion_tokens" if "max_completion_tokens" in complaint else self.limit,
        )
        if fewer == self:
            fewer = replace(self, stream_options=False, parallel_tool_calls=False)
        fields = {"stream_options", "parallel_tool_calls", self.limit} & body.keys()
        kept = {
            "stream_options": fewer.stream_options,
            "parallel_tool_calls": fewer.parallel_tool_calls,
            self.limit: fewer.limit == self.limit,
        }
        return fewer if any(not kept[field] for field in fields) else self


def write_request(
    request: ReplyRequest, model: str, dialect: Dialect, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON body that asks for a reply, streamed.

    Args:
        request: what is asked for.
        model: its name at the endpoint.
        dialect: what the endpoint understands.
        extra: further fields of the body, such as `temperature`; the request's own go first.
    """
    body: dict[str, Any] = {
        **extra,
        "model": model,
        "messages": write_messages(request.instructions, request.turns),
        "stream": True,
    }
    if dialect.stream_options:
        body["stream_options"] = {"include_usage": True}
    if request.max_output_tokens is not None:
        body[dialect.limit] = request.max_output_tokens
    if request.tools:
        body["tools"] = [_write_tool(tool) for tool in request.tools]
        if request.tool_choice != "auto":
            body["tool_choice"] = _write_choice(request.tool_choice)
        if dialect.parallel_tool_calls and not request.parallel_tool_calls:
            body["parallel_tool_calls"] = False
    return body


def write_messages(instructions: str, turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Turn a conversation into messages that endpoints accept.

    * What the assistant said and the calls that it made, in a row, become one message; so do
      utterances of the user in a row, because some chat templates want the two to alternate.
    * The results of a message's calls follow it at once, wherever they were in the conversation,
      as endpoints demand. A call without a result gets `NO_RESULT`.
    * A result without a call is dropped: as anything else than a result it would gain a
      weight, of the system or of the user, that a tool's output must not have.
    * Arguments that are no JSON object are wrapped into one, since some endpoints read them.
    * Empty utterances are left out.
    * Where the user has said nothing yet, `BEGIN` stands for them.
    """
    results = match_results(turns)
    messages: list[dict[str, Any]] = []
    pending: list[dict[str, Any]] = []
    used: set[str] = set()
    if instructions.strip():
        messages.append({"role": "system", "content": instructions})
    for index, turn in enumerate(turns):
        if not (isinstance(turn, ToolCall) or _is_assistant(turn)):
            messages += pending
            pending = []
        match turn:
            case Utterance(role=role, text=text):
                if text.strip():
                    _say(messages, role, text)
            case ToolCall(name=name, arguments=arguments):
                call_id = turn.call_id
                if not call_id or call_id in used:
                    call_id = f"{call_id or 'call'}_{index}"
                used.add(call_id)
                call = {
                    "id": call_id,
                    "type": "function",
                    "function": {"name": name, "arguments": _object_text(arguments)},
                }
                _calls(messages).append(call)
                result = turns[results[index]] if index in results else None
                output = result.output if isinstance(result, ToolResult) else NO_RESULT
                pending.append({"role": "tool", "tool_call_id": call_id, "content": output})
            case ToolResult():
                pass  # stands behind its call already
    messages += pending
    if not any(message["role"] in ("user", "tool") for message in messages):
        messages.append({"role": "user", "content": BEGIN})
    return messages


def _is_assistant(turn: Turn) -> bool:
    return isinstance(turn, Utterance) and turn.role == "assistant"


def _say(messages: list[dict[str, Any]], role: str, text: str) -> None:
    last = messages[-1] if messages else None
    if last is not None and last["role"] == role and role != "system":
        last["content"] = text if last["content"] is None else f"{last['content']}\n{text}"
    else:
        messages.append({"role": role, "content": text})


def _calls(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    calls: list[dict[str, Any]] = messages[-1].setdefault("tool_calls", [])
    return calls


def _object_text(arguments: str) -> str:
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except (ValueError, RecursionError):
        pass
    return json.dumps({"unreadable": arguments} if arguments.strip() else {}, ensure_ascii=False)


def _write_tool(tool: Tool) -> dict[str, Any]:
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.parameters)}
    if tool.description:
        function["description"] = tool.description
    return {"type": "function", "function": function}


def _write_choice(choice: ToolChoice) -> str | dict[str, Any]:
    match choice:
        case NamedTool(name=name):
            return {"type": "function", "function": {"name": name}}
        case _:
            return choice
