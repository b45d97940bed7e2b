"""Which voice speaks: chosen by the settings, loaded at the start, asked for by clients.

The engine in a process of its own is real, and so are its socket and the server's; only its model
is a scripted one, since XTTS's weights are not here.
"""

from __future__ import annotations

import logging
import os
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from anyio.to_thread import run_sync
from prometheus_client.parser import text_string_to_metric_families

from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Recognizer
from streamkit.config import Settings
from streamkit.errors import ConfigurationError, ModelError, SynthesisError
from streamkit.llm.testing import ScriptedChatModel
from streamkit.models.licence import CPML, record_acceptance
from streamkit.server import speech_engines
from streamkit.server.local import local_server
from streamkit.server.serving import running
from streamkit.server.speech_engines import load_speech
from streamkit.server.testing import PATIENCE_SECONDS, LiveServer
from streamkit.server.testing_realtime import RealtimeClient
from streamkit.tts.latents import VoiceLatents
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.voices.store import VoiceStore
from streamkit.tts.voices.voice_file import Consent, VoiceRecord
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.testing import scripted_spec
from streamkit.tts.xtts.synthesizer import speech_engine

Eventually = Callable[[Callable[[], bool]], None]
Start = Callable[..., LiveServer]

NAME = "xtts_v2"
MODEL_BYTES = 1_100_000
HELLO = "Hello there."


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STREAMKIT_MODEL_CACHE", str(tmp_path / "models"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def store(tmp_path: Path) -> VoiceStore:
    return VoiceStore(tmp_path / "voices")


@pytest.fixture
def make_engine(tmp_path: Path, store: VoiceStore) -> Iterator[Callable[..., SpeechEngine]]:
    """A function that makes an engine as XTTS's is, around a scripted model."""
    engines: list[SpeechEngine] = []
    folder = tmp_path / "model"
    folder.mkdir()

    def make(limits: WorkerLimits | None = None, **arguments: object) -> SpeechEngine:
        spec = scripted_spec(folder=str(folder), **arguments)
        engines.append(speech_engine(spec, name=NAME, voices=store, limits=limits, seed=7))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


@pytest.fixture
def start(
    micro: tuple[Recognizer, ModelProfile],
    make_engine: Callable[..., SpeechEngine],
    store: VoiceStore,
) -> Iterator[Start]:
    """A function that starts a server with such an engine."""
    with ExitStack() as exits:

        def begin(chat_model: ScriptedChatModel | None = None, **given: object) -> LiveServer:
            settings = Settings.model_validate(
                {"model": "whisper-micro-en", "port": 0, "voices": store.folder, **given}
            )
            server = LiveServer(settings, *micro, chat_model=chat_model, speech=make_engine())
            return exits.enter_context(server)

        yield begin


def ask(server: LiveServer, method: str, path: str, **options: Any) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
        return client.request(method, f"{server.http_url}{path}", **options)


def say(server: LiveServer, text: str = HELLO, **fields: Any) -> httpx.Response:
    body = {"input": text, "model": NAME, "voice": "Ben", "response_format": "wav", **fields}
    return ask(server, "POST", "/v1/audio/speech", json=body)


def sound_of(response: httpx.Response) -> np.ndarray:
    assert response.status_code == 200, response.text
    with wave.open(BytesIO(response.content)) as file:
        return np.frombuffer(file.readframes(1 << 24), "<i2")


def metrics(server: LiveServer) -> dict[str, float]:
    text = ask(server, "GET", "/metrics").text
    return {
        sample.name.removeprefix("streamkit_speech_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("streamkit_speech_")
    }


def clone(store: VoiceStore, name: str, model: str = NAME) -> None:
    record = VoiceRecord(
        name=name,
        model=model,
        consent=Consent(given=True, said_by="the test", at=1),
        created_at=1,
        source_sha256="0" * 64,
        source_seconds=10.0,
        language=None,
    )
    latents = VoiceLatents(np.zeros((1, 32, 8), np.float32), np.full((1, 512, 1), 0.25, np.float32))
    store.add(record, latents)


def put_xtts(path: Path) -> Path:
    """A directory that looks like XTTS's weights from outside."""
    import zipfile

    path.mkdir(parents=True)
    for name in ("config.json", "vocab.json"):
        (path / name).write_text("{}")
    with zipfile.ZipFile(path / "model.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"x" * MODEL_BYTES)
    return path


def put_kokoro(path: Path) -> Path:
    import zipfile

    path.mkdir(parents=True)
    (path / "kokoro-v1.0.onnx").write_bytes(b"\x08" * MODEL_BYTES)
    with zipfile.ZipFile(path / "voices-v1.0.bin", "w") as archive:
        archive.writestr("af_heart.npy", b"x")
    return path


class TestSettings:
    def test_espeak_speaks_unless_somebody_says_otherwise(self) -> None:
        engine = load_speech(Settings())
        assert (engine.name, engine.owner) == ("espeak", "espeak-ng")
        assert engine.cloner is None

    def test_weights_that_are_not_here_are_an_error_and_no_other_voice(self) -> None:
        with pytest.raises(ModelError, match=r"streamkit models pull xtts_v2.*--tts espeak"):
            load_speech(Settings(tts="xtts"))

    def test_an_unknown_engine_lists_the_known(self) -> None:
        with pytest.raises(ModelError, match=r"unknown voice engine 'festival'; accepted: espeak"):
            load_speech(Settings(tts="festival"))

    @pytest.mark.parametrize("put", [put_xtts, put_kokoro])
    def test_a_missing_extra_is_one_sentence(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path], Path]
    ) -> None:
        nowhere = ("streamkit_has_no_such_package",)
        monkeypatch.setattr(speech_engines, "PACKAGES", {"xtts": nowhere, "kokoro": nowhere})
        with pytest.raises(
            ConfigurationError,
            match=r"streamkit_has_no_such_package; install them with `pip install 'streamkit\[",
        ):
            load_speech(Settings(tts=str(put(tmp_path / "weights"))))

    @pytest.fixture
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As if the packages of every engine were there; none of them is imported here."""
        monkeypatch.setattr(speech_engines, "PACKAGES", {"xtts": (), "kokoro": ()})

    @pytest.mark.usefixtures("installed")
    def test_a_directory_says_itself_what_it_is_for(self, tmp_path: Path) -> None:
        engine = load_speech(Settings(tts=str(put_xtts(tmp_path / "mine"))))
        assert (engine.name, engine.owner) == ("mine", "coqui")
        assert engine.cloner is not None
        kokoro = load_speech(Settings(tts=str(put_kokoro(tmp_path / "other"))))
        assert kokoro.name == "kokoro"
        assert kokoro.cloner is None

    @pytest.mark.usefixtures("installed")
    def test_a_licence_that_nobody_accepted_is_told_once(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = put_xtts(tmp_path / "models" / NAME)
        load_speech(Settings(tts="xtts"))
        [told] = [each for each in caplog.records if each.levelno >= logging.WARNING]
        assert "non-commercial" in told.getMessage()
        caplog.clear()
        record_acceptance(path, CPML, "--accept-license")
        load_speech(Settings(tts="xtts"))
        assert caplog.records == []

    @pytest.mark.usefixtures("installed")
    def test_kokoro_has_no_cuda_here(self, tmp_path: Path) -> None:
        path = str(put_kokoro(tmp_path / "k"))
        with pytest.raises(ConfigurationError, match=r"--tts-device cuda was given.*auto, cpu"):
            load_speech(Settings(tts=path, tts_device="cuda"))

    @pytest.mark.parametrize(
        "given",
        [
            {"tts_device": "tpu"},
            {"tts_precision": "float8"},
            {"tts_batch": 0},
            {"tts_batch": 1000},
            {"tts_queue": 0},
            {"tts_threads": 0},
            {"tts_memory_limit": -1},
            {"tts_start_timeout": 0},
            {"tts_heartbeat_timeout": -1},
            {"tts_seed": -1},
        ],
    )
    def test_values_out_of_bounds_are_refused(self, given: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(given))):
            Settings.model_validate(given)


class TestStart:
    async def serve(self, speech: SpeechEngine, micro: Any) -> None:
        settings = Settings(model="whisper-micro-en", port=0)
        async with running(settings, *micro, speech=speech):
            pytest.fail("the server listens")

    @pytest.mark.anyio
    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ({"load": "refuse"}, "there are no weights: pull them first"),
            ({"load": "missing"}, "streamkit_has_no_such_package"),
            ({"load": "fail"}, "the device is busy"),
        ],
    )
    async def test_a_voice_that_cannot_be_loaded_ends_the_start(
        self,
        make_engine: Callable[..., SpeechEngine],
        micro: Any,
        arguments: dict[str, str],
        reason: str,
    ) -> None:
        speech = make_engine(**arguments)
        with pytest.raises(SynthesisError, match=reason) as caught:
            await self.serve(speech, micro)
        assert "\n" not in str(caught.value)
        assert speech.statistics is not None
        assert speech.statistics().pid is None

    @pytest.mark.anyio
    async def test_so_does_one_that_takes_too_long(
        self, make_engine: Callable[..., SpeechEngine], micro: Any
    ) -> None:
        speech = make_engine(WorkerLimits(ready_timeout=0.5), load="hang")
        with pytest.raises(SynthesisError, match=r"within 0\.5 s"):
            await self.serve(speech, micro)

    @pytest.mark.anyio
    async def test_without_a_port_the_voice_is_ended(
        self, start: Start, make_engine: Callable[..., SpeechEngine], micro: Any
    ) -> None:
        taken = await run_sync(start)
        speech = make_engine()
        port = int(taken.url.rpartition(":")[2])
        settings = Settings(model="whisper-micro-en", port=port)
        with pytest.raises(ConfigurationError, match="cannot listen"):
            async with running(settings, *micro, speech=speech):
                pytest.fail("the server listens")
        assert speech.statistics is not None
        assert speech.statistics().pid is None

    def test_when_the_server_listens_the_voice_is_there(self, start: Start) -> None:
        server = start()
        assert metrics(server)["process_ready"] == 1
        ready = ask(server, "GET", "/readyz")
        assert ready.status_code == 200
        assert ready.json()["voice"] == NAME

    def test_the_process_ends_with_the_server(self, start: Start, eventually: Eventually) -> None:
        server = start()
        statistics = server.server.state.speech.statistics
        assert statistics is not None
        pid = statistics().pid
        assert pid is not None
        os.kill(pid, 0)
        server.stop()
        eventually(lambda: statistics().pid is None)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_espeak_has_no_process_to_tell_of(self, server: LiveServer) -> None:
        assert set(metrics(server).values()) == {0.0}


class TestSpeech:
    def test_the_engine_is_listed_under_its_name(self, start: Start) -> None:
        server = start()
        listed = ask(server, "GET", "/v1/models").json()["data"]
        assert [(model["id"], model["owned_by"]) for model in listed][1] == (NAME, "coqui")
        stands = ask(server, "GET", "/v1/models/tts-1").json()["streamkit"]
        assert stands == {"stands_for": NAME}

    def test_a_request_for_another_engine_is_refused(self, start: Start) -> None:
        response = say(start(), model="espeak")
        assert response.status_code == 404
        assert f"accepted: {NAME}, or one of tts-1" in response.json()["error"]["message"]

    @pytest.mark.parametrize("model", [NAME, "tts-1", "gpt-4o-mini-tts"])
    def test_speaks(self, start: Start, model: str) -> None:
        assert np.abs(sound_of(say(start(), model=model))).max() > 3000

    def test_openais_names_stand_for_speakers(self, start: Start) -> None:
        server = start()
        assert len(sound_of(say(server, voice="alloy"))) > 1000

    def test_an_unknown_voice_names_some_that_there_are(self, start: Start) -> None:
        error = say(start(), voice="en-us+f2").json()["error"]
        assert error["param"] == "voice"
        assert "Ada, Ben, Cleo" in error["message"]
        assert "alloy" in error["message"]

    def test_a_cloned_voice_is_one_like_the_others(self, start: Start, store: VoiceStore) -> None:
        server = start()
        assert say(server, voice="grandmother").status_code == 400
        clone(store, "grandmother")
        cloned, built_in = sound_of(say(server, voice="Grandmother")), sound_of(say(server))
        assert len(cloned) == len(built_in)
        assert not np.array_equal(cloned, built_in)

    def test_a_voice_of_another_model_is_told_so(self, start: Start, store: VoiceStore) -> None:
        clone(store, "grandmother", model="mine")
        error = say(start(), voice="grandmother").json()["error"]
        assert "was made by the model" in error["message"]
        assert error["param"] == "voice"

    def test_the_speed_is_the_engines_and_beyond_it_the_filters(self, start: Start) -> None:
        server = start()
        usual, fast, fastest = (
            len(sound_of(say(server, 4 * HELLO, speed=speed))) for speed in (1.0, 2.0, 4.0)
        )
        assert usual == pytest.approx(2 * fast, rel=0.1)
        assert usual == pytest.approx(4 * fastest, rel=0.1)

    def test_a_language_may_be_named(self, start: Start) -> None:
        server = start()
        number = "42"
        english, german = (
            len(sound_of(say(server, number, language=tag))) for tag in ("en-GB", "de")
        )
        # "forty-two" and "zweiundvierzig": the model says each letter for as long.
        assert german > english
        assert len(sound_of(say(server, number))) == english

    def test_one_that_the_model_does_not_speak_is_the_clients_mistake(self, start: Start) -> None:
        response = say(start(), language="tlh")
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["param"] == "language"
        assert "'tlh'" in error["message"]

    @pytest.mark.parametrize(("tag", "code"), [("not a tag", "invalid_value"), (7, "invalid_type")])
    def test_what_is_no_language(self, server: LiveServer, tag: object, code: str) -> None:
        response = say(server, model="tts-1", voice="alloy", language=tag)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == code
        assert response.json()["error"]["param"] == "language"

    def test_espeak_takes_it_where_the_voice_leaves_it_open(self, server: LiveServer) -> None:
        german = say(server, "42", model="tts-1", voice="default", language="de")
        english = say(server, "42", model="tts-1", voice="default", language="en-us")
        assert len(sound_of(german)) != len(sound_of(english))
        refused = say(server, model="tts-1", voice="default", language="tlh")
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "language")


class TestEndings:
    def test_a_sentence_outlives_its_process(self, start: Start) -> None:
        server = start()
        whole = sound_of(say(server, "Hello there crashtwice and goodbye to all of you."))
        broken = sound_of(say(server, "Hello there crashonce  and goodbye to all of you."))
        assert abs(len(whole) - len(broken)) < 0.1 * len(whole)
        counted = metrics(server)
        assert counted["process_restarts"] == 1
        assert counted["sentences_retried"] == 1

    def test_one_that_ends_it_again_fails_and_the_next_is_spoken(self, start: Start) -> None:
        server = start()
        response = say(server, "Crash.")
        assert response.status_code == 500
        assert response.json()["error"]["code"] == "synthesis_failed"
        assert np.abs(sound_of(say(server))).max() > 3000


class TestConversations:
    def test_a_session_may_have_any_voice_of_the_engine(
        self, start: Start, store: VoiceStore
    ) -> None:
        clone(store, "grandmother")
        with RealtimeClient(start(ScriptedChatModel(["Hello there."]))) as client:
            for voice in ("Ben", "alloy", "grandmother"):
                session = client.update(audio={"output": {"voice": voice}})
                assert session["audio"]["output"]["voice"] == voice
            client.command("response.create")
            client.until("response.done")
            assert len(client.sound()) > 10_000

    def test_an_unknown_one_is_refused(self, start: Start) -> None:
        with RealtimeClient(start()) as client:
            client.command(
                "session.update",
                session={"type": "realtime", "audio": {"output": {"voice": "gandalf"}}},
            )
            error = client.until("error")["error"]
        assert error["param"].endswith("voice")
        assert "Ada, Ben, Cleo" in error["message"]

    def test_without_a_voice_somebody_speaks(self, start: Start) -> None:
        with RealtimeClient(start(ScriptedChatModel(["Hello there."]))) as client:
            client.command("response.create")
            client.until("response.done")
            assert len(client.sound()) > 10_000

    def test_a_reply_outlives_the_process(self, start: Start) -> None:
        server = start(ScriptedChatModel(["One two crashonce three."]))
        with RealtimeClient(server) as client:
            client.command("response.create")
            response = client.until("response.done")["response"]
        assert response["status"] == "completed"
        assert metrics(server)["process_restarts"] == 1


class TestInside:
    @pytest.mark.anyio
    async def test_captions_need_no_voice(self) -> None:
        async with local_server(Settings(model="whisper-micro-en", tts="xtts")) as url:
            assert url.startswith("ws://")

    @pytest.mark.anyio
    @pytest.mark.parametrize(
        ("given", "error"),
        [({"tts": "xtts"}, ModelError), ({"llm_model": "m"}, ConfigurationError)],
    )
    async def test_a_server_that_replies_does_as_the_settings_say(
        self, given: dict[str, Any], error: type[Exception]
    ) -> None:
        settings = Settings(model="whisper-micro-en", **given)
        with pytest.raises(error):
            async with local_server(settings, replies=True):
                pytest.fail("the server runs")
