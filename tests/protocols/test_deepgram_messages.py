"""The messages that the server sends: field by field, and as JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.recognizer import ModelInfo, Word
from streamkit.latency.trace import Stage, Trace
from streamkit.protocols import deepgram
from streamkit.protocols.deepgram import Encoder, ListenOptions
from streamkit.session.effects import SpeechBegan, Transcript, UtteranceEnded

SECOND = 16_000
EPOCH = 1_700_000_000.0
METADATA = {
    "request_id": "r-1",
    "model_info": {"name": "scripted", "version": "1", "arch": "whisper"},
    "model_uuid": "u-1",
}
WORDS = (
    Word("Hello,", SECOND, SECOND + 8_000, 0.9),
    Word("WORLD!", SECOND + 8_000, 2 * SECOND, 0.7),
)


def encoder(**options: Any) -> Encoder:
    return Encoder("r-1", ModelInfo("scripted"), "u-1", ListenOptions(**options), EPOCH)


def transcript(words: tuple[Word, ...] = WORDS, **changes: Any) -> Transcript:
    fields: dict[str, Any] = {
        "start": SECOND // 2,
        "end": 2 * SECOND + 4_000,
        "words": words,
        "committed": len(words),
        "is_final": True,
        "speech_final": True,
        "from_finalize": False,
        "utterance": 3,
        "language": "en",
        "trace": None,
    }
    return Transcript(**{**fields, **changes})


def test_results() -> None:
    trace = Trace(
        captured_at=EPOCH + 4.5,
        received_at=5.0,
        passed={Stage.VAD: 5.001, Stage.DECODE_START: 5.01, Stage.DECODE_END: 5.25},
    )
    message = encoder().results(transcript(trace=trace), channel=0, emit=5.5)
    assert message == {
        "type": "Results",
        "channel_index": [0, 1],
        "start": 0.5,
        "duration": 1.75,
        "is_final": True,
        "speech_final": True,
        "from_finalize": False,
        "channel": {
            "alternatives": [
                {
                    "transcript": "Hello, WORLD!",
                    "confidence": 0.8,
                    "words": [
                        {
                            "word": "hello",
                            "start": 1.0,
                            "end": 1.5,
                            "confidence": 0.9,
                            "punctuated_word": "Hello,",
                        },
                        {
                            "word": "world",
                            "start": 1.5,
                            "end": 2.0,
                            "confidence": 0.7,
                            "punctuated_word": "WORLD!",
                        },
                    ],
                }
            ]
        },
        "metadata": METADATA,
        "streamkit": {
            "committed": 2,
            "utterance": 3,
            "audio_end": 2.25,
            "latency": {
                "captured_at": EPOCH + 4.5,
                "received_at": EPOCH + 5.0,
                "vad_ms": 1.0,
                "decode_start_ms": 10.0,
                "decode_end_ms": 250.0,
                "first_partial_ms": None,
                "commit_ms": None,
                "emit_ms": 500.0,
            },
            "overload": None,
        },
    }


@pytest.mark.parametrize(("overload", "milliseconds"), [(0.5, 500), (1.99999, 2000), (0.3754, 375)])
def test_overload_is_told_in_milliseconds(overload: float, milliseconds: int) -> None:
    message = encoder().results(transcript(overload=overload), channel=0, emit=None)
    assert message["streamkit"]["overload"] == {"interval_ms": milliseconds}
    json.dumps(message)
    assert json.loads(json.dumps(message)) == message


def test_an_interim_says_how_much_of_it_stays() -> None:
    message = encoder().results(
        transcript(is_final=False, speech_final=False, committed=1), channel=0, emit=None
    )
    assert (message["is_final"], message["speech_final"]) == (False, False)
    assert message["streamkit"]["committed"] == 1
    assert message["streamkit"]["latency"] is None


def test_a_final_without_words() -> None:
    message = encoder().results(transcript((), from_finalize=True), channel=0, emit=None)
    assert message["from_finalize"] is True
    assert message["channel"]["alternatives"] == [
        {"transcript": "", "confidence": 0.0, "words": []}
    ]


def test_channels_are_numbered_among_all() -> None:
    several = encoder()
    several.channels = 2
    assert several.results(transcript(), channel=1, emit=None)["channel_index"] == [1, 2]
    assert several.speech_started(SpeechBegan(0), channel=1)["channel"] == [1, 2]
    assert several.utterance_end(UtteranceEnded(0), channel=1)["channel"] == [1, 2]


def test_without_punctuation_the_transcript_has_bare_words() -> None:
    words = (*WORDS, Word("—", 2 * SECOND, 2 * SECOND, 1.0))
    message = encoder(punctuate=False).results(transcript(words), channel=0, emit=None)
    alternative = message["channel"]["alternatives"][0]
    assert alternative["transcript"] == "hello world"
    assert [word["punctuated_word"] for word in alternative["words"]] == ["Hello,", "WORLD!", "—"]


def test_words_that_are_not_spaced_are_joined() -> None:
    words = (Word("你", 0, 1, 1.0, spaced=False), Word("好。", 1, 2, 1.0, spaced=False))
    message = encoder().results(transcript(words), channel=0, emit=None)
    assert message["channel"]["alternatives"][0]["transcript"] == "你好。"


def test_the_language_is_told_where_it_was_to_be_detected() -> None:
    def languages(words: tuple[Word, ...]) -> Any:
        message = encoder(language=None).results(transcript(words, language="de"), 0, None)
        return message["channel"]["alternatives"][0]["languages"]

    assert languages(WORDS) == ["de"]
    assert languages(()) == []


@pytest.mark.parametrize(
    ("text", "bare"),
    [("don't", "don't"), ("“Straße,”", "strasse"), ("8:30.", "8:30"), ("...", "..."), ("É!", "é")],
)
def test_bare_words(text: str, bare: str) -> None:
    message = encoder().results(transcript((Word(text, 0, 1, 1.0),)), channel=0, emit=None)
    assert message["channel"]["alternatives"][0]["words"][0]["word"] == bare


OTHERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        encoder().speech_started(SpeechBegan(24_008), channel=0),
        {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 1.5},
    ),
    (
        encoder().utterance_end(UtteranceEnded(20_000), channel=0),
        {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.25},
    ),
    (
        encoder().metadata(1.23456, "2026-01-02T03:04:05Z", "ab" * 32),
        {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": "r-1",
            "sha256": "ab" * 32,
            "created": "2026-01-02T03:04:05Z",
            "duration": 1.235,
            "channels": 1,
        },
    ),
    (
        encoder().configure_failure(),
        {
            "type": "ConfigureFailure",
            "request_id": "r-1",
            "code": "CONFIGURE_NOT_SUPPORTED",
            "description": "settings cannot be changed in a running stream; open a new one",
        },
    ),
    (
        deepgram.error("Timeout", "too late", code="NET-0001"),
        {
            "type": "Error",
            "variant": "Timeout",
            "description": "too late",
            "message": "too late",
            "code": "NET-0001",
        },
    ),
    (
        deepgram.error("SchemaError", "what?"),
        {"type": "Error", "variant": "SchemaError", "description": "what?", "message": "what?"},
    ),
]


@pytest.mark.parametrize(("message", "wire"), OTHERS, ids=[wire["type"] for _, wire in OTHERS])
def test_the_other_messages(message: dict[str, Any], wire: dict[str, Any]) -> None:
    assert message == wire
    assert json.loads(json.dumps(message)) == wire


@given(
    st.lists(
        st.builds(
            Word,
            st.text(min_size=1),
            st.integers(0, 10**9),
            st.integers(0, 10**9),
            st.floats(0, 1),
        ),
        max_size=5,
    ),
    st.booleans(),
)
def test_any_words_make_a_message_that_json_carries(words: list[Word], punctuate: bool) -> None:
    message = encoder(punctuate=punctuate).results(transcript(tuple(words)), 0, None)
    assert json.loads(json.dumps(message)) == message
    assert all(word["word"] for word in message["channel"]["alternatives"][0]["words"])
