"""Numbers that stand for sound: integers and floats on the wire, float32 in [-1, 1] inside."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]

INT16_FULL_SCALE = 32_768


def clean(samples: NDArray[np.floating[Any]]) -> Samples:
    """Return `samples` as float32 with NaN and infinities as 0 and the rest clipped to [-1, 1].

    A single NaN would otherwise stay in the state of every filter behind this point.
    """
    finite = np.where(np.isfinite(samples), samples, 0)
    return np.clip(finite, -1.0, 1.0).astype(np.float32)


def to_int16(samples: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Quantise floats in [-1, 1] to 16 bits, rounding to nearest; out of range is clipped."""
    scaled = np.rint(clean(samples) * INT16_FULL_SCALE)
    return np.minimum(scaled, INT16_FULL_SCALE - 1).astype(np.int16)


def integers_to_float(values: NDArray[np.integer[Any]]) -> Samples:
    """Scale signed integers (or 8-bit unsigned ones around 128) to float32 in [-1, 1)."""
    if values.dtype == np.uint8:
        return (values.astype(np.float32) - 128) / np.float32(128)
    full_scale = np.float64(2.0 ** (8 * values.dtype.itemsize - 1))
    return (values / full_scale).astype(np.float32)
