"""Traces of real sessions: every record of the format, and no word that nobody asked for."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.errors import ConfigurationError, RecognitionError
from streamkit.latency.clock import ClockMap
from streamkit.llm.testing import ScriptedChatModel
from streamkit.server.records import QUIET, Note, Record, record_of
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient
from streamkit.server.trace_file import TraceFile
from streamkit.server.tracing import KEPT_SAMPLES, SessionTrace, Sinks, open_sinks
from streamkit.testing import ScriptedRecognizer, SpokenWord

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]
StartTalk = Callable[..., LiveServer]

BUS = "The bus to Berlin is eight minutes late."
WORD = "canaryword"
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000, "interim_results": True}
CHUNK = 640
"""Bytes of 20 ms."""


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self, lost: int = 0) -> None:
        self.records: list[Record] = []
        self.lost = lost
        self.closed = False

    def write(self, note: Note) -> None:
        self.records.append(record_of(note))

    def close(self) -> None:
        self.closed = True


def trace_of(server: LiveServer, path: Path) -> list[Record]:
    """All records, once the sessions are over."""
    server.wait_until_empty()
    assert server.server.state.trace is not None
    server.portal.call(server.server.state.trace.close)
    return [json.loads(line) for line in path.read_text().splitlines()]


def of_kind(records: list[Record], kind: str) -> list[Record]:
    return [record for record in records if record["kind"] == kind]


def test_captions_are_traced_chunk_by_chunk_and_pass_by_pass(
    start_server: StartServer, speak: Speak, tmp_path: Path
) -> None:
    path = tmp_path / "trace.jsonl"
    began = time.time()
    server = start_server(trace=path)
    audio = to_linear16(speak(BUS))
    captured_at = began - 100
    with server.listen(**RAW) as client:
        client.command("KeepAlive", streamkit={"captured_at": captured_at})
        client.send(audio, CHUNK)
        client.close_stream()
    records = trace_of(server, path)
    assert "Berlin" not in path.read_text()

    begin, *middle, end = records
    assert (begin["kind"], begin["format"], begin["endpoint"]) == ("begin", 2, "listen")
    assert (begin["side"], begin["recognizer"]) == ("server", "whisper-micro-en")
    assert (end["kind"], end["code"]) == ("end", 1000)
    assert end["audio_seconds"] == pytest.approx(len(audio) / 32_000, abs=1e-3)
    assert {record["session"] for record in middle} == {begin["session"]}
    assert began - 1 <= begin["at"] <= end["at"] <= time.time() + 1

    chunks = of_kind(records, "chunk")
    assert [chunk["start"] for chunk in chunks[1:]] == [chunk["end"] for chunk in chunks[:-1]]
    assert (chunks[0]["start"], chunks[-1]["end"]) == (0, len(audio) // 2)
    assert all(chunk["received_at"] <= chunk["scored_at"] for chunk in chunks)
    # The client's own word, since nobody has compared the clocks.
    assert chunks[0]["captured_at"] == pytest.approx(captured_at, abs=1e-3)
    assert chunks[0]["mapped"] is False
    assert chunks[1]["captured_at"] is None
    loudest = max(chunks, key=lambda chunk: chunk["level"])
    assert chunks[0]["level"] == QUIET
    assert -40 < loudest["level"] < 0
    assert max(chunk["speech"] or 0.0 for chunk in chunks) > 0.9
    # Windows have 32 ms, so that some chunks of 20 ms complete none.
    assert any(chunk["speech"] is None for chunk in chunks)

    passes = of_kind(records, "hypothesis")
    done = [each for each in passes if each["outcome"] == "done"]
    assert all(each["asked_at"] <= each["started_at"] <= each["ended_at"] for each in done)
    assert done[-1]["final"] is True
    assert done[-1]["committed_count"] == done[-1]["word_count"]
    assert done[-1]["decision"] == "accepted"
    firm = [each["committed_until"] or 0 for each in done]
    assert firm == sorted(firm)
    assert firm[-1] > 16_000

    captions = of_kind(records, "caption")
    told = client.of_type("Results")
    assert [each["is_final"] for each in captions] == [each["is_final"] for each in told]
    assert [each["word_count"] for each in captions] == [
        len(each["channel"]["alternatives"][0]["words"]) for each in told
    ]
    latency = next(each["latency"] for each in reversed(captions) if each["latency"])
    assert 0 <= latency["decode_start"] <= latency["decode_end"] <= latency["emit"]
    assert latency["received_at"] in {chunk["received_at"] for chunk in chunks}


def test_a_conversation_is_traced_from_speech_to_the_reply(
    start_talk: StartTalk, speak: Speak, tmp_path: Path
) -> None:
    path = tmp_path / "trace.jsonl"
    server = start_talk(trace=path)
    with RealtimeClient(server) as client:
        client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
        client.append(to_linear16(np.concatenate([speak(BUS, RATE), np.zeros(RATE, np.float32)])))
        done = client.until("response.done")["response"]
    records = trace_of(server, path)
    assert "Berlin" not in path.read_text()

    begin = records[0]
    assert (begin["endpoint"], begin["reply_model"]) == ("realtime", "parrot")
    assert begin["voice"] == "espeak"
    assert of_kind(records, "end")[0]["code"] == 1006
    [turn], [response] = of_kind(records, "turn"), of_kind(records, "response")
    assert (turn["words"], turn["language"]) == (8, "en")
    assert 0 < turn["start"] < turn["end"] <= response["speech"]["end"] + 16_000
    assert response["response"] == done["id"]
    assert response["speech"]["received_at"] == response["began_at"]
    assert response["audible_sent_at"] == response["stages"]["first_audible"]
    parts = response["latency"]
    silence = response["audible_sent_at"] - response["began_at"]
    assert silence == pytest.approx(parts["voice_to_voice"], abs=1e-3)
    assert of_kind(records, "hypothesis")[0]["channel"] == 0
    assert len(of_kind(records, "chunk")) > 10


@pytest.mark.parametrize("wanted", [False, True])
def test_words_are_in_the_trace_of_captions_for_those_who_ask(
    start_server: StartServer, speak: Speak, tmp_path: Path, wanted: bool
) -> None:
    path = tmp_path / "trace.jsonl"
    recognizer = ScriptedRecognizer([SpokenWord(WORD, 12_000, 16_000)])
    server = start_server(recognizer, trace=path, trace_words=wanted)
    with server.listen(**RAW) as client:
        client.command("KeepAlive", note=WORD)
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    assert client.text == WORD
    records = trace_of(server, path)
    assert (WORD in path.read_text()) is wanted
    final = of_kind(records, "hypothesis")[-1]
    assert final["word_count"] == 1
    if wanted:
        assert [word[0] for word in final["words"]] == [WORD]
        assert of_kind(records, "caption")[-1]["text"] == WORD


@pytest.mark.parametrize("wanted", [False, True])
def test_words_are_in_the_trace_of_conversations_for_those_who_ask(
    start_talk: StartTalk, tmp_path: Path, wanted: bool
) -> None:
    path = tmp_path / "trace.jsonl"
    model = ScriptedChatModel(["Canary song."])
    server = start_talk(model, trace=path, trace_words=wanted)
    with RealtimeClient(server, model="canary") as client:
        client.update(instructions="You are a canary.", output_modalities=["text"])
        client.write("Hello, canary!")
        client.command("response.create", response={"metadata": {"canary": "canary"}})
        client.until("response.done")
    trace_of(server, path)
    assert ("canary" in path.read_text().lower()) is wanted


def test_a_pass_that_failed_is_traced_without_its_reason(
    start_server: StartServer, speak: Speak, tmp_path: Path
) -> None:
    def garble(call: int, words: list[str]) -> list[str]:
        raise RecognitionError(f"the engine failed at {WORD}")

    path = tmp_path / "trace.jsonl"
    recognizer = ScriptedRecognizer([SpokenWord(WORD, 12_000, 16_000)], garble=garble)
    server = start_server(recognizer, trace=path)
    with server.listen(**RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    records = trace_of(server, path)
    assert {each["outcome"] for each in of_kind(records, "hypothesis")} >= {"failed"}
    assert WORD not in path.read_text()


def test_channels_are_told_apart(start_server: StartServer, speak: Speak, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    server = start_server(trace=path)
    speech = speak("Turn the music down.")
    both = np.stack([np.zeros_like(speech), speech], axis=1)
    with server.listen(**RAW, channels=2, multichannel=True) as client:
        client.send(to_linear16(both.reshape(-1)))
        client.close_stream()
    records = trace_of(server, path)
    assert {each["channel"] for each in of_kind(records, "chunk")} == {0, 1}
    assert {each["channel"] for each in of_kind(records, "hypothesis")} == {1}
    levels = [each["level"] for each in of_kind(records, "chunk") if each["channel"] == 0]
    assert set(levels) == {QUIET}


def test_chunks_have_the_servers_time_once_the_clocks_were_compared() -> None:
    sink = Kept()
    trace = SessionTrace(sink, "s", 1000.0, words=False)
    clock = ClockMap()
    sound = np.zeros(320, np.float32)
    trace.chunk(0, (0, 320), (5000.0, 1.0, 1.1), sound, (0.5,))
    clock.sent(5001.0, 1001.5)
    trace.clock(1.5, clock)
    # One way tells nothing of the other.
    assert [record["kind"] for record in sink.records] == ["chunk"]
    clock.answered(1001.5, 5002.0)
    trace.clock(2.0, clock)
    trace.chunk(0, (320, 640), (5002.0, 2.5, 2.6), sound, (0.5,))
    raw, told, mapped = sink.records
    assert (raw["captured_at"], raw["mapped"]) == (5000.0, False)
    assert (told["kind"], told["at"]) == ("clock", 1002.0)
    assert (told["offset"], told["error"]) == pytest.approx((-4000.0, 0.5))
    assert mapped["captured_at"] == pytest.approx(1002.0)
    assert "mapped" not in mapped


def test_long_pieces_of_sound_do_not_wait_in_the_line() -> None:
    """Where the disk hangs, they would fill the memory."""
    waiting: list[Note] = []

    class Line(Kept):
        def write(self, note: Note) -> None:
            waiting.append(note)

    trace = SessionTrace(Line(), "s", 0.0, words=False)
    sound = np.full(KEPT_SAMPLES + 1, 0.1, np.float32)
    trace.chunk(0, (0, len(sound)), (None, 1.0, 1.1), sound, ())
    trace.chunk(0, (0, 320), (None, 1.0, 1.1), sound[:320], ())
    # It was measured already; the short one is when its record is made.
    sound[:] = 1.0
    assert [record_of(note)["level"] for note in waiting] == [-20.0, 0.0]


def test_a_chunk_that_gave_no_samples_yet_is_not_told() -> None:
    sink = Kept()
    trace = SessionTrace(sink, "s", 0.0, words=False)
    trace.chunk(0, (320, 320), (None, 1.0, 1.1), np.zeros(0, np.float32), ())
    assert sink.records == []


def test_several_sinks_get_the_same() -> None:
    one, other = Kept(lost=1), Kept(lost=2)
    sinks = Sinks(one, other)
    sinks.write(("end", "s", 1000.0, 1000, 1.0))
    sinks.close()
    assert [record["kind"] for record in one.records] == ["end"]
    assert one.records == other.records
    assert one.closed
    assert other.closed
    assert sinks.lost == 3


def test_nobody_who_wants_nothing_gets_anything(tmp_path: Path) -> None:
    assert open_sinks(Settings()) is None
    file = open_sinks(Settings(trace=tmp_path / "trace.jsonl"))
    assert isinstance(file, TraceFile)
    file.close()


def test_a_trace_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--trace"):
        open_sinks(Settings(trace=tmp_path, otel=True))


def test_what_is_lost_is_in_the_metrics(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(trace=tmp_path / "trace.jsonl")
    server.server.state.trace = Kept(lost=7)
    text = httpx.get(f"{server.http_url}/metrics", trust_env=False).text
    assert "streamkit_trace_records_lost 7.0" in text


def test_positions_grow(start_server: StartServer, speak: Speak, tmp_path: Path) -> None:
    """Of what is committed: also where a session of several segments is traced."""
    path = tmp_path / "trace.jsonl"
    server = start_server(trace=path)
    sound = np.concatenate([speak("Turn the music down."), speak(BUS)])
    with server.listen(**RAW) as client:
        client.send(to_linear16(sound))
        client.close_stream()
    done = [each for each in of_kind(trace_of(server, path), "hypothesis") if each["word_count"]]
    assert {each["segment"] for each in done} == {0, 1}
    for one, next_one in pairwise(done):
        if one["segment"] == next_one["segment"]:
            assert (one["committed_until"] or 0) <= (next_one["committed_until"] or 0)
        else:
            assert one["segment"] < next_one["segment"]
