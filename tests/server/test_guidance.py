"""What a client knows about the speech reaches the recognizer."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.asr.policy import Either, LocalAgreement
from streamkit.asr.profile import ModelProfile
from streamkit.asr.recognizer import Guidance, ModelInfo, Recognizer, Task
from streamkit.audio.clock import seconds
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.protocols.deepgram import ListenOptions
from streamkit.server.options import caption_options, recognition_guidance
from streamkit.server.testing import LiveServer
from streamkit.testing import ScriptedRecognizer, SpokenWord

with warnings.catch_warnings():
    # The SDK supports many versions of websockets by way of names that are deprecated in ours.
    warnings.simplefilter("ignore", DeprecationWarning)
    from deepgram import DeepgramClient
    from deepgram.environment import DeepgramClientEnvironment

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartServer = Callable[..., LiveServer]

BUS = "The bus to Berlin is eight minutes late."
RAW: dict[str, Any] = {"encoding": "linear16", "sample_rate": 16000}


class Translator(ScriptedRecognizer):
    @property
    def info(self) -> ModelInfo:
        return ModelInfo("translator", frozenset({"en", "de"}), translates=True)


@pytest.fixture
def scripted() -> Translator:
    return Translator([SpokenWord("late", 12_000, 16_000)])


def asked(recognizer: ScriptedRecognizer) -> Guidance:
    """What all requests of a stream were given."""
    assert recognizer.calls
    assert len({call.guidance for call in recognizer.calls}) == 1
    return recognizer.calls[0].guidance


def talk(server: LiveServer, samples: Samples, **parameters: Any) -> None:
    with server.listen(**{**RAW, **parameters}) as client:
        client.send(to_linear16(samples))
        client.close_stream()
    assert client.closed == (1000, "")


def test_nothing_known(start_server: StartServer, speak: Speak, scripted: Translator) -> None:
    talk(start_server(scripted), speak(BUS))
    assert asked(scripted) == Guidance("en", Task.TRANSCRIBE)


def test_everything_known(start_server: StartServer, speak: Speak, scripted: Translator) -> None:
    known = {
        "language": "de",
        "task": "translate",
        "keyterm": "Berlin",
        "keywords": "bus:2",
        "prompt": "At the stop.",
    }
    talk(start_server(scripted), speak(BUS), **known)
    assert asked(scripted) == Guidance("de", Task.TRANSLATE, ("Berlin", "bus"), "At the stop.")
    assert {call.language for call in scripted.calls} == {"de"}


@pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")
def test_key_terms_of_the_deepgram_sdk(
    start_server: StartServer, speak: Speak, scripted: Translator
) -> None:
    server = start_server(scripted)
    client = DeepgramClient(
        api_key="any",
        environment=DeepgramClientEnvironment(
            base=server.http_url,
            production=server.url,
            agent=server.url,
            agent_rest=server.http_url,
        ),
    )
    terms = ["Berlin", "Potsdamer Platz", "eight & more"]
    query: dict[str, Any] = {**RAW, "model": "nova-3", "keyterm": terms, "keywords": ["bus:2"]}
    with client.listen.v1.connect(**query) as connection:
        connection.send_media(to_linear16(speak(BUS)))
        connection.send_close_stream()
        assert [message.type for message in connection][-1] == "Metadata"
    assert set(asked(scripted).keyterms) == {*terms, "bus"}


def test_the_words_are_heard_with_guidance_too(server: LiveServer, speak: Speak) -> None:
    with server.listen(keyterm="Berlin", prompt="At the bus stop.", **RAW) as client:
        client.send(to_linear16(speak(BUS)))
        client.close_stream()
    assert client.text == BUS


def test_two_clients_do_not_share_what_they_know(
    start_server: StartServer, speak: Speak, scripted: Translator
) -> None:
    server = start_server(scripted)
    with server.listen(keyterm="one", **RAW) as one, server.listen(keyterm="two", **RAW) as two:
        for client in (one, two):
            client.send(to_linear16(speak(BUS)))
        for client in (one, two):
            client.close_stream()
    assert {call.guidance.keyterms for call in scripted.calls} == {("one",), ("two",)}


class TestOptions:
    @pytest.fixture
    def patient(
        self, micro: tuple[Recognizer, ModelProfile], start_server: StartServer
    ) -> LiveServer:
        return start_server(partial_interval=0.4)

    def test_the_profile_says_when_words_are_committed_and_the_window_moves(
        self, patient: LiveServer, micro: tuple[Recognizer, ModelProfile]
    ) -> None:
        profile = micro[1]
        options = caption_options(ListenOptions(), patient.server.state)
        assert options.policy == profile.commit_policy()
        assert isinstance(options.policy, Either)
        assert options.trim == seconds(profile.trim)
        assert options.context_words == profile.context_words
        assert options.partial_interval == seconds(0.4)

    def test_a_translation_is_committed_by_agreement(self, patient: LiveServer) -> None:
        options = caption_options(ListenOptions(task=Task.TRANSLATE), patient.server.state)
        assert options.policy == LocalAgreement(0.0)

    def test_guidance_is_what_the_client_said(self) -> None:
        given = ListenOptions(language=None, keyterms=("a",), prompt="b", task=Task.TRANSLATE)
        assert recognition_guidance(given) == Guidance(None, Task.TRANSLATE, ("a",), "b")


def test_how_many_workers_there_are_is_a_setting_or_fits_the_machine() -> None:
    assert (Settings().workers, Settings().threads) == (None, None)
    settings = Settings.model_validate({"workers": 3, "threads": 2})
    assert (settings.workers, settings.threads) == (3, 2)
