"""The loudspeaker of the simulated client."""

from __future__ import annotations

import pytest

from streamkit.testing import Loudspeaker


def test_it_plays_at_its_rate_what_there_is() -> None:
    speaker = Loudspeaker(1000)
    speaker.play("a", 500, 1.0)
    assert speaker.position(1.2) == pytest.approx(200)
    speaker.play("a", 500, 1.4)
    assert speaker.position(9.0) == speaker.sent == 1000
    speaker.play("a", 100, 10.0)
    assert speaker.position(10.05) == pytest.approx(1050)


def test_it_may_be_late() -> None:
    speaker = Loudspeaker(1000, lag=0.3)
    speaker.play("a", 500, 1.0)
    assert speaker.position(1.3) == 0
    assert speaker.position(1.4) == pytest.approx(100)
    # What follows without a gap is no later than that.
    speaker.play("b", 500, 1.5)
    assert speaker.position(1.8) == 0
    assert speaker.position(1.9, "b") == pytest.approx(100)


def test_the_next_item_waits_for_the_one_before() -> None:
    speaker = Loudspeaker(1000)
    speaker.play("a", 500, 1.0)
    speaker.play("b", 500, 1.1)
    speaker.play("b", 500, 1.2)
    assert speaker.item_id == "b"
    assert (speaker.position(1.4, "a"), speaker.position(1.4)) == (pytest.approx(400), 0)
    assert speaker.unplayed(1.4) == ["a", "b"]
    assert speaker.position(1.7) == pytest.approx(200)
    assert speaker.unplayed(1.7) == ["b"]


def test_what_was_stopped_is_stopped_for_good() -> None:
    speaker = Loudspeaker(1000)
    speaker.play("a", 500, 1.0)
    speaker.play("b", 500, 1.0)
    speaker.stop(1.3)
    assert speaker.stopped
    speaker.play("b", 500, 1.4)
    assert (speaker.position(9.0, "a"), speaker.position(9.0, "b")) == (pytest.approx(300), 0)
    assert speaker.unplayed(9.0) == []
    speaker.play("c", 500, 9.0)
    assert speaker.position(9.1) == pytest.approx(100)


def test_of_nothing_nothing_is_played() -> None:
    speaker = Loudspeaker(1000)
    assert (speaker.sent, speaker.position(5.0), speaker.stopped) == (0, 0.0, False)
    assert speaker.position(5.0, "unknown") == 0
