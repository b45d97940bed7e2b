"""Settings of OpenAI's that have no effect here: accepted, checked, and told back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamkit.protocols.openai_realtime.fields import (
    Members,
    free_form,
    integer,
    number,
    one_of,
    pairs,
    string,
)

EFFORTS = ("minimal", "low", "medium", "high", "xhigh")
TRUNCATIONS = ("auto", "disabled")

MAX_VARIABLES = 100
MAX_VARIABLE_CHARACTERS = 64
"""Of the name of a variable of a prompt."""

KEPT_FIELDS = ("tracing", "truncation", "prompt", "reasoning")


@dataclass(frozen=True, slots=True)
class Kept:
    """Settings that are only kept.

    Attributes:
        tracing: of OpenAI's dashboard.
        truncation: how a conversation is cut that became too long for the model.
        prompt: reference to a template that OpenAI keeps.
        reasoning: how much the model may think.
    """

    tracing: str | Mapping[str, Any] | None = None
    truncation: str | Mapping[str, Any] = "auto"
    prompt: Mapping[str, Any] | None = None
    reasoning: Mapping[str, Any] | None = None

    def update(self, members: Members) -> Kept:
        """Take over a partial update."""
        return Kept(
            tracing=members.changed("tracing", tracing, self.tracing, None),
            truncation=members.changed("truncation", truncation, self.truncation, "auto"),
            prompt=members.changed("prompt", prompt, self.prompt, None),
            reasoning=members.changed("reasoning", reasoning, self.reasoning, None),
        )

    @property
    def without_effect(self) -> list[str]:
        """Names of those that the client has set."""
        fresh = Kept()
        return [name for name in KEPT_FIELDS if getattr(self, name) != getattr(fresh, name)]

    def wire(self) -> dict[str, Any]:
        """As the server tells it."""
        told = {"tracing": self.tracing, "truncation": self.truncation, "prompt": self.prompt}
        # Older clients do not know reasoning, so it is only there if one asked for it.
        return told if self.reasoning is None else {**told, "reasoning": self.reasoning}


def tracing(value: object, path: str) -> str | Mapping[str, Any]:
    """Read "auto", or names for the trace."""
    if isinstance(value, str):
        return one_of(("auto",))(value, path)
    members = Members(value, path, ("group_id", "metadata", "workflow_name"))
    for name in ("group_id", "workflow_name"):
        members.optional(name, string())
    members.optional("metadata", free_form)
    return free_form(value, path)


def truncation(value: object, path: str) -> str | Mapping[str, Any]:
    """Read "auto", "disabled", or how much is to be retained."""
    if isinstance(value, str):
        return one_of(TRUNCATIONS)(value, path)
    members = Members(value, path, ("type", "retention_ratio", "token_limits"))
    members.required("type", one_of(("retention_ratio",)))
    members.required("retention_ratio", number(0, 1))
    limits = members.section("token_limits", "post_instructions")
    limits.optional("post_instructions", integer(0, 1 << 31))
    return free_form(value, path)


def prompt(value: object, path: str) -> Mapping[str, Any]:
    """Read a reference to a prompt template."""
    members = Members(value, path, ("id", "version", "variables"))
    members.required("id", string())
    members.optional("version", string())
    members.optional("variables", pairs(_variable, MAX_VARIABLE_CHARACTERS, MAX_VARIABLES))
    return free_form(value, path)


def _variable(value: object, path: str) -> None:
    if isinstance(value, str):
        return
    members = Members(value, path, ("type", "text"))
    members.required("type", one_of(("input_text",)))
    members.required("text", string())


def reasoning(value: object, path: str) -> Mapping[str, Any]:
    """Read how much the model may think."""
    members = Members(value, path, ("effort",))
    members.optional("effort", one_of(EFFORTS))
    return free_form(value, path)
