from __future__ import annotations

import io
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from streamkit.client.events import (
    Event,
    Finished,
    Latency,
    Reconnected,
    Reconnecting,
    ServerError,
    SpeechStarted,
    Transcript,
    Word,
)
from streamkit_clients.caption_view import (
    CaptionView,
    LatencyMeter,
    Line,
    Span,
    level_bar,
    printable,
    tail,
)
from streamkit_clients.terminal import LiveScreen, PlainScreen


def transcript(
    text: str,
    *,
    committed: int = 0,
    final: bool = False,
    ends: bool = False,
    utterance: int = 0,
    end: float = 1.0,
    latency: Latency | None = None,
) -> Transcript:
    words = tuple(Word(part.lower(), part, end - 0.1, end, 0.9) for part in text.split())
    count = len(words) if final else committed
    return Transcript(words, 0.0, end, count, final, ends, utterance, 0, latency)


CONVERSATION: list[Event] = [
    SpeechStarted(0.1, 0),
    transcript("Hello"),
    transcript("Hello their", committed=1),
    transcript("Hello there.", committed=1),
    transcript("Hello there.", final=True),
    transcript("How", committed=1),
    transcript("How are you?", final=True, ends=True),
    transcript("", final=True, ends=True, utterance=1),
    transcript("Fine.", final=True, utterance=2),
    transcript("", final=True, ends=True, utterance=2),
    transcript("And", committed=1, utterance=3),
    transcript("And you?", final=True, utterance=3),
    Finished({}),
]
LINES = ["Hello there. How are you?", "Fine.", "And you?"]


def test_lines_and_open_words() -> None:
    view = CaptionView()
    seen: list[tuple[list[Line], tuple[Span, ...]]] = [
        (view.apply(event), view.open) for event in CONVERSATION
    ]
    assert [spans for _, spans in seen][:7] == [
        (),
        (Span("Hello", False),),
        (Span("Hello", True), Span("their", False)),
        (Span("Hello", True), Span("there.", False)),
        (Span("Hello there.", True),),
        (Span("Hello there. How", True),),
        (),
    ]
    lines = [line for finished, _ in seen for line in finished] + view.close()
    assert lines == [Line("caption", text) for text in LINES]
    assert view.close() == []


def test_what_never_became_final_is_no_line() -> None:
    view = CaptionView()
    view.apply(transcript("Half a", final=True))
    view.apply(transcript("sentence that", committed=2))
    assert view.close() == [Line("caption", "Half a")]


def test_another_utterance_begins_another_line() -> None:
    view = CaptionView()
    view.apply(transcript("One", final=True))
    assert view.apply(transcript("Two", utterance=1)) == [Line("caption", "One")]


def test_a_long_utterance_scrolls_up_in_pieces() -> None:
    view = CaptionView(max_open=10)
    assert view.apply(transcript("one two", final=True)) == []
    assert view.apply(transcript("three four", final=True)) == [
        Line("caption", "one two three four")
    ]
    assert view.apply(transcript("five", final=True, ends=True)) == [Line("caption", "five")]


def test_reconnects_and_errors_are_told() -> None:
    view = CaptionView()
    told = [
        *view.apply(Reconnecting(2, 0.75, "close code 1012")),
        *view.apply(Reconnected(2, 3.25, 0.0)),
        *view.apply(Reconnected(2, 3.25, 12.0)),
        *view.apply(ServerError("X", "bad\x1b[2J audio")),
    ]
    assert [line.kind for line in told] == ["notice", "notice", "warning", "warning"]
    assert told[0].text == "connection lost (close code 1012); attempt 2 in 0.8 s"
    assert "3.2 s are sent again" in told[1].text
    assert "12.0 s of audio are lost" in told[2].text
    assert told[3].text == "the server says: bad [2J audio"


def measured(end: float, captured_at: float | None, emit_ms: float | None) -> Transcript:
    latency = Latency(captured_at, 0.0, None, None, None, None, None, emit_ms)
    return transcript("word", end=end, latency=latency)


def test_latency_counts_each_word_when_it_is_first_shown() -> None:
    meter = LatencyMeter()
    assert str(meter) == ""
    meter.apply(measured(1.0, 100.0, 20.0), 100.2)
    meter.apply(measured(1.0, 100.0, 900.0), 101.0)
    meter.apply(measured(0.5, 100.0, 900.0), 101.0)
    meter.apply(transcript("", end=9.0), 101.0)
    meter.apply(measured(2.0, 100.0, 40.0), 100.3)
    assert str(meter) == ("latency ms: shown p50 200 p95 300 last 300, server p50 20 p95 40")


def test_latency_without_capture_times() -> None:
    meter = LatencyMeter()
    meter.apply(measured(1.0, None, 20.0), 100.2)
    assert str(meter) == "latency ms: server p50 20 p95 20"


@given(
    texts=st.lists(st.text("abc ", min_size=1, max_size=30), max_size=5),
    characters=st.integers(1, 60),
)
def test_tail_keeps_the_end(texts: list[str], characters: int) -> None:
    spans = [Span(text, index % 2 == 0) for index, text in enumerate(texts)]
    kept = tail(spans, characters)
    whole, shown = " ".join(texts), " ".join(span.text for span in kept)
    assert len(shown) <= characters
    if len(whole) <= characters:
        assert shown == whole
    else:
        assert whole.endswith(shown.removeprefix("…").lstrip() if kept else "")


@pytest.mark.parametrize(
    ("level", "filled"), [(-100.0, 0), (-60.0, 0), (-30.0, 6), (0.0, 12), (3.0, 12)]
)
def test_level_bar(level: float, filled: int) -> None:
    bar = level_bar(level)
    assert (bar.count("█"), len(bar)) == (filled, 12)


@given(st.text())
def test_nothing_printed_drives_the_terminal(text: str) -> None:
    shown = printable(text)
    assert all(character.isprintable() for character in shown)
    assert "".join(shown.split()) == "".join(
        character for character in text if character.isprintable() and not character.isspace()
    )


def test_plain_screen_prints_final_lines_only() -> None:
    output, errors = io.StringIO(), io.StringIO()
    screen = PlainScreen(output, errors)
    for event in [*CONVERSATION[:4], Reconnecting(1, 0.0, "why"), *CONVERSATION[4:]]:
        screen.event(event)
    screen.level(-20.0)
    screen.idle("listening")
    screen.notice("be\nware")
    screen.close()
    assert output.getvalue().splitlines() == LINES
    assert errors.getvalue().splitlines() == [
        "connection lost (why); attempt 1 in 0.0 s",
        "be ware",
    ]


@pytest.mark.parametrize(
    ("quiet", "latency", "lines"), [(False, True, 2), (False, False, 1), (True, True, 0)]
)
def test_plain_screen_tells_latency_unless_told_not_to(
    quiet: bool, latency: bool, lines: int
) -> None:
    output, errors = io.StringIO(), io.StringIO()
    screen = PlainScreen(output, errors, quiet=quiet, latency=latency)
    timing = Latency(time.time(), 0.0, None, None, None, None, None, 5.0)
    screen.event(transcript("Hi.", final=True, latency=timing))
    screen.event(transcript("", final=True, ends=True))
    screen.notice("by the way")
    screen.close()
    assert output.getvalue() == "Hi.\n"
    assert len(errors.getvalue().splitlines()) == lines
    if latency and not quiet:
        assert "latency ms: shown" in errors.getvalue()


def test_quiet_does_not_hide_warnings() -> None:
    errors = io.StringIO()
    screen = PlainScreen(io.StringIO(), errors, quiet=True)
    screen.notice("lost", warning=True)
    assert errors.getvalue() == "lost\n"


class Terminal(io.StringIO):
    """Counts the writes and knows enough of a terminal to say what is on it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0

    def write(self, text: str) -> int:
        self.writes += bool(text)
        return super().write(text)

    def shown(self) -> list[str]:
        lines, row = [""], 0
        parts = re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", self.getvalue())
        for part in parts:
            if part == "\n":
                row += 1
                lines += [""] * (row + 1 - len(lines))
            elif part == "\x1b[2K":
                lines[row] = ""
            elif (up := re.fullmatch(r"\x1b\[(\d+)A", part)) is not None:
                row -= int(up[1])
            elif part and part[0] not in "\x1b\r":
                lines[row] += part
        return [line for line in lines if line.strip()]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
def console(terminal: Terminal) -> Console:
    return Console(
        file=terminal,
        force_terminal=True,
        color_system="standard",
        width=40,
        height=12,
        _environ={},
    )


def test_live_screen_redraws_only_what_changed(terminal: Terminal, console: Console) -> None:
    screen = LiveScreen(console, latency=False)
    screen.idle("listening")
    screen.event(transcript("Hello their", committed=1))
    assert terminal.shown() == ["Hello their"]
    assert "\x1b[2mtheir" in terminal.getvalue()
    assert "\x1b[2mHello" not in terminal.getvalue()

    before = terminal.writes
    screen.event(transcript("Hello their", committed=1))
    screen.event(SpeechStarted(0.0, 0))
    screen.idle("listening")
    assert terminal.writes == before
    screen.event(transcript("Hello there", committed=1))
    # One write per change: nothing half-drawn is ever on the screen.
    assert terminal.writes == before + 1
    assert terminal.shown() == ["Hello there"]
    screen.close()


def test_live_screen_scrolls_finals_and_leaves_no_rest(
    terminal: Terminal, console: Console
) -> None:
    screen = LiveScreen(console, latency=False)
    screen.idle("listening")
    for event in CONVERSATION[:7]:
        screen.event(event)
    assert terminal.shown() == [LINES[0], "listening"]
    for event in CONVERSATION[7:]:
        screen.event(event)
    screen.notice("by the way")
    assert terminal.shown() == [*LINES[:2], "by the way", "And you?"]
    screen.close()
    assert terminal.shown() == [*LINES[:2], "by the way", LINES[2]]
    assert terminal.getvalue().rstrip().endswith(("\x1b[?25h", LINES[2]))
    assert "\x1b[?25h" in terminal.getvalue()


def test_live_screen_shows_level_and_latency(terminal: Terminal, console: Console) -> None:
    screen = LiveScreen(console, meter=True)
    screen.level(-30.0)
    timing = Latency(None, 0.0, None, None, None, None, None, 5.0)
    screen.event(transcript("Hi", latency=timing))
    assert terminal.shown()[0] == "Hi"
    assert terminal.shown()[1].startswith("██████······  latency ms")
    assert len(terminal.shown()[1]) <= 40
    screen.close()
    assert terminal.shown() == ["latency ms: server p50 5 p95 5"]


def test_live_screen_keeps_the_newest_words_of_a_long_utterance(
    terminal: Terminal, console: Console
) -> None:
    screen = LiveScreen(console, latency=False)
    screen.event(transcript(" ".join(f"word{n}" for n in range(200))))
    shown = terminal.shown()
    assert len(shown) <= 7
    assert shown[-1].split()[-1] == "word199"
    screen.close()
