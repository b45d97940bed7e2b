"""Pictures of the page at work: what a person sees, from a real session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamkit_benchmarks.page_browser import Stage, begin, end, wait_for
from streamkit_benchmarks.page_talk import ANSWER_SECONDS, INTO_REPLY_SECONDS

if TYPE_CHECKING:
    from playwright.sync_api import Page

LINES = 6


def take(stage: Stage, folder: Path) -> list[Path]:
    """Write page-captions.png, page-talk.png and page-latency.png; gives where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_captions(stage, folder), *_talk(stage, folder)]


def _captions(stage: Stage, folder: Path) -> Path:
    speech = stage.speech().pause(1.0)
    for number in range(LINES + 2):
        speech.say(long=number % 2 == 0).pause(1.0)
    stage.tell("picture of captions")
    with stage.open(speech.pause(3.0), loop=False) as page:
        page.goto(stage.url)
        begin(page, "captions")
        wait_for(
            page,
            f"""() => document.getElementById('captions-lines').childElementCount >= {LINES}
              && document.querySelector('#captions-current .committed').textContent
              && document.querySelector('#captions-current .tentative').textContent""",
            f"there should be {LINES} lines, and one that grows",
            seconds=speech.seconds + 10,
        )
        return _shoot(page, folder / "page-captions.png")


def _talk(stage: Stage, folder: Path) -> list[Path]:
    """Voice chat in the dark, then where its time went, by day."""
    speech = stage.speech().pause(1.0).say().pause(ANSWER_SECONDS)
    speech.say(long=True).pause(INTO_REPLY_SECONDS).say().pause(ANSWER_SECONDS)
    for _ in range(3):
        speech.say().pause(ANSWER_SECONDS)
    stage.tell("pictures of voice chat and latency")
    with stage.open(speech, color_scheme="dark") as page:
        page.goto(stage.url)
        begin(page, "talk")
        wait_for(
            page,
            """() => streamkit.talker.turns.length >= 6
              && streamkit.talker.turns.slice(0, 6).every((turn) => turn.closed)
              && document.querySelector('#turns del')""",
            "an answer should be interrupted, and the next one be heard",
            seconds=speech.seconds + 10,
        )
        made = [_shoot(page, folder / "page-talk.png")]
        page.wait_for_timeout(1000 * 3 * (ANSWER_SECONDS + 3))
        end(page)
        begin(page, "captions")
        page.wait_for_timeout(15_000)
        page.emulate_media(color_scheme="light")
        page.get_by_role("tab", name="Latency").click()
        page.wait_for_timeout(500)
        return [*made, _shoot(page, folder / "page-latency.png")]


def _shoot(page: Page, path: Path) -> Path:
    page.mouse.move(0, 0)
    page.screenshot(path=path)
    _make_small(path)
    return path


def _make_small(path: Path) -> None:
    """Fewer colours, where Pillow is there; a page has few."""
    try:
        from PIL import Image
    except ImportError:
        return
    with Image.open(path) as image:
        small: Any = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
