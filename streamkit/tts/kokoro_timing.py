"""Where in a sound each phoneme begins, when the model does not tell; pure functions.

The time between the first and the last audible sample is divided among the phonemes by how long
sounds of their kind usually are (after D. H. Klatt, "Linguistic uses of segmental duration in
English", 1976: longer when stressed and before a pause). Where the text has a punctuation mark and
the sound a silence, the two are matched first, and what lies between them is divided by itself. A
word begins at the nearest dip of the loudness.

How exact this is was measured on espeak-ng's speech, which says where its words begin: the median
error is 15 to 35 ms, the 95th percentile 75 to 170 ms, depending on voice and language
(tests/tts/test_kokoro.py). How exact it is on Kokoro's own sound is not known.
"""

# ruff: noqa: RUF001 (these are letters of the phonetic alphabet)

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from streamkit.tts.kokoro_phonemes import STRESS

Samples = npt.NDArray[np.float32]

AUDIBLE: Final = 10 ** (-50 / 20)
"""-50 dB below full scale: the noise floor of neural voices lies below it, no consonant does."""
PAUSES: Final = ";:,.!?—…"
LONG_PAUSES: Final = ";:.!?—…"

_FRAME_SECONDS: Final = 0.005
_QUIET: Final = 10 ** (-30 / 20)
"""A frame so far below the loudest one is a pause, or the closure of a stop."""
_LEAST_PAUSE_SECONDS: Final = 0.05
_LEFT_OUT_SECONDS: Final = 0.25
"""What it costs to match a mark with no silence, or a silence with no mark: a shift of so much."""

_VOWELS: Final = frozenset("aeiouyɑɐɒæɔɛɜɨɯøœʌɤAIOQWYɚ")
_SHORT_VOWELS: Final = frozenset("əɪᵻʊᵊ")
_FRICATIVES: Final = frozenset("fsʃxçχɕʂθɸʣʤʦʧʨ")
_SOFT_FRICATIVES: Final = frozenset("vzʒðhɣβʝʁ")
_STOPS: Final = frozenset("pbtdkɡcɟqɖʈ")
_FLAPS: Final = frozenset("ɾʔɽ")
_SILENT: Final = frozenset(' "()“”')
_LENGTHENING: Final = 0.05
_SONORANT: Final = 0.06
_STRESSED: Final = 1.4
_BEFORE_PAUSE: Final = 1.5

_SNAP_FRAMES: Final = 6
"""A word begins at the quietest place within 30 ms of where it is expected."""


def sound_bounds(samples: Samples) -> tuple[int, int]:
    """Where the audible part begins and ends; equal when there is none."""
    loud = np.flatnonzero(np.abs(samples) >= AUDIBLE)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, 0)


def place_phonemes(phonemes: str, samples: Samples, rate: int) -> npt.NDArray[np.int64]:
    """Estimate where each phoneme begins.

    Args:
        phonemes: what is said, one character each, with stress and punctuation marks.
        samples: float32 mono, the sound of it.
        rate: in Hz.

    Returns:
        For each phoneme a sample, never going down, within the audible part.
    """
    begin, end = sound_bounds(samples)
    weights = np.array(usual_seconds(phonemes))
    marks = _inner_marks(phonemes, weights)
    silences = _silences(samples[begin:end], rate) + begin
    starts = np.empty(len(phonemes), np.int64)
    known = {0}
    first, at = 0, begin
    for mark, silence in _match(marks, silences, weights, (begin, end), rate):
        _divide(starts, weights, (first, mark), (at, int(silences[silence][0])))
        first, at = mark, int(silences[silence][1])
        while first < len(phonemes) and weights[first] == 0:
            starts[first] = silences[silence][0] if phonemes[first] in PAUSES else at
            first += 1
        known.add(first)
    _divide(starts, weights, (first, len(phonemes)), (at, end))
    levels, frame = _levels(samples, rate)
    for index in range(1, len(phonemes)):
        if index not in known and weights[index] and weights[index - 1] == 0:
            starts[index] = _quietest(levels, starts[index] // frame) * frame
    starts = np.clip(np.maximum.accumulate(starts), begin, max(begin, end - 1))
    # A mark of stress and a blank belong to the sound behind them.
    for index in range(len(phonemes) - 2, -1, -1):
        if phonemes[index] in STRESS or phonemes[index] in _SILENT:
            starts[index] = starts[index + 1]
    return starts


def usual_seconds(phonemes: str) -> list[float]:
    """How long sounds of their kind are; 0 for what makes no sound of its own."""
    lengths = [0.0] * len(phonemes)
    stressed = False
    nucleus: int | None = None
    for index, phoneme in enumerate(phonemes):
        if phoneme in STRESS:
            stressed = True
        elif phoneme in _VOWELS or phoneme in _SHORT_VOWELS:
            lengths[index] = 0.05 if phoneme in _SHORT_VOWELS else 0.085
            if stressed:
                lengths[index] *= _STRESSED
            stressed, nucleus = False, index
        elif phoneme == "ː" and index:
            lengths[index - 1] += _LENGTHENING
        elif phoneme in PAUSES:
            # All of the last syllable from its vowel on is slower before a pause.
            for each in range(nucleus if nucleus is not None else index, index):
                lengths[each] *= _BEFORE_PAUSE
            nucleus = None
        else:
            lengths[index] = _consonant(phoneme)
    return lengths


def _consonant(phoneme: str) -> float:
    if phoneme in _SILENT or phoneme.isspace():
        return 0.0
    if phoneme in _FRICATIVES:
        return 0.095
    if phoneme in _SOFT_FRICATIVES:
        return 0.06
    if phoneme in _STOPS:
        return 0.07
    if phoneme in _FLAPS:
        return 0.03
    return 0.0 if phoneme in "\u0303ʰʲ↓→↗↘ᵝ" else _SONORANT


def _inner_marks(phonemes: str, weights: npt.NDArray[np.float64]) -> list[int]:
    """Where the punctuation marks are behind which something more is said; one for several."""
    marks: list[int] = []
    said = np.cumsum(weights)
    for index, phoneme in enumerate(phonemes):
        if phoneme in PAUSES and 0 < said[index] < said[-1]:
            before = said[marks[-1]] if marks else 0.0
            if said[index] > before:
                marks.append(index)
    return marks


def _levels(samples: Samples, rate: int) -> tuple[npt.NDArray[np.float32], int]:
    """Loudness of every 5 ms, with some of its neighbours', and how many samples those are."""
    frame = max(1, round(_FRAME_SECONDS * rate))
    count = len(samples) // frame
    frames = samples[: count * frame].reshape(count, frame)
    levels = np.sqrt(np.mean(frames**2, axis=1))
    # A frame is shorter than a period of a low voice.
    smooth = np.convolve(levels, np.full(3, 1 / 3), "same") if count >= 3 else levels
    return smooth.astype(np.float32), frame


def _quietest(levels: npt.NDArray[np.float32], expected: int) -> int:
    """The quietest frame near one."""
    first = max(0, expected - _SNAP_FRAMES)
    near = levels[first : expected + _SNAP_FRAMES + 1]
    return first + int(near.argmin()) if len(near) else expected


def _silences(samples: Samples, rate: int) -> npt.NDArray[np.int64]:
    """Begin and end of every silence inside, one row each."""
    levels, frame = _levels(samples, rate)
    if not len(levels):
        return np.zeros((0, 2), np.int64)
    quiet = np.concatenate([[False], levels < levels.max() * _QUIET, [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1]).reshape(-1, 2) * frame
    longest = edges[edges[:, 1] - edges[:, 0] >= _LEAST_PAUSE_SECONDS * rate]
    return longest.astype(np.int64)


def _match(
    marks: Sequence[int],
    silences: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    bounds: tuple[int, int],
    rate: int,
) -> list[tuple[int, int]]:
    """Pair marks with silences in order, so that each silence lies about where it should.

    Returns:
        Pairs of a mark's place in the phonemes and a silence's row.
    """
    if not marks or not len(silences):
        return []
    lengths = (silences[:, 1] - silences[:, 0]) / rate
    # Both are compared on a scale without silences, since nobody knows yet which are pauses.
    spoken = (silences[:, 0] - bounds[0]) / rate - np.concatenate([[0], np.cumsum(lengths)[:-1]])
    total = (bounds[1] - bounds[0]) / rate - lengths.sum()
    expected = np.cumsum(weights)[list(marks)] * total / weights.sum()
    rows, columns = len(marks) + 1, len(silences) + 1
    costs = np.zeros((rows, columns))
    costs[:, 0] = np.arange(rows) * _LEFT_OUT_SECONDS
    costs[0, 1:] = np.cumsum(lengths)
    moves = np.zeros((rows, columns), np.int8)
    moves[1:, 0], moves[0, 1:] = 1, 2
    for row in range(1, rows):
        for column in range(1, columns):
            choices = (
                costs[row - 1, column - 1] + abs(expected[row - 1] - spoken[column - 1]),
                costs[row - 1, column] + _LEFT_OUT_SECONDS,
                # A long silence is hardly the closure of a stop.
                costs[row, column - 1] + lengths[column - 1],
            )
            best = int(np.argmin(choices))
            costs[row, column], moves[row, column] = choices[best], best
    pairs = []
    row, column = rows - 1, columns - 1
    while row and column:
        match moves[row, column]:
            case 0:
                row, column = row - 1, column - 1
                pairs.append((marks[row], column))
            case 1:
                row -= 1
            case _:
                column -= 1
    return pairs[::-1]


def _divide(
    starts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    phonemes: tuple[int, int],
    samples: tuple[int, int],
) -> None:
    """Place the phonemes of a range in a range of the sound."""
    own = weights[slice(*phonemes)]
    before = np.cumsum(own) - own
    share = before / own.sum() if own.sum() > 0 else before
    starts[slice(*phonemes)] = samples[0] + np.round(share * (samples[1] - samples[0]))
