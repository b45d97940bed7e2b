from __future__ import annotations

import io
import json
import re

import pytest
from rich.console import Console

from streamkit.client.playback import Part
from streamkit.client.turns import AgentTurn, Spoken, Turn, UserTurn
from streamkit_clients.talk_screen import JsonTalk, LiveTalk, PlainTalk, TalkScreen
from streamkit_clients.talk_view import (
    Line,
    Span,
    TalkMeter,
    finished_lines,
    latency_text,
    open_line,
    record,
)

SECOND = 24000


def reply(text: str, heard: float = 1.0, *, cut: bool = False, closed: bool = True) -> AgentTurn:
    """A reply whose sound lasts one second, of which so much was heard."""
    spoken = Spoken(arrived=SECOND, heard=round(heard * SECOND), over=closed, cut=cut)
    spoken.text.add(text, 0)
    spoken.text.complete()
    turn = AgentTurn("r", spoken={Part("item_a"): spoken}, done=True, interrupted=cut)
    turn.closed = closed
    return turn


def timed(turn: AgentTurn) -> AgentTurn:
    turn.voice_to_voice = 412.34
    turn.latency = {
        "endpoint": 310.4,
        "final": 0.2,
        "first_token": 80.0,
        "odd_ms": 7.0,
        "voice_to_voice": 397.6,
    }
    return turn


CUT = reply("one two three four", 0.6, cut=True)
CONVERSATION: list[Turn] = [
    UserTurn("u1", "Good \x1b[2J morning", closed=True),
    timed(reply("Hello there.")),
    UserTurn("u2", "", closed=True),
    AgentTurn("nothing", closed=True, done=True),
    UserTurn("u3", "Count", closed=True),
    CUT,
]


def test_open_turns() -> None:
    assert open_line(UserTurn("u", speaking=True)) == Line("you", (Span("…", "soft"),))
    assert open_line(UserTurn("u")) is None
    assert open_line(UserTurn("u", "Good", speaking=True)) == Line("you", (Span("Good", "soft"),))
    assert open_line(UserTurn("u", "Good", closed=True)) == Line("you", (Span("Good"),))
    assert open_line(reply("one two three four", 0.0, closed=False)) is None
    # Only what has been heard is shown.
    assert open_line(reply("one two three four", 0.5, closed=False)) == Line(
        "agent", (Span("one two three"),)
    )


def test_finished_turns() -> None:
    lines = [line for turn in CONVERSATION for line in finished_lines(turn)]
    assert [(line.kind, line.text) for line in lines] == [
        ("you", "Good [2J morning"),
        ("agent", "Hello there."),
        ("latency", "voice to voice 412 ms; at the server 398 ms (endpoint 310, first token 80, "
         "odd 7)"),
        ("you", "Count"),
        ("agent", "one two [three four]"),
    ]  # fmt: skip
    assert lines[-1].spans == (Span("one two"), Span("three four", "struck"))


@pytest.mark.parametrize(
    ("latency", "voice_to_voice", "text"),
    [
        ({}, None, ""),
        ({}, 99.6, "voice to voice 100 ms"),
        ({"total": 5.0}, None, "at the server (total 5)"),
        ({"voice_to_voice": 5.0}, 20.0, "voice to voice 20 ms; at the server 5 ms"),
    ],
)
def test_latency_is_shown_as_far_as_it_is_known(
    latency: dict[str, float], voice_to_voice: float | None, text: str
) -> None:
    assert latency_text(AgentTurn("r", latency=latency, voice_to_voice=voice_to_voice)) == text


def test_records() -> None:
    told = [record(turn) for turn in CONVERSATION]
    assert told[0] == {"role": "user", "text": "Good \x1b[2J morning", "item_id": "u1"}
    assert told[2] is told[3] is None
    assert told[5] == {
        "role": "assistant",
        "text": "one two",
        "unheard": "three four",
        "interrupted": True,
        "played_ms": 600,
        "item_ids": ["item_a"],
        "voice_to_voice_ms": None,
        "latency_ms": {},
    }
    assert told[1] is not None
    assert told[1]["voice_to_voice_ms"] == 412.3
    assert record(UserTurn("", "written", closed=True)) == {
        "role": "user",
        "text": "written",
        "item_id": None,
    }


def test_the_meter() -> None:
    meter = TalkMeter()
    assert str(meter) == ""
    for turn in CONVERSATION:
        meter.apply(turn)
    assert str(meter) == "voice to voice ms: p50 412 p95 412 (1)"
    assert meter.interrupted == 1


def tell(screen: TalkScreen) -> None:
    screen.hint("Ctrl-C: leave")
    screen.show([], "listening")
    screen.notice("connection lost", warning=True)
    screen.level(-20)
    for turn in CONVERSATION:
        screen.show([turn], "speaking")
        screen.finished([turn])
    screen.close()


def test_plain_lines() -> None:
    output, errors = io.StringIO(), io.StringIO()
    tell(PlainTalk(output, errors))
    assert output.getvalue().splitlines() == [
        "you: Good [2J morning",
        "agent: Hello there.",
        "you: Count",
        "agent: one two [three four]",
    ]
    said = errors.getvalue().splitlines()
    assert said[0] == "connection lost"
    assert said[1].startswith("voice to voice 412 ms")
    assert said[2] == "voice to voice ms: p50 412 p95 412 (1)"

    output, errors = io.StringIO(), io.StringIO()
    tell(PlainTalk(output, errors, latency=False))
    assert errors.getvalue() == "connection lost\n"


def test_json_lines() -> None:
    output, errors = io.StringIO(), io.StringIO()
    tell(JsonTalk(output, errors, latency=False))
    told = [json.loads(line) for line in output.getvalue().splitlines()]
    assert [each["role"] for each in told] == ["user", "assistant", "user", "assistant"]


def live(width: int = 60, height: int = 20) -> tuple[LiveTalk, Console, io.StringIO]:
    output = io.StringIO()
    console = Console(
        file=output, force_terminal=True, width=width, height=height, color_system="standard"
    )
    return LiveTalk(console, meter=True), console, output


def test_the_live_view() -> None:
    screen, _, output = live()
    tell(screen)
    seen = output.getvalue()
    # What was never heard is struck out, and nothing of what people say drives the terminal.
    assert re.search(r"one two \x1b\[2;9mthree four", seen)
    assert "\x1b[2J" not in seen
    assert "▶ speaking" in seen
    assert "█" in seen
    assert "connection lost" in seen
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")
    assert "voice to voice ms: p50 412" in seen.splitlines()[-1]


def test_a_long_turn_shows_its_end() -> None:
    screen, _, _ = live(width=30, height=6)
    words = " ".join(f"word{index}" for index in range(200))
    screen.show([UserTurn("u", words, speaking=True)], "you")
    output = io.StringIO()
    Console(file=output, width=30).print(screen)
    region = output.getvalue().splitlines()
    screen.close()
    assert len(region) <= 6
    assert "word199" in region[-2]
    assert "…" in region[0]


def test_nothing_is_drawn_when_nothing_has_changed() -> None:
    screen, _, output = live()
    turn = UserTurn("u", "Hello", speaking=True)
    screen.show([turn], "you")
    before = output.getvalue()
    screen.show([turn], "you")
    assert output.getvalue() == before
    turn.text += " there"
    screen.show([turn], "you")
    assert "Hello there" in output.getvalue()
    screen.close()
