"""Which model an address and a name stand for, and what is no address or key."""

from __future__ import annotations

from typing import Any

import anyio
import pytest
from pydantic import SecretStr

from streamkit.errors import ConfigurationError
from streamkit.llm.choose import load_chat_model, warm_up
from streamkit.llm.openai_chat import OpenAIChat
from streamkit.llm.parrot import Parrot

URL = "http://127.0.0.1:11434/v1"


@pytest.mark.parametrize("model", [None, "", "parrot"])
def test_without_an_address_the_parrot_replies(model: str | None) -> None:
    chosen = load_chat_model(None, model, "key")
    assert isinstance(chosen, Parrot)
    assert chosen.name == "parrot"
    anyio.run(warm_up, chosen)


def test_an_address_and_a_name() -> None:
    model = load_chat_model(URL, "llama", SecretStr("key"), extra={"temperature": 0})
    assert isinstance(model, OpenAIChat)
    assert model.name == "llama"


def test_a_name_without_an_address() -> None:
    with pytest.raises(ConfigurationError, match=r"'llama'.*no address"):
        load_chat_model(model="llama")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h:1", "http://h:1/v1"),
        ("http://h:1/", "http://h:1/v1"),
        (" https://h/v1/ ", "https://h/v1"),
        ("https://h/openai/deployments/x", "https://h/openai/deployments/x"),
        ("https://h/v1/chat/completions", "https://h/v1"),
        ("https://h/v1?api-version=1#x", "https://h/v1"),
        ("http://[::1]:80/v1", "http://[::1]/v1"),
    ],
)
def test_addresses(url: str, shown: str) -> None:
    model = load_chat_model(url, "m")
    assert isinstance(model, OpenAIChat)
    assert model._endpoint.url == shown


@pytest.mark.parametrize(
    "url",
    [
        "localhost:11434",
        "http://h:0",
        "ftp://h/v1",
        "http://",
        "/v1",
        "http://h:99999999",
        "http://\x00",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigurationError, match="an address is accepted like"):
        load_chat_model(url, "m")


def test_a_password_in_the_address_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_chat_model("http://me:canary@h/v1", "m")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", ["can ary", "can\nary", "canäry", "can\x00ary"])
def test_what_is_no_key_is_not_repeated(key: str) -> None:
    with pytest.raises(ConfigurationError, match="key") as caught:
        load_chat_model(URL, "m", key)
    assert key not in str(caught.value)


def test_a_key_may_have_blanks_around_it() -> None:
    assert isinstance(load_chat_model(URL, "m", " key\n"), OpenAIChat)


@pytest.mark.anyio
async def test_warming_up(endpoint: Any) -> None:
    endpoint.models = ["only"]
    model = load_chat_model(endpoint.url)
    await warm_up(model)
    assert model.name == "only"
    await model.close()
