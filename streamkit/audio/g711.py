"""Mu-law and A-law, the two codes of telephony (ITU-T Recommendation G.711).

Both keep a sign, a segment (an exponent of two) and four bits within it. All 256 codes and all
65,536 input values are tabulated from the formulas once; after that a stream is one table look-up.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamkit.audio.convert import INT16_FULL_SCALE, Samples, to_int16

_MULAW_BIAS = 33  # in units of the 14-bit scale on which mu-law is defined
_MULAW_MAX = 0x1FFF
_ALAW_TOGGLE = 0x55  # G.711 sends A-law with its even bits inverted


def decode_mulaw(data: bytes) -> Samples:
    """Decode mu-law bytes to float32 of shape `(len(data),)` in [-1, 1]."""
    return _mulaw_values()[np.frombuffer(data, np.uint8)] / np.float32(INT16_FULL_SCALE)


def decode_alaw(data: bytes) -> Samples:
    """Decode A-law bytes to float32 of shape `(len(data),)` in [-1, 1]."""
    return _alaw_values()[np.frombuffer(data, np.uint8)] / np.float32(INT16_FULL_SCALE)


def encode_mulaw(samples: NDArray[np.floating[Any]]) -> bytes:
    """Encode 1-D samples in [-1, 1] as mu-law; out of range is clipped, non-finite becomes 0."""
    return _mulaw_codes()[_table_index(samples)].tobytes()


def encode_alaw(samples: NDArray[np.floating[Any]]) -> bytes:
    """Encode 1-D samples in [-1, 1] as A-law; out of range is clipped, non-finite becomes 0."""
    return _alaw_codes()[_table_index(samples)].tobytes()


def _table_index(samples: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    return to_int16(samples).astype(np.intp) + INT16_FULL_SCALE


@cache
def _mulaw_values() -> Samples:
    code = ~np.arange(256) & 0xFF
    segment, step = code >> 4 & 0x7, code & 0xF
    magnitude = ((2 * step + _MULAW_BIAS) << segment) - _MULAW_BIAS
    return np.where(code & 0x80, -4 * magnitude, 4 * magnitude).astype(np.float32)


@cache
def _alaw_values() -> Samples:
    code = np.arange(256) ^ _ALAW_TOGGLE
    segment, step = code >> 4 & 0x7, code & 0xF
    # Segment 0 has no hidden leading bit and the same step as segment 1.
    hidden = np.where(segment > 0, 33, 1)
    magnitude = (2 * step + hidden) << np.maximum(segment - 1, 0)
    values: Samples = np.where(code & 0x80, 8 * magnitude, -8 * magnitude).astype(np.float32)
    return values


@cache
def _mulaw_codes() -> NDArray[np.uint8]:
    linear = np.arange(-INT16_FULL_SCALE, INT16_FULL_SCALE)
    magnitude = np.minimum((_fold(linear) >> 2) + _MULAW_BIAS, _MULAW_MAX)
    segment = _bit_length(magnitude) - 6
    step = magnitude >> (segment + 1) & 0xF
    code = np.where(linear < 0, 0x80, 0) | segment << 4 | step
    codes: NDArray[np.uint8] = (~code & 0xFF).astype(np.uint8)
    return codes


@cache
def _alaw_codes() -> NDArray[np.uint8]:
    linear = np.arange(-INT16_FULL_SCALE, INT16_FULL_SCALE)
    magnitude = _fold(linear) >> 4
    segment = np.maximum(_bit_length(magnitude) - 4, 0)
    step = magnitude >> np.maximum(segment - 1, 0) & 0xF
    code = np.where(linear < 0, 0, 0x80) | segment << 4 | step
    codes: NDArray[np.uint8] = (code ^ _ALAW_TOGGLE).astype(np.uint8)
    return codes


def _fold(linear: NDArray[np.intp]) -> NDArray[np.intp]:
    # One's complement, as the ITU-T reference software does: -1 has the magnitude of 0.
    return np.where(linear < 0, ~linear, linear)


def _bit_length(values: NDArray[np.intp]) -> NDArray[np.intp]:
    return np.frexp(values.astype(np.float64))[1].astype(np.intp)
