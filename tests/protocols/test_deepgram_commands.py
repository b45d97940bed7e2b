"""The text frames that a client of `/v1/listen` sends."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.recognizer import Word
from streamkit.errors import ProtocolError
from streamkit.latency.clock import ClockReport
from streamkit.protocols.deepgram.commands import (
    COMMANDS,
    MAX_TEXT_CHARACTERS,
    CloseStream,
    Command,
    Configure,
    Finalize,
    KeepAlive,
    parse_command,
)

WIRE: list[tuple[Command, dict[str, Any]]] = [
    (
        KeepAlive(committed=(Word("Turn", 8000, 11_200, 1.0), Word("it.", 11_200, 11_200, 1.0))),
        {"type": "KeepAlive", "streamkit": {"committed": [["Turn", 0.5, 0.7], ["it.", 0.7, 0.7]]}},
    ),
    (KeepAlive(), {"type": "KeepAlive"}),
    (
        KeepAlive(captured_at=1_700_000_000.25),
        {"type": "KeepAlive", "streamkit": {"captured_at": 1_700_000_000.25}},
    ),
    (
        KeepAlive(clock=ClockReport(1_700_000_000.25)),
        {"type": "KeepAlive", "streamkit": {"clock": {"sent_at": 1_700_000_000.25}}},
    ),
    (
        KeepAlive(captured_at=5.0, clock=ClockReport(7.0, 6.5, 6.75)),
        {
            "type": "KeepAlive",
            "streamkit": {
                "captured_at": 5,
                "clock": {"sent_at": 7, "last": {"server_sent_at": 6.5, "received_at": 6.75}},
            },
        },
    ),
    (Finalize(), {"type": "Finalize"}),
    (CloseStream(), {"type": "CloseStream"}),
    (Configure(), {"type": "Configure", "features": {"diarize": True}, "keyterms": ["x"]}),
]


@pytest.mark.parametrize(("command", "wire"), WIRE, ids=[str(command) for command, _ in WIRE])
def test_what_is_written_is_read(command: Command, wire: dict[str, Any]) -> None:
    assert parse_command(json.dumps(wire)) == command
    assert parse_command(json.dumps({**wire, "unknown": [1, None]}, indent=4)) == command


def test_every_command_is_covered_here() -> None:
    assert {type(command) for command, _ in WIRE} == set(get_args(Command))
    assert {wire["type"] for _, wire in WIRE} == set(COMMANDS)


BAD = {
    "no JSON": "hello",
    "nothing": "",
    "an array": '["KeepAlive"]',
    "a number": "42",
    "null": "null",
    "no type": "{}",
    "an unknown type": '{"type":"Speak"}',
    "another case": '{"type":"keepalive"}',
    "a type that is no text": '{"type":["KeepAlive"]}',
    "deep nesting": "[" * 2000 + "]" * 2000,
    "a deep type": '{"type":' + '{"a":' * 600 + "1" + "}" * 601,
    "captured_at as text": '{"type":"KeepAlive","streamkit":{"captured_at":"now"}}',
    "captured_at as truth": '{"type":"KeepAlive","streamkit":{"captured_at":true}}',
    "captured_at not a number": '{"type":"KeepAlive","streamkit":{"captured_at":NaN}}',
    "captured_at without end": '{"type":"KeepAlive","streamkit":{"captured_at":1e999}}',
    "captured_at before all": '{"type":"KeepAlive","streamkit":{"captured_at":-1}}',
    "clock as number": '{"type":"KeepAlive","streamkit":{"clock":5}}',
    "clock as array": '{"type":"KeepAlive","streamkit":{"clock":[]}}',
    "clock without time": '{"type":"KeepAlive","streamkit":{"clock":{}}}',
    "clock as truth": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":true}}}',
    "clock as text": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":"5"}}}',
    "clock not a number": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":NaN}}}',
    "clock without end": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":1e999}}}',
    "clock before all": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":-1}}}',
    "half of an answer": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":5,'
    '"last":{"server_sent_at":4}}}}',
    "an answer as number": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":5,"last":4}}}',
    "an answer that never came": '{"type":"KeepAlive","streamkit":{"clock":{"sent_at":5,'
    '"last":{"server_sent_at":4,"received_at":-1}}}}',
    "streamkit as array": '{"type":"KeepAlive","streamkit":[]}',
    "too long": '{"type":"KeepAlive","x":"' + "x" * MAX_TEXT_CHARACTERS + '"}',
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_cannot_be_used_says_what_can(text: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_command(text)
    shown = str(caught.value)
    assert "accepted" in shown or "captured_at" in shown
    assert len(shown) < 400


def test_the_longest_message() -> None:
    padding = MAX_TEXT_CHARACTERS - len('{"type":"Finalize","x":""}')
    text = '{"type":"Finalize","x":"' + "x" * padding + '"}'
    assert len(text) == MAX_TEXT_CHARACTERS
    assert parse_command(text) == Finalize()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
OBJECTS = st.fixed_dictionaries(
    {"type": st.sampled_from(COMMANDS) | JSON},
    optional={"streamkit": JSON | st.fixed_dictionaries({"captured_at": JSON})},
)


def outcome(text: str) -> Command | str:
    try:
        return parse_command(text)
    except ProtocolError as error:
        return str(error)


@given(st.one_of(st.text(), JSON.map(json.dumps), OBJECTS.map(json.dumps)))
def test_any_text_gives_a_command_or_a_protocol_error(text: str) -> None:
    answer = outcome(text)
    if isinstance(answer, str):
        assert answer.isprintable()
    else:
        assert isinstance(answer, get_args(Command))


@pytest.mark.parametrize(
    "committed",
    [
        "Turn",
        [["Turn", 0.5]],
        [["Turn", 0.5, 0.7, 0.9]],
        [["", 0.5, 0.7]],
        [["x" * 101, 0.5, 0.7]],
        [[5, 0.5, 0.7]],
        [["Turn", 0.7, 0.5]],
        [["Turn", -1, 0.5]],
        [["Turn", 0.5, 31]],
        [["Turn", True, 1.0]],
        [["Turn", 0.1, 0.2]] * 301,
        {"Turn": 1},
    ],
    ids=lambda committed: str(committed)[:30],
)
def test_committed_words_of_the_wrong_form(committed: object) -> None:
    with pytest.raises(ProtocolError, match="committed"):
        parse_command(json.dumps({"type": "KeepAlive", "streamkit": {"committed": committed}}))
