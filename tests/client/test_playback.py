from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client import playback as module
from streamkit.client.playback import (
    REALTIME_RATE,
    Part,
    PartAudible,
    PartBegun,
    PartEnded,
    Playback,
    Position,
)

ONE = Part("item_1")
TWO = Part("item_2", 1)


def sound(length: int, first: int = 1000) -> np.ndarray:
    return (first + np.arange(length) % 1000).astype(np.int16)


def test_what_is_added_is_taken_in_order_and_silence_follows() -> None:
    playback = Playback()
    playback.add(ONE, sound(300))
    playback.add(ONE, sound(200, 5000))
    playback.add(TWO, sound(100, 9000))
    playback.end(TWO)
    taken = np.concatenate([playback.take(240, at / 100) for at in range(4)])
    expected = [sound(300), sound(200, 5000), sound(100, 9000), np.zeros(360, np.int16)]
    np.testing.assert_array_equal(taken, np.concatenate(expected))
    assert playback.underruns == 0


def test_the_events_of_a_part_come_with_their_times() -> None:
    playback = Playback()
    playback.add(ONE, np.concatenate([np.full(120, 3, np.int16), sound(120), sound(240)]))
    playback.end(ONE)
    playback.take(240, 100.0)
    playback.take(240, 100.01)
    playback.take(240, 100.02)
    assert playback.poll(99.99) == []
    assert playback.position() is None
    assert playback.poll(100.0) == [PartBegun(ONE, 100.0)]
    assert playback.position() == Position(ONE, 0)
    assert playback.poll(100.004) == []
    assert playback.position() == Position(ONE, 96)
    assert playback.poll(100.012) == [PartAudible(ONE, pytest.approx(100.005))]
    assert playback.position() == Position(ONE, 288)
    assert not playback.idle
    assert playback.poll(100.05) == [PartEnded(Position(ONE, 480), pytest.approx(100.02))]
    assert playback.position() is None
    assert playback.idle


def test_a_part_ends_when_its_end_is_known() -> None:
    playback = Playback()
    playback.add(ONE, sound(240))
    playback.take(240, 1.0)
    playback.take(240, 1.01)
    assert playback.poll(2.0) == [PartBegun(ONE, 1.0), PartAudible(ONE, 1.0)]
    assert playback.position() == Position(ONE, 240)
    playback.end(ONE)
    playback.take(240, 2.0)
    assert playback.poll(2.0) == [PartEnded(Position(ONE, 240), 2.0)]


def test_a_pause_in_the_middle_is_one_underrun_and_then_it_goes_on() -> None:
    playback = Playback()
    assert not playback.take(10, 0.0).any()
    playback.add(ONE, sound(100))
    first = playback.take(150, 1.0)
    again = playback.take(150, 2.0)
    playback.add(ONE, sound(100, 5000))
    playback.end(ONE)
    rest = playback.take(150, 3.0)
    assert playback.underruns == 1
    np.testing.assert_array_equal(first[:100], sound(100))
    assert not first[100:].any()
    assert not again.any()
    np.testing.assert_array_equal(rest[:100], sound(100, 5000))
    assert playback.poll(4.0)[-1] == PartEnded(
        Position(ONE, 200), pytest.approx(3.0 + 100 / REALTIME_RATE)
    )


def test_stop_tells_where_each_part_was_cut() -> None:
    playback = Playback()
    playback.add(ONE, sound(500))
    playback.end(ONE)
    playback.add(TWO, sound(500))
    playback.take(240, 1.0)
    assert playback.stop() == [Position(ONE, 240), Position(TWO, 0)]
    assert not playback.take(240, 1.01).any()
    # What the device has is still heard, but that is no end.
    events = playback.poll(1.5)
    assert [type(event) for event in events] == [PartBegun, PartAudible]
    assert playback.idle
    assert playback.position() is None
    assert playback.stop() == []


def test_stop_cuts_nothing_of_what_the_device_has_whole() -> None:
    playback = Playback()
    playback.add(ONE, sound(240))
    playback.end(ONE)
    playback.take(240, 1.0)
    assert playback.stop() == []
    assert playback.poll(1.5)[-1] == PartEnded(Position(ONE, 240), pytest.approx(1.01))


def test_stop_cuts_a_part_of_which_more_was_to_come() -> None:
    playback = Playback()
    playback.add(ONE, sound(240))
    playback.take(480, 1.0)
    assert playback.stop() == [Position(ONE, 240)]


def test_end_all_lets_play_what_is_there() -> None:
    playback = Playback()
    playback.add(ONE, sound(240))
    playback.end_all()
    playback.take(480, 1.0)
    assert playback.poll(2.0)[-1] == PartEnded(Position(ONE, 240), pytest.approx(1.01))
    assert playback.underruns == 0


def test_the_queue_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED_SECONDS", 0.01)
    playback = Playback()
    playback.add(ONE, sound(200))
    playback.add(ONE, sound(200))
    playback.add(ONE, sound(200))
    assert playback.left_out == 360
    playback.end(ONE)
    assert np.count_nonzero(playback.take(600, 0.0)) == 240


@pytest.mark.parametrize(("samples", "milliseconds"), [(0, 0), (23, 0), (24, 1), (11999, 499)])
def test_milliseconds_never_exceed_what_was_played(samples: int, milliseconds: int) -> None:
    assert Position(ONE, samples).milliseconds == milliseconds


@given(samples=st.integers(0, 10**9))
def test_exact_milliseconds_give_the_sample_back(samples: int) -> None:
    position = Position(ONE, samples).exact_milliseconds * REALTIME_RATE / 1000
    assert samples <= position < samples + 0.1


@given(
    pieces=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 700)), max_size=12),
    takes=st.lists(st.integers(1, 500), max_size=12),
    stop_after=st.integers(0, 12),
)
def test_every_sample_is_played_or_cut(
    pieces: list[tuple[int, int]], takes: list[int], stop_after: int
) -> None:
    """Whatever arrives and is taken when, what is heard of a part is its beginning."""
    playback = Playback()
    parts = [Part(f"item_{index}") for index in range(3)]
    arrived = dict.fromkeys(parts, 0)
    pieces = sorted(pieces)
    now, events, cut = 0.0, [], []
    heard = np.zeros(0, np.int16)
    for step in range(max(len(pieces), len(takes))):
        if step == stop_after:
            cut = playback.stop()
            break
        if step < len(pieces):
            part = parts[pieces[step][0]]
            length = pieces[step][1]
            values = 1000 + (arrived[part] + np.arange(length)) % 9000
            playback.add(part, (values + 10000 * pieces[step][0]).astype(np.int16))
            arrived[part] += length
        if step < len(takes):
            heard = np.concatenate([heard, playback.take(takes[step], now)])
            now += takes[step] / REALTIME_RATE
            events += playback.poll(now)
    playback.end_all()
    heard = np.concatenate([heard, playback.take(sum(arrived.values()) + 1, now)])
    events += playback.poll(now + 1e6)
    assert playback.idle
    ended = {
        event.position.part: event.position.samples
        for event in events
        if isinstance(event, PartEnded)
    }
    ended |= {position.part: position.samples for position in cut}
    played = [
        (1000 + np.arange(ended.get(part, 0)) % 9000 + 10000 * index)
        for index, part in enumerate(parts)
    ]
    np.testing.assert_array_equal(heard[heard != 0], np.concatenate(played))
    if not cut:
        assert all(ended.get(part, 0) == length for part, length in arrived.items())
