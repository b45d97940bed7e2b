"""What the page looks like in each of its states, and whether everybody can use it.

The modules behind the views are fakes here (`fakes/`), so that each state is there at once and
always the same. Screenshots are written where `STREAMKIT_SCREENSHOTS` says.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

AXE = Path(__file__).parents[2] / "foreign" / "node_modules" / "axe-core" / "axe.min.js"

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

TOO_WIDE = """() => [...document.querySelectorAll('html, body, main, .view, .dock')]
  .filter((each) => each.scrollWidth > each.clientWidth)
  .map((each) => each.className || each.tagName)"""

CAPTIONS = """() => {
  streamkit.microphone.hear(-18);
  streamkit.captioner.say({
    lines: [
      'Good morning, everybody, and welcome to the town hall.',
      'Before we begin: the fire exits are at the back, on both sides.',
      'The first point today is the new bridge over the river, and who is going to pay for it.',
      'We have asked three companies, and two of them have answered.',
    ],
    committed: 'The cheaper one wants to begin in March, if the',
    tentative: 'weather is with us',
  });
}"""

TALK = """() => {
  streamkit.microphone.hear(-34);
  const parts = {
    capture: 24, network: 3.1, endpoint: 284, final: 96, first_token: 118, first_piece: 61,
    first_byte: 92, first_audible: 12, downlink: 3.4, played: 48,
  };
  const latency = { parts, total: 741.5 };
  streamkit.talker.add(
    { role: 'user', text: 'What time is it, and can you make the page dark?' },
    { role: 'tool', tool: { name: 'get_time', arguments: '{}', output: '{"time":"14:05"}' } },
    { role: 'tool', tool: { name: 'set_page_theme', arguments: '{"theme":"dark"}', output: null } },
    { role: 'agent', text: 'It is five past two, and the page is dark now.', latency },
    { role: 'user', text: 'Tell me about the bridge.' },
    {
      role: 'agent',
      text: 'The bridge was built in 1904, of steel from the valley, and it has stood ever since.',
      heard: 'The bridge was built in 1904, of steel',
      unheard: ' from the valley, and it has stood ever since.',
      interrupted: true,
      latency: { parts: { ...parts, endpoint: 190, first_token: 240 }, total: 769.5 },
    },
    { role: 'user', text: 'Sorry, I meant', tentative: true, closed: false },
  );
  streamkit.talker.become('you');
}"""

LATENCY = """() => {
  const { trace } = streamkit;
  trace.clock = { offset: 0.2, error: 0.0008 };
  const total = (parts) => Object.values(parts).reduce((sum, part) => sum + part, 0);
  for (let turn = 0; turn < 14; turn += 1) {
    const parts = {
      capture: 22 + (turn % 3), network: 2.8, endpoint: 200 + 40 * (turn % 4), final: 70 + turn,
      first_token: 90 + 25 * (turn % 5), first_piece: 40 + 6 * (turn % 7), first_byte: 88,
      first_audible: 11, downlink: 3.2, played: 45,
    };
    trace.turns.push({ id: `t${turn}`, at: 1.7e9 + turn * 9, parts, total: total(parts) });
  }
  const words = 'The cheaper one wants to begin in March if the weather is with us'.split(' ');
  for (const [place, text] of words.entries()) {
    const parts = {
      capture: 21, network: 2.6, vad: 4.2, decode: 92 + 13 * (place % 4),
      commit: 60 + 45 * (place % 3), emit: 0.6, downlink: 2.9, shown: 9 + (place % 5),
    };
    trace.chunks.push({ at: 1.7e9 + place, text, parts });
  }
  trace.tell();
}"""


def start_captions(page: Page) -> None:
    page.get_by_role("button", name="Start captions").click()
    page.get_by_text("Listening", exact=True).wait_for()


def start_talk(page: Page) -> None:
    page.get_by_role("tab", name="Voice chat").click()
    page.get_by_role("button", name="Start talking").click()
    page.get_by_role("button", name="Stop talking").wait_for()


def idle(page: Page) -> None:
    page.get_by_role("button", name="Start captions").wait_for()


def idle_talk(page: Page) -> None:
    page.get_by_role("tab", name="Voice chat").click()


def captions(page: Page) -> None:
    start_captions(page)
    page.evaluate(CAPTIONS)
    page.get_by_text("weather is with us").wait_for()


def large(page: Page) -> None:
    captions(page)
    page.get_by_role("button", name="Large type").click()
    page.get_by_role("button", name="Close").wait_for()


def talk(page: Page) -> None:
    start_talk(page)
    page.evaluate(TALK)
    page.get_by_text("Sorry, I meant").wait_for()


def push_to_talk(page: Page) -> None:
    page.get_by_role("tab", name="Voice chat").click()
    page.get_by_text("Push to talk").click()
    page.get_by_role("button", name="Start talking").click()
    page.evaluate("() => streamkit.talker.become('speaking')")
    page.get_by_role("button", name="Interrupt").wait_for()


def latency(page: Page) -> None:
    page.get_by_role("tab", name="Latency").click()
    page.locator(".panel").first.wait_for()
    page.evaluate(LATENCY)
    page.get_by_text("±0.8 ms").wait_for()


def no_latency(page: Page) -> None:
    page.get_by_role("tab", name="Latency").click()
    page.locator(".panel").first.wait_for()


def key(page: Page) -> None:
    page.get_by_label("Key", exact=True).fill("wrong")
    page.get_by_role("button", name="Use key").click()
    page.get_by_text("does not accept this key").wait_for()


def refused(page: Page) -> None:
    page.get_by_role("button", name="Start captions").click()
    page.get_by_role("alert").wait_for()


def reconnecting(page: Page) -> None:
    captions(page)
    page.evaluate(
        """() => {
          streamkit.captioner.become('reconnecting');
          streamkit.captioner.notice('warning', 'The server does not answer. '
            + 'What you say is kept and sent when the server is back.');
        }"""
    )
    page.get_by_text("Reconnecting…").wait_for()


STATES: dict[str, tuple[Callable[[Page], None], dict[str, str]]] = {
    "idle": (idle, {}),
    "idle-talk": (idle_talk, {}),
    "captions": (captions, {}),
    "large": (large, {}),
    "talk": (talk, {}),
    "push-to-talk": (push_to_talk, {}),
    "latency": (latency, {}),
    "latency-empty": (no_latency, {}),
    "key": (key, {"key": "right"}),
    "refused": (refused, {"microphone": "denied"}),
    "reconnecting": (reconnecting, {}),
}
"""By name: how one gets there, and what the fakes are told first."""


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Where screenshots go."""
    folder = Path(os.environ.get("STREAMKIT_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def faults(page: Page, *rules: str) -> list[str]:
    """What axe-core takes for serious or critical, by all its rules or by some."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    only = {"runOnly": {"type": "rule", "values": list(rules)}} if rules else {}
    found = page.evaluate("(options) => axe.run(document, options)", {**only, "resultTypes": []})
    return [
        f"{fault['id']}: {fault['help']}: {[node['html'] for node in fault['nodes']]}"
        for fault in found["violations"]
        if fault["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("state", STATES)
def test_every_state_can_be_seen_and_used_by_everybody(
    state: str, open_fake: Callable[..., Page], gallery: Path
) -> None:
    if not AXE.exists():
        pytest.skip("needs axe-core: npm install --prefix tests/foreign --package-lock=false")
    reach, fakes = STATES[state]
    page = open_fake(fakes, viewport=WIDE, color_scheme="light")
    reach(page)
    page.screenshot(path=gallery / f"{state}-light.png")
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=gallery / f"{state}-dark.png")
    assert faults(page, "color-contrast") == []
    page.set_viewport_size(PHONE)
    page.screenshot(path=gallery / f"{state}-phone.png")
    assert faults(page, "color-contrast", "target-size") == []
    assert page.evaluate(TOO_WIDE) == []
