"""Which part of a recording is used: without the silence around it, and no more than is wanted."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Spoken = npt.NDArray[np.bool_]
"""For each window of `measure.WINDOW_SAMPLES`: somebody speaks."""

MARGIN_WINDOWS: Final = 6
"""0.2 s before and after speech, whose first and last sounds are soft."""

_KEPT: Final = 2 / 3
"""So much of the longest stretch is kept at least when it is made shorter to end in a pause."""


def best_stretch(spoken: Spoken, most: int) -> tuple[int, int]:
    """The stretch of at most `most` windows with the most speech in it, the first of its kind.

    It begins where somebody begins to speak, and ends in a pause if there is one near its end.
    Where nobody speaks it is all that there is, up to `most`.

    Returns:
        Its first window, and the one after its last.
    """
    if not spoken.any():
        return 0, min(len(spoken), most)
    begins = np.flatnonzero(spoken & ~np.concatenate([[False], spoken[:-1]]))
    found = [_stretch(spoken, int(begin), most) for begin in begins]
    # `max` takes the first of equals.
    return max(found, key=lambda each: int(spoken[each[0] : each[1]].sum()))


def _stretch(spoken: Spoken, begin: int, most: int) -> tuple[int, int]:
    """From shortly before `begin` as far as `most` allows, without silence at the end."""
    first = max(begin - MARGIN_WINDOWS, 0)
    last = min(first + most, len(spoken))
    if last < len(spoken) and spoken[last - 1]:
        least = first + int(most * _KEPT)
        pauses = np.flatnonzero(~spoken[least:last])
        if len(pauses):
            last = least + int(pauses[-1])
    end = first + int(np.flatnonzero(spoken[first:last])[-1]) + 1
    return first, min(end + MARGIN_WINDOWS, last)
