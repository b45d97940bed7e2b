"""`streamkit serve` as a process: starting, signals, wrong arguments."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.render import render

QUERY = "/v1/listen?encoding=linear16&sample_rate=16000"
Start = Callable[..., "Running"]


HANGING = """
import threading
from streamkit.asr.profile import ModelProfile
from streamkit.server import serving
from streamkit.testing import ScriptedRecognizer

class Hanging(ScriptedRecognizer):
    def recognize(self, request):
        print("recognizing", flush=True)
        threading.Event().wait()

serving.load_recognizer = lambda settings: (Hanging([]), ModelProfile(), None)
from streamkit.cli import main
main()
"""


class Running:
    """A server process; `url` once it listens."""

    def __init__(self, *arguments: str, program: tuple[str, ...] = ("-m", "streamkit.cli")) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.said = ""
        self.url = ""
        for line in self.process.stderr:
            self.said += line
            found = re.search(r"(ws://\S+)/v1/listen", line)
            if found:
                self.url = found[1]
            if "Ctrl-C ends it" in line:
                break

    def wait(self) -> int:
        """Exit status; what it said until then is added to `said`."""
        _, rest = self.process.communicate(timeout=60)
        self.said += rest
        return self.process.returncode


@pytest.fixture
def start() -> Iterator[Start]:
    running: list[Running] = []

    def begin(*arguments: str, **options: tuple[str, ...]) -> Running:
        running.append(Running("--model", "whisper-micro-en", *arguments, **options))
        return running[-1]

    yield begin
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.wait()
        for pipe in (each.process.stdout, each.process.stderr):
            assert pipe is not None
            pipe.close()


def speech() -> bytes:
    samples = render(EspeakSynthesizer(), "Turn the music down.", voice="en-us")
    return (samples * 32767).astype(np.int16).tobytes()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_sessions_say_their_last_words(start: Start, number: signal.Signals) -> None:
    server = start()
    with connect(server.url + QUERY, compression=None) as socket:
        socket.send(speech())
        socket.send(json.dumps({"type": "Nonsense"}))
        # The answer shows that the audio before it has been taken in.
        assert json.loads(socket.recv(30))["type"] == "Error"
        server.process.send_signal(number)
        messages = []
        with pytest.raises(ConnectionClosedError) as closed:
            while True:
                messages.append(json.loads(socket.recv(30)))
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    transcripts = [
        message["channel"]["alternatives"][0]["transcript"]
        for message in messages
        if message["type"] == "Results"
    ]
    assert transcripts[-1] == "Turn the music down."
    assert messages[-1]["type"] == "Metadata"
    assert server.wait() == 0
    assert "ended" in server.said


def test_a_second_signal_does_not_wait(start: Start) -> None:
    server = start("--set", "drain_timeout=600", "--set", "finish_timeout=600")
    with connect(server.url + QUERY, compression=None, max_queue=1):
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0


def test_a_recognizer_that_hangs_does_not_keep_the_server_alive(start: Start) -> None:
    server = start("--set", "drain_timeout=0.2", program=("-c", HANGING))
    with connect(server.url + QUERY, compression=None) as socket:
        socket.send(speech())
        assert server.process.stdout is not None
        assert server.process.stdout.readline() == "recognizing\n"
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 1
    assert "did not stop" in server.said


def test_health_and_metrics_over_http(start: Start) -> None:
    server = start()
    base = server.url.replace("ws://", "http://")
    for path, word in (("/healthz", b"ok"), ("/readyz", b"ready"), ("/metrics", b"streamkit_")):
        with urllib.request.urlopen(base + path, timeout=10) as response:
            assert response.status == 200
            assert word in response.read()


def test_keys_and_words_stay_out_of_the_log(start: Start) -> None:
    server = start("--api-key", "canary-key-4711", "--log-level", "debug")
    headers = {"Authorization": "Token canary-key-4711"}
    with connect(server.url + QUERY + "&keyterm=canary-term", additional_headers=headers) as socket:
        socket.send(speech())
        socket.send(json.dumps({"type": "CloseStream"}))
        assert any("music" in str(message) for message in socket)
    server.process.send_signal(signal.SIGTERM)
    server.wait()
    assert "session" in server.said
    assert "canary" not in server.said
    assert "music" not in server.said


def refused(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit status and message of a server that must not start."""
    run = subprocess.run(
        [sys.executable, "-m", "streamkit.cli", "serve", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
        check=False,
    )
    assert "Traceback" not in run.stderr
    return run.returncode, " ".join(run.stderr.split())


def test_a_missing_model_directory(tmp_path: Path) -> None:
    status, said = refused("--model", str(tmp_path / "nowhere"))
    assert status == 1
    assert "nowhere" in said


def test_a_broken_model_directory(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    status, said = refused("--model", str(tmp_path))
    assert status == 1
    assert "model.bin" in said


def test_an_unknown_model() -> None:
    status, said = refused("--model", "no-such-model")
    assert status == 1
    assert "no-such-model" in said
    assert "whisper-micro-en" in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("xtts", "streamkit models pull xtts_v2"),
        ("festival", "unknown voice engine 'festival'; accepted: espeak, xtts, xtts_v2, kokoro"),
        ("./nowhere", "nowhere is no directory of a model that speaks"),
    ],
)
def test_a_voice_that_is_not_here(name: str, says: str, tmp_path: Path) -> None:
    places = {
        "STREAMKIT_MODEL_CACHE": str(tmp_path / "models"),
        "HF_HUB_CACHE": str(tmp_path / "hub"),
    }
    status, said = refused("--model", "whisper-micro-en", "--tts", name, **places)
    assert status == 1
    assert says in said


def test_the_network_without_a_key() -> None:
    status, said = refused("--host", "0.0.0.0")
    assert status == 1
    assert "--api-key" in said


def test_a_port_that_is_taken(start: Start) -> None:
    port = start().url.rsplit(":", 1)[1]
    run = subprocess.run(
        [sys.executable, "-m", "streamkit.cli", "serve", "--port", port],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "cannot listen" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "nonsense=1"), ("nonsense", "accepted", "idle_timeout")),
        (("--endpointing", "99"), ("endpointing",)),
        (("--set", "ring_seconds=1"), ("ring_seconds",)),
        (("--tts-device", "tpu"), ("tts_device", "cuda")),
        (("--set", "tts_precision=float8"), ("tts_precision", "int8", "bfloat16")),
    ],
)
def test_settings_that_cannot_be_used(arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    status, said = refused(*arguments)
    assert status == 1
    assert all(word in said for word in words)


def test_settings_from_the_environment() -> None:
    status, said = refused(STREAMKIT_MAX_SESSIONS="-3")
    assert status == 1
    assert "max_sessions" in said


def test_an_option_that_does_not_exist() -> None:
    status, said = refused("--nonsense")
    assert status == 2
    assert "--nonsense" in said


def test_a_conversation_is_served_and_traced(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    server = start("--trace", str(path), "--voice", "en-gb")
    with connect(f"{server.url}/v1/realtime?model=m", compression=None) as socket:
        created = json.loads(socket.recv(30))
        socket.send(json.dumps({"type": "response.create"}))
        while json.loads(socket.recv(30))["type"] != "response.done":
            pass
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    assert f"{server.url}/v1/realtime, with parrot" in server.said
    assert created["session"]["audio"]["output"]["voice"] == "en-gb"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["begin", "response", "end"]
    assert {line["session"] for line in lines} == {created["session"]["id"]}


def test_a_model_without_an_address_is_refused() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "streamkit.cli", "serve", "--port", "0", "--llm-model", "m"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "STREAMKIT_MODEL": "whisper-micro-en"},
    )
    assert run.returncode != 0
    assert "'m'" in run.stderr
    assert "Traceback" not in run.stderr
