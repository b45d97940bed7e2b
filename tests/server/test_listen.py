"""What a client that does everything right gets to hear."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.protocols.deepgram import Message
from streamkit.server.testing import LiveServer, WireClient, transcript_of

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]

MUSIC = "Turn the music down."
BUS = "The bus to Berlin is eight minutes late."
KITCHEN = "Switch off the music in the kitchen."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}
STAGES = ("vad_ms", "decode_start_ms", "decode_end_ms", "first_partial_ms", "commit_ms", "emit_ms")


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * 16_000), np.float32)


def heard(server: LiveServer, samples: Samples, **parameters: Any) -> WireClient:
    """Send all at once and read to the end."""
    with server.listen(**{**RAW, **parameters}) as client:
        client.send(to_linear16(samples))
        client.close_stream()
    assert client.closed == (1000, "")
    return client


def words_of(message: Message) -> list[dict[str, Any]]:
    words: list[dict[str, Any]] = message["channel"]["alternatives"][0]["words"]
    return words


@pytest.mark.parametrize("text", [MUSIC, BUS, KITCHEN])
def test_the_words_are_heard(server: LiveServer, speak: Speak, text: str) -> None:
    assert heard(server, speak(text)).text == text


def test_the_stream_ends_with_metadata(server: LiveServer, speak: Speak) -> None:
    samples = speak(MUSIC)
    with server.listen(**RAW) as client:
        client.send(to_linear16(samples))
        metadata = client.close_stream()[-1]
        response = client.socket.response
    assert response is not None
    assert metadata["type"] == "Metadata"
    assert metadata["request_id"] == response.headers["dg-request-id"]
    assert metadata["sha256"] == hashlib.sha256(to_linear16(samples)).hexdigest()
    assert metadata["duration"] == pytest.approx(len(samples) / 16_000, abs=0.001)
    assert metadata["channels"] == 1
    assert datetime.fromisoformat(metadata["created"].replace("Z", "+00:00")).tzinfo is not None
    assert client.of_type("Metadata") == [metadata]


def test_words_have_times_and_confidence(server: LiveServer, speak: Speak) -> None:
    samples = speak(BUS)
    client = heard(server, samples)
    words = [word for final in client.finals for word in words_of(final)]
    assert [word["punctuated_word"] for word in words] == BUS.split()
    assert [word["word"] for word in words] == BUS.rstrip(".").lower().split()
    assert all(0 < word["confidence"] <= 1 for word in words)
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] <= len(samples) / 16_000
    # The voice begins half a second into the recording.
    assert 0.1 < words[0]["end"] < 1.2


def test_finals_follow_each_other_without_gap_or_overlap(server: LiveServer, speak: Speak) -> None:
    samples = np.concatenate([speak(MUSIC), speak(BUS), speak(KITCHEN)])
    client = heard(server, samples, interim_results=True)
    assert client.text == f"{MUSIC} {BUS} {KITCHEN}"
    end = 0.0
    for message in client.of_type("Results"):
        assert message["start"] == pytest.approx(end, abs=0.002)
        if message["is_final"]:
            end = message["start"] + message["duration"]
    assert end <= len(samples) / 16_000 + 0.001


def test_interim_results_grow_into_the_final(server: LiveServer, speak: Speak) -> None:
    # Paced as a microphone would, so that there is something to be told in between.
    audio = to_linear16(np.concatenate([speak(BUS), silence(0.5)]))
    with server.listen(interim_results=True, **RAW) as client:
        for first in range(0, len(audio), 9600):
            client.send(audio[first : first + 9600])
            time.sleep(0.3)
        client.close_stream()
    assert client.text == BUS
    assert len(client.interims) >= 3
    final = client.finals[0]
    for interim in client.interims:
        committed = interim["streamkit"]["committed"]
        assert words_of(interim)
        assert [word["punctuated_word"] for word in words_of(interim)[:committed]] == [
            word["punctuated_word"] for word in words_of(final)[:committed]
        ]
        assert not interim["speech_final"]


def test_committed_words_never_change(server: LiveServer, speak: Speak) -> None:
    samples = np.concatenate([speak(BUS), speak(KITCHEN)])
    client = heard(server, samples, interim_results=True)
    said: list[str] = []
    firm: list[str] = []
    for message in client.of_type("Results"):
        texts = [word["punctuated_word"] for word in words_of(message)]
        committed = message["streamkit"]["committed"]
        now = said + texts[:committed]
        assert now[: len(firm)] == firm
        firm = now
        if message["is_final"]:
            assert committed == len(texts)
            said = now
    assert said == f"{BUS} {KITCHEN}".split()


def test_no_interim_results_unless_asked_for(server: LiveServer, speak: Speak) -> None:
    client = heard(server, speak(BUS))
    assert client.finals
    assert client.interims == []
    assert client.of_type("SpeechStarted") == []
    assert client.of_type("UtteranceEnd") == []


def test_vad_events_tell_when_speech_begins(server: LiveServer, speak: Speak) -> None:
    samples = np.concatenate([speak(MUSIC), silence(1.0), speak(BUS)])
    client = heard(server, samples, vad_events=True)
    started = client.of_type("SpeechStarted")
    assert len(started) == 2
    second = (len(speak(MUSIC)) + 16_000) / 16_000 + 0.5
    assert started[0]["timestamp"] == pytest.approx(0.5, abs=0.25)
    assert started[1]["timestamp"] == pytest.approx(second, abs=0.25)
    kinds = [message["type"] for message in client.messages]
    assert kinds.index("SpeechStarted") < kinds.index("Results")


def test_an_utterance_ends_after_the_gap_that_was_asked_for(
    server: LiveServer, speak: Speak
) -> None:
    with server.listen(interim_results=True, utterance_end_ms=1000, **RAW) as client:
        client.send(to_linear16(speak(MUSIC)))
        final = client.read_until(lambda message: message.get("speech_final", False))
        client.send(to_linear16(silence(2.0)))
        end = client.read_until(lambda message: message["type"] == "UtteranceEnd")
        client.send(to_linear16(silence(2.0)))
        client.close_stream()
    assert end["last_word_end"] == words_of(final)[-1]["end"]
    assert client.of_type("UtteranceEnd") == [end]


def test_every_pause_ends_an_utterance(server: LiveServer, speak: Speak) -> None:
    samples = np.concatenate([speak(MUSIC), speak(BUS), silence(1.0)])
    client = heard(server, samples)
    spoken = [final for final in client.finals if transcript_of(final)]
    assert [final["speech_final"] for final in spoken] == [True, True]
    assert [final["streamkit"]["utterance"] for final in spoken] == [0, 1]


def test_a_long_endpointing_bridges_a_short_pause(server: LiveServer, speak: Speak) -> None:
    samples = np.concatenate([speak(MUSIC)[:-4000], speak(BUS)[4000:], silence(1.5)])
    client = heard(server, samples, endpointing=1000)
    assert client.text == f"{MUSIC} {BUS}"
    assert [final["speech_final"] for final in client.finals].count(True) == 1
    assert {final["streamkit"]["utterance"] for final in client.finals} == {0}


def test_without_endpointing_only_the_end_of_the_stream_ends_the_utterance(
    server: LiveServer, speak: Speak
) -> None:
    samples = np.concatenate([speak(MUSIC), speak(BUS), silence(1.0)])
    with server.listen(endpointing=False, **RAW) as client:
        client.send(to_linear16(samples))
        client.read_until(lambda message: "late." in transcript_of(message))
        assert not any(final["speech_final"] for final in client.finals)
        client.close_stream()
    assert client.text == f"{MUSIC} {BUS}"


def test_the_shortest_endpointing_of_deepgram_s_clients(server: LiveServer, speak: Speak) -> None:
    assert heard(server, speak(BUS), endpointing=10).text == BUS


def test_finalize_flushes_what_was_said_so_far(server: LiveServer, speak: Speak) -> None:
    # The recording ends with the voice: there is no pause that would end the utterance.
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(MUSIC)[:-8000]))
        client.command("Finalize")
        flushed = client.read_until(lambda message: message.get("from_finalize", False))
        assert (flushed["is_final"], client.text) == (True, MUSIC)
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    assert client.text == f"{MUSIC} {BUS}"
    assert [final["from_finalize"] for final in client.finals].count(True) == 1


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_finalize_is_answered_when_nothing_was_said(server: LiveServer, seconds: float) -> None:
    with server.listen(**RAW) as client:
        client.send(to_linear16(silence(seconds)))
        client.command("Finalize")
        answer = client.read_until(lambda message: message["type"] == "Results")
        assert (answer["is_final"], answer["from_finalize"]) == (True, True)
        assert transcript_of(answer) == ""
        client.close_stream()


def test_silence_says_nothing(server: LiveServer) -> None:
    client = heard(server, silence(5), interim_results=True, vad_events=True)
    assert [message["type"] for message in client.messages] == ["Metadata"]


def test_no_audio_at_all(server: LiveServer) -> None:
    with server.listen(**RAW) as client:
        assert [message["type"] for message in client.close_stream()] == ["Metadata"]
    assert client.messages[0]["duration"] == 0
    assert client.messages[0]["sha256"] == hashlib.sha256(b"").hexdigest()


def test_an_empty_message_ends_the_stream(server: LiveServer, speak: Speak) -> None:
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(MUSIC)))
        client.socket.send(b"")
        client.read_to_end()
    assert client.text == MUSIC
    assert client.messages[-1]["type"] == "Metadata"
    assert client.closed == (1000, "")


def test_the_tail_is_decoded_when_the_stream_ends_in_mid_word(
    server: LiveServer, speak: Speak
) -> None:
    samples = np.trim_zeros(speak(BUS), "b")
    assert heard(server, samples).text == BUS


def test_without_punctuation(server: LiveServer, speak: Speak) -> None:
    client = heard(server, speak(MUSIC), punctuate=False)
    assert client.text == "turn the music down"
    assert words_of(client.finals[0])[-1]["punctuated_word"] == "down."


def test_configure_is_declined_and_the_stream_goes_on(server: LiveServer, speak: Speak) -> None:
    with server.listen(**RAW) as client:
        client.command("Configure", keyterms=["bus"])
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    assert len(client.of_type("ConfigureFailure")) == 1
    assert client.text == BUS


@pytest.mark.parametrize("model", ["nova-3", "whisper-micro-en"])
def test_the_model_that_is_served_names_itself(
    server: LiveServer, speak: Speak, model: str
) -> None:
    metadata = heard(server, speak(MUSIC), model=model).finals[0]["metadata"]
    assert metadata["model_info"]["name"] == "whisper-micro-en"
    assert metadata["model_uuid"]


def test_each_result_tells_how_late_it_is(server: LiveServer, speak: Speak) -> None:
    captured_at = 1_700_000_000.5
    samples = speak(BUS)
    with server.listen(interim_results=True, **RAW) as client:
        client.command("KeepAlive", streamkit={"captured_at": captured_at})
        client.socket.send(to_linear16(samples))
        client.close_stream()
    spoken = [message for message in client.of_type("Results") if words_of(message)]
    assert spoken
    for message in spoken:
        latency = message["streamkit"]["latency"]
        stages = [latency[stage] for stage in STAGES if latency[stage] is not None]
        assert stages == sorted(stages)
        assert stages[0] >= 0
        assert latency["emit_ms"] is not None
        # The client said when the first sample was captured; the last word's is later.
        assert latency["captured_at"] == pytest.approx(
            captured_at + words_of(message)[-1]["end"], abs=0.002
        )
    final = client.finals[0]["streamkit"]["latency"]
    assert None not in [final[stage] for stage in STAGES]
    created = datetime.fromisoformat(client.messages[-1]["created"].replace("Z", "+00:00"))
    assert abs(final["received_at"] - created.timestamp()) < 60


def test_without_capture_time_that_stage_is_unknown(server: LiveServer, speak: Speak) -> None:
    with server.listen(**RAW) as client:
        client.command("KeepAlive")
        client.send(to_linear16(speak(MUSIC)))
        client.close_stream()
    assert client.finals[0]["streamkit"]["latency"]["captured_at"] is None


def test_a_capture_time_belongs_to_the_next_message_only(server: LiveServer, speak: Speak) -> None:
    captured_at = 1_700_000_000.0
    with server.listen(**RAW) as client:
        client.command("KeepAlive", streamkit={"captured_at": captured_at})
        client.socket.send(to_linear16(speak(MUSIC)))
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    first, second = (final["streamkit"]["latency"] for final in client.finals[:2])
    assert first["captured_at"] is not None
    assert second["captured_at"] is None


def test_many_clients_at_once_get_their_own_words(server: LiveServer, speak: Speak) -> None:
    texts = [MUSIC, BUS, KITCHEN] * 2
    audio = [np.concatenate([speak(text)] * 2) for text in texts]
    with ThreadPoolExecutor(len(texts)) as pool:
        clients = list(pool.map(lambda samples: heard(server, samples), audio))
    assert [client.text for client in clients] == [f"{text} {text}" for text in texts]
    assert len({client.messages[-1]["request_id"] for client in clients}) == len(texts)
