"""What every foreign client is given to say, and what it has to hear."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from pydantic import BaseModel

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.audio.pcm import to_linear16
from streamkit.audio.resample import StreamingResampler
from streamkit.config import Settings
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer, transcript_of

Samples = npt.NDArray[np.float32]
Message = dict[str, Any]

FOLDER = Path(__file__).parent
KEY = "right-key"

FIRST = "The bus to Berlin is eight minutes late."
SECOND = "Turn the music down."


@dataclass(frozen=True)
class Talk:
    """Two sentences as linear16 at 16 kHz; the second breaks off with its last sound."""

    first: bytes
    second: bytes

    def check(self, messages: list[dict[str, Any]]) -> None:
        """Assert that the client was told all that its commands ask for."""
        results = [message for message in messages if message["type"] == "Results"]
        finals = [message for message in results if message["is_final"]]
        interims = [message for message in results if not message["is_final"]]
        texts = [text for final in finals if (text := transcript_of(final))]
        assert " ".join(texts) == f"{FIRST} {SECOND}"
        assert interims
        assert any(transcript_of(interim) for interim in interims)
        assert any(final["speech_final"] for final in finals)
        assert [final["from_finalize"] for final in finals].count(True) == 1
        kinds = [message["type"] for message in messages]
        assert kinds.count("SpeechStarted") == 2
        assert kinds.count("UtteranceEnd") == 1
        assert kinds.count("Metadata") == 1
        assert kinds[-1] == "Metadata"
        assert "Error" not in kinds


@pytest.fixture(scope="session")
def talk(speak: Callable[..., Samples]) -> Talk:
    return Talk(
        first=to_linear16(speak(FIRST)),
        second=to_linear16(np.trim_zeros(speak(SECOND), "b")),
    )


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client asks a proxy for a server on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def guarded(start_server: Callable[..., LiveServer]) -> LiveServer:
    """A server that lets in the key `right-key` only."""
    return start_server(api_keys=["right-key"])


@pytest.fixture(scope="session")
def keeper(micro: tuple[Recognizer, ModelProfile]) -> Iterator[LiveServer]:
    """The same for all tests together; the parrot replies."""
    settings = Settings.model_validate(
        {"model": "whisper-micro-en", "port": 0, "api_keys": [KEY], "max_sessions": 1000}
    )
    with LiveServer(settings, *micro) as running:
        yield running


# The Realtime protocol


@pytest.fixture(scope="session")
def question(recordings: Path) -> Samples:
    """A recording of `FIRST`, 24 kHz, with half a second of silence on each side."""
    recorded, rate = soundfile.read(recordings / "short_05.flac", dtype="float32")
    resampler = StreamingResampler(rate, 24_000)
    silence = np.zeros(12_000, np.float32)
    return np.concatenate([silence, resampler.process(recorded), resampler.flush(), silence])


@pytest.fixture(scope="session")
def recognized(server: LiveServer) -> Callable[[Samples, int], str]:
    """A function that tells what our own captions hear in a sound."""

    def listen(sound: Samples, rate: int) -> str:
        resampler = StreamingResampler(rate)
        silence = np.zeros(8000, np.float32)
        samples = np.concatenate([resampler.process(sound), resampler.flush(), silence])
        with server.listen(encoding="linear16", sample_rate=16_000) as client:
            client.send(to_linear16(samples))
            client.close_stream()
        return client.text

    return listen


@pytest.fixture(scope="session")
def check_wire() -> Callable[[Sequence[Message]], None]:
    """A function that asserts that all messages of a connection are such as OpenAI's.

    Each has to be what the types of the Python SDK say, strictly, which the SDK itself does not
    check, and all have to come in OpenAI's order.
    """
    pytest.importorskip("openai", reason="needs openai: pip install openai")

    def check(messages: Sequence[Message]) -> None:
        for message in messages:
            _check_type(message)
        _check_order(messages)

    return check


@cache
def _types() -> dict[str, type[BaseModel]]:
    """OpenAI's types of server events, by their names."""
    from openai.types.realtime import RealtimeServerEvent

    union, _ = get_args(RealtimeServerEvent)
    names = {kind: get_args(kind.model_fields["type"].annotation)[0] for kind in get_args(union)}
    return {name: kind for kind, name in names.items()}


# OpenAI's server tells these, its SDK's types do not have them.
_UNTYPED = {
    "RealtimeSessionCreateRequest": {"id", "object", "expires_at"},
    "RealtimeTranscriptionSessionCreateRequest": {"id", "object", "expires_at"},
}


def _check_type(message: Message) -> None:
    kind = _types()[message["type"]]
    # As it came: in JSON, and no number for a text, say.
    read = kind.model_validate_json(json.dumps(message), strict=True)
    for name, extra in _extras(read):
        assert extra <= {"streamkit"} | _UNTYPED.get(name, set()), (name, extra, message)


def _extras(value: object) -> Iterator[tuple[str, set[str]]]:
    """Names that a type does not know, in a model and all that it holds."""
    if isinstance(value, BaseModel):
        yield type(value).__name__, set(value.model_extra or {})
        for name in type(value).model_fields:
            yield from _extras(getattr(value, name))
    elif isinstance(value, list):
        for each in value:
            yield from _extras(each)


def _check_order(messages: Sequence[Message]) -> None:
    ids = [message["event_id"] for message in messages]
    assert len(set(ids)) == len(ids)
    if messages[0]["type"] == "error":
        assert len(messages) == 1, "who does not come in is told why, and no more"
        return
    assert messages[0]["type"] == "session.created"
    _check_conversation(messages)
    for message in messages:
        match message:
            case {"type": "input_audio_buffer.committed", "item_id": item_id}:
                _check_turn(messages, item_id)
            case {"type": "response.created", "response": {"id": response_id}}:
                _check_response(messages, response_id)
            case _:
                pass


def _check_conversation(messages: Sequence[Message]) -> None:
    """Every item comes behind one that is there."""
    items: list[str] = []
    for message in messages:
        match message["type"]:
            case "conversation.item.added":
                previous = message["previous_item_id"]
                assert message["item"]["id"] not in items
                items.insert(
                    0 if previous is None else items.index(previous) + 1, message["item"]["id"]
                )
            case "conversation.item.done":
                at = items.index(message["item"]["id"])
                assert message["previous_item_id"] == (items[at - 1] if at else None)
            case "conversation.item.deleted":
                items.remove(message["item_id"])
            case _:
                pass


def _check_turn(messages: Sequence[Message], item_id: str) -> None:
    """What is told of one turn of the person's: of its sound, then of its words."""
    about = [
        message
        for message in messages
        if item_id in (message.get("item_id"), message.get("item", {}).get("id"))
    ]
    kinds = [message["type"].rpartition(".")[2] for message in about]
    told = [kind for kind in kinds if kind not in ("delta", "retrieved", "deleted")]
    expected = ["committed", "added", "done", "completed"]
    if "speech_started" in kinds:
        expected = ["speech_started", "speech_stopped", *expected]
    elif "timeout_triggered" in kinds:
        expected = ["timeout_triggered", *expected]
    assert told == expected[: len(told)], told
    if told == expected:
        words = [message["delta"] for message in about if message["type"].endswith(".delta")]
        completed = about[kinds.index("completed")]
        assert "".join(words) == completed["transcript"]
        assert "delta" not in kinds[kinds.index("completed") :]


# One letter for each event of a response's item.
_LETTERS = {
    "response.output_item.added": "O",
    "conversation.item.added": "C",
    "response.content_part.added": "P",
    "response.output_audio.delta": "s",
    "response.output_audio_transcript.delta": "w",
    "response.output_audio.done": "S",
    "response.output_audio_transcript.done": "W",
    "response.output_text.delta": "t",
    "response.output_text.done": "T",
    "response.function_call_arguments.delta": "a",
    "response.function_call_arguments.done": "A",
    "response.content_part.done": "p",
    "conversation.item.done": "c",
    "response.output_item.done": "o",
}
# One that is not part of the conversation has neither C nor c.
_SPOKEN, _WRITTEN, _CALL = "OCP[sw]*SWpco", "OCPt*Tpco", "OCa*Aco"
_WHOLE = {"w": ("W", "transcript"), "t": ("T", "text"), "a": ("A", "arguments")}


def _check_response(messages: Sequence[Message], response_id: str) -> None:
    """What is told of one response, and of each of its items."""
    about = [message for message in messages if _response_of(message) == response_id]
    if about[-1]["type"] != "response.done":
        return
    kinds = [message["type"] for message in about]
    assert kinds[0] == "response.created"
    assert len({"response.created", "response.done"} & set(kinds[1:-1])) == 0
    response = about[-1]["response"]
    within = messages[messages.index(about[0]) : messages.index(about[-1]) + 2]
    assert within[-1]["type"] in ("response.done", "rate_limits.updated")
    for place, item in enumerate(response["output"]):
        _check_output(within, item, place, response["conversation_id"] is not None)
    added = [message for message in about if message["type"] == "response.output_item.added"]
    assert [each["item"]["id"] for each in added] == [item["id"] for item in response["output"]]
    assert all(item["status"] != "in_progress" for item in response["output"])
    if response["status"] == "completed":
        assert all(item["status"] == "completed" for item in response["output"])
    if (response["status_details"] or {}).get("reason") == "turn_detected":
        assert "input_audio_buffer.speech_started" in [message["type"] for message in within]


def _response_of(message: Message) -> str | None:
    told: str | None = message.get("response_id", message.get("response", {}).get("id"))
    return told


def _check_output(
    within: Sequence[Message], item: Message, place: int, in_conversation: bool
) -> None:
    about = [
        (letter, message)
        for message in within
        if item["id"] in (message.get("item_id"), message.get("item", {}).get("id"))
        and (letter := _LETTERS.get(message["type"]))
    ]
    letters = "".join(letter for letter, _ in about)
    kinds = (_SPOKEN, _WRITTEN, _CALL)
    patterns = kinds if in_conversation else [re.sub("[Cc]", "", each) for each in kinds]
    assert any(re.fullmatch(pattern, letters) for pattern in patterns), letters
    assert {message.get("output_index", place) for _, message in about} == {place}
    first, last = about[0][1]["item"], about[-1][1]["item"]
    assert first["status"] == "in_progress"
    assert first.get("content", []) == []
    assert last == item
    for delta, (whole, name) in _WHOLE.items():
        pieces = [message["delta"] for letter, message in about if letter == delta]
        wholes = [message[name] for letter, message in about if letter == whole]
        assert wholes in ([], ["".join(pieces)])


# Node


@pytest.fixture(scope="session")
def run_node() -> Callable[..., list[Message]]:
    """A function that runs one of the scripts here; it returns what it printed, lines of JSON.

    Its arguments are the script, packages that it needs, and arguments of the script; texts that
    are given by name become variables of its environment. Skips where Node, or the WebSocket of
    browsers in it, or a package is not installed.
    """
    program = shutil.which("node")
    if program is None:
        pytest.skip("needs Node.js, and there is no `node` on the path")
    asked = [program, "-p", "process.allowedNodeEnvironmentFlags.has('--experimental-websocket')"]
    if subprocess.run(asked, capture_output=True, check=True).stdout != b"true\n":
        pytest.skip("needs Node.js 20.10 or later: its WebSocket")

    def run(
        script: str, packages: Iterable[str], *arguments: str, **environment: str
    ) -> list[Message]:
        for package in packages:
            if not (FOLDER / "node_modules" / package).is_dir():
                pytest.skip(f"needs {package}: npm install --prefix tests/foreign")
        done = subprocess.run(
            [program, str(FOLDER / script), *arguments],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_SECONDS,
            check=False,
            env={**os.environ, "NODE_NO_WARNINGS": "1", **environment},
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
