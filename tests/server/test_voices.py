"""`/v1/audio/voices` over real sockets: recordings that become voices, and those that do not."""

from __future__ import annotations

import io
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.errors import SynthesisError
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit.tts.espeak_engine import load_espeak
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voices.store import VoiceStore

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
Eventually = Callable[[Callable[[], bool]], None]

PATH = "/v1/audio/voices"
KEY = "right-key"
PAGE = "https://captions.example.org"
AGREED = "Anna agreed in writing on 2 May 2026"
TEXT = "The bus to Berlin is eight minutes late, and nobody at the station knows the reason. "
SPEAKERS = ("Claribel Dervla", "Damien Black")


class ScriptedCloner:
    """Makes voices, when the test lets it.

    Attributes:
        heard: lengths of the recordings, in samples.
        asked: somebody waits for a voice.
        free: voices are made.
        failure: is raised instead.
        most: that were made at once.
    """

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.asked = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.failure: Exception | None = None
        self.latents = VoiceLatents(
            np.ones((1, 32, 64), np.float32), np.ones((1, 512, 1), np.float32)
        )
        self.most = 0
        self._now = 0

    def clone(self, samples: Samples) -> VoiceLatents:
        self._now += 1
        self.most = max(self.most, self._now)
        self.asked.release()
        try:
            assert self.free.wait(PATIENCE_SECONDS)
            if self.failure is not None:
                raise self.failure
            assert samples.dtype == np.float32
            assert 6 * 22_050 <= len(samples) <= 30 * 22_050
            self.heard.append(len(samples))
            return self.latents
        finally:
            self._now -= 1


def engine_of(cloner: ScriptedCloner | None, store: VoiceStore) -> SpeechEngine:
    """An engine with two speakers, and with those in the store if it can clone, as a real one."""

    def names() -> list[str]:
        cloned = [] if cloner is None else [record.name for record in store.voices()[0]]
        return [*SPEAKERS, *cloned]

    return replace(load_espeak(), name="xtts_v2", cloner=cloner, voice_names=names)


class Started:
    """A server, its cloner, its store, and a client for it."""

    def __init__(self, server: LiveServer, cloner: ScriptedCloner, store: VoiceStore) -> None:
        self.server = server
        self.cloner = cloner
        self.store = store

    def ask(self, method: str, path: str = "", **arguments: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {KEY}"} | arguments.pop("headers", {})
        return httpx.request(
            method,
            self.server.http_url + PATH + path,
            headers=headers,
            trust_env=False,
            timeout=PATIENCE_SECONDS,
            **arguments,
        )

    def add(
        self, recording: bytes, *, file_name: str = "anna.flac", **fields: str
    ) -> httpx.Response:
        return self.ask(
            "POST",
            data={"name": "Anna", "consent": AGREED, **fields},
            files={"audio_sample": (file_name, recording, "audio/flac")},
        )


Start = Callable[..., Started]


@pytest.fixture
def start(micro: tuple[Recognizer, ModelProfile], tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as exits:

        def begin(clones: bool = True, **given: Any) -> Started:
            folder = tmp_path / "voices"
            settings = Settings.model_validate(
                {
                    "model": "whisper-micro-en",
                    "port": 0,
                    "api_keys": [KEY],
                    "allowed_origins": [PAGE],
                    "voices": folder,
                    **given,
                }
            )
            cloner, store = ScriptedCloner(), VoiceStore(folder)
            engine = engine_of(cloner if clones else None, store)
            server = exits.enter_context(LiveServer(settings, *micro, speech=engine))
            # Whatever a test left waiting ends before the server does.
            exits.callback(cloner.free.set)
            return Started(server, cloner, store)

        yield begin


@pytest.fixture(scope="module")
def recording(speak: Speak) -> bytes:
    """Ten seconds of speech or more, as a FLAC file."""
    file = io.BytesIO()
    soundfile.write(file, speak(TEXT * 3, 22_050), 22_050, format="FLAC")
    return file.getvalue()


def refusal(response: httpx.Response, status: int, code: str | None) -> dict[str, Any]:
    assert response.status_code == status, response.text
    error: dict[str, Any] = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code, error
    return error


class TestCreate:
    def test_a_voice(self, start: Start, recording: bytes) -> None:
        started = start()
        response = started.add(recording, language="en-GB", type="audio_sample")
        assert response.status_code == 200, response.text
        voice = response.json()
        assert voice["created_at"] > 1_700_000_000
        assert {key: voice[key] for key in ("id", "name", "object", "type")} == {
            "id": "Anna",
            "name": "Anna",
            "object": "audio.voice",
            "type": "audio_sample",
        }
        assert voice["streamkit"]["usable"] is True
        assert voice["streamkit"]["warnings"] == []
        record = started.store.find("anna")
        assert record is not None
        assert (record.model, record.language) == ("xtts_v2", "en-gb")
        assert record.consent.given
        assert AGREED in record.consent.said_by
        assert len(started.cloner.heard) == 1
        started.server.wait_until_empty()
        assert started.server.server.state.permits.taken == 0

    @pytest.mark.parametrize("name", ["../anna", "a/b", "a b", ".x", "x" * 65, "ä"])
    def test_what_is_no_name(self, start: Start, recording: bytes, name: str) -> None:
        started = start()
        error = refusal(started.add(recording, name=name), 400, "invalid_voice_name")
        assert error["param"] == "name"
        assert started.cloner.heard == []
        assert started.store.names() == []

    @pytest.mark.parametrize("name", ["alloy", "Cedar", "DEFAULT"])
    def test_names_that_mean_something_else(
        self, start: Start, recording: bytes, name: str
    ) -> None:
        refusal(start().add(recording, name=name), 400, "invalid_voice_name")

    def test_a_name_is_taken_once(self, start: Start, recording: bytes) -> None:
        started = start()
        assert started.add(recording).status_code == 200
        response = started.add(recording, name="ANNA")
        refusal(response, 409, "voice_exists")
        assert response.headers["x-should-retry"] == "false"
        assert len(started.cloner.heard) == 1

    def test_the_limit(self, start: Start, recording: bytes) -> None:
        started = start(max_voices=1)
        assert started.add(recording).status_code == 200
        refusal(started.add(recording, name="Berta"), 400, "too_many_voices")

    @pytest.mark.parametrize(
        ("content", "code"),
        [(b"no sound", "invalid_audio"), (b"", "invalid_audio"), (None, "audio_too_short")],
        ids=["text", "empty", "short"],
    )
    def test_what_is_no_recording(
        self, start: Start, speak: Speak, content: bytes | None, code: str
    ) -> None:
        if content is None:
            file = io.BytesIO()
            soundfile.write(file, speak("Hello.", 22_050), 22_050, format="WAV")
            content = file.getvalue()
        started = start()
        error = refusal(started.add(content), 400, code)
        assert error["param"] == "audio_sample"
        assert "accepted" in error["message"]
        assert started.cloner.heard == []

    def test_a_warning_is_told(self, start: Start, speak: Speak) -> None:
        file = io.BytesIO()
        soundfile.write(file, speak(TEXT * 3, 22_050) * 0.05, 22_050, format="WAV")
        (warning,) = start().add(file.getvalue()).json()["streamkit"]["warnings"]
        assert "quiet" in warning

    @pytest.mark.parametrize(
        ("fields", "param", "code"),
        [
            ({"consent": ""}, "consent", "missing_required_parameter"),
            ({"consent": "false"}, "consent", "consent_required"),
            ({"type": "prompt"}, "type", "unsupported_voice_type"),
            ({"language": "Klingon!"}, "language", "invalid_language"),
        ],
        ids=repr,
    )
    def test_what_cannot_be_used(
        self, start: Start, recording: bytes, fields: dict[str, str], param: str, code: str
    ) -> None:
        started = start()
        assert refusal(started.add(recording, **fields), 400, code)["param"] == param
        assert started.store.names() == []

    def test_no_recording(self, start: Start) -> None:
        started = start()
        data = {"name": "Anna", "consent": AGREED}
        missing = started.ask("POST", data=data, files={"file": ("x.wav", b"x")})
        assert refusal(missing, 400, "missing_required_parameter")["param"] == "audio_sample"
        text = started.ask("POST", files={k: (None, v) for k, v in data.items()})
        assert refusal(text, 400, "missing_required_parameter")["param"] == "audio_sample"

    def test_what_is_no_form(self, start: Start) -> None:
        started = start()
        described = {"name": "Robot", "type": "prompt", "prompt": "a friendly robot"}
        error = refusal(started.ask("POST", json=described), 400, "unsupported_content_type")
        assert "description" in error["message"]

    def test_an_engine_that_cannot(self, start: Start, recording: bytes) -> None:
        started = start(clones=False)
        error = refusal(started.add(recording), 400, "voice_cloning_unsupported")
        assert "xtts_v2" in error["message"]

    def test_too_large(self, start: Start) -> None:
        started = start(max_voice_bytes=1000)
        refusal(started.add(bytes(1000 + (1 << 16))), 413, "request_too_large")

    def test_a_model_that_fails(self, start: Start, recording: bytes) -> None:
        started = start()
        started.cloner.failure = SynthesisError("out of memory")
        response = started.add(recording)
        error = refusal(response, 500, "voice_cloning_failed")
        assert (error["type"], response.headers["x-should-retry"]) == ("server_error", "false")
        assert "out of memory" in error["message"]
        assert started.store.names() == []
        started.cloner.failure = None
        assert started.add(recording).status_code == 200

    def test_a_model_with_a_mistake_in_it(
        self, start: Start, recording: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        started = start()
        started.cloner.failure = ZeroDivisionError("a mistake in the engine")
        error = refusal(started.add(recording), 500, "internal_error")
        assert "mistake" not in error["message"]
        assert "a mistake in the engine" in caplog.text

    def test_a_model_that_gives_nonsense(self, start: Start, recording: bytes) -> None:
        started = start()
        started.cloner.latents = VoiceLatents(
            np.full((1, 32, 64), np.nan, np.float32), np.ones((1, 512, 1), np.float32)
        )
        refusal(started.add(recording), 500, "damaged_voice")
        assert started.store.names() == []

    def test_a_model_that_hangs(self, start: Start, recording: bytes) -> None:
        started = start(clone_timeout=0.2)
        started.cloner.free.clear()
        for name in ("Anna", "Berta"):
            response = started.add(recording, name=name)
            refusal(response, 503, "voice_cloning_timeout")
            assert int(response.headers["retry-after"]) >= 1
        # The second one never came to the model, which was at the first one still.
        assert started.cloner.most == 1
        started.cloner.free.set()
        started.server.wait_until_empty()
        assert started.store.names() == []
        assert started.server.server.state.permits.taken == 0

    def test_a_folder_that_cannot_be_written(
        self, start: Start, recording: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        started = start()
        (tmp_path / "voices").write_text("not a folder")
        response = started.add(recording)
        error = refusal(response, 500, "voice_folder_unusable")
        assert str(tmp_path) not in response.text
        assert str(tmp_path) in caplog.text
        assert error["type"] == "server_error"


class TestTogether:
    def test_one_voice_is_made_at_a_time(self, start: Start, recording: bytes) -> None:
        started = start()
        started.cloner.free.clear()
        answers: list[httpx.Response] = []
        threads = [
            threading.Thread(target=lambda n=name: answers.append(started.add(recording, name=n)))
            for name in ("Anna", "Berta", "Carla")
        ]
        for thread in threads:
            thread.start()
        assert started.cloner.asked.acquire(timeout=PATIENCE_SECONDS)
        started.cloner.free.set()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert started.cloner.most == 1
        assert started.store.names() == ["anna", "berta", "carla"]

    def test_two_want_one_name(self, start: Start, recording: bytes) -> None:
        started = start()
        started.cloner.free.clear()
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda: answers.append(started.add(recording).status_code))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        assert started.cloner.asked.acquire(timeout=PATIENCE_SECONDS)
        started.cloner.free.set()
        for thread in threads:
            thread.join()
        assert sorted(answers) == [200, 409]
        assert started.store.names() == ["anna"]

    def test_a_client_that_leaves(self, start: Start, recording: bytes) -> None:
        """Its voice is not kept, and its place is free, although the model is at work still."""
        started = start()
        started.cloner.free.clear()
        address = urlsplit(started.server.http_url)
        request = httpx.Request(
            "POST",
            started.server.http_url + PATH,
            data={"name": "Anna", "consent": AGREED},
            files={"audio_sample": ("a.flac", recording)},
        )
        content = request.read()
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: {request.headers['content-type']}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
            connection.sendall(head.encode() + content)
            assert started.cloner.asked.acquire(timeout=PATIENCE_SECONDS)
        started.server.wait_until_empty()
        assert started.server.server.state.permits.taken == 0
        assert started.server.server.state.cloning.locked()
        started.cloner.free.set()
        assert started.add(recording, name="Berta").status_code == 200
        assert started.store.names() == ["berta"]

    def test_places_are_counted(self, start: Start, recording: bytes) -> None:
        started = start(max_sessions=1)
        started.cloner.free.clear()
        first: list[int] = []
        thread = threading.Thread(target=lambda: first.append(started.add(recording).status_code))
        thread.start()
        assert started.cloner.asked.acquire(timeout=PATIENCE_SECONDS)
        refusal(started.add(recording, name="Berta"), 503, "service_unavailable")
        # Looking takes no place.
        assert started.ask("GET").status_code == 200
        started.cloner.free.set()
        thread.join()
        assert first == [200]

    def test_shutdown_does_not_wait_for_a_model_that_hangs(
        self, start: Start, recording: bytes
    ) -> None:
        started = start(drain_timeout=0.1)
        started.cloner.free.clear()
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: answers.append(started.add(recording)))
        thread.start()
        assert started.cloner.asked.acquire(timeout=PATIENCE_SECONDS)
        started.server.stop()
        thread.join()
        refusal(answers[0], 503, "service_unavailable")
        assert started.store.names() == []


class TestLookAndRemove:
    def test_a_list(self, start: Start, recording: bytes) -> None:
        started = start()
        made = started.add(recording).json()
        (started.store.folder / "broken.safetensors").write_bytes(b"\x80\x04")
        listed = started.ask("GET").json()
        assert listed["object"] == "list"
        assert [(voice["id"], voice["type"]) for voice in listed["data"]] == [
            ("Claribel Dervla", "built_in"),
            ("Damien Black", "built_in"),
            ("Anna", "audio_sample"),
        ]
        made["streamkit"].pop("warnings")
        assert listed["data"][-1] == made
        (unusable,) = listed["streamkit"]["unusable"]
        assert unusable["id"] == "broken"
        assert str(started.store.folder) not in unusable["reason"]

    @pytest.mark.parametrize("name", ["Anna", "anna", "Claribel%20Dervla", "damien black"])
    def test_one(self, start: Start, recording: bytes, name: str) -> None:
        started = start()
        started.add(recording)
        found = started.ask("GET", f"/{name}")
        assert found.status_code == 200
        assert found.json() in started.ask("GET").json()["data"]

    @pytest.mark.parametrize("method", ["GET", "DELETE"])
    @pytest.mark.parametrize("name", ["gandalf", "..%2fx", "a/b", "%00", "", "x" * 2000])
    def test_none(self, start: Start, method: str, name: str) -> None:
        error = refusal(start().ask(method, f"/{name}"), 404, "voice_not_found")
        assert len(error["message"]) < 500

    def test_removing(self, start: Start, recording: bytes) -> None:
        started = start()
        started.add(recording)
        removed = started.ask("DELETE", "/anna")
        assert removed.json() == {"id": "Anna", "object": "audio.voice.deleted", "deleted": True}
        assert started.store.names() == []
        refusal(started.ask("DELETE", "/anna"), 404, "voice_not_found")

    @pytest.mark.parametrize("name", ["Claribel%20Dervla", "damien%20black", "alloy", "default"])
    def test_a_built_in_one_stays(self, start: Start, name: str) -> None:
        refusal(start().ask("DELETE", f"/{name}"), 400, "built_in_voice")

    def test_a_damaged_one(self, start: Start) -> None:
        started = start()
        started.store.folder.mkdir()
        (started.store.folder / "anna.safetensors").write_bytes(b"\x80\x04")
        refusal(started.ask("GET", "/anna"), 500, "damaged_voice")
        assert started.ask("DELETE", "/anna").json()["deleted"] is True

    def test_what_another_program_adds_is_there_at_once(
        self, start: Start, recording: bytes
    ) -> None:
        started = start()
        started.add(recording)
        path = started.store.folder / "anna.safetensors"
        (started.store.folder / "berta.safetensors").write_bytes(path.read_bytes())
        names = [voice["id"] for voice in started.ask("GET").json()["data"]]
        assert names[-2:] == ["Anna", "berta"]

    def test_an_engine_that_cannot_clone_cannot_use_them(
        self, start: Start, recording: bytes
    ) -> None:
        start().add(recording)
        voice = start(clones=False).ask("GET", "/anna").json()
        assert voice["streamkit"]["usable"] is False

    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    @pytest.mark.parametrize("rest", ["", "/cons_1234"])
    def test_consents_are_not_recorded(self, start: Start, method: str, rest: str) -> None:
        started = start()
        response = httpx.request(
            method,
            f"{started.server.http_url}/v1/audio/voice_consents{rest}",
            headers={"authorization": f"Bearer {KEY}"},
            trust_env=False,
        )
        error = refusal(response, 404, "voice_consents_unsupported")
        assert "consent=" in error["message"]


class TestAccess:
    @pytest.mark.parametrize(
        ("method", "path"), [("POST", ""), ("GET", ""), ("GET", "/x"), ("DELETE", "/x")]
    )
    def test_who_comes_in(self, start: Start, method: str, path: str) -> None:
        started = start()
        wrong = started.ask(method, path, headers={"authorization": "Bearer wrong"})
        refusal(wrong, 401, "invalid_api_key")
        foreign = started.ask(method, path, headers={"origin": "https://evil.example.org"})
        refusal(foreign, 403, "origin_not_allowed")
        state = started.server.server.state
        secret = state.secrets.make("{}", 60, state.now())
        assert secret is not None
        guest = started.ask(method, path, headers={"authorization": f"Bearer {secret.value}"})
        refusal(guest, 403, "insufficient_permissions")

    @pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", ""), ("DELETE", "/x")])
    def test_what_a_page_s_browser_asks_first(self, start: Start, method: str, path: str) -> None:
        asked = {"origin": PAGE, "access-control-request-method": method}
        response = start().ask("OPTIONS", path, headers=asked)
        assert response.status_code == 200
        assert response.headers["access-control-allow-origin"] == PAGE
        assert method in response.headers["access-control-allow-methods"]


def test_nothing_of_a_request_is_in_the_log(
    start: Start, recording: bytes, caplog: pytest.LogCaptureFixture, eventually: Eventually
) -> None:
    for name in ("httpx", "httpcore", "python_multipart"):
        caplog.set_level(logging.WARNING, name)
    caplog.set_level(logging.DEBUG)
    started = start()
    assert started.add(recording, name="canary", consent="canary").status_code == 200
    assert started.add(recording, name="../canary").status_code == 400
    assert started.ask("DELETE", "/canary").status_code == 200
    eventually(lambda: caplog.text.count("ended with") == 3)
    assert "canary" not in caplog.text


def test_the_answer_is_ascii(start: Start) -> None:
    started = start()
    raw = started.ask("GET", "/%ed%a0%80").content
    assert json.loads(raw.decode("ascii"))["error"]["code"] == "voice_not_found"
