from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from streamkit.client.options import StreamOptions
from streamkit.errors import ConfigurationError


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ws://h:1", "ws://h:1/v1/listen"),
        ("ws://h:1/", "ws://h:1/v1/listen"),
        ("wss://h/other/path", "wss://h/other/path"),
        ("http://h:1", "ws://h:1/v1/listen"),
        ("https://h", "wss://h/v1/listen"),
    ],
)
def test_address(given: str, expected: str) -> None:
    assert StreamOptions().url(given).partition("?")[0] == expected


@pytest.mark.parametrize("given", ["", "h:8000", "ftp://h", "ws://", "localhost"])
def test_what_is_no_address(given: str) -> None:
    with pytest.raises(ConfigurationError, match="ws://127"):
        StreamOptions().url(given)


def test_query() -> None:
    options = StreamOptions(8000, endpointing=False, extra={"keyterm": ["a b", "c"], "tag": "x"})
    query = parse_qs(urlsplit(options.url("ws://h?old=1")).query)
    assert query["keyterm"] == ["a b", "c"]
    assert (query["endpointing"], query["sample_rate"]) == (["false"], ["8000"])
    assert (query["old"], query["tag"]) == (["1"], ["x"])
    assert "model" not in query


@pytest.mark.parametrize("name", ["encoding", "channels", "sample_rate", "model"])
def test_extra_may_not_contradict(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        StreamOptions(extra={name: "x"}).url("ws://h")
