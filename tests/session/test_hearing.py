"""Turns out of windows and hypotheses: whose words are whose."""

from __future__ import annotations

import itertools

import pytest

from streamkit.asr.recognizer import Hypothesis, Word
from streamkit.session.captions import CaptionOptions
from streamkit.session.effects import Decode
from streamkit.session.events import AudioReceived, DecodeFailed, HypothesisReady, WindowsScored
from streamkit.session.hearing import (
    Hearing,
    Occurrence,
    Turn,
    TurnBegan,
    TurnFinished,
    TurnHeard,
    TurnPhase,
    TurnResumed,
)
from streamkit.vad.silero import WINDOW_SAMPLES

EARS = CaptionOptions(vad_events=True, endpointing=None)


class Listener:
    """A hearing, and a recognizer that answers when it is told to."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        self.hearing = Hearing(EARS, lambda: f"item_{next(numbers)}")
        self.now = 0.0
        self.pending: list[Decode] = []
        self.occurred: list[Occurrence] = []

    def windows(self, loud: bool, count: int, sound: int | None = None) -> None:
        """Windows of speech or not; `sound`: how much of each lies before its last loud sample."""
        for _ in range(count):
            start = self.hearing.ears.received
            self.now += WINDOW_SAMPLES / 16_000
            end = start + WINDOW_SAMPLES
            self._take(
                self.hearing.receive(AudioReceived(start, end, self.now, 1000 + self.now), 0)
            )
            scored = WindowsScored((0.95 if loud else 0.02,), () if sound is None else (sound,))
            self._take(self.hearing.receive(scored, self.now))

    def answer(self, *words: str, fails: bool = False) -> None:
        """The recognizer has heard these words in the oldest thorough pass, or in any pass."""
        decode = next((each for each in self.pending if each.thorough), self.pending[0])
        self.pending.remove(decode)
        self.now += 0.01
        if fails:
            self._take(self.hearing.receive(DecodeFailed(decode.request, "broken"), self.now))
            return
        heard = tuple(
            Word(word, decode.start + 10 * index, decode.end, 1.0)
            for index, word in enumerate(words)
        )[len(decode.prefix) :]
        hypothesis = Hypothesis(words=heard, start=decode.start, end=decode.end)
        event = HypothesisReady(decode.request, hypothesis, self.now, self.now)
        self._take(self.hearing.receive(event, self.now))

    def end(self, *, drop: bool = False) -> Turn:
        turn = self.hearing.current or self.hearing.begin(self.hearing.ears.received)
        self._take(self.hearing.end(turn, self.now, drop=drop))
        return turn

    def kinds(self) -> list[type[Occurrence]]:
        return [type(each) for each in self.occurred]

    def finished(self) -> list[Turn]:
        return [each.turn for each in self.occurred if isinstance(each, TurnFinished)]

    def _take(self, occurrences: list[Occurrence]) -> None:
        for occurrence in occurrences:
            if isinstance(occurrence, Decode):
                self.pending.append(occurrence)
            else:
                self.occurred.append(occurrence)


def test_speech_is_a_turn_and_its_words_come_at_the_end() -> None:
    ears = Listener()
    ears.windows(True, 8)
    ears.windows(False, 7)
    ears.answer("Hello")
    turn = ears.end()
    assert ears.kinds() == [TurnBegan, TurnHeard, TurnFinished]
    assert turn.phase is TurnPhase.FINISHED
    assert turn.text == "Hello"
    assert (turn.onset, turn.end) == (0, 8 * WINDOW_SAMPLES)
    assert ears.hearing.current is None
    assert not [*ears.hearing.ending]


def test_the_end_of_speech_is_stamped_with_when_it_arrived() -> None:
    ears = Listener()
    ears.windows(True, 8)
    at = ears.now
    ears.windows(False, 40)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.speech_end == 8 * WINDOW_SAMPLES
    assert turn.speech_end_at == at
    assert turn.captured_at == 1000 + at + WINDOW_SAMPLES / 16_000


def test_a_turn_s_silence_begins_behind_the_last_loud_sample_of_its_speech() -> None:
    ears = Listener()
    ears.windows(True, 6, 512)
    ears.windows(True, 1, 100)
    at = ears.now
    ears.windows(True, 3, 0)
    ears.windows(False, 20, 0)
    # What is loud after the speech, a door perhaps, is no speech.
    ears.windows(False, 1, 300)
    ears.windows(False, 10, 0)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.speech_end == 10 * WINDOW_SAMPLES
    assert turn.sound_end == 6 * WINDOW_SAMPLES + 100
    assert turn.speech_end_at == at
    assert turn.captured_at == pytest.approx(1000 + at + 100 / 16_000)
    assert ears.end().sound_end == 6 * WINDOW_SAMPLES + 100


def test_the_burst_at_the_end_of_a_word_belongs_to_it() -> None:
    ears = Listener()
    ears.windows(True, 8, 512)
    ears.windows(False, 2, 0)
    ears.windows(False, 1, 77)
    at = ears.now
    ears.windows(False, 20, 0)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.speech_end == 8 * WINDOW_SAMPLES
    assert turn.sound_end == 10 * WINDOW_SAMPLES + 77
    assert turn.speech_end_at == at


def test_noise_that_goes_on_does_not() -> None:
    ears = Listener()
    ears.windows(True, 8, 500)
    ears.windows(False, 40, 512)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.sound_end == 7 * WINDOW_SAMPLES + 500


@pytest.mark.parametrize(("quiet", "known"), [(14, True), (15, True), (16, False), (40, False)])
def test_speech_without_a_loud_sample_in_its_last_half_second_ends_where_the_detector_says(
    quiet: int, known: bool
) -> None:
    ears = Listener()
    ears.windows(True, 5, 512)
    ears.windows(True, quiet, 0)
    ears.windows(False, 20, 0)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.speech_end == (5 + quiet) * WINDOW_SAMPLES
    assert turn.sound_end == (5 * WINDOW_SAMPLES if known else turn.speech_end)


def test_speech_that_goes_on_has_its_end_later() -> None:
    ears = Listener()
    ears.windows(True, 6, 200)
    ears.windows(False, 8, 0)
    ears.windows(True, 6, 400)
    ears.windows(False, 8, 0)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.sound_end == 19 * WINDOW_SAMPLES + 400


def test_where_nobody_looks_for_sound_speech_ends_where_the_detector_says() -> None:
    ears = Listener()
    ears.windows(True, 4)
    ears.windows(False, 20)
    turn = ears.hearing.current
    assert turn is not None
    assert turn.sound_end == turn.speech_end == 4 * WINDOW_SAMPLES


def test_a_turn_that_is_ended_amid_speech_ends_with_what_was_heard_last() -> None:
    ears = Listener()
    ears.windows(True, 8)
    ears.windows(False, 7)
    ears.windows(True, 8)
    at = ears.now
    turn = ears.end()
    assert turn.speech_end == turn.end == 23 * WINDOW_SAMPLES
    assert turn.speech_end_at == at


def test_a_pause_within_a_turn_is_no_end_of_it() -> None:
    ears = Listener()
    ears.windows(True, 8)
    ears.windows(False, 20)
    ears.windows(True, 8)
    assert ears.kinds().count(TurnBegan) == 1
    assert ears.kinds().count(TurnResumed) == 1


def test_words_of_the_last_turn_do_not_get_into_the_next() -> None:
    ears = Listener()
    ears.windows(True, 5)
    ears.windows(False, 12)
    first = ears.end()
    ears.windows(True, 5)
    ears.windows(False, 12)
    second = ears.end()
    assert [*ears.hearing.ending] == [first, second]
    ears.answer("One")
    ears.answer("Two")
    assert ears.finished() == [first, second]
    assert (first.text, second.text) == ("One", "Two")


def test_a_turn_without_speech_is_over_after_the_one_before() -> None:
    ears = Listener()
    ears.windows(True, 5)
    ears.windows(False, 12)
    first = ears.end()
    ears.windows(False, 5)
    second = ears.end()
    assert not ears.finished()
    ears.answer("One")
    assert ears.finished() == [first, second]
    assert (first.text, second.text) == ("One", "")


def test_a_turn_without_speech_is_over_at_once_when_nothing_is_waited_for() -> None:
    ears = Listener()
    ears.windows(False, 5)
    turn = ears.end()
    assert ears.finished() == [turn]
    assert turn.text == ""


def test_speech_that_was_not_sure_yet_belongs_to_the_turn_that_ends() -> None:
    ears = Listener()
    ears.windows(True, 2)
    turn = ears.end()
    assert turn.spoken
    assert TurnBegan not in ears.kinds()
    ears.answer("Hi")
    assert ears.finished() == [turn]
    assert turn.text == "Hi"


def test_what_comes_for_a_turn_that_was_given_up_is_dropped() -> None:
    ears = Listener()
    ears.windows(True, 5)
    ears.windows(False, 12)
    first = ears.end()
    ears.hearing.give_up(first)
    assert first.phase is TurnPhase.FINISHED
    assert not [*ears.hearing.ending]
    ears.windows(True, 5)
    ears.windows(False, 12)
    second = ears.end()
    ears.answer("Late")
    ears.answer("Two")
    assert (first.text, second.text) == ("", "Two")
    real = [turn for turn in ears.finished() if not turn.dropped]
    assert real == [second]
    heard = [each.turn for each in ears.occurred if isinstance(each, TurnHeard)]
    assert first not in heard


def test_what_was_known_of_a_turn_that_was_given_up_stays() -> None:
    ears = Listener()
    ears.windows(True, 12)
    ears.answer("One", "two")
    first = ears.end()
    assert first.phase is TurnPhase.ENDING
    ears.hearing.give_up(first)
    assert first.text == "One two"


def test_a_dropped_turn_is_finished_like_any_other() -> None:
    ears = Listener()
    ears.windows(True, 5)
    turn = ears.end(drop=True)
    ears.answer("Cough")
    assert ears.finished() == [turn]
    assert turn.dropped


def test_a_failure_is_told_with_the_turn_whose_words_are_missing() -> None:
    ears = Listener()
    ears.windows(True, 5)
    ears.windows(False, 12)
    turn = ears.end()
    ears.answer(fails=True)
    assert not ears.finished()
    ears.answer(fails=True)
    assert ears.finished() == [turn]
    assert turn.failure == "broken"


def test_it_is_known_whether_all_was_heard_and_how_long_it_is_silent() -> None:
    ears = Listener()
    assert ears.hearing.silence is not None
    ears.windows(True, 5)
    assert ears.hearing.silence is None
    assert not ears.hearing.heard_all
    ears.windows(False, 6)
    assert ears.hearing.silence == 6 * WINDOW_SAMPLES
    ears.answer("Hi")
    assert ears.hearing.heard_all


def test_a_closed_stream_waits_for_words_that_somebody_waits_for() -> None:
    ears = Listener()
    ears.windows(True, 5)
    turn = ears.end()
    ears._take(ears.hearing.close(ears.now))
    assert not ears.hearing.closed
    ears.answer("Bye")
    assert ears.finished() == [turn]
    assert ears.hearing.closed


def test_a_closed_stream_waits_for_nothing_else() -> None:
    ears = Listener()
    ears.windows(True, 5)
    ears.end(drop=True)
    ears._take(ears.hearing.close(ears.now))
    assert ears.hearing.closed


def test_what_had_perhaps_begun_when_the_stream_was_closed_is_no_turn() -> None:
    ears = Listener()
    ears.windows(True, 2)
    ears._take(ears.hearing.close(ears.now))
    assert TurnBegan not in ears.kinds()
    assert ears.hearing.closed


def test_text_and_what_was_told_of_it() -> None:
    turn = Turn("a", 0)
    turn.committed = (Word("One", 0, 10, 1.0), Word("two", 20, 30, 1.0))
    turn.tentative = (Word("too", 40, 50, 1.0),)
    assert turn.text == "One two too"
    assert turn.text_since(20) == "two too"
    assert turn.tell()[0] == "One two"
    assert turn.tell() == ("", ())
    turn.words = [*turn.committed, Word("three", 40, 50, 1.0)]
    turn.committed = turn.tentative = ()
    assert turn.tell()[0] == " three"
