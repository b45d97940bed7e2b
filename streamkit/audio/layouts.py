"""The forms in which a sample can stand in a stream of bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from streamkit.audio import g711
from streamkit.audio.convert import Samples, clean, integers_to_float


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """How one sample stands in a stream of bytes.

    Attributes:
        width: Bytes per sample.
        to_float: Whole samples as bytes -> 1-D float32 in [-1, 1].
    """

    width: int
    to_float: Callable[[bytes], Samples]


def _integers(dtype: str) -> Callable[[bytes], Samples]:
    return lambda data: integers_to_float(np.frombuffer(data, dtype))


def _floats(dtype: str) -> Callable[[bytes], Samples]:
    return lambda data: clean(np.frombuffer(data, dtype))


def _int24(data: bytes) -> Samples:
    # The three bytes become the upper ones of an int32, which keeps the sign.
    padded = np.zeros((len(data) // 3, 4), np.uint8)
    padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return integers_to_float(padded.view("<i4")[:, 0])


LINEAR16 = SampleLayout(2, _integers("<i2"))
LINEAR32 = SampleLayout(4, _floats("<f4"))
MULAW = SampleLayout(1, g711.decode_mulaw)
ALAW = SampleLayout(1, g711.decode_alaw)
UNSIGNED8 = SampleLayout(1, _integers("u1"))
INT24 = SampleLayout(3, _int24)
INT32 = SampleLayout(4, _integers("<i4"))
FLOAT64 = SampleLayout(8, _floats("<f8"))
