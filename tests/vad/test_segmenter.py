from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.vad.segmenter import (
    Segmenter,
    SegmenterOptions,
    SpeechEnded,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    Voice,
)
from streamkit.vad.silero import WINDOW_SAMPLES

W = WINDOW_SAMPLES
OPTIONS = SegmenterOptions(
    threshold=0.5, release=0.3, min_speech=3 * W, pre_roll=4 * W, tail=2 * W, pause=5 * W
)


def run(probabilities: list[float], options: SegmenterOptions = OPTIONS) -> list[object]:
    segmenter = Segmenter(options)
    return [event for p in probabilities if (event := segmenter.push(p)) is not None]


def test_start_has_pre_roll_and_end_is_after_the_last_loud_window() -> None:
    events = run([0.0] * 10 + [0.9] * 6 + [0.0] * 5)
    assert events == [
        SpeechStarted(start=6 * W, onset=10 * W),
        SpeechPaused(speech_end=16 * W),
        SpeechEnded(speech_end=16 * W),
    ]


def test_a_click_is_no_speech() -> None:
    assert run([0.0] * 4 + [0.9] * 2 + [0.0] * 20) == []


def test_a_dip_between_the_thresholds_does_not_restart_the_count() -> None:
    events = run([0.9, 0.4, 0.9, 0.4, 0.9])
    assert events == [SpeechStarted(start=0, onset=0)]


def test_a_short_pause_does_not_end_the_segment() -> None:
    events = run([0.9] * 4 + [0.0] * 3 + [0.9] * 2 + [0.0] * 5)
    assert events == [
        SpeechStarted(start=0, onset=0),
        SpeechPaused(speech_end=4 * W),
        SpeechResumed(),
        SpeechPaused(speech_end=9 * W),
        SpeechEnded(speech_end=9 * W),
    ]


def test_a_probability_between_the_thresholds_keeps_speech_going_but_does_not_resume_it() -> None:
    assert run([0.9] * 4 + [0.4] * 20) == [SpeechStarted(start=0, onset=0)]
    events = run([0.9] * 4 + [0.0] * 2 + [0.4] * 3)
    assert events[-1] == SpeechEnded(speech_end=4 * W)


def test_pre_roll_does_not_reach_into_the_segment_before() -> None:
    events = run([0.9] * 4 + [0.0] * 5 + [0.9] * 4)
    assert events[-1] == SpeechStarted(start=6 * W, onset=9 * W)


def test_forcing_a_start_takes_the_candidate() -> None:
    segmenter = Segmenter(OPTIONS)
    for probability in (0.0, 0.0, 0.0, 0.0, 0.0, 0.9):
        segmenter.push(probability)
    assert segmenter.candidate == 5 * W
    assert segmenter.force_start() == SpeechStarted(start=W, onset=5 * W)
    assert segmenter.voice is Voice.SPEAKING
    assert segmenter.candidate is None


def test_a_candidate_is_likely_after_one_clear_window_or_two() -> None:
    for probabilities, likely in [
        ((0.75,), True),
        ((0.6,), False),
        ((0.6, 0.6), True),
        ((0.6, 0.1, 0.6), False),
        ((0.75, 0.1), False),
        ((0.9, 0.9, 0.9), False),
    ]:
        segmenter = Segmenter(OPTIONS)
        for probability in probabilities:
            segmenter.push(probability)
        assert segmenter.likely is likely


def test_forcing_a_start_without_a_candidate_does_nothing() -> None:
    segmenter = Segmenter(OPTIONS)
    segmenter.push(0.0)
    assert segmenter.force_start() is None


def test_after_a_forced_end_no_start_reaches_before_it() -> None:
    segmenter = Segmenter(OPTIONS)
    for _ in range(6):
        segmenter.push(0.9)
    segmenter.force_end(6 * W + 100)
    events = [event for _ in range(3) if (event := segmenter.push(0.9)) is not None]
    assert events == [SpeechStarted(start=6 * W + 100, onset=6 * W)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 0.3, "release": 0.5},
        {"threshold": 1.0},
        {"release": 0.0},
        {"pause": W, "tail": 2 * W},
    ],
)
def test_options_that_contradict_each_other_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must"):
        SegmenterOptions(**wrong)  # type: ignore[arg-type]


@given(st.lists(st.floats(0, 1), max_size=300))
def test_segments_are_ordered_disjoint_and_hold_all_that_is_surely_speech(
    probabilities: list[float],
) -> None:
    segmenter = Segmenter(OPTIONS)
    segments: list[list[int]] = []
    for probability in probabilities:
        match segmenter.push(probability):
            case SpeechStarted(start=start, onset=onset):
                assert start <= onset < segmenter.position
                segments.append([start, -1])
            case SpeechEnded(speech_end=end):
                segments[-1][1] = end + OPTIONS.tail
                assert end < segmenter.position
            case SpeechPaused(speech_end=end):
                assert segmenter.position - end == OPTIONS.tail
    if segments and segments[-1][1] < 0:
        segments[-1][1] = segmenter.position
    for (_, end), (start, _) in itertools.pairwise(segments):
        assert end <= start
    loud = 0
    for index, probability in enumerate(probabilities):
        loud = loud + 1 if probability >= OPTIONS.threshold else 0
        if loud >= 3:
            window = range((index - 2) * W, (index + 1) * W, W)
            assert all(any(a <= at and at + W <= b for a, b in segments) for at in window)
