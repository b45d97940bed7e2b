from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import WordMark
from streamkit.tts.worker.jobs import Cloning, Sentence
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.messages import Sound, Speak

SPEAK = Speak(0, "one two", (), "en", "Ada", 1.0, 7)
PATIENT = WorkerLimits()


class Cancelled(list[Sentence]):
    """Who was cancelled."""


@pytest.fixture
def cancelled() -> Cancelled:
    return Cancelled()


@pytest.fixture
def sentence(cancelled: Cancelled) -> Sentence:
    return Sentence(SPEAK, PATIENT, cancelled.append)


def sound(count: int, *marks: int) -> Sound:
    return Sound(1, np.zeros(count, np.float32), tuple(WordMark(at, 1, at) for at in marks))


def test_sound_is_taken_as_it_came(sentence: Sentence, cancelled: Cancelled) -> None:
    sentence.sent(100)
    first, second = sound(50, 0), sound(25, 60)
    sentence.receive(first)
    sentence.receive(second)
    assert sentence.unread_seconds == 0.75
    sentence.finish()
    taken = [sentence.take(), sentence.take()]
    assert [t.samples is s.samples for t, s in zip(taken, (first, second), strict=True) if t] == [
        True,
        True,
    ]
    assert [t.marks for t in taken if t] == [first.marks, second.marks]
    assert sentence.take() is None
    assert sentence.unread_seconds == 0.0
    assert cancelled == []


def test_the_next_process_is_asked_for_the_rest(sentence: Sentence) -> None:
    assert sentence.request(1).skip == 0
    sentence.sent(100)
    sentence.receive(sound(50, 0, 10))
    sentence.take()
    sentence.receive(sound(5))
    sentence.interrupted()
    again = sentence.request(2)
    assert (again.id, again.skip, again.seed, again.text) == (2, 55, SPEAK.seed, SPEAK.text)
    # Words are not told twice, wherever another process puts them; a new one is told in its place.
    told = (WordMark(0, 1, 0), WordMark(10, 1, 55), WordMark(54, 1, 54), WordMark(60, 1, 60))
    sentence.receive(Sound(2, np.zeros(10, np.float32), told))
    sentence.take()
    rest = sentence.take()
    assert rest is not None
    assert [(mark.text_offset, mark.sample) for mark in rest.marks] == [(54, 55), (60, 60)]


def test_a_sound_without_samples_is_nothing(sentence: Sentence) -> None:
    sentence.receive(sound(0))
    sentence.finish()
    assert sentence.take() is None


def test_what_came_before_a_failure_is_heard(sentence: Sentence, cancelled: Cancelled) -> None:
    sentence.receive(sound(5))
    sentence.fail("it burns")
    sentence.fail("later, it floods")
    assert sentence.take() is not None
    with pytest.raises(SynthesisError, match="it burns"):
        sentence.take()
    assert cancelled == [sentence]


def test_a_failure_after_the_end_is_none(sentence: Sentence) -> None:
    sentence.finish()
    sentence.fail("it burns")
    assert sentence.take() is None


def test_a_closed_one_is_silent(sentence: Sentence, cancelled: Cancelled) -> None:
    sentence.receive(sound(5))
    sentence.close()
    sentence.receive(sound(5))
    sentence.fail("it burns")
    assert sentence.take() is None
    assert sentence.unread_seconds == 0.0
    assert cancelled == [sentence]


@pytest.mark.parametrize(
    ("end", "error"),
    [(Sentence.close, None), (Sentence.finish, None), (lambda s: s.fail("it burns"), "it burns")],
    ids=["close", "finish", "fail"],
)
def test_who_waits_is_let_go(
    sentence: Sentence, end: Callable[[Sentence], None], error: str | None
) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sentence.take)
        end(sentence)
        if error is None:
            assert waiting.result(30) is None
        else:
            with pytest.raises(SynthesisError, match=error):
                waiting.result(30)


@pytest.mark.parametrize("sent", [False, True])
def test_nobody_waits_for_ever(cancelled: Cancelled, sent: bool) -> None:
    # The other wait of the two is far longer than the test.
    limits = (
        WorkerLimits(sound_timeout=0.05)
        if sent
        else WorkerLimits(ready_timeout=0.0, sound_timeout=0.05)
    )
    sentence = Sentence(SPEAK, limits, cancelled.append)
    if sent:
        sentence.sent(100)
    with pytest.raises(SynthesisError, match="no sound in time"):
        sentence.take()
    assert cancelled == [sentence]
    sentence.receive(sound(5))
    with pytest.raises(SynthesisError, match="no sound in time"):
        sentence.take()


def test_a_voice_that_failed_says_why() -> None:
    cloning = Cloning(np.zeros(10, np.float32))
    assert cloning.request(3).id == 3
    cloning.fail("it burns")
    cloning.fail("later, it floods")
    with pytest.raises(SynthesisError, match="it burns"):
        cloning.latents.result(0)
