"""How far a reply was played, and which of its words were told and heard."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.sentences import Piece, PieceCutter
from streamkit.session.playout import Playout as Playing
from streamkit.session.playout import SpokenText
from streamkit.tts.synthesizer import WordMark

RATE = 1000
LETTER = 60
"""Samples of each character at `RATE`."""

TEXTS = (
    "Well, there is a lot to say about that. First it was dark. Then there was light.",
    "It costs 23 euros, e.g. at the 4th corner of St. James Street, Dr. Miller said.",
    "Hm… so?! “Yes,” she said — and (perhaps) left at 9:30.",
    "One.",
)


# How far


def test_sound_is_played_at_its_rate_from_when_it_was_sent() -> None:
    playing = Playing(RATE)
    playing.send(1000, 10.0)
    assert playing.position(10.0) == 0
    assert playing.position(10.25) == 250
    assert playing.ahead(10.25) == 750
    assert playing.reaches(1000, 10.25) == 11.0
    assert playing.position(20.0) == 1000


def test_it_stops_when_there_is_no_more_and_goes_on_when_more_comes() -> None:
    playing = Playing(RATE)
    playing.send(100, 0.0)
    playing.send(100, 5.0)
    assert playing.position(5.0) == 100
    assert playing.position(5.05) == pytest.approx(150)


def test_it_begins_when_the_sound_before_it_is_over() -> None:
    playing = Playing(RATE, not_before=2.0)
    playing.send(500, 1.0)
    assert playing.position(1.9) == 0
    assert playing.ahead(1.0) == 500
    assert playing.held(1.0) == 1500
    assert playing.reaches(500, 1.0) == 2.5
    playing.send(500, 1.5)
    assert playing.position(2.25) == 250
    assert playing.held(2.25) == playing.ahead(2.25) == 750


def test_the_client_knows_better() -> None:
    playing = Playing(RATE)
    playing.send(1000, 0.0)
    playing.report(100.0, 0.5)
    assert playing.position(0.5) == 100
    assert playing.position(0.7) == pytest.approx(300)
    playing.report(5000.0, 0.8)
    assert playing.position(0.8) == 1000
    playing.report(-5.0, 0.9)
    assert playing.position(0.9) == 0


def test_what_was_stopped_is_not_played_on_by_a_late_report() -> None:
    playing = Playing(RATE)
    playing.send(1000, 0.0)
    playing.stop(0.4)
    playing.report(300.0, 0.45)
    assert playing.position(9.0) == pytest.approx(400)
    assert playing.ahead(9.0) == 0
    assert playing.reaches(1000, 9.0) == 9.0
    playing.report(350.0, 0.5, ended=True)
    assert playing.position(9.0) == 350


def test_what_was_cut_off_does_not_come_back() -> None:
    playing = Playing(RATE)
    playing.send(1000, 0.0)
    assert playing.length == 1000
    playing.cut(300.0, 0.4)
    assert playing.length == 300
    playing.report(900.0, 0.5, ended=True)
    assert playing.position(1.0) == 300


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["send", "report", "stop", "wait"]),
            st.integers(1, 500),
            st.floats(0, 2),
        ),
        max_size=30,
    ),
    st.floats(0, 3),
)
def test_nothing_is_played_that_was_not_sent(
    happened: list[tuple[str, int, float]], not_before: float
) -> None:
    playing, now = Playing(RATE, not_before), 0.0
    for what, samples, after in happened:
        before = playing.position(now)
        assert playing.position(now + after) >= before
        now += after
        match what:
            case "send":
                position = playing.position(now)
                playing.send(samples, now)
                assert playing.position(now) == pytest.approx(position)
            case "report":
                playing.report(samples, now)
            case "stop":
                playing.stop(now)
        assert 0 <= playing.position(now) <= playing.sent
        assert playing.ahead(now) >= 0
        reached = playing.reaches(playing.sent, now)
        assert reached >= now
        if not playing.stopped:
            assert playing.position(reached) == pytest.approx(playing.sent)


# Which words


def cut(text: str, language: str | None = "en") -> list[Piece]:
    cutter = PieceCutter(language)
    return [*cutter.feed(text), *cutter.finish()]


def marks_of(spoken: str) -> tuple[WordMark, ...]:
    """A mark for each word, without its outer punctuation."""
    return tuple(
        WordMark(match.start(), len(match[0]), match.start() * LETTER)
        for match in re.finditer(r"\w+(?:['.:-]\w+)*", spoken)
    )


def say(pieces: list[Piece], *, marks: bool = True, share: float = 1.0) -> SpokenText:
    """All pieces with their sound; of the last one only a share of it, if it is not complete."""
    said = SpokenText(RATE)
    for index, piece in enumerate(pieces):
        last = index + 1 == len(pieces)
        said.add(piece)
        samples = len(piece.spoken) * LETTER
        part = round(samples * share) if last else samples
        found = marks_of(piece.spoken) if marks else ()
        said.extend(
            part, tuple(mark for mark in found if mark.sample < part), last=not last or share == 1
        )
    return said


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("marks", [True, False])
def test_at_the_end_all_was_told_and_heard(text: str, marks: bool) -> None:
    said = say(cut(text), marks=marks)
    assert said.complete
    assert said.heard(said.samples) == text
    assert said.tell(said.samples)[0] == text
    assert said.tell(said.samples)[0] == ""


@pytest.mark.parametrize("text", TEXTS)
def test_a_word_is_heard_when_the_next_one_begins(text: str) -> None:
    piece = Piece(text, text, tuple((m.end(), m.end()) for m in re.finditer(r"\S+", text)))
    said = SpokenText(RATE)
    said.add(piece)
    marks = tuple(
        WordMark(m.start(), len(m[0]), m.start() * LETTER) for m in re.finditer(r"\S+", text)
    )
    said.extend(len(text) * LETTER, marks, last=True)
    words = text.split()
    for index, mark in enumerate(marks[1:], 1):
        assert said.heard(mark.sample - 1) == " ".join(words[: index - 1])
        assert said.heard(mark.sample) == " ".join(words[:index])


def test_a_word_before_a_long_pause_is_heard_long_before_the_next() -> None:
    said = SpokenText(RATE)
    said.add(Piece("One. Two.", "One. Two.", ((3, 4), (8, 9))))
    said.extend(5000, (WordMark(0, 3, 0), WordMark(5, 3, 4000)), last=True)
    assert said.heard(200) == ""
    assert said.heard(400) == "One."
    assert said.heard(4200) == "One."
    assert said.heard(4400) == "One. Two."


@given(st.sampled_from(TEXTS), st.booleans(), st.floats(0, 1), st.data())
def test_what_is_heard_was_told_before_and_grows_by_whole_words(
    text: str, marks: bool, share: float, data: st.DataObject
) -> None:
    said = say(cut(text), marks=marks, share=share)
    positions = sorted(data.draw(st.lists(st.integers(0, said.samples), max_size=12)))
    told = heard = ""
    for position in positions:
        more, _ = said.tell(position)
        told += more
        now = said.heard(position)
        assert now.startswith(heard)
        assert told.strip().startswith(now)
        rest = text[len(now) :]
        assert not now or not rest or not (now[-1].isalnum() and rest[0].isalnum())
        heard = now


@given(st.sampled_from(TEXTS), st.floats(0, 1), st.booleans())
def test_without_marks_it_is_right_by_a_word(text: str, played: float, complete: bool) -> None:
    pieces = [Piece(text, text, tuple((m.end(), m.end()) for m in re.finditer(r"\S+", text)))]
    # Only a beginning of the sound may be there: more of it is to come.
    said = say(pieces, marks=False, share=1.0 if complete else max(played, 0.01))
    position = played * len(text) * LETTER
    exact = len([m for m in re.finditer(r"\S+", text) if m.end() * LETTER <= position])
    assert abs(len(said.heard(min(position, said.samples)).split()) - exact) <= 1


@pytest.mark.parametrize("marks", [True, False])
def test_what_is_said_otherwise_than_written_is_heard_whole_or_not_at_all(marks: bool) -> None:
    text = "It costs 1984 dollars, e.g. at St. James Street."
    pieces = cut(text)
    said = say(pieces, marks=marks)
    found = {said.heard(position) for position in range(0, said.samples + 1, 10)}
    assert found <= {
        "",
        "It",
        "It costs",
        "It costs 1984",
        "It costs 1984 dollars,",
        "It costs 1984 dollars, e.g.",
        "It costs 1984 dollars, e.g. at",
        "It costs 1984 dollars, e.g. at St.",
        "It costs 1984 dollars, e.g. at St. James",
        "It costs 1984 dollars, e.g. at St. James Street.",
    }
    assert len(found) >= 8


def test_the_words_are_told_with_the_sound_in_which_they_begin() -> None:
    said = say(cut("One two three."))
    assert said.tell(1) == ("One", ((0, "One"),))
    assert said.tell(4 * LETTER) == ("", ())
    assert said.tell(4 * LETTER + 1) == (" two", ((4 * LETTER, "two"),))
    assert said.tell(said.samples) == (" three.", ((8 * LETTER, "three"),))


def test_without_marks_the_text_comes_with_the_first_sound_of_its_piece() -> None:
    said = say(cut("One two three."), marks=False)
    assert said.tell(0) == ("", ())
    assert said.tell(1) == ("One two three.", ())


def test_the_next_piece_is_not_told_before_its_sound_is_there() -> None:
    said = SpokenText(RATE)
    said.add(Piece("One. ", "One.", ((3, 4),)))
    said.extend(300, (), last=True)
    said.add(Piece("Two.", "Two.", ((3, 4),)))
    assert said.tell(300) == ("One. ", ())
    said.extend(300, (), last=False)
    assert said.tell(301) == ("Two.", ())


def test_what_cannot_be_said_is_told_and_heard_with_what_is_before_it() -> None:
    said = SpokenText(RATE)
    said.add(Piece("One.", "One.", ((3, 4),)))
    said.extend(300, (), last=True)
    said.add(Piece(" ***", ""))
    said.extend(0, (), last=True)
    assert said.heard(299) != "One. ***"
    assert said.heard(300) == "One. ***"
    assert said.tell(300)[0] == "One. ***"


def test_of_nothing_nothing_is_heard() -> None:
    said = SpokenText(RATE)
    assert said.complete
    assert said.samples == 0
    assert said.heard(0) == ""
    assert said.tell(100) == ("", ())
