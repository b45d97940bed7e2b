"""Which part of a recording is used."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.tts.voices.excerpt import MARGIN_WINDOWS, best_stretch


def spoken(*runs: tuple[bool, int]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.concatenate([np.full(count, said) for said, count in runs])


def test_silence_around_speech_is_left_out() -> None:
    found = best_stretch(spoken((False, 50), (True, 20), (False, 5), (True, 20), (False, 50)), 1000)
    assert found == (50 - MARGIN_WINDOWS, 95 + MARGIN_WINDOWS)


def test_what_has_no_silence_around_it() -> None:
    assert best_stretch(spoken((True, 20)), 1000) == (0, 20)


def test_where_nobody_speaks_it_is_the_beginning() -> None:
    assert best_stretch(spoken((False, 20)), 1000) == (0, 20)
    assert best_stretch(spoken((False, 2000)), 1000) == (0, 1000)


def test_the_part_with_the_most_speech() -> None:
    first, last = best_stretch(
        spoken((True, 10), (False, 200), (True, 90), (False, 200), (True, 40)), 100
    )
    assert (first, last) == (210 - MARGIN_WINDOWS, 300 + 4)


def test_of_equals_the_first() -> None:
    found = best_stretch(spoken((True, 50), (False, 100), (True, 50)), 70)
    assert found == (0, 50 + MARGIN_WINDOWS)


def test_it_ends_in_a_pause_rather_than_in_a_word() -> None:
    assert best_stretch(spoken((True, 80), (False, 10), (True, 60)), 100) == (0, 86)


def test_without_a_pause_it_ends_where_it_must() -> None:
    assert best_stretch(spoken((True, 500)), 100) == (0, 100)


@given(st.lists(st.booleans(), min_size=1, max_size=300), st.integers(20, 200))
def test_it_always_fits(said: list[bool], most: int) -> None:
    windows = np.array(said)
    first, last = best_stretch(windows, most)
    assert 0 <= first < last <= len(windows)
    assert last - first <= most
    if any(said):
        assert windows[first:last].any()


@pytest.mark.parametrize("most", [20, 100])
def test_speech_that_fits_is_all_there(most: int) -> None:
    windows = spoken((False, 30), (True, most - 2 * MARGIN_WINDOWS), (False, 30))
    first, last = best_stretch(windows, most)
    assert windows[first:last].sum() == windows.sum()
