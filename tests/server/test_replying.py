"""What replies need, at the server's start and at its end."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from streamkit.asr.profile import ModelProfile
from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.llm.testing import ScriptedChatModel
from streamkit.server.app import create_app
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RealtimeClient
from streamkit.testing import ScriptedRecognizer

StartTalk = Callable[..., LiveServer]
Eventually = Callable[[Callable[[], bool]], None]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_model_that_is_not_there_is_told_in_one_line_and_asked_again(
    start_talk: StartTalk, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        server = start_talk(llm_url=url, llm_model="m")
        eventually(lambda: bool(warnings(caplog)))
        [warning] = warnings(caplog)
        assert warning.startswith("conversations cannot be replied to yet: ")
        assert url in warning
        assert "\n" not in warning
        with RealtimeClient(server) as client:
            client.update(output_modalities=["text"])
            client.command("response.create")
            response = client.until("response.done")["response"]
    assert response["status"] == "failed"
    assert url in response["status_details"]["error"]["message"]


def test_a_voice_that_is_not_there_is_told_in_one_line(
    start_talk: StartTalk, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    start_talk(voice="nobody")
    eventually(lambda: bool(warnings(caplog)))
    [warning] = warnings(caplog)
    assert "nobody" in warning


def test_the_voice_of_the_settings_is_that_of_clients_that_ask_for_none(
    start_talk: StartTalk,
) -> None:
    with RealtimeClient(start_talk(voice="en-us+f2")) as client:
        session = client.until("session.created")["session"]
        client.command("response.create")
        client.until("response.done")
    assert session["audio"]["output"]["voice"] == "en-us+f2"
    assert client.sound()


@pytest.mark.parametrize(
    ("asked", "replies"), [("b", "b"), ("gpt-realtime", None), ("c", None), ("a", "a")]
)
def test_clients_choose_among_the_models_that_the_settings_name(
    start_talk: StartTalk, asked: str, replies: str | None
) -> None:
    model = ScriptedChatModel(["Hello."])
    server = start_talk(model, llm_models=["a", "b"])
    with RealtimeClient(server, model=asked) as client:
        told = client.until("session.created")["streamkit"]["reply_model"]
        client.update(output_modalities=["text"])
        client.command("response.create")
        client.until("response.done")
    assert told == (replies or model.name)
    assert [request.model for request in model.requests] == [replies]


def test_the_model_is_closed_with_the_server(start_talk: StartTalk, eventually: Eventually) -> None:
    model = ScriptedChatModel()
    server = start_talk(model)
    assert not model.closed
    server.stop()
    eventually(lambda: model.closed)


def test_settings_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    for given in ({"llm_model": "m"}, {"trace": tmp_path}, {"llm_url": "nonsense"}):
        settings = Settings.model_validate(given)
        with pytest.raises(ConfigurationError):
            create_app(settings, ScriptedRecognizer([]), ModelProfile())
