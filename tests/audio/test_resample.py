from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.resample import SourcePlaces, StreamingResampler
from streamkit.errors import AudioFormatError

rates = st.one_of(
    st.sampled_from([8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000]),
    st.integers(8_000, 48_000),
)


def resample(
    samples: NDArray[np.float32], source: int, target: int, cuts: list[int] | None = None
) -> NDArray[np.float32]:
    resampler = StreamingResampler(source, target)
    pieces = [resampler.process(piece) for piece in np.split(samples, cuts or [])]
    return np.concatenate([*pieces, resampler.flush()])


@settings(deadline=None)
@given(
    source=rates,
    target=rates,
    length=st.integers(0, 6_000),
    cuts=st.lists(st.integers(0, 6_000), max_size=30),
)
def test_cutting_changes_nothing_and_no_sample_is_lost(
    source: int, target: int, length: int, cuts: list[int]
) -> None:
    samples = np.random.default_rng(length).uniform(-1, 1, length).astype(np.float32)
    whole = resample(samples, source, target)
    cut = resample(samples, source, target, sorted(min(c, length) for c in cuts))
    assert whole.dtype == cut.dtype == np.float32
    np.testing.assert_allclose(cut, whole, atol=1e-5)
    assert abs(len(whole) - round(length * target / source)) <= 1


def test_single_samples_give_the_same_as_the_whole() -> None:
    samples = np.sin(np.arange(500, dtype=np.float32))
    np.testing.assert_allclose(
        resample(samples, 8_000, 16_000, list(range(500))),
        resample(samples, 8_000, 16_000),
        atol=1e-5,
    )


@settings(deadline=None, max_examples=40)
@given(source=rates, target=rates, part=st.floats(0.02, 0.9))
def test_a_sine_keeps_its_frequency_its_amplitude_and_its_time(
    source: int, target: int, part: float
) -> None:
    frequency = part * min(source, target) / 2
    t = np.arange(2 * source) / source
    sine = (0.5 * np.sin(2 * np.pi * frequency * t)).astype(np.float32)
    got = resample(sine, source, target).astype(np.float64)
    middle = slice(target // 2, 3 * target // 2)
    at = np.arange(len(got))[middle] / target
    basis = np.exp(2j * np.pi * frequency * at)
    fitted, *_ = np.linalg.lstsq(
        np.stack([basis.real, basis.imag], axis=1), got[middle], rcond=None
    )
    remainder = got[middle] - np.stack([basis.real, basis.imag], axis=1) @ fitted
    assert np.sqrt(np.mean(remainder**2)) < 1e-4  # it is that frequency and nothing else
    np.testing.assert_allclose(np.hypot(*fitted), 0.5, rtol=0.01)


@pytest.mark.parametrize("source", [8_000, 24_000, 44_100, 48_000])
def test_a_click_stays_in_its_place(source: int) -> None:
    samples = np.zeros(2 * source, np.float32)
    samples[source] = 1.0
    assert abs(int(np.argmax(np.abs(resample(samples, source, SAMPLE_RATE)))) - 16_000) <= 2


@pytest.mark.parametrize(("source", "held_ms"), [(8_000, 30.5), (44_100, 14), (48_000, 13)])
def test_no_more_is_held_back_than_was_measured(source: int, held_ms: float) -> None:
    resampler = StreamingResampler(source)
    piece = np.ones(source // 100, np.float32)
    given_ms, got = 0, 0
    for _ in range(100):
        given_ms += 10
        got += len(resampler.process(piece))
        assert given_ms - got / SAMPLE_RATE * 1000 <= held_ms


def test_frequencies_that_do_not_fit_are_removed() -> None:
    t = np.arange(48_000) / 48_000
    whistle = np.sin(2 * np.pi * 9_500 * t).astype(np.float32)
    assert np.max(np.abs(resample(whistle, 48_000, 16_000)[1_000:-1_000])) < 1e-4


def test_equal_rates_hand_back_the_very_array() -> None:
    resampler = StreamingResampler(16_000)
    samples = np.ones(10, np.float32)
    assert resampler.process(samples) is samples
    assert len(resampler.flush()) == 0


@pytest.mark.parametrize("source", [16_000, 48_000])
def test_nothing_can_follow_the_end(source: int) -> None:
    resampler = StreamingResampler(source)
    resampler.process(np.ones(100, np.float32))
    resampler.flush()
    assert len(resampler.flush()) == 0
    with pytest.raises(StreamEndedError, match="new resampler"):
        resampler.process(np.ones(1, np.float32))


@pytest.mark.parametrize(("source", "target"), [(7_999, 16_000), (16_000, 48_001), (0, 16_000)])
def test_refuses_other_rates(source: int, target: int) -> None:
    with pytest.raises(AudioFormatError, match="8000 to 48000 Hz"):
        StreamingResampler(source, target)


def test_refuses_several_channels() -> None:
    with pytest.raises(AudioFormatError, match=r"\(4, 2\)"):
        StreamingResampler(8_000).process(np.zeros((4, 2), np.float32))


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(rates, st.lists(st.integers(0, 3_000), min_size=1, max_size=8)),
        min_size=1,
        max_size=4,
    )
)
def test_the_places_of_pieces_are_those_of_their_sound(
    streams: list[tuple[int, list[int]]],
) -> None:
    places = SourcePlaces(streams[0][0])
    resampler = StreamingResampler(streams[0][0])
    reached = returned = 0
    seconds = 0.0
    rest = 0
    for number, (rate, lengths) in enumerate(streams):
        if number:
            rest = len(resampler.flush())
            resampler = StreamingResampler(rate)
            places.change_rate(rate, rest)
        for length in lengths:
            out = rest + len(resampler.process(np.zeros(length, np.float32)))
            rest = 0
            returned += out
            seconds += length / rate
            start, end = places.span(length, out)
            assert start == reached <= end
            # Each change of the rate rounds to a whole sample.
            assert end == pytest.approx(seconds * SAMPLE_RATE, abs=1 + 2 * number)
            reached = end
    rest = len(resampler.flush())
    places.change_rate(streams[-1][0], rest)
    assert places.span(0, rest)[1] == pytest.approx(returned + rest, abs=1 + 2 * len(streams))


def test_a_piece_that_is_held_back_has_its_place_all_the_same() -> None:
    places, resampler = SourcePlaces(24_000), StreamingResampler(24_000)
    late = []
    for number in range(20):
        out = resampler.process(np.zeros(480, np.float32))
        start, end = places.span(480, len(out))
        assert (start, end) == (number * 320, (number + 1) * 320)
        late.append(len(out))
    # The table of the resampler has it: what came out is behind what went in.
    assert sum(late) < 20 * 320
