from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamkit.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw

ALL_CODES = bytes(range(256))
LAWS = {"pcm_mulaw": (decode_mulaw, encode_mulaw), "pcm_alaw": (decode_alaw, encode_alaw)}
laws = pytest.mark.parametrize("codec", LAWS)


def reference_values(codec: str) -> NDArray[np.int16]:
    context = av.CodecContext.create(codec, "r")
    assert isinstance(context, av.AudioCodecContext)
    context.sample_rate = 8_000
    context.layout = "mono"
    (frame,) = context.decode(av.Packet(ALL_CODES))
    return frame.to_ndarray().reshape(-1).astype(np.int16)


@laws
def test_every_code_decodes_to_the_value_of_ffmpeg(codec: str) -> None:
    decode, _ = LAWS[codec]
    np.testing.assert_array_equal(decode(ALL_CODES) * 32_768, reference_values(codec))


@laws
def test_every_code_survives_the_round_trip(codec: str) -> None:
    decode, encode = LAWS[codec]
    values = decode(ALL_CODES)
    again = decode(encode(values))
    np.testing.assert_array_equal(again, values)
    # Mu-law alone has two codes for one value: plus and minus zero.
    assert len(set(encode(values))) == (255 if codec == "pcm_mulaw" else 256)


@laws
def test_every_value_is_coded_within_half_a_step(codec: str) -> None:
    decode, encode = LAWS[codec]
    values = np.unique(reference_values(codec)).astype(np.int64)
    step = np.maximum(np.diff(values, prepend=values[0]), np.diff(values, append=values[-1]))
    linear = np.arange(values[0], values[-1] + 1)
    got = (decode(encode(linear / 32_768)) * 32_768).astype(np.int64)
    # 16 bits hold more than the code is defined on: 14 (mu-law), or 12 and a sign (A-law).
    resolution = 4 if codec == "pcm_mulaw" else 16
    assert np.all(np.abs(got - linear) < step[np.searchsorted(values, got)] / 2 + resolution)
    assert np.all(np.diff(got) >= 0)


@laws
@given(st.binary(max_size=300))
def test_samples_are_in_range(codec: str, data: bytes) -> None:
    decode, _ = LAWS[codec]
    samples = decode(data)
    assert samples.dtype == np.float32
    assert samples.shape == (len(data),)
    assert np.all(np.abs(samples) <= 1)


@laws
def test_what_is_out_of_range_is_clipped(codec: str) -> None:
    _, encode = LAWS[codec]
    wild = np.array([9.0, -9.0, np.nan, np.inf])
    assert encode(wild) == encode(np.array([1.0, -1.0, 0.0, 0.0]))
