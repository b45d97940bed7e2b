"""@openai/agents-realtime, OpenAI's SDK of voice agents, unmodified, under Node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.pcm import to_linear16
from streamkit.server.testing import LiveServer

Samples = npt.NDArray[np.float32]
Message = dict[str, Any]
Speak = Callable[..., Samples]
Act = Callable[..., list[Message]]

KEY = "right-key"
WRONG = "wrong-key"
RATE = 24_000
MUSIC = "Turn the music down."
WEATHER = "What is the weather like in Boston?"
PACKAGES = ("@openai/agents-realtime", "zod", "ws")


@pytest.fixture
def act(
    run_node: Callable[..., list[Message]],
    keeper: LiveServer,
    check_wire: Callable[[Sequence[Message]], None],
    tmp_path: Path,
) -> Act:
    """A function that plays a scene; returned is what the script printed.

    The library must have taken every event, and it must have complained of none.
    """

    def play(
        scene: str, sound: Samples | None = None, key: str = KEY, **environment: str
    ) -> list[Message]:
        file = tmp_path / "sound.raw"
        file.write_bytes(b"" if sound is None else to_linear16(sound))
        url = f"{keeper.url}/v1/realtime?model=gpt-realtime"
        arguments = [scene, url, key, str(file)]
        printed = run_node("agents.mjs", PACKAGES, *arguments, **environment)
        assert [each for each in printed if each.get("dropped")] == []
        if key != WRONG:
            assert [each for each in printed if "error" in each] == []
        check_wire(told(printed))
        return printed

    return play


def told(printed: list[Message]) -> list[Message]:
    """What the server has sent."""
    return [each["told"] for each in printed if "told" in each]


def of_type(printed: list[Message], kind: str) -> list[Message]:
    return [message for message in told(printed) if message["type"] == kind]


def texts(history: list[Message]) -> list[tuple[str, str]]:
    """The messages of a history as the library has it: role and text of each."""
    return [
        (item["role"], part.get("transcript", part.get("text")))
        for item in history
        if item["type"] == "message"
        for part in item["content"]
    ]


def test_a_tool_is_called_once_and_its_result_spoken(act: Act, speak: Speak) -> None:
    printed = act("tool", speak(WEATHER, RATE))
    assert [each for each in printed if "executed" in each] == [{"executed": "like in Boston"}]
    assert [each for each in printed if "tool" in each] == [
        {"tool": "weather", "result": "It is raining."}
    ]
    reply = "The weather tool says: It is raining."
    history = printed[-1]["end"]
    assert [item["type"] for item in history] == ["message", "function_call", "message"]
    assert texts(history) == [("user", WEATHER), ("assistant", reply)]
    assert [each["history"] for each in printed if "history" in each][-1] == history
    assert history[1]["output"] == "It is raining."
    assert [item["status"] for item in history] == ["completed"] * 3
    heard = sum(each.get("audio", 0) for each in printed)
    own = of_type(printed, "response.done")[-1]["response"]["streamkit"]
    assert heard / 2 / RATE * 1000 == pytest.approx(own["audio_ms"], abs=0.01)
    # The library turns its tracing on.
    assert of_type(printed, "session.updated")[-1]["session"]["tracing"] == "auto"


@pytest.mark.parametrize(
    ("scene", "status", "reason"),
    [
        ("interruption", "cancelled", "turn_detected"),
        ("polite", "cancelled", "client_cancelled"),
        ("late", "completed", None),
    ],
)
def test_whoever_speaks_into_a_reply_interrupts_it(
    act: Act, speak: Speak, scene: str, status: str, reason: str | None
) -> None:
    printed = act(scene, speak(MUSIC, RATE))
    assert [each for each in printed if "interrupted" in each] == [{"interrupted": True}]
    [truncated] = of_type(printed, "conversation.item.truncated")
    first, second = (each["response"] for each in of_type(printed, "response.done"))
    assert first["status"] == status
    assert (first["status_details"] or {}).get("reason") == reason
    assert truncated["item_id"] == first["output"][0]["id"]
    (_, question), (_, kept), (_, interruption), (_, answer) = texts(printed[-1]["end"])
    assert question.startswith("Count to")
    # The library knows of the reply what the person has heard, and no more.
    words = [
        (at, word)
        for delta in of_type(printed, "response.output_audio.delta")
        if delta["response_id"] == first["id"]
        for at, word in delta["streamkit"]["words"]
    ]
    begun = [word.lower() for at, word in words if at < truncated["audio_end_ms"]]
    heard = kept.lower().replace(",", "").split()
    assert heard
    # A word that has begun need not be over.
    assert heard in (begun, begun[:-1])
    assert len(heard) < len(words)
    assert interruption == MUSIC
    assert answer == f"You said: {MUSIC}"
    assert second["status"] == "completed"


def test_a_button_stops_a_reply(act: Act) -> None:
    printed = act("button")
    assert [each for each in printed if "interrupted" in each] == [{"interrupted": True}]
    first, second = (each["response"] for each in of_type(printed, "response.done"))
    assert first["status_details"]["reason"] == "client_cancelled"
    [truncated] = of_type(printed, "conversation.item.truncated")
    assert truncated["item_id"] == first["output"][0]["id"]
    assert second["output"][0]["content"][0]["transcript"] == "You said: Hello there!"


def test_another_agent_takes_over(act: Act) -> None:
    printed = act("handoff")
    assert [each for each in printed if "executed" in each] == [{"executed": "song"}]
    session = of_type(printed, "session.updated")[-1]["session"]
    assert session["instructions"] == "Sing."
    assert [tool["name"] for tool in session["tools"]] == ["song"]
    assert texts(printed[-1]["end"])[-1] == ("assistant", "The song tool says: key G minor.")


def test_a_history_is_changed(act: Act) -> None:
    printed = act("history")
    assert texts(printed[-1]["end"]) == [
        ("user", "I am first."),
        ("user", "Good bye!"),
        ("assistant", "You said: Good bye!"),
    ]


def test_a_page_in_a_browser(act: Act, keeper: LiveServer) -> None:
    """The library's other half, which has no headers and wants a client secret."""
    made = httpx.post(
        f"{keeper.http_url}/v1/realtime/client_secrets",
        headers={"Authorization": f"Bearer {KEY}"},
        json={"session": {"type": "realtime", "audio": {"output": {"voice": "coral"}}}},
        trust_env=False,
    ).json()
    options = "--conditions=browser --experimental-websocket"
    printed = act("history", key=made["value"], NODE_OPTIONS=options)
    assert texts(printed[-1]["end"])[-1] == ("assistant", "You said: Good bye!")
    created = told(printed)[0]["session"]
    assert created["audio"]["output"]["voice"] == "coral"


def test_a_wrong_key(act: Act) -> None:
    printed = act("history", key=WRONG)
    [event] = told(printed)
    assert event["error"]["code"] == "invalid_api_key"
    assert any("error" in each for each in printed)
    assert printed[-1] == {"disconnected": True}
