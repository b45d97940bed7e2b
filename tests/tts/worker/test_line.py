from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.errors import SynthesisError
from streamkit.tts.worker.line import Line


def names(sent: list[tuple[int, str]]) -> list[str]:
    return [job for _, job in sent]


def line_of(*jobs: str) -> Line[str]:
    line: Line[str] = Line(10)
    for job in jobs:
        line.add(job)
    return line


def test_all_are_sent_once_in_order_and_forgotten_when_over() -> None:
    line = line_of("a", "b")
    sent = line.due()
    assert names(sent) == ["a", "b"]
    assert line.due() == []
    assert (len(line), line.waiting) == (2, 0)
    for id, job in sent:
        assert line.find(id) == job
        assert line.over(id) == job
        assert line.over(id) is None
        assert line.find(id) is None
    assert len(line) == 0


def test_one_that_nobody_wants_is_cancelled_under_its_id() -> None:
    line = line_of("a", "b")
    ((id, _), _) = line.due()
    line.add("c")
    assert line.remove("a") == id
    assert line.remove("a") is None
    assert line.remove("c") is None
    assert (len(line), line.waiting) == (1, 0)


def test_more_than_its_length_is_refused() -> None:
    line: Line[str] = Line(1)
    line.add("a")
    with pytest.raises(SynthesisError, match="has 1 sentences to speak"):
        line.add("b")
    line.remove("a")
    line.add("b")


def test_all_that_a_process_had_are_sent_together_once_more_under_new_ids() -> None:
    line = line_of("a", "b")
    first = line.due()
    assert line.ended() == (["a", "b"], [])
    second = line.due()
    assert names(second) == ["a", "b"]
    assert {id for id, _ in first}.isdisjoint(id for id, _ in second)
    assert line.find(first[0][0]) is None


def test_one_that_ends_two_processes_alone_is_lost() -> None:
    line = line_of("a")
    line.due()
    assert line.ended() == (["a"], [])
    line.due()
    assert line.ended() == ([], ["a"])
    assert len(line) == 0


def test_a_process_that_ends_without_work_costs_nobody_a_try() -> None:
    line = line_of("a")
    for _ in range(5):
        assert line.ended() == ([], [])
    assert names(line.due()) == ["a"]


def test_those_of_two_ended_processes_are_tried_alone() -> None:
    line = line_of("a", "b")
    for _ in range(2):
        line.due()
        line.ended()
    line.add("new")
    ((id, job),) = line.due()
    assert job == "a"
    assert line.due() == []
    line.over(id)
    assert names(line.due()) == ["b"]
    assert line.ended() == ([], ["b"])
    assert names(line.due()) == ["new"]


def test_a_suspect_that_nobody_wants_holds_up_nobody() -> None:
    line = line_of("a", "b")
    for _ in range(2):
        line.due()
        line.ended()
    line.due()
    line.remove("a")
    assert names(line.due()) == ["b"]


def test_a_failure_that_may_pass_is_tried_once_more() -> None:
    line = line_of("a")
    ((id, _),) = line.due()
    assert line.again(id) == "a"
    assert line.waiting == 1
    ((other, _),) = line.due()
    assert other != id
    assert line.again(id) is None
    assert line.again(other) is None
    assert line.over(other) == "a"


def test_all_are_forgotten_together() -> None:
    line = line_of("a", "b")
    line.due()
    line.add("c")
    assert line.clear() == ["a", "b", "c"]
    assert len(line) == 0
    assert line.ended() == ([], [])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.booleans()),
        st.tuples(st.sampled_from(["over", "cancel", "poison"]), st.integers(0, 9)),
        st.tuples(st.just("accident"), st.just(0)),
    ),
    max_size=60,
)


@given(steps=STEPS, accidents=st.booleans())
def test_nobody_fails_for_what_another_one_does(
    steps: list[tuple[str, int]], accidents: bool
) -> None:
    """Processes end over poison; all of it is lost and nothing else, and the rest is spoken."""
    line: Line[str] = Line(10)
    sent: dict[int, str] = {}
    ends: dict[str, int] = {}
    lost: list[str] = []

    def end() -> None:
        for job in sent.values():
            ends[job] = ends.get(job, 0) + 1
        kept, gone = line.ended()
        assert sorted(kept + gone) == sorted(sent.values())
        lost.extend(gone)
        sent.clear()

    def send() -> None:
        due = line.due()
        assert len(set(dict(due)) - set(sent)) == len(due)
        sent.update(due)
        assert bool(sent) == bool(len(line))

    for number, (step, which) in enumerate(steps):
        send()
        ids = sorted(sent)
        poison = [id for id in ids if sent[id].startswith("poison")]
        if step == "add" and len(line) < 10:
            line.add(f"{'poison' if which else 'good'}{number}")
        elif step == "over" and (good := sorted(set(ids) - set(poison))):
            id = good[which % len(good)]
            assert line.over(id) == sent.pop(id)
        elif step == "cancel" and ids:
            id = ids[which % len(ids)]
            assert line.remove(sent[id]) == id
            del sent[id]
        elif (step == "poison" and poison) or (step == "accident" and accidents and len(sent) > 1):
            end()
    for _ in range(100):
        send()
        if any(job.startswith("poison") for job in sent.values()):
            end()
        else:
            for id in list(sent):
                assert line.over(id) == sent.pop(id)
    assert len(line) == 0
    assert all(job.startswith("poison") for job in lost)
    if not accidents:
        assert max(ends.values(), default=0) <= 3
