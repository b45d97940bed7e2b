"""A recorded client against a server that says other things."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from streamkit.replay.adapting import Adapter, NotThereYetError
from streamkit.replay.recorded import Passed, Side


def passed(at: float, side: Side, kind: str, **fields: Any) -> Passed:
    return Passed(at, side, {"type": kind, **fields})


def added(item_id: str, kind: str = "message", **fields: Any) -> dict[str, Any]:
    return {"type": "conversation.item.added", "item": {"id": item_id, "type": kind, **fields}}


def sound(item: str, seconds: float) -> dict[str, Any]:
    delta = base64.b64encode(bytes(round(seconds * 48_000) // 2 * 2)).decode()
    return {"type": "response.output_audio.delta", "item_id": item, "delta": delta}


OUTPUT = passed(
    3.0,
    "client",
    "conversation.item.create",
    item={"type": "function_call_output", "call_id": "call_old", "output": "12:00"},
)


def test_a_call_is_answered_under_its_new_id_and_as_long_after_it() -> None:
    old = [
        Passed(2.0, "server", added("item_1", "function_call", name="time", call_id="call_old")),
        OUTPUT,
    ]
    adapter = Adapter(old)
    with pytest.raises(NotThereYetError) as early:
        adapter.adapt(OUTPUT, 3.0)
    assert early.value.due is None
    adapter.told(added("item_9", "function_call", name="time", call_id="call_new"), 2.5)
    with pytest.raises(NotThereYetError) as soon:
        adapter.adapt(OUTPUT, 3.0)
    assert soon.value.due == pytest.approx(3.5)
    sent = adapter.adapt(OUTPUT, 3.5)
    assert sent is not None
    assert sent["item"]["call_id"] == "call_new"


def test_ids_that_the_client_gave_are_kept() -> None:
    create = passed(1.0, "client", "conversation.item.create", item={"id": "mine"})
    delete = passed(2.0, "client", "conversation.item.delete", item_id="mine")
    adapter = Adapter([create, Passed(1.1, "server", added("mine", role="user")), delete])
    assert adapter.adapt(create, 1.0) == create.content
    assert adapter.adapt(delete, 2.0) == delete.content


def test_a_reply_is_cut_off_where_the_new_one_was_heard() -> None:
    truncate = passed(
        4.05,
        "client",
        "conversation.item.truncate",
        item_id="reply_old",
        content_index=0,
        audio_end_ms=1900,
    )
    old = [
        Passed(2.0, "server", added("reply_old", role="assistant")),
        passed(4.0, "server", "input_audio_buffer.speech_started", item_id="user_old"),
        truncate,
    ]
    adapter = Adapter(old)
    adapter.told(added("reply_new", role="assistant"), 2.0)
    adapter.told(sound("reply_new", 3.0), 2.0)
    started = {"type": "input_audio_buffer.speech_started", "item_id": "user_new"}
    (answer,) = adapter.told(started, 3.0)
    assert answer["item_id"] == "reply_new"
    assert answer["audio_end_ms"] == pytest.approx(1000, abs=1)
    # The recorded one was said by that.
    assert adapter.adapt(truncate, 4.05) is None
    # Speech while nothing is played interrupts nothing.
    assert adapter.told(started, 6.0) == []


def test_reports_are_of_what_the_new_reply_has_played() -> None:
    append = passed(
        3.0,
        "client",
        "input_audio_buffer.append",
        audio="",
        streamkit={"played": {"item_id": "reply_old", "audio_end_ms": 900}},
    )
    adapter = Adapter([append])
    assert "streamkit" not in (adapter.adapt(append, 1.0) or {})
    adapter.told(sound("reply_new", 0.5), 1.0)
    sent = adapter.adapt(append, 1.25)
    assert sent is not None
    (report,) = sent["streamkit"]["played"]
    assert (report["item_id"], report["audio_end_ms"]) == ("reply_new", pytest.approx(250))
    adapter.told({"type": "response.output_audio.done", "item_id": "reply_new"}, 1.3)
    sent = adapter.adapt(append, 3.0)
    assert sent is not None
    assert sent["streamkit"]["played"][0]["ended"]
    assert "streamkit" not in (adapter.adapt(append, 4.0) or {})


def test_times_of_the_client_move_with_the_session() -> None:
    append = passed(
        1.0,
        "client",
        "input_audio_buffer.append",
        audio="",
        streamkit={"captured_at": 100.0, "clock": {"sent_at": 100.5}},
    )
    sent = Adapter([], shift=50.0).adapt(append, 1.0)
    assert sent is not None
    assert sent["streamkit"] == {"captured_at": 150.0, "clock": {"sent_at": 150.5}}
