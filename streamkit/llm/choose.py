"""The model of the reply that an address and a name stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import SecretStr

from streamkit.errors import ConfigurationError
from streamkit.llm import openai_chat, parrot
from streamkit.llm.chat_model import ChatModel


def load_chat_model(
    url: str | None = None,
    model: str | None = None,
    api_key: SecretStr | str | None = None,
    *,
    connect_timeout: float = openai_chat.CONNECT_SECONDS,
    first_token_timeout: float = openai_chat.FIRST_TOKEN_SECONDS,
    token_timeout: float = openai_chat.TOKEN_SECONDS,
    max_replies: int = openai_chat.MAX_REPLIES,
    extra: Mapping[str, Any] | None = None,
) -> ChatModel:
    """Choose a model; nothing is connected to yet, see `warm_up`.

    Args:
        url: base address of an OpenAI-compatible API, given by the operator; None or empty: the
            built-in parrot replies.
        model: the model's name there; None or empty: the only one that it has.
        api_key: for that address.
        connect_timeout: see `OpenAIChat`, as for the rest.
        first_token_timeout: in seconds.
        token_timeout: in seconds.
        max_replies: open at once.
        extra: further fields for every request.

    Raises:
        ConfigurationError: the address or the key cannot be one, or there is a model but no
            address.
    """
    if url:
        return openai_chat.OpenAIChat(
            url,
            model or None,
            api_key,
            connect_timeout=connect_timeout,
            first_token_timeout=first_token_timeout,
            token_timeout=token_timeout,
            max_replies=max_replies,
            extra=extra,
        )
    if model and model != parrot.NAME:
        raise ConfigurationError(
            f"the language model is {model!r}, but there is no address of an API that has it: "
            'give one like "http://127.0.0.1:11434/v1", or take the built-in model "parrot"'
        )
    return parrot.Parrot()


async def warm_up(model: ChatModel) -> None:
    """Let a model get ready before somebody waits for it, if it is of a kind that can.

    Raises:
        ReplyError: its endpoint cannot be reached, or refuses the key.
        ConfigurationError: its endpoint does not have the model.
    """
    if isinstance(model, openai_chat.OpenAIChat):
        await model.warm()
