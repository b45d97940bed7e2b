from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.framing import FRAME, Framer, Frames
from streamkit.client.playback import REALTIME_RATE
from streamkit.client.sources import AudioBlock


def run(rate: int, lengths: list[int], samples: np.ndarray) -> list[Frames]:
    framer, position, found = Framer(rate), 0, []
    for length in lengths:
        block = AudioBlock(samples[position : position + length], 1000.0 + position / rate)
        position += length
        if (frames := framer.process(block, 0.0)) is not None:
            found.append(frames)
    return found


@given(lengths=st.lists(st.integers(0, 2000), max_size=20))
def test_frames_are_whole_and_nothing_is_lost(lengths: list[int]) -> None:
    samples = np.arange(sum(lengths)).astype(np.int16)
    frames = run(REALTIME_RATE, lengths, samples)
    joined = np.concatenate([each.samples for each in frames] or [samples[:0]])
    assert all(len(each.samples) % FRAME == 0 for each in frames)
    assert len(samples) - len(joined) < FRAME
    np.testing.assert_array_equal(joined, samples[: len(joined)])
    position = 0
    for each in frames:
        assert each.captured_at == pytest.approx(1000.0 + position / REALTIME_RATE)
        position += len(each.samples)


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_another_rate_keeps_sound_and_times(rate: int) -> None:
    seconds = np.arange(rate) / rate
    samples = (10000 * np.sin(2 * np.pi * 100 * seconds)).astype(np.int16)
    frames = run(rate, [rate // 50] * 50, samples)
    joined = np.concatenate([each.samples for each in frames]).astype(float)
    again = np.arange(len(joined)) / REALTIME_RATE
    expected = 10000 * np.sin(2 * np.pi * 100 * again)
    inner = slice(2400, -2400)
    # The resampler's output may be late by 0.1 ms.
    assert np.abs(joined - expected)[inner].max() < 10000 * 2 * np.pi * 100 * 0.00015
    position = 0
    for each in frames:
        assert each.captured_at == pytest.approx(1000.0 + position / REALTIME_RATE, abs=1e-6)
        position += len(each.samples)


def test_a_block_without_a_time_ended_just_now() -> None:
    frames = Framer(REALTIME_RATE).process(AudioBlock(np.zeros(480, np.int16), None), 50.0)
    assert frames is not None
    assert frames.captured_at == pytest.approx(49.98)


def test_lost_samples_are_told_with_the_next_frames() -> None:
    framer = Framer(16000)
    framer.process(AudioBlock(np.zeros(10, np.int16), 1.0, dropped=320), 0.0)
    frames = framer.process(AudioBlock(np.zeros(1600, np.int16), 1.1, dropped=160), 0.0)
    assert frames is not None
    assert frames.missing == 720
    later = framer.process(AudioBlock(np.zeros(1600, np.int16), 1.2), 0.0)
    assert later is not None
    assert later.missing == 0
