"""The functions that a model may call, and whether it has to."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

from streamkit.llm.chat_model import NamedTool, Tool, ToolChoice
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import (
    Members,
    array,
    free_form,
    invalid_value,
    listed,
    matching,
    one_of,
    string,
)

MAX_TOOLS = 128
NAME = matching(
    re.compile("[a-zA-Z0-9_-]{1,64}"), "1 to 64 letters, digits, underscores and hyphens"
)

_Word = Literal["auto", "none", "required"]
_WORDS: tuple[_Word, ...] = get_args(_Word)

_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "properties": {}}


def tools(value: object, path: str) -> tuple[Tool, ...]:
    """Read a list of functions."""
    read = array(_tool, MAX_TOOLS)(value, path)
    names: set[str] = set()
    for index, tool in enumerate(read):
        if tool.name in names:
            raise invalid_value(f"{path}[{index}].name", tool.name, "each name only once")
        names.add(tool.name)
    return read


def _tool(value: object, path: str) -> Tool:
    if isinstance(value, dict) and value.get("type") == "mcp":
        raise EventError(
            f"{path} is of type mcp, and this server calls no other servers; accepted: type "
            "function; call the MCP server yourself and offer what it can do as functions",
            code="invalid_value",
            param=f"{path}.type",
        )
    members = Members(value, path, ("type", "name", "description", "parameters"))
    members.optional("type", one_of(("function",)))
    return Tool(
        members.required("name", NAME),
        members.optional("description", string()) or "",
        members.optional("parameters", free_form) or _NO_ARGUMENTS,
    )


def tools_wire(offered: tuple[Tool, ...]) -> list[dict[str, Any]]:
    """Functions as the server tells them."""
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        }
        for tool in offered
    ]


def tool_choice(value: object, path: str) -> ToolChoice:
    """Read whether tools may, must, or must not be called, or which one must be."""
    if isinstance(value, str):
        return one_of(_WORDS)(value, path)
    members = Members(value, path, ("type", "name", "server_label"))
    members.required("type", one_of(("function",)))
    return NamedTool(members.required("name", NAME))


def tool_choice_wire(choice: ToolChoice) -> str | dict[str, Any]:
    """The choice as the server tells it."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "name": choice.name}
    return choice


def check_choice(choice: ToolChoice, offered: tuple[Tool, ...], path: str) -> None:
    """Make sure that the tool that has to be called is there.

    Raises:
        EventError: it is not.
    """
    if not isinstance(choice, NamedTool):
        return
    names = [tool.name for tool in offered]
    if choice.name not in names:
        raise EventError(
            f"{path} names the function {choice.name}, which is not among the tools; accepted: "
            f"{listed(names) or 'none, since there are no tools; give them together'}",
            code="invalid_value",
            param=path,
        )
