"""The real page in a real browser, with fakes of the modules behind its views."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from streamkit.server.page import policy

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright, Route

ORIGIN = "http://localhost:9"
"""Nobody listens there: the files come from the test."""

PAGE = Path(__file__).parents[3] / "clients" / "web"
FAKES = {
    f"{room}/{name}.js": Path(__file__).parent / "fakes" / f"{name}.js"
    for room, name in (
        ("app", "captioner"),
        ("app", "talker"),
        ("app", "session_trace"),
        ("net", "catalogue"),
        ("sound", "microphone"),
        ("sound", "speaker"),
    )
}

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]

PATIENCE_MS = 10_000


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    """One for all tests of a module; each gets a fresh profile."""
    with playwright.chromium.launch(executable_path=chromium, args=FLAGS) as running:
        yield running


@pytest.fixture
def open_fake(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A function that opens the page with the fakes in it, and `fakes` as what they are told.

    Fails at its end where scripts failed, or did what the policy forbids.
    """
    errors: list[str] = []
    contexts = []

    def start(fakes: dict[str, str] | None = None, **options: Any) -> Page:
        context = browser.new_context(**{"reduced_motion": "reduce", **options})
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(f"{error.message}\n{error.stack}"))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        page.route(f"{ORIGIN}/**", _serve)
        page.add_init_script(f"globalThis.fakes = {json.dumps(fakes or {})}")
        page.goto(f"{ORIGIN}/")
        return page

    yield start
    for context in contexts:
        context.close()
    assert not errors


def _serve(route: Route) -> None:
    """Answer with a file of the page, or with the fake in its place."""
    path = route.request.url.removeprefix(f"{ORIGIN}/").split("?")[0].split("#")[0] or "index.html"
    file = FAKES.get(path, PAGE / path)
    if not file.is_file():
        route.fulfill(status=404, body=f"no {path}")
        return
    kind = mimetypes.guess_type(file.name)[0] or "text/plain"
    headers = {"Content-Security-Policy": policy("localhost:9")}
    route.fulfill(body=file.read_bytes(), content_type=kind, headers=headers)
