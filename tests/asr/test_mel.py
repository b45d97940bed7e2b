"""Features of a stream against those of faster-whisper for the same window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.asr.mel import SILENCE, MelFilters, MelStream, scaled
from streamkit.audio.clock import GRID_SAMPLES, SAMPLE_RATE, seconds

Samples = npt.NDArray[np.float32]

CLOSE = 1e-4
MAX_FRAMES = 3000
CAPACITY = 30 * SAMPLE_RATE
SHORTEST = 401


class Reference:
    """faster-whisper's extractor, and our filters made from it."""

    def __init__(self, mels: int) -> None:
        from faster_whisper.feature_extractor import FeatureExtractor

        self.extractor = FeatureExtractor(feature_size=mels)
        self.filters = MelFilters(self.extractor.mel_filters)

    def frames(self, window: Samples, count: int) -> npt.NDArray[np.float32]:
        """The library's features of a window with zeros after it, `count` frames long."""
        padded = np.zeros(count * GRID_SAMPLES, np.float32)
        padded[: len(window)] = window[: len(padded)]
        features: npt.NDArray[np.float32] = self.extractor(padded)
        return features[:, :count]


@pytest.fixture(scope="module", params=[80, 128])
def reference(request: pytest.FixtureRequest) -> Reference:
    return Reference(request.param)


@pytest.fixture(scope="module")
def sound() -> Samples:
    """70 s with loud, soft and silent parts, tones and noise, a click and a constant."""
    rng = np.random.default_rng(7)
    time = np.arange(70 * SAMPLE_RATE) / SAMPLE_RATE
    loudness = np.repeat(10.0 ** rng.uniform(-5, 0, 140), SAMPLE_RATE // 2)
    pitch = np.repeat(rng.uniform(60, 4000, 140), SAMPLE_RATE // 2)
    samples = loudness * (0.3 * np.sin(2 * np.pi * pitch * time) + rng.normal(0, 0.1, len(time)))
    samples[5 * SAMPLE_RATE : 7 * SAMPLE_RATE] = 0
    samples[9 * SAMPLE_RATE : 10 * SAMPLE_RATE] = 0.25
    samples[11 * SAMPLE_RATE] = 1
    return samples.astype(np.float32)


def pieces(samples: Samples, rng: np.random.Generator, most: int = 3000) -> Iterator[Samples]:
    position = 0
    while position < len(samples):
        size = int(rng.integers(1, most))
        yield samples[position : position + size]
        position += size


def pushed(reference: Reference, samples: Samples, capacity: int = CAPACITY) -> MelStream:
    stream = MelStream(reference.filters, capacity)
    for piece in pieces(samples, np.random.default_rng(len(samples))):
        stream.push(piece)
    return stream


def padded_frames(length: int, margin: float = 1.0) -> int:
    return min(-(-(length + seconds(margin)) // 5120) * 32, MAX_FRAMES)


def check(reference: Reference, stream: MelStream, samples: Samples, start: int, end: int) -> None:
    """A window is the library's, whether the stream has it or it is computed from its samples."""
    window = samples[start:end]
    count = padded_frames(len(window))
    wanted = reference.frames(window, count)
    for name, frames in (
        ("stream", stream.window(window, start)),
        ("alone", reference.filters.window(window)),
    ):
        found = scaled(frames, count)
        assert found.shape == wanted.shape
        assert found.dtype == np.float32
        assert np.abs(found - wanted).max() <= CLOSE, (name, start, end)


def known(stream: MelStream, samples: Samples, start: int, length: int) -> bool:
    """The frames come from the stream: other samples make no difference inside the window."""
    window = samples[start : start + length]
    muted = window.copy()
    muted[1000:-1000] = 0
    return np.array_equal(stream.window(window, start)[10:-10], stream.window(muted, start)[10:-10])


def test_windows_anywhere_in_the_stream(reference: Reference, sound: Samples) -> None:
    samples = sound[: 29 * SAMPLE_RATE]
    stream = pushed(reference, samples)
    rng = np.random.default_rng(0)
    for _ in range(60):
        start = int(rng.integers(0, (len(samples) - SHORTEST) // GRID_SAMPLES)) * GRID_SAMPLES
        longest = min(len(samples) - start, 6 * SAMPLE_RATE)
        check(reference, stream, samples, start, start + int(rng.integers(SHORTEST, longest + 1)))


@pytest.mark.parametrize("length", [SHORTEST, 480, 559, 560, 561, 719, 720, 721, 1600, 48_000])
def test_at_the_very_start_of_the_stream(reference: Reference, sound: Samples, length: int) -> None:
    for start in (0, GRID_SAMPLES, 2 * GRID_SAMPLES):
        stream = pushed(reference, sound[: start + length])
        check(reference, stream, sound, start, start + length)


@pytest.mark.parametrize("length", range(SHORTEST, SHORTEST + 2 * GRID_SAMPLES, 13))
def test_very_short_windows(reference: Reference, sound: Samples, length: int) -> None:
    stream = pushed(reference, sound[: 4 * SAMPLE_RATE])
    check(reference, stream, sound, 2 * SAMPLE_RATE, 2 * SAMPLE_RATE + length)


def test_a_window_of_28_seconds(reference: Reference, sound: Samples) -> None:
    stream = pushed(reference, sound[: 30 * SAMPLE_RATE])
    assert known(stream, sound, 1600, 28 * SAMPLE_RATE)
    check(reference, stream, sound, 1600, 1600 + 28 * SAMPLE_RATE)


def test_after_the_ring_has_wrapped(reference: Reference, sound: Samples) -> None:
    stream = pushed(reference, sound)
    end = len(sound)
    for back in (29.9, 28.0, 15.0, 3.0, 0.5):
        start = (end - seconds(back)) // GRID_SAMPLES * GRID_SAMPLES
        assert known(stream, sound, start, min(end - start, 4 * SAMPLE_RATE))
        check(reference, stream, sound, start, min(end, start + 28 * SAMPLE_RATE))


def test_what_is_older_than_the_ring_is_computed_again(
    reference: Reference, sound: Samples
) -> None:
    stream = pushed(reference, sound)
    for start in (0, 10 * SAMPLE_RATE, len(sound) - CAPACITY - 5 * GRID_SAMPLES):
        assert not known(stream, sound, start, 4 * SAMPLE_RATE)
        check(reference, stream, sound, start, start + 4 * SAMPLE_RATE)


def test_what_was_not_pushed_yet_is_computed(reference: Reference, sound: Samples) -> None:
    stream = pushed(reference, sound[:SAMPLE_RATE])
    check(reference, stream, sound, 0, 2 * SAMPLE_RATE)
    check(reference, stream, sound, 3 * SAMPLE_RATE, 4 * SAMPLE_RATE)
    nothing = MelStream(reference.filters, CAPACITY)
    check(reference, nothing, sound, 0, SAMPLE_RATE)


@pytest.mark.parametrize("size", [1, 159, 160, 161, 400, 16_000, 50_000])
def test_the_pieces_of_the_stream_make_no_difference(sound: Samples, size: int) -> None:
    filters = Reference(80).filters
    samples = sound[: 2 * SAMPLE_RATE] if size == 1 else sound[: 8 * SAMPLE_RATE]
    whole = MelStream(filters, CAPACITY)
    whole.push(samples)
    stream = MelStream(filters, CAPACITY)
    for first in range(0, len(samples), size):
        stream.push(samples[first : first + size])
        stream.push(samples[:0])
    window = samples[SAMPLE_RATE // 2 :]
    expected = whole.window(window, SAMPLE_RATE // 2)
    assert np.allclose(stream.window(window, SAMPLE_RATE // 2), expected, atol=1e-5)


def test_a_piece_longer_than_the_ring(sound: Samples) -> None:
    reference = Reference(80)
    stream = MelStream(reference.filters, 2 * SAMPLE_RATE)
    stream.push(sound[:100])
    stream.push(sound[100 : 20 * SAMPLE_RATE])
    assert known(stream, sound, 18 * SAMPLE_RATE + 1600, SAMPLE_RATE)
    check(reference, stream, sound, 18 * SAMPLE_RATE + 1600, 20 * SAMPLE_RATE)


REFERENCE = Reference(80)


@given(
    sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=30),
    start=st.integers(0, 200),
    length=st.integers(SHORTEST, 3 * SAMPLE_RATE),
    capacity=st.integers(1600, CAPACITY),
    level=st.sampled_from([0.0, 1e-6, 0.01, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_any_pieces_any_window_any_capacity(
    sizes: list[int], start: int, length: int, capacity: int, level: float
) -> None:
    rng = np.random.default_rng(sum(sizes))
    samples = (level * rng.normal(0, 0.3, sum(sizes) + SHORTEST)).astype(np.float32)
    stream = MelStream(REFERENCE.filters, capacity)
    position = 0
    for size in (*sizes, SHORTEST):
        stream.push(samples[position : position + size])
        position += size
    first = min(start * GRID_SAMPLES, (len(samples) - SHORTEST) // GRID_SAMPLES * GRID_SAMPLES)
    check(REFERENCE, stream, samples, first, min(len(samples), first + length))


def test_silence_is_silence() -> None:
    frames = REFERENCE.filters.window(np.zeros(SAMPLE_RATE, np.float32))
    assert np.allclose(frames, SILENCE)
    assert np.allclose(scaled(frames, 200), (SILENCE + 4) / 4)


def test_the_scale_hangs_on_the_loudest_frame_of_the_window_alone(sound: Samples) -> None:
    """What is loud before or after a window does not make it soft."""
    samples = np.concatenate([0.001 * sound[:SAMPLE_RATE], sound[SAMPLE_RATE : 2 * SAMPLE_RATE]])
    stream = MelStream(REFERENCE.filters, CAPACITY)
    stream.push(samples)
    check(REFERENCE, stream, samples, 0, SAMPLE_RATE)


def test_no_more_frames_than_asked_for(sound: Samples) -> None:
    frames = REFERENCE.filters.window(sound[: 2 * SAMPLE_RATE])
    assert scaled(frames, 100).shape == (80, 100)
    assert scaled(frames, 3000).shape == (80, 3000)
