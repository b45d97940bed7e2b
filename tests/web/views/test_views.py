"""What the page's views do with what happens behind them, and with what a person does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="needs the package playwright").expect

CONTROLS = """() => {
  const named = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
  return [...document.querySelectorAll(named)]
    .filter((each) => each.tabIndex >= 0 && !each.disabled && each.checkVisibility())
    .filter((each) => each.type !== 'radio' || each.checked)
    .map((each) => each.outerHTML.slice(0, 90));
}"""
"""What one should be able to reach with the Tab key; of radio buttons the chosen one."""

FOCUSED = """() => {
  const found = document.activeElement;
  const seen = found.type === 'radio' ? found.nextElementSibling : found;
  return [found.outerHTML.slice(0, 90), getComputedStyle(seen).outlineStyle];
}"""


def start_captions(page: Page) -> None:
    page.get_by_role("button", name="Start captions").click()
    page.get_by_role("button", name="Stop captions").wait_for()


def start_talk(page: Page) -> None:
    page.get_by_role("tab", name="Voice chat").click()
    page.get_by_role("button", name="Start talking").click()
    page.get_by_role("button", name="Stop talking").wait_for()


def walk(page: Page) -> None:
    """Go through the page with the Tab key, and see that nothing was left out or hidden."""
    expected = page.evaluate(CONTROLS)
    page.locator(".skip").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    reached = []
    for _ in expected:
        element, outline = page.evaluate(FOCUSED)
        assert outline == "solid", element
        reached.append(element)
        page.keyboard.press("Tab")
    assert sorted(reached) == sorted(expected)


def test_the_keyboard_reaches_everything(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    page.get_by_role("button", name="Start captions").wait_for()
    walk(page)
    page.get_by_role("tab", name="Captions").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Voice chat")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Voice chat")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel", name="Latency")).to_be_visible()
    page.keyboard.press("Home")
    page.get_by_role("button", name="Start captions").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop captions")).to_be_focused()
    page.evaluate("() => streamkit.captioner.say({ lines: ['Good morning.'] })")
    page.get_by_text("Good morning.").wait_for()
    walk(page)


def test_the_keyboard_reaches_everything_of_a_talk(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_talk(page)
    latency = "{ parts: { endpoint: 200, final: 90 }, total: 290 }"
    page.evaluate(
        f"() => streamkit.talker.add({{ role: 'agent', text: 'Yes.', latency: {latency} }})"
    )
    page.get_by_role("button", name="answered in 290 ms").wait_for()
    walk(page)


def test_words_that_may_change_look_and_sound_different(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_captions(page)
    page.evaluate(
        """() => streamkit.captioner.say(
          { lines: ['It is done.'], committed: 'We have', tentative: 'arrived' })"""
    )
    tentative = page.locator("#captions-current .tentative")
    expect(tentative).to_have_text("arrived")
    style = "(element) => getComputedStyle(element).textDecorationLine"
    assert tentative.evaluate(style) == "underline"
    assert page.locator("#captions-current .committed").evaluate(style) == "none"
    # Screen readers are told lines that stand, and no word that may change.
    live = "(element) => element.closest('[aria-live]').getAttribute('aria-live')"
    assert tentative.evaluate(live) == "off"
    assert page.get_by_text("It is done.").evaluate(live) == "polite"


def test_each_caption_is_reported_when_it_is_painted(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_captions(page)
    # Three in one frame: one change of the page, three reports.
    page.evaluate(
        """() => {
          globalThis.changes = 0;
          const count = (all) => { globalThis.changes += all.length; };
          new MutationObserver(count).observe(
            document.querySelector('#captions-current .tentative'), { childList: true });
          const { captioner } = streamkit;
          for (const tentative of ['one', 'one two', 'one two three']) {
            captioner.say({ tentative });
          }
        }"""
    )
    page.get_by_text("one two three").wait_for()
    expect(page.locator("#captions-current .tentative")).to_have_text("one two three")
    assert page.evaluate("() => globalThis.changes") == 1
    page.evaluate("() => new Promise((done) => setTimeout(done))")
    assert len(page.evaluate("() => streamkit.captioner.painted")) == 3


def test_a_long_talk_does_not_fill_the_page(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_captions(page)
    page.evaluate(
        """() => streamkit.captioner.say(
          { lines: Array.from({ length: 400 }, (_, line) => `This is line ${line}.`) })"""
    )
    page.get_by_text("This is line 399.").wait_for()
    assert page.locator("#captions-lines > *").count() == 120
    earlier = page.get_by_text("280 earlier")
    assert page.get_by_text("This is line 0.").count() == 0
    earlier.click()
    expect(page.locator("#captions-earlier")).to_contain_text("This is line 0.")
    expect(page.locator("#captions-earlier")).to_contain_text("This is line 279.")


def test_a_person_who_reads_back_is_left_there(open_fake: Callable[..., Page]) -> None:
    page = open_fake(viewport={"width": 800, "height": 500})
    start_captions(page)
    page.evaluate(
        """() => streamkit.captioner.say(
          { lines: Array.from({ length: 60 }, (_, line) => `This is line ${line}.`) })"""
    )
    expect(page.get_by_text("This is line 59.")).to_be_in_viewport()
    page.locator("#captions-scroller").hover()
    page.mouse.wheel(0, -900)
    newest = page.get_by_role("button", name="Newest", exact=True)
    newest.wait_for()
    page.evaluate("() => streamkit.captioner.say({ lines: ['The newest of all.'] })")
    page.get_by_text("The newest of all.").wait_for(state="attached")
    expect(page.get_by_text("The newest of all.")).not_to_be_in_viewport()
    newest.click()
    expect(page.get_by_text("The newest of all.")).to_be_in_viewport()
    expect(newest).to_be_hidden()


def test_captions_can_be_taken_along(open_fake: Callable[..., Page]) -> None:
    page = open_fake(permissions=["clipboard-read", "clipboard-write"])
    start_captions(page)
    page.evaluate("() => streamkit.captioner.say({ lines: ['Good morning.', 'Tea & toast?'] })")
    page.get_by_text("Tea & toast?").wait_for()
    for name, part in (
        ("SRT", "\n00:00:04,500 --> "),
        ("VTT", "Tea &amp; toast?"),
        ("TXT", "Good morning.\nTea & toast?\n"),
    ):
        with page.expect_download() as download:
            page.get_by_role("button", name=name).click()
        assert download.value.suggested_filename.endswith(f".{name.lower()}")
        assert part in download.value.path().read_text(encoding="utf-8")
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert copied == "Good morning.\nTea & toast?\n"


def test_large_type_fills_the_screen_and_escape_leaves_it(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_captions(page)
    page.evaluate("() => streamkit.captioner.say({ lines: ['Good morning.'] })")
    line = page.get_by_text("Good morning.")
    size = "(element) => parseFloat(getComputedStyle(element).fontSize)"
    usual = line.evaluate(size)
    page.get_by_role("button", name="Large type").click()
    large = line.evaluate(size)
    assert large > 2 * usual
    page.get_by_role("button", name="Bigger type").click()
    assert line.evaluate(size) > large
    expect(page.get_by_role("tablist")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.get_by_role("tablist")).to_be_visible()
    expect(page.get_by_role("button", name="Large type")).to_be_focused()


def test_what_was_not_heard_is_struck_out(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_talk(page)
    page.evaluate(
        """() => streamkit.talker.add(
          { role: 'agent', text: 'It rains today.', heard: 'It rains', unheard: ' today.' })"""
    )
    turn = page.locator(".turn")
    expect(turn).to_contain_text("It rains today.")
    # It is still being said.
    assert page.locator("del").count() == 0
    page.evaluate(
        """() => {
          streamkit.talker.turns[0].interrupted = true;
          streamkit.talker.dispatchEvent(new Event('change'));
        }"""
    )
    expect(page.locator("del")).to_have_text("Not heard: today.")
    style = "(element) => getComputedStyle(element).textDecorationLine"
    assert page.locator("del").evaluate(style) == "line-through"
    expect(turn).to_contain_text("It rains Not heard: today.")


def test_turns_stand_in_the_order_of_the_talk(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_talk(page)
    page.evaluate("() => streamkit.talker.add({ role: 'agent', text: 'second' })")
    page.get_by_text("second").wait_for()
    page.evaluate(
        """() => {
          const { talker } = streamkit;
          talker.add({ role: 'user', text: 'first' });
          talker.turns.reverse();
          talker.dispatchEvent(new Event('change'));
        }"""
    )
    expect(page.locator(".bubble")).to_have_text(["first", "second"])
    page.evaluate(
        """() => {
          streamkit.talker.turns.shift();
          streamkit.talker.dispatchEvent(new Event('change'));
        }"""
    )
    expect(page.locator(".bubble")).to_have_text(["second"])


def test_push_to_talk_by_space_bar_and_by_button(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    page.get_by_role("tab", name="Voice chat").click()
    page.get_by_text("Push to talk").click()
    page.get_by_role("button", name="Start talking").click()
    hold = page.get_by_role("button", name="Hold to talk")
    expect(hold).to_be_focused()
    page.keyboard.down("Space")
    expect(page.get_by_text("You speak")).to_be_visible()
    page.keyboard.down("Space")
    page.keyboard.up("Space")
    assert page.evaluate("() => streamkit.talker.calls.slice(-2)") == ["press", "release"]
    hold.hover()
    page.mouse.down()
    expect(page.get_by_role("button", name="Let go to send")).to_be_visible()
    page.mouse.up()
    # In a field a space is a space.
    page.get_by_label("Write to the agent").press_sequentially("a b")
    page.keyboard.press("Enter")
    calls = page.evaluate("() => streamkit.talker.calls.filter((call) => call !== 'configure')")
    assert calls == ["press", "release", "press", "release", "write a b"]
    expect(page.get_by_text("a b")).to_be_visible()


def test_mute_and_interrupt(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_talk(page)
    page.get_by_role("button", name="Mute").click()
    expect(page.locator("#state")).to_have_text("Muted")
    assert page.evaluate("() => streamkit.microphone.muted") is True
    page.get_by_role("button", name="Muted").click()
    expect(page.locator("#state")).to_have_text("Listening")
    page.evaluate("() => streamkit.talker.become('speaking')")
    page.get_by_role("button", name="Interrupt").click()
    assert page.evaluate("() => streamkit.talker.calls.at(-1)") == "interrupt"


def test_settings_reach_who_needs_them_and_stay(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    page.get_by_label("Spoken language").select_option("German")
    page.get_by_label("Translate to English").check()
    page.get_by_label("Key terms").fill("Ada Lovelace\n\n Babbage ")
    start_captions(page)
    options = {"language": "de", "task": "translate", "keyterms": ["Ada Lovelace", "Babbage"]}
    assert page.evaluate("() => streamkit.captioner.options") == options
    page.get_by_label("Translate to English").uncheck()
    page.get_by_text("Listening").wait_for()
    assert page.evaluate("() => streamkit.captioner.options.task") == "transcribe"
    page.get_by_role("button", name="Dark colours").click()
    page.reload()
    expect(page.get_by_label("Spoken language")).to_have_value("de")
    expect(page.get_by_label("Key terms")).to_have_value("Ada Lovelace\n\n Babbage ")
    assert page.evaluate("() => document.documentElement.dataset.theme") == "dark"
    start_talk(page)
    page.get_by_role("combobox", name="Voice").select_option("Marin (English)")
    expect(page.get_by_role("combobox", name="Voice")).to_have_value("marin")
    assert page.evaluate("() => streamkit.talker.options.voice") == "marin"


def test_one_thing_at_a_time(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_captions(page)
    page.get_by_role("tab", name="Voice chat").click()
    expect(page.get_by_role("button", name="Stop captions")).to_be_visible()
    page.get_by_role("button", name="Start talking").click()
    expect(page.get_by_role("button", name="Stop talking")).to_be_visible()
    assert page.evaluate("() => [streamkit.captioner.state, streamkit.microphone.opened]") == [
        "idle",
        True,
    ]
    page.get_by_role("button", name="Stop talking").click()
    expect(page.locator("#state")).to_have_text("Ready")
    assert page.evaluate("() => streamkit.microphone.opened") is False


def test_a_server_that_asks_for_a_key(open_fake: Callable[..., Page]) -> None:
    page = open_fake({"key": "right"})
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    page.get_by_label("Key", exact=True).fill("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("does not accept this key").wait_for()
    page.get_by_label("Key", exact=True).fill("right")
    page.get_by_role("button", name="Use key").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_label("Spoken language")).to_contain_text("German")
    assert "right" not in page.evaluate("() => JSON.stringify({ ...localStorage })")


def test_a_refused_microphone_is_told_with_what_to_do(open_fake: Callable[..., Page]) -> None:
    page = open_fake({"microphone": "denied"})
    page.get_by_role("button", name="Start captions").click()
    expect(page.get_by_role("alert")).to_contain_text("Allow the microphone for this page")
    expect(page.get_by_role("button", name="Start captions")).to_be_enabled()
    page.evaluate("() => { globalThis.fakes.microphone = null; }")
    start_captions(page)
    # What is no longer so is no longer said.
    expect(page.get_by_role("alert")).to_have_count(0)


def test_latency_is_loaded_and_drawn_when_it_is_looked_at(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    start_talk(page)
    loaded = "() => performance.getEntriesByType('resource').map(({ name }) => name)"
    assert not [each for each in page.evaluate(loaded) if "views/latency.js" in each]
    page.evaluate(
        """() => {
          const parts = { endpoint: 200, final: 90 };
          const latency = { parts, total: 290 };
          streamkit.trace.turns.push({ id: 'turn-0', at: 1.7e9, parts, total: 290 });
          const other = { final: 80 };
          streamkit.trace.turns.push({ id: 'turn-1', at: 1.7e9 + 5, parts: other, total: 80 });
          streamkit.talker.add({ role: 'agent', text: 'Yes.', latency });
        }"""
    )
    page.get_by_role("button", name="answered in 290 ms").click()
    panel = page.get_by_role("region", name="Silence before an answer")
    expect(panel.locator(".stair .name")).to_have_text(["Endpoint", "Final"])
    expect(panel.get_by_role("row", name="All together")).to_contain_text("185 ms")
    chosen = panel.get_by_role("button", pressed=True)
    expect(chosen).to_contain_text("290 ms")
    page.get_by_role("tab", name="Captions").click()
    page.evaluate(
        """async () => {
          globalThis.changes = 0;
          new MutationObserver((all) => { globalThis.changes += all.length; }).observe(
            document.getElementById('view-latency'), { childList: true, subtree: true });
          streamkit.trace.turns.push({ id: 'turn-2', at: 1.7e9, parts: { final: 50 }, total: 50 });
          streamkit.trace.tell();
          await new Promise(requestAnimationFrame);
          await new Promise(requestAnimationFrame);
        }"""
    )
    assert page.evaluate("() => globalThis.changes") == 0
    page.get_by_role("tab", name="Latency").click()
    expect(panel.get_by_role("row", name="All together")).to_contain_text("80 ms")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save trace").click()
    assert download.value.suggested_filename.endswith(".jsonl")
    page.get_by_role("button", name="Clear").click()
    expect(panel).to_contain_text("No answer yet")


def test_every_part_of_a_delay_has_a_name_and_a_colour(open_fake: Callable[..., Page]) -> None:
    page = open_fake()
    parts = page.evaluate(
        """async () => {
          const [core, views] = await Promise.all(
            [import('/core/waterfall.js'), import('/views/parts.js')]);
          const named = [...views.TURN_PARTS, ...views.WORD_PARTS];
          const style = getComputedStyle(document.documentElement);
          return {
            core: [...core.TURN_PARTS, ...core.CHUNK_PARTS],
            views: named.map(({ id }) => id),
            colours: named.map(({ id }) => style.getPropertyValue(`--part-${id}`)),
          };
        }"""
    )
    assert parts["views"] == parts["core"]
    assert all(parts["colours"])
