"""Where the last loud sample of each window is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.loudness import LOUD, LoudWindows

WINDOW = 8


@given(
    st.lists(st.sampled_from([0.0, 0.009, -0.009, LOUD, -LOUD, 0.5, -1.0]), max_size=60),
    st.lists(st.integers(0, 20), max_size=12),
)
def test_each_window_tells_its_last_loud_sample_however_the_stream_is_cut(
    values: list[float], cuts: list[int]
) -> None:
    samples, windows, told = np.array(values, np.float64), LoudWindows(WINDOW), []
    for count in [*cuts, len(values)]:
        piece, samples = samples[:count], samples[count:]
        told += windows.push(piece.astype(np.float32))
    expected = []
    for first in range(0, len(values) - WINDOW + 1, WINDOW):
        window = values[first : first + WINDOW]
        loud = [index + 1 for index, value in enumerate(window) if abs(value) >= LOUD]
        expected.append(max(loud, default=0))
    assert told == expected
