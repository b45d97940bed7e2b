"""The page as a real server sends it: small, whole, under its policy, and at work at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.server.testing import LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Response

expect = pytest.importorskip("playwright.sync_api", reason="needs the package playwright").expect

Samples = npt.NDArray[np.float32]

MAX_TRANSFER = 300 * 1024
"""Bytes of the whole page, with all that it loads later."""

FIRST = "The bus to Berlin is eight minutes late."


def test_all_of_the_page_is_small_and_from_here(
    web_server: LiveServer, launch: Callable[..., BrowserContext]
) -> None:
    page = launch().new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(error.message))
    page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    responses: list[Response] = []
    page.on("response", lambda response: responses.append(response))
    opened = page.goto(f"{web_server.http_url}/")
    assert opened is not None
    policy = opened.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # What is loaded when it is needed belongs to it as well.
    page.get_by_role("button", name="Start captions").click()
    page.get_by_text("Listening", exact=True).wait_for()
    page.get_by_role("tab", name="Latency").click()
    page.get_by_role("region", name="Delay of a caption").wait_for()
    page.get_by_role("tab", name="Voice chat").click()
    page.get_by_role("button", name="Start talking").click()
    page.get_by_role("button", name="Stop talking").wait_for()
    page.get_by_text("Listening", exact=True).wait_for()
    page.get_by_role("button", name="Stop talking").click()
    page.get_by_text("Ready", exact=True).wait_for()
    loaded = [each for each in responses if not urlsplit(each.url).path.startswith("/v1/")]
    assert {urlsplit(each.url).netloc for each in loaded} <= {
        urlsplit(web_server.http_url).netloc,
        "",
    }
    assert {each.status for each in loaded} == {200}
    sizes = [each.request.sizes() for each in loaded if each.url.startswith("http")]
    assert len(sizes) > 20
    assert sum(each["responseBodySize"] + each["responseHeadersSize"] for each in sizes) < (
        MAX_TRANSFER
    )
    assert errors == []


def test_ten_seconds_to_captions(
    web_server: LiveServer,
    open_page: Callable[..., Page],
    make_sound: Callable[..., Any],
    speak: Callable[..., Samples],
    wait_for: Callable[..., Any],
) -> None:
    """One click, and what is said stands on the page; then one sees where the time went."""
    page = open_page(web_server, make_sound(1.0, speak(FIRST, 48_000), 30.0))
    page.get_by_role("button", name="Start captions").click()
    expect(page.get_by_role("log", name="Captions")).to_contain_text(FIRST, timeout=30_000)
    assert page.evaluate("() => streamkit.trace.chunks.some(({ parts }) => 'shown' in parts)")
    page.get_by_role("tab", name="Latency").click()
    panel = page.get_by_role("region", name="Delay of a caption")
    expect(panel.locator(".stair .name").last).to_have_text("Shown")
    expect(page.locator("#clock")).to_contain_text("±")
    page.get_by_role("button", name="Stop captions").click()
    expect(page.locator("#state")).to_have_text("Ready")


def test_ten_seconds_to_a_talk(
    web_server: LiveServer,
    open_page: Callable[..., Page],
    make_sound: Callable[..., Any],
    speak: Callable[..., Samples],
) -> None:
    """One click, and what is said is answered; then one sees what the silence was made of."""
    page = open_page(web_server, make_sound(1.0, speak(FIRST, 48_000), 30.0), path="/#talk")
    page.get_by_role("button", name="Start talking").click()
    turns = page.get_by_role("list", name="Turns")
    expect(turns.locator("[data-role=user] .bubble")).to_have_text(FIRST, timeout=30_000)
    expect(turns.locator("[data-role=agent] .bubble")).not_to_be_empty()
    turns.get_by_role("button", name="answered in").click()
    panel = page.get_by_role("region", name="Silence before an answer")
    expect(panel.locator(".stair .name").first).to_have_text("Capture")
    expect(panel.locator(".stair .name").last).to_have_text("Played")
    [turn] = page.evaluate("() => streamkit.trace.turns")
    assert abs(sum(turn["parts"].values()) - turn["total"]) < 0.001
    page.get_by_role("tab", name="Voice chat").click()
    page.get_by_label("Write to the agent").fill("Turn the music down.")
    page.keyboard.press("Enter")
    expect(turns.locator("[data-role=user] .bubble").last).to_have_text("Turn the music down.")
    expect(turns.locator("[data-role=agent]")).to_have_count(2)
    page.get_by_role("button", name="Stop talking").click()
    expect(page.locator("#state")).to_have_text("Ready")


def test_a_key_opens_the_page(
    start_server: Callable[..., LiveServer], open_page: Callable[..., Page]
) -> None:
    page = open_page(start_server(api_keys=["right"]), expect=("401",))
    field = page.get_by_label("Key", exact=True)
    field.fill("wrong")
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_text("does not accept this key")).to_be_visible()
    field.fill("right")
    page.get_by_role("button", name="Use key").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Start captions").click()
    expect(page.get_by_text("Listening", exact=True)).to_be_visible()


def test_a_refused_microphone_gets_help(
    web_server: LiveServer, open_page: Callable[..., Page]
) -> None:
    page = open_page(web_server, microphone="refused")
    page.get_by_role("button", name="Start captions").click()
    expect(page.get_by_role("alert")).to_contain_text("Allow the microphone for this page")
    expect(page.locator("#state")).to_have_text("Ready")
