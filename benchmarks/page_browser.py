"""A real browser that opens the page, and a microphone that is a sound file."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streamkit.errors import ConfigurationError, StreamkitError
from streamkit_benchmarks.extras import require
from streamkit_benchmarks.page_speech import Speech
from streamkit_benchmarks.voice_sounds import Voices

if TYPE_CHECKING:
    from playwright.sync_api import Page, Playwright

PROGRAMS: Final = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
)
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
)
"""No network but one's own, sound without a click, devices that are files. The tests of the page
start their browsers with them too."""

GRANTED: Final = "--use-fake-ui-for-media-stream"
"""The microphone is given without a question."""

PATIENCE_SECONDS: Final = 30.0
POLL_MS: Final = 50
PROGRESS_SECONDS: Final = 30.0
VIEWPORT: Final = {"width": 1280, "height": 800}
SCRIPTS: Final = Path(__file__).parent


def find_chromium(given: Path | None) -> str:
    """The browser's program.

    Raises:
        ConfigurationError: there is none, or nothing that could drive it.
    """
    require({"psutil": "", "matplotlib": "", "soundfile": ""})
    if find_spec("playwright") is None:
        raise ConfigurationError(
            "the benchmark of the page needs playwright, which drives a browser that is there "
            "already: pip install playwright (and not `playwright install`)"
        )
    if given is not None:
        found = shutil.which(given)
        if found is None:
            raise ConfigurationError(
                f"--chromium {given} is no program; accepted: the path of a Chromium or Chrome, "
                "such as /usr/bin/chromium"
            )
        return found
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise ConfigurationError(
        f"there is no Chromium: looked for {', '.join(PROGRAMS)}. Install it (Debian, Ubuntu: "
        "apt install chromium), or say where it is with --chromium PATH"
    )


@contextmanager
def opened(
    playwright: Playwright,
    chromium: str,
    sound: Path,
    *,
    scripts: Sequence[str] = (),
    loop: bool = True,
    bypass_csp: bool = False,
    color_scheme: str = "light",
    flags: Sequence[str] = (),
) -> Iterator[Page]:
    """A page in a browser of its own with a fresh profile, at no address yet.

    Args:
        playwright: drives it.
        chromium: the program.
        sound: WAV file, 48 kHz, that is played into the microphone each time that it is opened.
        scripts: files beside this one that run before the page's own scripts.
        loop: play the sound again when it is over.
        bypass_csp: let those scripts add an audio worklet; the page's policy forbids foreign ones.
        color_scheme: "light" or "dark".
        flags: further ones of the program.
    """
    capture = f"--use-file-for-fake-audio-capture={sound}{'' if loop else '%noloop'}"
    browser = playwright.chromium.launch(
        executable_path=chromium, args=[*FLAGS, GRANTED, capture, *flags]
    )
    try:
        options: dict[str, Any] = {"viewport": VIEWPORT, "color_scheme": color_scheme}
        context = browser.new_context(bypass_csp=bypass_csp, **options)
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        for name in scripts:
            context.add_init_script(path=SCRIPTS / name)
        yield context.new_page()
    finally:
        browser.close()


def wait_for(page: Page, function: str, what: str, *, seconds: float = PATIENCE_SECONDS) -> Any:
    """Wait until a function in the page gives what is true; gives that.

    Playwright's own way of waiting needs `eval`, which the page's policy forbids.

    Raises:
        StreamkitError: it did not in time; `what` says what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not (found := page.evaluate(function)):
        if time.monotonic() > deadline:
            notices = page.locator("#notices").inner_text().strip()
            raise StreamkitError(
                f"the page was waited for {seconds:g} s: {what}. It says: {notices or 'nothing'}. "
                "Open the page in a browser of your own, and see whether it does there"
            )
        page.wait_for_timeout(POLL_MS)
    return found


def begin(page: Page, kind: str) -> None:
    """Start captions or a talk, and wait until the page listens."""
    page.get_by_role("tab", name="Captions" if kind == "captions" else "Voice chat").click()
    name = "Start captions" if kind == "captions" else "Start talking"
    page.get_by_role("button", name=name).locator("visible=true").first.click()
    wait_for(page, STATE.format("Listening"), f"it should listen ({kind})")


def end(page: Page) -> None:
    """Stop what runs, and wait until its last words are there."""
    page.locator("#toggle").click()
    wait_for(page, STATE.format("Ready"), "it should have ended")


STATE: Final = "() => document.getElementById('state').textContent.trim() === '{}'"


@dataclass(frozen=True, slots=True)
class Stage:
    """What every measurement needs.

    Attributes:
        playwright: drives the browser.
        chromium: the program.
        url: of the page, with a slash at its end.
        voices: who speak.
        folder: for sound files.
        tell: takes lines of progress.
    """

    playwright: Playwright
    chromium: str
    url: str
    voices: Voices
    folder: Path
    tell: Callable[[str], None]

    def speech(self) -> Speech:
        """A new sound file."""
        return Speech(self.voices)

    def open(self, speech: Speech, **options: Any) -> AbstractContextManager[Page]:
        """A browser into whose microphone this is said; see `opened`."""
        sound = speech.write(self.folder / f"{len(list(self.folder.iterdir()))}.wav")
        return opened(self.playwright, self.chromium, sound, **options)

    def wait(self, page: Page, seconds: float, what: str) -> None:
        """Let time pass, and say so now and then."""
        until = time.monotonic() + seconds
        told = time.monotonic()
        while (left := until - time.monotonic()) > 0:
            if time.monotonic() - told >= PROGRESS_SECONDS:
                told = time.monotonic()
                self.tell(f"    {what}: {left:.0f} s left")
            page.wait_for_timeout(1000 * min(left, 1.0))
