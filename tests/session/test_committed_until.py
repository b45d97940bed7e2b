"""Up to where words stand fast, as a trace tells it of each pass."""

from __future__ import annotations

from collections import deque

import pytest

from streamkit.asr.incremental import GrowingWords
from streamkit.asr.policy import LocalAgreement
from streamkit.asr.recognizer import Hypothesis, Word
from streamkit.session.captions import CaptionSession
from streamkit.session.effects import Decode
from streamkit.session.events import (
    AudioReceived,
    CloseRequested,
    HypothesisReady,
    WindowsScored,
)
from streamkit.session.segment import Pending, Segment
from streamkit.vad.silero import WINDOW_SAMPLES


def words(*texts: str) -> tuple[Word, ...]:
    """One every half a second."""
    return tuple(
        Word(text, 8000 * index, 8000 * (index + 1), 0.9) for index, text in enumerate(texts)
    )


def segment() -> Segment:
    return Segment(0, 0, 0, 0, 0, 0, GrowingWords(LocalAgreement()), deque(maxlen=32))


def test_a_segment_without_committed_words_has_no_such_place() -> None:
    one = segment()
    one.hear(Hypothesis(words("Hello", "there"), 0, 16_000), Pending(16_000, 0))
    assert one.committed_until is None


def test_it_grows_with_the_words_and_stays_when_they_are_final() -> None:
    one = segment()
    one.hear(Hypothesis(words("Hello", "there", "you"), 0, 24_000), Pending(24_000, 0))
    one.hear(Hypothesis(words("Hello", "there", "all"), 0, 30_000), Pending(30_000, 0))
    assert one.committed_until == 16_000
    cut = one.cut(sentence_after=10**9, word_after=1, force_after=10**9)
    assert cut is not None
    assert [word.text for word in cut.words] == ["Hello", "there"]
    assert one.words.committed == ()
    assert one.committed_until == 16_000


@pytest.fixture
def speaking() -> tuple[CaptionSession, Decode]:
    """A session in which somebody speaks, and the first pass that it wants."""
    session = CaptionSession()
    session.receive(AudioReceived(0, 32_000, 0.0), 0.0)
    effects = session.receive(WindowsScored((0.9,) * (32_000 // WINDOW_SAMPLES)), 0.0)
    [decode] = (effect for effect in effects if isinstance(effect, Decode))
    return session, decode


def test_a_session_tells_it_of_the_newest_hypothesis(
    speaking: tuple[CaptionSession, Decode],
) -> None:
    session, decode = speaking
    session.receive(CloseRequested(), 1.0)
    tentative = Hypothesis(words("Hello", "there"), 0, 20_000)
    session.receive(HypothesisReady(decode.request, tentative, 1.0, 1.1), 1.1)
    assert session.committed_until is None
    final = Hypothesis(words("Hello", "there"), 0, 32_000)
    session.receive(HypothesisReady(decode.request + 1, final, 1.2, 1.3), 1.3)
    assert session.closed
    assert session.committed_until == 16_000
    session.receive(HypothesisReady(decode.request + 2, final, 1.4, 1.5), 1.5)
    assert session.committed_until is None


def test_an_answer_that_nobody_waits_for_says_nothing(
    speaking: tuple[CaptionSession, Decode],
) -> None:
    session, decode = speaking
    session.committed_until = 8000
    heard = Hypothesis(words("Hello"), 0, decode.end)
    session.receive(HypothesisReady(999, heard, 1.0, 1.1), 1.1)
    assert session.committed_until is None
