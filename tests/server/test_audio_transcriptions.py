"""`/v1/audio/transcriptions` and `/translations`, as no SDK would ask for them."""

from __future__ import annotations

import io
import json
import logging
import re
import socket
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import jiwer
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import (
    FrontEnd,
    Hypothesis,
    ModelInfo,
    RecognitionRequest,
    Recognizer,
)
from streamkit.config import Settings
from streamkit.errors import RecognitionError
from streamkit.server.files import FileHearing
from streamkit.server.serving import load_recognizer
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]
Micro = tuple[Recognizer, ModelProfile]

PATH = "/v1/audio/transcriptions"
BUS = "The bus to Berlin is eight minutes late."
MUSIC = "Turn the music down."


@contextmanager
def talking_to(server: LiveServer, **headers: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=server.http_url, headers=headers, trust_env=False, timeout=PATIENCE_SECONDS
    ) as client:
        yield client


def post(
    server: LiveServer, sound: bytes | None, path: str = PATH, /, **fields: Any
) -> httpx.Response:
    """Send a form; `fields` are sent as they are, lists as fields of one name."""
    files = {} if sound is None else {"file": ("sound", sound)}
    data = {"model": "auto", **{name.replace("__", "[]"): value for name, value in fields.items()}}
    with talking_to(server) as client:
        # Without a file httpx would send no form of this kind.
        return client.post(path, data=data, files=files or {"other": ("x", b"")})


def refusal(response: httpx.Response, status: int) -> dict[str, Any]:
    """The error of an answer, whose form is checked here."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    return error


def events(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    lines = [line for line in response.text.split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def wav(samples: Samples) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, "PCM_16", format="WAV")
    return file.getvalue()


@pytest.fixture
def bus(speak: Speak) -> bytes:
    return wav(speak(BUS))


@pytest.fixture(scope="session")
def reference(recordings: Path) -> dict[str, dict[str, Any]]:
    entries = json.loads((recordings / "reference.json").read_text("utf-8"))
    return {entry["file"]: entry for entry in entries}


def plain(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


@dataclass
class ChangedRecognizer:
    """The real one, except that `before` is called first with every window."""

    inner: Recognizer
    before: Callable[[RecognitionRequest], None]
    requests: list[RecognitionRequest] = field(default_factory=list)

    @property
    def info(self) -> ModelInfo:
        return self.inner.info

    def front_end(self, capacity: int) -> FrontEnd | None:
        return self.inner.front_end(capacity)

    def batch_key(self, request: RecognitionRequest) -> Hashable | None:
        return self.inner.batch_key(request)

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        for request in requests:
            self.requests.append(request)
            self.before(request)
        return self.inner.recognize(requests)


# What was said


@pytest.mark.parametrize("file", ["short_05.flac", "long_01.flac"])
def test_words_and_when_they_were_said(
    server: LiveServer, recordings: Path, reference: dict[str, dict[str, Any]], file: str
) -> None:
    told = post(
        server,
        (recordings / file).read_bytes(),
        response_format="verbose_json",
        timestamp_granularities__=["word", "segment"],
    ).json()
    entry = reference[file]
    assert jiwer.wer(plain(entry["text"]), plain(told["text"])) <= 0.03
    assert told["duration"] == pytest.approx(entry["seconds"], abs=0.002)
    said = {plain(word["word"]): word for word in entry["words"]}
    heard = [word for word in told["words"] if plain(word["word"]) in said]
    assert len(heard) >= 0.9 * len(entry["words"])
    if file.startswith("short"):
        # Every word comes once, so each can be compared with its own.
        for word in heard:
            assert word["start"] == pytest.approx(said[plain(word["word"])]["start"], abs=0.25)
    starts = [word["start"] for word in told["words"]]
    assert starts == sorted(starts)
    assert all(0 < word["streamkit"]["confidence"] <= 1 for word in told["words"])
    assert len(told["segments"]) == len(entry["sentences"])
    for segment, sentence in zip(told["segments"], entry["sentences"], strict=True):
        assert segment["start"] == pytest.approx(sentence["start"], abs=0.4)
        assert segment["end"] == pytest.approx(sentence["end"], abs=0.4)
        assert segment["tokens"]
        assert -1 < segment["avg_logprob"] < 0


def test_the_same_file_says_the_same_twice_and_in_a_stream(
    server: LiveServer, recordings: Path
) -> None:
    sound = (recordings / "long_10.flac").read_bytes()
    one, other = (post(server, sound, response_format="text").text for _ in range(2))
    assert one == other
    *deltas, done = events(post(server, sound, stream="true"))
    assert {delta["type"] for delta in deltas} == {"transcript.text.delta"}
    assert done["type"] == "transcript.text.done"
    assert "".join(delta["delta"] for delta in deltas) == done["text"]
    assert len(deltas) > 5
    assert jiwer.wer(plain(one), plain(done["text"])) < 0.05


def test_long_speech_without_a_pause(
    start_server: StartServer, micro: Micro, recordings: Path, reference: dict[str, dict[str, Any]]
) -> None:
    pieces, texts = [], []
    for file in ("short_00", "short_01", "short_04", "short_05", "short_24", "short_28"):
        entry = reference[f"{file}.flac"]
        samples, _ = soundfile.read(recordings / f"{file}.flac", dtype="float32")
        first, last = entry["words"][0]["start"], entry["words"][-1]["end"]
        pieces += [samples[int(first * 16_000) : int(last * 16_000)], np.zeros(2400, np.float32)]
        texts.append(entry["text"])
    sound = np.concatenate(pieces * 4)
    assert len(sound) > 40 * 16_000  # more than any window holds
    recognizer = ChangedRecognizer(micro[0], lambda request: None)
    told = post(start_server(recognizer), wav(sound)).json()
    assert any(not request.final for request in recognizer.requests)
    assert max(len(request.samples) for request in recognizer.requests) < 15 * 16_000
    # The micro model does not like several sentences in a window.
    assert jiwer.wer(plain(" ".join(texts * 4)), plain(told["text"])) < 0.2


def test_words_come_before_the_end_of_the_file(
    start_server: StartServer, micro: Micro, speak: Speak
) -> None:
    """The second sentence is not recognised before the first one's words have been read."""
    first = speak(BUS)
    go_on = threading.Event()

    def wait(request: RecognitionRequest) -> None:
        if request.start > len(first) - 8000:
            assert go_on.wait(PATIENCE_SECONDS)

    server = start_server(ChangedRecognizer(micro[0], wait))
    sound = wav(np.concatenate([first, speak(MUSIC)]))
    form = {"model": "auto", "stream": "true"}
    with (
        talking_to(server) as client,
        client.stream("POST", PATH, data=form, files={"file": sound}) as response,
    ):
        lines = (line for line in response.iter_lines() if line)
        heard = ""
        while heard != BUS:
            heard += json.loads(next(lines).removeprefix("data: "))["delta"]
        assert not go_on.is_set()
        go_on.set()
        *_, done = lines
    assert json.loads(done.removeprefix("data: "))["text"] == f"{BUS} {MUSIC}"


def test_one_pass_is_enough_for_a_sentence(
    start_server: StartServer, micro: Micro, speak: Speak
) -> None:
    recognizer = ChangedRecognizer(micro[0], lambda request: None)
    server = start_server(recognizer)
    sound = np.concatenate([speak(MUSIC), speak(BUS), speak(MUSIC)])
    assert post(server, wav(sound)).json()["text"] == f"{MUSIC} {BUS} {MUSIC}"
    assert len(recognizer.requests) == 3
    assert all(request.final for request in recognizer.requests)


def test_what_the_client_knows_reaches_the_recognizer(
    start_server: StartServer, micro: Micro, bus: bytes
) -> None:
    recognizer = ChangedRecognizer(micro[0], lambda request: None)
    server = start_server(recognizer)
    post(server, bus, language="english", prompt="A trip.", keywords__=["Berlin", "bus"])
    [request] = recognizer.requests
    assert request.guidance.language == "en"
    assert request.guidance.prompt == "A trip."
    assert request.guidance.keyterms == ("Berlin", "bus")


def test_pauses_as_the_client_wants_them(
    start_server: StartServer, micro: Micro, speak: Speak
) -> None:
    recognizer = ChangedRecognizer(micro[0], lambda request: None)
    server = start_server(recognizer)
    sound = wav(np.concatenate([speak(MUSIC), speak(MUSIC)]))
    long = json.dumps({"type": "server_vad", "silence_duration_ms": 3000})
    post(server, sound, chunking_strategy=long)
    assert len([request for request in recognizer.requests if request.final]) == 1
    deaf = json.dumps({"type": "server_vad", "threshold": 0.95, "prefix_padding_ms": 0})
    recognizer.requests.clear()
    post(server, sound, chunking_strategy=deaf)
    assert recognizer.requests[0].start > 6000


def test_silence_is_no_words(server: LiveServer) -> None:
    silence = wav(np.zeros(32_000, np.float32))
    told = post(server, silence, response_format="verbose_json").json()
    assert (told["text"], told["segments"], told["duration"]) == ("", [], 2.0)
    assert post(server, silence, response_format="text").text == "\n"
    [done] = events(post(server, silence, stream="true"))
    assert done["text"] == ""


@pytest.fixture(scope="module")
def polyglot(multilingual: Path) -> Iterator[LiveServer]:
    settings = Settings.model_validate({"model": str(multilingual), "port": 0})
    recognizer, profile, _ = load_recognizer(settings)
    with LiveServer(settings, recognizer, profile) as running:
        yield running


def test_languages_are_detected(polyglot: LiveServer, languages: Path) -> None:
    sound = (languages / "de_0.flac").read_bytes()
    told = post(polyglot, sound, response_format="verbose_json").json()
    assert told["language"] == "german"
    assert "Fenster" in told["text"]
    assert post(polyglot, sound).json()["languages"] == [{"code": "de"}]


def test_into_english(polyglot: LiveServer, languages: Path) -> None:
    sound = (languages / "de_0.flac").read_bytes()
    told = post(polyglot, sound, "/v1/audio/translations", response_format="verbose_json").json()
    assert (told["task"], told["language"]) == ("translate", "english")
    assert "window" in told["text"]


def test_into_english_by_a_model_that_cannot(server: LiveServer, bus: bytes) -> None:
    error = refusal(post(server, bus, "/v1/audio/translations"), 400)
    assert (error["param"], error["code"]) == ("model", "unsupported_model")


# What cannot be heard


@pytest.mark.parametrize("stream", ["false", "true"])
@pytest.mark.parametrize(
    "sound", [b"", b"no sound", b"RIFF\x24\x00\x00\x00WAVE", bytes(50_000)], ids=len
)
def test_what_is_no_sound(server: LiveServer, sound: bytes, stream: str) -> None:
    error = refusal(post(server, sound, stream=stream), 400)
    assert (error["param"], error["code"]) == ("file", "invalid_audio")


def test_no_file(server: LiveServer) -> None:
    error = refusal(post(server, None), 400)
    assert (error["param"], error["code"]) == ("file", "missing_required_parameter")
    assert server.server.state.permits.taken == 0


def test_a_file_that_is_a_field(server: LiveServer) -> None:
    error = refusal(post(server, None, file="sound.wav"), 400)
    assert error["param"] == "file"


def test_two_files(server: LiveServer, bus: bytes) -> None:
    with talking_to(server) as client:
        files = [("file", ("a", bus)), ("file", ("b", bus))]
        error = refusal(client.post(PATH, data={"model": "auto"}, files=files), 400)
    assert error["code"] == "invalid_form"
    assert "Too many files" in error["message"]


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"model": "whisper-1", "file": "x"}},
        {"data": {"model": "whisper-1", "file": "x"}},
        {"content": b"RIFF", "headers": {"content-type": "audio/wav"}},
        {},
    ],
    ids=["json", "urlencoded", "bare", "nothing"],
)
def test_what_is_no_form(server: LiveServer, request_: dict[str, Any]) -> None:
    with talking_to(server) as client:
        error = refusal(client.post(PATH, **request_), 400)
    assert error["code"] == "unsupported_content_type"
    assert "accepted: content-type multipart/form-data" in error["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=", b""),
        ("multipart/form-data; boundary=x", b"not the boundary at all"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"a: b\r\n" * 1000),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n' + b"a" * 100_000,
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' * 500,
        ),
    ],
    ids=range(8),
)
def test_a_form_that_cannot_be_read(server: LiveServer, content_type: str, body: bytes) -> None:
    with talking_to(server) as client:
        response = client.post(PATH, content=body, headers={"content-type": content_type})
    error = refusal(response, 400)
    assert error["code"] in {"invalid_form", "missing_required_parameter"}
    assert server.server.state.permits.taken == 0


@pytest.mark.parametrize("announced", [True, False])
def test_a_file_that_is_too_large(start_server: StartServer, announced: bool) -> None:
    server = start_server(max_upload_bytes=100_000)
    form = httpx.Request(
        "POST", server.http_url + PATH, data={"model": "auto"}, files={"file": bytes(200_000)}
    )
    form.read()
    body = form.content
    pieces = (body[at : at + 10_000] for at in range(0, len(body), 10_000))
    headers = {"content-type": form.headers["content-type"]}
    with talking_to(server) as client:
        response = client.post(PATH, content=body if announced else pieces, headers=headers)
        error = refusal(response, 413)
        assert error["code"] == "request_too_large"
        assert "accepted: up to 100000" in error["message"]
        # The connection can be used again.
        assert client.get("/v1/models").status_code == 200


def test_a_small_file_that_lasts_too_long(start_server: StartServer) -> None:
    server = start_server(max_file_seconds=20)
    file = io.BytesIO()
    soundfile.write(file, np.zeros(30 * 16_000, np.float32), 16_000, format="FLAC")
    assert len(file.getvalue()) < 20_000
    error = refusal(post(server, file.getvalue()), 400)
    assert (error["param"], error["code"]) == ("file", "audio_too_long")
    assert "accepted: up to 20 s" in error["message"]


@pytest.mark.parametrize("trickles", [True, False])
def test_a_form_that_does_not_come(start_server: StartServer, trickles: bool) -> None:
    """The one sends a byte now and then, the other none at all."""
    server = start_server(
        idle_timeout=PATIENCE_SECONDS if trickles else 0.2,
        upload_timeout=0.4 if trickles else PATIENCE_SECONDS,
    )
    address = urlsplit(server.http_url)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 0)) as connection:
        connection.settimeout(0.05 if trickles else PATIENCE_SECONDS)
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\n'.encode()
        )
        answer = b""
        while not answer:
            if trickles:
                connection.sendall(b"a")
            with suppress(TimeoutError):
                answer = connection.recv(1000)
                assert answer
    assert answer.startswith(b"HTTP/1.1 408 ")
    server.wait_until_empty()
    assert server.server.state.permits.taken == 0


# What goes wrong


def test_a_recognizer_that_fails(start_server: StartServer, micro: Micro, bus: bytes) -> None:
    def fail(request: RecognitionRequest) -> None:
        raise RecognitionError("out of memory")

    recognizer = ChangedRecognizer(micro[0], fail)
    server = start_server(recognizer)
    response = post(server, bus)
    error = refusal(response, 500)
    assert (error["type"], error["code"]) == ("server_error", "recognition_failed")
    assert re.search(r"failed on \d\.\d+ to \d\.\d+ s: out of memory", error["message"])
    # It was tried twice already.
    assert len(recognizer.requests) == 2
    assert response.headers["x-should-retry"] == "false"


def test_a_recognizer_that_fails_once_is_asked_again(
    start_server: StartServer, micro: Micro, bus: bytes
) -> None:
    failed = threading.Event()

    def fail(request: RecognitionRequest) -> None:
        if not failed.is_set():
            failed.set()
            raise RecognitionError("a passing weakness")

    server = start_server(ChangedRecognizer(micro[0], fail))
    assert post(server, bus).json()["text"] == BUS
    assert failed.is_set()


def test_passes_over_open_speech_that_fail_are_not_missed(
    start_server: StartServer, micro: Micro, recordings: Path
) -> None:
    failed = threading.Event()

    def fail(request: RecognitionRequest) -> None:
        if not request.final:
            failed.set()
            raise RecognitionError("no")

    sound = (recordings / "short_08.flac").read_bytes()
    server = start_server(ChangedRecognizer(micro[0], fail))
    told = events(post(server, sound, stream="true"))[-1]
    assert plain(told["text"]) == "set the lights in the bathroom to forty eight percent"
    assert failed.is_set()


def test_a_stream_that_fails_says_so_after_the_words_before(
    start_server: StartServer, micro: Micro, speak: Speak
) -> None:
    first = speak(BUS)
    told = threading.Event()

    def fail(request: RecognitionRequest) -> None:
        if request.start > len(first) - 8000:
            assert told.wait(PATIENCE_SECONDS)
            raise RecognitionError("out of memory")

    server = start_server(ChangedRecognizer(micro[0], fail))
    sound = wav(np.concatenate([first, speak(MUSIC)]))
    form = {"model": "auto", "stream": "true"}
    with (
        talking_to(server) as client,
        client.stream("POST", PATH, data=form, files={"file": sound}) as response,
    ):
        messages = []
        for line in response.iter_lines():
            if line:
                messages.append(json.loads(line.removeprefix("data: ")))
                told.set()
    *deltas, last = messages
    assert "".join(delta["delta"] for delta in deltas) == BUS
    assert last["error"]["code"] == "recognition_failed"


def test_a_fault_of_the_server_itself(
    server: LiveServer,
    bus: bytes,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def explode(self: FileHearing, length: float) -> None:
        raise AssertionError("a mistake in the program")

    monkeypatch.setattr(FileHearing, "_check_length", explode)
    error = refusal(post(server, bus), 500)
    assert error["code"] == "internal_error"
    assert "mistake" not in error["message"]
    assert "a mistake in the program" in caplog.text
    assert server.server.state.permits.taken == 0


@pytest.mark.parametrize("stream", ["false", "true"])
def test_a_client_that_leaves_stops_the_work(
    start_server: StartServer, micro: Micro, bus: bytes, stream: str
) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def wait(request: RecognitionRequest) -> None:
        waiting.set()
        assert go_on.wait(PATIENCE_SECONDS)

    server = start_server(ChangedRecognizer(micro[0], wait))
    form = httpx.Request(
        "POST",
        server.http_url + PATH,
        data={"model": "auto", "stream": stream},
        files={"file": bus},
        headers={"host": "x"},
    )
    form.read()
    address = urlsplit(server.http_url)
    assert address.hostname is not None
    try:
        with socket.create_connection((address.hostname, address.port or 0)) as connection:
            head = "".join(f"{name}: {value}\r\n" for name, value in form.headers.items())
            connection.sendall(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode() + form.content)
            assert waiting.wait(PATIENCE_SECONDS)
            assert server.sessions == 1
        # The recognizer is still at it; nobody waits for it any more.
        server.wait_until_empty()
        assert server.server.state.permits.taken == 0
    finally:
        go_on.set()


def test_places_are_counted(start_server: StartServer, micro: Micro, bus: bytes) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def wait(request: RecognitionRequest) -> None:
        waiting.set()
        assert go_on.wait(PATIENCE_SECONDS)

    server = start_server(ChangedRecognizer(micro[0], wait), max_sessions=1)
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(post(server, bus)))
    first.start()
    try:
        assert waiting.wait(PATIENCE_SECONDS)
        response = post(server, bus)
        error = refusal(response, 503)
        assert (error["type"], error["code"]) == ("server_error", "service_unavailable")
        assert "all 1 sessions are taken" in error["message"]
        assert int(response.headers["retry-after"]) >= 1
    finally:
        go_on.set()
        first.join(PATIENCE_SECONDS)
    assert [answer.json()["text"] for answer in answers] == [BUS]
    assert post(server, bus).json()["text"] == BUS


def test_shutdown_waits_for_what_has_come(
    start_server: StartServer, micro: Micro, bus: bytes
) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def wait(request: RecognitionRequest) -> None:
        waiting.set()
        assert go_on.wait(PATIENCE_SECONDS)

    server = start_server(ChangedRecognizer(micro[0], wait), drain_timeout=PATIENCE_SECONDS)
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(post(server, bus)))
    first.start()
    try:
        assert waiting.wait(PATIENCE_SECONDS)
        with talking_to(server) as client:
            client.get("/healthz")  # a connection from before
            server.stop()
            error = refusal(client.post(PATH, files={"file": bus}), 503)
            assert "starting or going down" in error["message"]
    finally:
        go_on.set()
        first.join(PATIENCE_SECONDS)
    assert [answer.json()["text"] for answer in answers] == [BUS]


@pytest.mark.parametrize("stream", ["false", "true"])
def test_shutdown_does_not_wait_for_ever(
    start_server: StartServer, micro: Micro, bus: bytes, stream: str
) -> None:
    waiting, go_on = threading.Event(), threading.Event()

    def wait(request: RecognitionRequest) -> None:
        waiting.set()
        assert go_on.wait(PATIENCE_SECONDS)

    server = start_server(ChangedRecognizer(micro[0], wait), drain_timeout=0.1)
    answers: list[httpx.Response] = []
    first = threading.Thread(target=lambda: answers.append(post(server, bus, stream=stream)))
    first.start()
    try:
        assert waiting.wait(PATIENCE_SECONDS)
        server.stop()
        first.join(PATIENCE_SECONDS)
        assert not go_on.is_set()
    finally:
        go_on.set()
    [answer] = answers
    error = refusal(answer, 503)
    assert error["message"] == "the server is going down; try again later"


def test_a_file_and_live_captions_share_the_recognizer(
    server: LiveServer, recordings: Path, speak: Speak
) -> None:
    answers: list[httpx.Response] = []
    sound = (recordings / "long_10.flac").read_bytes()
    other = threading.Thread(target=lambda: answers.append(post(server, sound)))
    other.start()
    with server.listen(encoding="linear16", sample_rate=16000) as client:
        client.send((speak(BUS) * 32767).astype("<i2").tobytes())
        client.close_stream()
    other.join(PATIENCE_SECONDS)
    assert client.text == BUS
    assert answers[0].status_code == 200


# What is counted and what is not said


def test_metrics(start_server: StartServer, bus: bytes, eventually: Eventually) -> None:
    server = start_server()
    post(server, bus)
    post(server, b"")

    def metrics() -> str:
        return httpx.get(f"{server.http_url}/metrics", trust_env=False).text

    # They are counted when they are over, which is after the answer.
    for status in ("200", "400"):
        line = f'streamkit_http_requests_total{{path="{PATH}",status="{status}"}} 1.0'
        eventually(lambda line=line: line in metrics())
    text = metrics()
    assert "streamkit_file_realtime_factor_count 1.0" in text
    assert re.search(r"streamkit_audio_seconds_total [2-4]\.", text)
    assert "streamkit_words_total 8.0" in text


def test_no_canary_in_the_log(
    start_server: StartServer,
    bus: bytes,
    caplog: pytest.LogCaptureFixture,
    eventually: Eventually,
) -> None:
    # The test's own client would log what it sends.
    for name in ("httpx", "httpcore"):
        caplog.set_level(logging.WARNING, name)
    caplog.set_level(logging.DEBUG)
    server = start_server()
    canary = "canary"
    assert post(server, bus, prompt=canary, keywords__=[canary]).json()["text"] == BUS
    refusal(post(server, bus, language=canary), 400)
    refusal(post(server, canary.encode()), 400)
    with talking_to(server) as client:
        client.post(PATH, data={"model": canary}, files={"file": (canary, bus)})
    eventually(lambda: caplog.text.count("ended with") == 4)
    assert canary not in caplog.text.lower()
    assert "berlin" not in caplog.text.lower()
