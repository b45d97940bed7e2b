from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.events import (
    Finished,
    ServerError,
    SpeechStarted,
    Transcript,
    UtteranceEnd,
    parse_event,
)
from streamkit.errors import ProtocolError


def results(**changes: Any) -> dict[str, Any]:
    return {
        "type": "Results",
        "channel_index": [1, 2],
        "start": 2.0,
        "duration": 1.5,
        "is_final": False,
        "speech_final": False,
        "channel": {
            "alternatives": [
                {
                    "transcript": "Hello there.",
                    "confidence": 0.9,
                    "words": [
                        {
                            "word": "hello",
                            "punctuated_word": "Hello",
                            "start": 2.1,
                            "end": 2.5,
                            "confidence": 0.9,
                        },
                        {"word": "there", "start": 2.5, "end": 3.0, "confidence": 0.8},
                    ],
                }
            ]
        },
        **changes,
    }


def test_results_of_streamkit() -> None:
    own = {
        "committed": 1,
        "utterance": 4,
        "audio_end": 3.4,
        "latency": {"captured_at": 5.0, "received_at": 6.0, "vad_ms": 1.5, "emit_ms": None},
    }
    event = parse_event(json.dumps(results(streamkit=own)), offset=10.0, utterance=7)
    assert isinstance(event, Transcript)
    assert (event.start, event.end) == (12.0, 13.5)
    assert [(w.punctuated, w.start) for w in event.words] == [("Hello", 12.1), ("there", 12.5)]
    assert event.text == "Hello there"
    assert (event.committed, event.utterance, event.channel) == (1, 7, 1)
    assert event.latency is not None
    assert (event.latency.received_at, event.latency.vad_ms) == (6.0, 1.5)
    assert event.latency.emit_ms is None


def test_results_of_another_server() -> None:
    event = parse_event(json.dumps(results()))
    assert isinstance(event, Transcript)
    assert (event.committed, event.latency) == (0, None)
    closed = parse_event(json.dumps(results(is_final=True, speech_final=True)))
    assert isinstance(closed, Transcript)
    assert closed.committed == 2


def test_other_messages() -> None:
    assert parse_event('{"type":"SpeechStarted","channel":[0],"timestamp":1.5}', 2.0) == (
        SpeechStarted(3.5, 0)
    )
    end = '{"type":"UtteranceEnd","channel":[0,1],"last_word_end":%s}'
    assert parse_event(end % 1.5, 2.0) == UtteranceEnd(3.5, 0)
    assert parse_event(end % -1, 2.0) == UtteranceEnd(None, 0)
    assert parse_event('{"type":"Error","variant":"V","description":"d"}') == ServerError("V", "d")
    assert parse_event('{"type":"Error","message":"m","code":7}') == ServerError("7", "m")
    assert parse_event('{"type":"Metadata","duration":3}') == (
        Finished({"type": "Metadata", "duration": 3})
    )
    assert parse_event('{"type":"SomethingNew"}') is None


@pytest.mark.parametrize(
    "message",
    [
        "",
        "[]",
        "7",
        '"x"',
        "null",
        "{}",
        '{"type":"Results"}',
        '{"type":"SpeechStarted","channel":[],"timestamp":1}',
        '{"type":"SpeechStarted","channel":[Infinity],"timestamp":1}',
        b"\xff\xfe\x00",
    ],
)
def test_what_the_protocol_does_not_allow(message: str | bytes) -> None:
    with pytest.raises(ProtocolError, match="/v1/listen"):
        parse_event(message)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(key=st.sampled_from([*results(), "streamkit"]), value=json_values)
def test_any_damage_is_a_protocol_error_or_harmless(key: str, value: Any) -> None:
    with contextlib.suppress(ProtocolError):
        parse_event(json.dumps(results(**{key: value})))
