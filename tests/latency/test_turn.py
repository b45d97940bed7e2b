"""What the silence before a reply is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.latency.turn import TurnStage, TurnTrace

TIMES = st.floats(0, 1000, allow_nan=False)
MARKS = st.lists(st.tuples(st.sampled_from(TurnStage), TIMES), max_size=20)


def trace(begin: float | None, marks: list[tuple[TurnStage, float]]) -> TurnTrace:
    made = TurnTrace(begin, 500.0)
    for stage, at in marks:
        made.mark(stage, at)
    return made


@given(st.one_of(st.none(), TIMES), MARKS)
def test_the_parts_add_up_whatever_came_first(
    begin: float | None, marks: list[tuple[TurnStage, float]]
) -> None:
    made = trace(begin, marks)
    parts = made.parts()
    played = parts.pop(TurnStage.PLAYED, 0.0)
    assert all(part >= 0 for part in [*parts.values(), played])
    if made.voice_to_voice is not None:
        assert sum(parts.values()) == pytest.approx(made.voice_to_voice, abs=1e-6)
    latest = made.passed(TurnStage.PLAYED)
    if latest is not None and made.voice_to_voice is not None:
        whole = max(made.voice_to_voice, latest - made.begin)
        assert sum(parts.values()) + played == pytest.approx(whole, abs=1e-6)


@given(MARKS)
def test_only_the_stages_that_were_passed_are_told(marks: list[tuple[TurnStage, float]]) -> None:
    made = trace(0.0, marks)
    assert set(made.parts()) == {stage for stage, _ in marks}
    assert list(made.parts()) == [stage for stage in TurnStage if stage in dict(marks)]


@given(st.permutations([*TurnStage]))
def test_the_order_in_which_they_are_marked_does_not_matter(stages: list[TurnStage]) -> None:
    times = {stage: 10.0 + index for index, stage in enumerate(TurnStage)}
    made = trace(9.0, [(stage, times[stage]) for stage in stages])
    assert made.parts() == dict.fromkeys(TurnStage, 1.0)


def test_each_stage_costs_what_it_took_after_the_one_before() -> None:
    made = trace(
        10.0,
        [
            (TurnStage.ENDPOINT, 10.25),
            (TurnStage.FINAL, 10.375),
            (TurnStage.FIRST_TOKEN, 10.5),
            (TurnStage.FIRST_PIECE, 10.5625),
            (TurnStage.FIRST_BYTE, 10.75),
            (TurnStage.FIRST_AUDIBLE, 11.0),
            (TurnStage.PLAYED, 11.125),
        ],
    )
    assert [*made.parts().values()] == [0.25, 0.125, 0.125, 0.0625, 0.1875, 0.25, 0.125]
    assert made.voice_to_voice == 1.0


def test_what_was_thought_before_the_turn_was_over_costs_nothing() -> None:
    made = trace(
        10.0,
        [
            (TurnStage.FIRST_TOKEN, 10.1),
            (TurnStage.FIRST_BYTE, 10.2),
            (TurnStage.ENDPOINT, 10.5),
            (TurnStage.FINAL, 10.5),
            (TurnStage.FIRST_AUDIBLE, 10.5),
        ],
    )
    assert made.parts() == {
        TurnStage.ENDPOINT: 0.5,
        TurnStage.FINAL: 0.0,
        TurnStage.FIRST_TOKEN: 0.0,
        TurnStage.FIRST_BYTE: 0.0,
        TurnStage.FIRST_AUDIBLE: 0.0,
    }


def test_nobody_has_waited_for_what_came_after_the_sound() -> None:
    made = trace(0.0, [(TurnStage.FIRST_AUDIBLE, 1.0), (TurnStage.FINAL, 3.0)])
    assert made.parts() == {TurnStage.FINAL: 1.0, TurnStage.FIRST_AUDIBLE: 0.0}
    assert made.voice_to_voice == 1.0


def test_only_the_first_time_counts() -> None:
    made = trace(0.0, [(TurnStage.FIRST_AUDIBLE, 1.0), (TurnStage.FIRST_AUDIBLE, 2.0)])
    assert made.voice_to_voice == 1.0


def test_without_speech_it_counts_from_when_it_was_asked_for() -> None:
    made = TurnTrace(None, 5.0)
    made.mark(TurnStage.FIRST_AUDIBLE, 5.5)
    assert not made.spoken
    assert made.voice_to_voice == 0.5


def test_there_is_no_figure_before_there_is_sound() -> None:
    made = trace(0.0, [(TurnStage.FIRST_TOKEN, 1.0)])
    assert made.voice_to_voice is None
    assert made.passed(TurnStage.FIRST_AUDIBLE) is None
    assert made.passed(TurnStage.FIRST_TOKEN) == 1.0
