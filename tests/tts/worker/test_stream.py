"""When a stream begins its sentences, and how their sound is joined; no process is needed."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import WordMark
from streamkit.tts.worker.jobs import Sentence
from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.messages import Sound, Speak
from streamkit.tts.worker.stream import AHEAD_SECONDS, PAUSE_SECONDS, WorkerStream

RATE = 1000
PAUSE = round(PAUSE_SECONDS * RATE)
AHEAD = round(AHEAD_SECONDS * RATE)


class Begun:
    """A stream of so many sentences, and those that it has begun."""

    def __init__(self, count: int) -> None:
        self.sentences: list[Sentence] = []
        self.cancelled: list[Sentence] = []
        self.refuse = False
        self.stream = WorkerStream([partial(self.begin, n) for n in range(count)])

    def begin(self, number: int) -> Sentence:
        if self.refuse:
            raise SynthesisError("too many")
        assert number == len(self.sentences)
        speak = Speak(0, "x", (), "en", "Ada", 1.0, number)
        sentence = Sentence(speak, WorkerLimits(), self.cancelled.append)
        sentence.sent(RATE)
        self.sentences.append(sentence)
        # Sound for the first `next`, which else would wait.
        sentence.receive(self.sound(10, 0))
        return sentence

    @staticmethod
    def sound(count: int, *marks: int) -> Sound:
        marked = tuple(WordMark(at, 1, at) for at in marks)
        return Sound(1, np.full(count, 0.5, np.float32), marked)


def test_nothing_is_begun_before_the_first_sound_is_wanted() -> None:
    begun = Begun(2)
    begun.stream.close()
    assert list(begun.stream) == []
    assert begun.sentences == []


def test_the_next_sentence_waits_until_the_one_before_it_was_spoken() -> None:
    begun = Begun(3)
    next(begun.stream)
    first = begun.sentences[0]
    first.receive(begun.sound(10))
    next(begun.stream)
    assert len(begun.sentences) == 1
    first.receive(begun.sound(10))
    first.finish()
    next(begun.stream)
    assert len(begun.sentences) == 2


def test_the_next_sentence_waits_until_the_one_before_it_was_nearly_heard() -> None:
    begun = Begun(2)
    next(begun.stream)
    first = begun.sentences[0]
    for _ in range(2):
        first.receive(begun.sound(AHEAD // 2))
    first.receive(begun.sound(1))
    first.receive(begun.sound(1))
    first.finish()
    next(begun.stream)
    assert len(begun.sentences) == 2
    begun = Begun(2)
    next(begun.stream)
    first = begun.sentences[0]
    for count in (1, AHEAD, 1):
        first.receive(begun.sound(count))
    first.finish()
    next(begun.stream)
    assert len(begun.sentences) == 1
    next(begun.stream)
    assert len(begun.sentences) == 2


def test_no_more_than_one_sentence_is_begun_ahead() -> None:
    begun = Begun(4)
    next(begun.stream)
    first = begun.sentences[0]
    for _ in range(3):
        first.receive(begun.sound(1))
    first.finish()
    next(begun.stream)
    begun.sentences[1].finish()
    next(begun.stream)
    next(begun.stream)
    assert len(begun.sentences) == 2


def test_marks_count_from_the_beginning_of_the_stream_and_pauses_lie_between() -> None:
    begun = Begun(3)
    pieces = [next(begun.stream)]
    begun.sentences[0].receive(begun.sound(20, 15))
    begun.sentences[0].finish()
    pieces += [next(begun.stream), next(begun.stream), next(begun.stream)]
    begun.sentences[1].finish()
    pieces += [next(begun.stream), next(begun.stream)]
    begun.sentences[2].finish()
    pieces += begun.stream
    assert [len(piece.samples) for piece in pieces] == [10, 20, PAUSE, 10, PAUSE, 10]
    assert [bool(piece.samples.any()) for piece in pieces] == [True, True, False, True, False, True]
    assert [[mark.sample for mark in piece.marks] for piece in pieces] == [
        [0],
        [15],
        [],
        [30 + PAUSE],
        [],
        [40 + 2 * PAUSE],
    ]
    assert {piece.sample_rate for piece in pieces} == {RATE}


def test_the_pause_is_heard_while_the_next_sentence_is_being_begun() -> None:
    begun = Begun(2)
    next(begun.stream)
    begun.sentences[0].finish()
    assert len(next(begun.stream).samples) == PAUSE
    assert len(begun.sentences) == 2


def test_a_sentence_that_cannot_be_begun_ahead_is_begun_when_it_is_needed() -> None:
    begun = Begun(2)
    next(begun.stream)
    begun.sentences[0].receive(begun.sound(1))
    begun.sentences[0].finish()
    begun.refuse = True
    next(begun.stream)
    assert len(next(begun.stream).samples) == PAUSE
    with pytest.raises(SynthesisError, match="too many"):
        next(begun.stream)
    assert list(begun.stream) == []
    begun = Begun(2)
    next(begun.stream)
    begun.sentences[0].receive(begun.sound(1))
    begun.sentences[0].finish()
    begun.refuse = True
    next(begun.stream)
    begun.refuse = False
    assert [len(next(begun.stream).samples) for _ in range(2)] == [PAUSE, 10]


def test_a_failure_closes_what_was_begun() -> None:
    begun = Begun(2)
    next(begun.stream)
    begun.sentences[0].fail("it burns")
    with pytest.raises(SynthesisError, match="it burns"):
        next(begun.stream)
    assert list(begun.stream) == []
    assert begun.sentences[0] in begun.cancelled


def test_a_closed_stream_cancels_all_that_was_begun() -> None:
    begun = Begun(3)
    next(begun.stream)
    begun.sentences[0].receive(begun.sound(1))
    begun.sentences[0].receive(begun.sound(1))
    begun.sentences[0].finish()
    next(begun.stream)
    begun.stream.close()
    begun.stream.close()
    assert begun.cancelled == begun.sentences
    assert len(begun.sentences) == 2
    assert list(begun.stream) == []
