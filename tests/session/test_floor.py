"""The table of who has the floor; that each of its lines happens is in `test_transitions`."""

from __future__ import annotations

import itertools

import pytest

from streamkit.session.floor import TRANSITIONS, Floor, State, Trigger


@pytest.mark.parametrize(("state", "trigger"), [*itertools.product(State, Trigger)])
def test_what_is_not_in_the_table_cannot_happen(state: State, trigger: Trigger) -> None:
    floor = Floor()
    floor.state = state
    if trigger in TRANSITIONS[state]:
        assert floor.allows(trigger)
        floor.move(trigger)
        assert floor.state is TRANSITIONS[state][trigger]
    else:
        assert not floor.allows(trigger)
        with pytest.raises(ValueError, match=f"{trigger} cannot happen while {state}"):
            floor.move(trigger)
        assert floor.state is state


def test_every_state_has_its_line() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_state_can_be_reached_and_left() -> None:
    reached = {State.IDLE}
    while more := {t for s in reached for t in TRANSITIONS[s].values()} - reached:
        reached |= more
    assert reached == set(State)
    for state in set(State) - {State.CLOSED}:
        assert set(TRANSITIONS[state].values()) - {state}


@pytest.mark.parametrize("state", State)
def test_a_reply_is_there_in_four_states_and_in_doubt_in_two(state: State) -> None:
    floor = Floor()
    floor.state = state
    doubtful = state in (State.DOUBTING_THOUGHT, State.DOUBTING_SPEECH)
    assert floor.doubtful is doubtful
    assert floor.replying is (doubtful or state in (State.THINKING, State.SPEAKING))


def test_nothing_follows_the_end() -> None:
    assert not TRANSITIONS[State.CLOSED]
