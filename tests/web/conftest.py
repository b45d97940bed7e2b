"""A real browser in front of a real server: Chromium, with a sound file as its microphone."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit_benchmarks.page_browser import FLAGS, GRANTED

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Playwright

Samples = npt.NDArray[np.float32]

SOUND_RATE = 48_000
"""Of the files that Chromium takes for a microphone."""

POLL_MS = 20
"""Between two looks at a page. Playwright's own way of waiting needs `eval`, which the page's
policy forbids."""

SILENT_SECONDS = 60.0
"""Of a microphone in front of which nobody speaks; Chromium plays a file again from its start."""


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium; skips where there is none."""
    found = os.environ.get("STREAMKIT_TEST_CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("needs the program chromium (or its path in STREAMKIT_TEST_CHROMIUM)")
    return found


# For a module and not for longer: while it runs, no other event loop can in this thread.
@pytest.fixture(scope="module")
def playwright(chromium: str) -> Iterator[Playwright]:
    """What drives the browser; skips where Playwright's Python package is not installed."""
    pytest.importorskip("playwright", reason="needs the package playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as running:
        yield running


@pytest.fixture
def make_sound(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes sound into a file for the fake microphone.

    Its argument are samples at 48 kHz, or pieces of them and numbers, which are seconds of silence.
    A file is played again from its start when it is over, so end with enough silence.
    """

    def make(*pieces: Samples | float) -> Path:
        parts = [
            np.zeros(round(piece * SOUND_RATE), np.float32)
            if isinstance(piece, int | float)
            else piece
            for piece in pieces
        ]
        path = tmp_path / f"microphone-{len(list(tmp_path.glob('*.wav')))}.wav"
        soundfile.write(path, np.concatenate(parts), SOUND_RATE, subtype="PCM_16")
        return path

    return make


@pytest.fixture
def launch(
    playwright: Playwright, chromium: str, make_sound: Callable[..., Path]
) -> Iterator[Callable[..., BrowserContext]]:
    """A function that starts a browser with a fresh profile, which ends with the test.

    Args of the function:
        sound: file that its microphone plays, from the start each time that it is opened; None:
            silence.
        microphone: "granted" (without asking), or "refused".
        flags: further ones for the program.
        context: options of Playwright's `new_context`, such as `viewport` or `color_scheme`.
    """
    with ExitStack() as exits:

        def start(
            sound: Path | None = None,
            *,
            microphone: str = "granted",
            flags: tuple[str, ...] = (),
            **context: Any,
        ) -> BrowserContext:
            sound = sound or make_sound(SILENT_SECONDS)
            answers = {
                "granted": GRANTED,
                "refused": "--deny-permission-prompts",
            }
            browser = playwright.chromium.launch(
                executable_path=chromium,
                args=[
                    *FLAGS,
                    f"--use-file-for-fake-audio-capture={sound}",
                    answers[microphone],
                    *flags,
                ],
            )
            exits.callback(browser.close)
            opened = browser.new_context(**context)
            opened.set_default_timeout(PATIENCE_SECONDS * 1000)
            return opened

        yield start


@pytest.fixture
def open_page(
    launch: Callable[..., BrowserContext],
) -> Iterator[Callable[..., Page]]:
    """A function that opens a server's page in a new browser.

    The test fails at its end if the page's scripts did: with an exception that nobody caught, with
    `console.error`, or by what the Content-Security-Policy forbids.

    Args of the function:
        server: whose page; or the cable to it.
        sound, microphone, flags and the others: see `launch`.
        path: of the page.
        expect: texts that may be in errors of the console, such as "401".
    """
    errors: list[str] = []
    # A path that is no page of ours names no icon, and the browser asks for one.
    expected = ["/favicon.ico"]

    def note(text: str) -> None:
        if not any(each in text for each in expected):
            errors.append(text)

    def start(
        server: LiveServer | Cable,
        sound: Path | None = None,
        *,
        path: str = "/",
        expect: tuple[str, ...] = (),
        **options: Any,
    ) -> Page:
        expected.extend(expect)
        page = launch(sound, **options).new_page()
        page.on("pageerror", lambda error: note(f"{error.name}: {error.message}\n{error.stack}"))
        page.on("console", lambda line: note(_told(line)) if line.type == "error" else None)
        page.goto(f"{server.http_url}{path}")
        return page

    yield start
    assert not errors


@pytest.fixture
def wait_for() -> Callable[..., Any]:
    """A function that waits until a function in a page returns what is true; returns that.

    Args of the function:
        page: where.
        function: as text of JavaScript.
        argument: of it.
        seconds: after which the test fails.
    """

    def wait(
        page: Page, function: str, argument: Any = None, *, seconds: float = PATIENCE_SECONDS
    ) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := page.evaluate(function, argument)):
            assert time.monotonic() < deadline, f"it did not become true: {function}"
            page.wait_for_timeout(POLL_MS)
        return found

    return wait


@pytest.fixture(scope="session")
def web_server(micro: tuple[Recognizer, ModelProfile]) -> Iterator[LiveServer]:
    """A server whose agent is the parrot, for all tests of the page together."""
    settings = Settings.model_validate({"model": "whisper-micro-en", "port": 0})
    with LiveServer(settings, *micro) as running:
        yield running


def _told(line: ConsoleMessage) -> str:
    return f"{line.text} ({line.location['url']})"


# A network that can be cut


class Cable:
    """Passes connections to a port of its own on to a server, while it is plugged in.

    Attributes:
        http_url: where a browser finds it; the server has to admit this origin.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._target = self._listener.getsockname()
        self.http_url = f"http://127.0.0.1:{self._target[1]}"
        self._plugged = True
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def lead_to(self, server: LiveServer) -> None:
        """Say where it leads to."""
        url = urlsplit(server.http_url)
        self._target = (url.hostname, url.port)

    def pull(self) -> None:
        """Break every connection, and let no new one through."""
        with self._lock:
            self._plugged = False
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def plug(self) -> None:
        """Let connections through again."""
        with self._lock:
            self._plugged = True

    def close(self) -> None:
        """Be no more."""
        with suppress(OSError):
            # What waits for a connection does not notice that the listener was closed.
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.pull()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                threading.Thread(target=self._pass, args=(browser,), daemon=True).start()

    def _pass(self, browser: socket.socket) -> None:
        with browser, suppress(OSError):
            with self._lock:
                if not self._plugged:
                    return
                server = socket.create_connection(self._target)
                self._open |= {browser, server}
            with server:
                back = threading.Thread(target=_copy, args=(server, browser), daemon=True)
                back.start()
                _copy(browser, server)
                back.join()
                with self._lock:
                    self._open -= {browser, server}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while block := source.recv(1 << 16):
            target.sendall(block)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cable(start_server: Callable[..., LiveServer]) -> Iterator[Cable]:
    """A cable to a server of its own; it goes where `open_page` takes a server."""
    made = Cable()
    made.lead_to(start_server(allowed_origins=[made.http_url]))
    yield made
    made.close()
