from __future__ import annotations

from streamkit_clients.talk_keys import REPEAT_DELAY, REPEAT_PAUSE, TalkKey


def test_two_strokes_begin_and_end() -> None:
    key = TalkKey()
    assert key.stroke(10.0) == "press"
    assert key.expire(11.0) is None
    assert key.stroke(12.0) == "release"
    assert key.stroke(13.0) == "press"


def test_a_held_key_is_released_when_it_stops_to_repeat() -> None:
    key = TalkKey()
    assert key.stroke(10.0) == "press"
    now = 10.0 + 0.6
    while now < 13.0:
        assert key.stroke(now) is None
        assert key.expire(now + REPEAT_PAUSE / 2) is None
        now += 0.04
    assert key.expire(13.0 + REPEAT_PAUSE) == "release"
    assert key.expire(14.0) is None
    assert key.stroke(15.0) == "press"


def test_a_second_stroke_that_comes_soon_ends_it_a_moment_later() -> None:
    key = TalkKey()
    assert key.stroke(10.0) == "press"
    assert key.stroke(10.0 + REPEAT_DELAY / 2) is None
    assert key.deadline is not None
    assert key.expire(key.deadline - 0.01) is None
    assert key.expire(key.deadline) == "release"
