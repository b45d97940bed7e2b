"""Faster or slower at the same pitch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.tempo import Tempo
from streamkit.errors import AudioFormatError

Samples = npt.NDArray[np.float32]

RATE = 24_000
TONE = (0.5 * np.sin(2 * np.pi * 220 * np.arange(3 * RATE) / RATE)).astype(np.float32)


def through(filter_: Tempo, samples: Samples, piece: int = 1440) -> Samples:
    pieces = [filter_.process(samples[at : at + piece]) for at in range(0, len(samples), piece)]
    return np.concatenate([*pieces, filter_.flush()])


@pytest.mark.parametrize("tempo", [0.5, 0.8, 1.6, 2.0])
def test_length_changes_and_pitch_does_not(tempo: float) -> None:
    heard = through(Tempo(tempo, RATE), TONE)
    assert heard.dtype == np.float32
    assert len(heard) == pytest.approx(len(TONE) / tempo, rel=0.01)
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * RATE / len(heard) == pytest.approx(220, abs=2)


def test_one_is_what_it_was() -> None:
    np.testing.assert_array_equal(through(Tempo(1, RATE), TONE), TONE)


def test_the_result_does_not_depend_on_the_pieces() -> None:
    whole = through(Tempo(1.6, RATE), TONE, len(TONE))
    np.testing.assert_array_equal(through(Tempo(1.6, RATE), TONE, 777), whole)


def test_sound_comes_before_the_end() -> None:
    filter_ = Tempo(1.6, RATE)
    early = sum(len(filter_.process(TONE[at : at + 1440])) for at in range(0, RATE, 1440))
    assert early > 0.9 * RATE / 1.6


def test_nothing_gives_nothing() -> None:
    filter_ = Tempo(0.5, RATE)
    assert len(filter_.process(TONE[:0])) == 0
    assert len(filter_.flush()) == 0
    assert len(filter_.flush()) == 0


@pytest.mark.parametrize("tempo", [0.49, 2.01, 0, -1, float("nan"), float("inf")])
def test_out_of_range(tempo: float) -> None:
    with pytest.raises(AudioFormatError, match=r"accepted: 0\.5 to 2"):
        Tempo(tempo, RATE)
