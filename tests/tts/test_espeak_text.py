"""Segments of a text, and one mark per spoken word."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.tts.espeak_library import Utterance
from streamkit.tts.espeak_text import Segment, mark_words, split_text

WORDS = st.text(alphabet="ab .,!\n", max_size=300)


class TestSplitText:
    @given(text=WORDS, limit=st.integers(1, 50))
    def test_loses_nothing_but_white_space(self, text: str, limit: int) -> None:
        segments = split_text(text, limit)
        at = 0
        for segment in segments:
            assert 0 < len(segment.text) <= limit
            assert text[segment.offset :].startswith(segment.text)
            assert text[at : segment.offset].strip() == ""
            at = segment.offset + len(segment.text)
        assert text[at:].strip() == ""

    def test_a_text_that_fits_stays_whole(self) -> None:
        text = "Dr. Smith is here. He is early."
        assert split_text(text, len(text)) == [Segment(0, text)]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("One, two. Three four five", ["One, two. ", "Three four five"]),
            ("One two, three four five six", ["One two, ", "three four five ", "six"]),
            ("One two three four", ["One two three ", "four"]),
            ("x" * 20, ["x" * 16, "x" * 4]),
            ("日本語。" * 5, ["日本語。" * 4, "日本語。"]),
        ],
    )
    def test_cuts_at_the_strongest_boundary(self, text: str, expected: list[str]) -> None:
        assert [segment.text for segment in split_text(text, 16)] == expected


class TestMarkWords:
    def mark(self, text: str, events: list[tuple[int, int]]) -> list[tuple[str, int]]:
        utterance = Utterance(np.zeros(1000, np.int16), events)
        marks = mark_words(Segment(10, text), utterance, 5000)
        return [
            (text[m.text_offset - 10 : m.text_offset - 10 + m.text_length], m.sample - 5000)
            for m in marks
        ]

    def test_joined_words_share_a_mark(self) -> None:
        assert self.mark("out of the box", [(0, 0), (4, 100), (11, 300)]) == [
            ("out", 0),
            ("of the", 100),
            ("box", 300),
        ]

    def test_events_inside_of_a_number_are_one_word(self) -> None:
        events = [(0, 0), (3, 50), (4, 100), (4, 150), (8, 300)]
        assert self.mark("in 2024 yes", events) == [("in", 0), ("2024", 50), ("yes", 300)]

    def test_a_word_after_a_dash_is_reported_at_the_dash(self) -> None:
        assert self.mark("a - 50% b", [(0, 0), (2, 70), (6, 200), (8, 400)]) == [
            ("a", 0),
            ("50", 70),
            ("b", 400),
        ]

    def test_never_goes_back_or_beyond_the_sound(self) -> None:
        assert self.mark("a b c", [(0, 50), (2, 20), (4, 7000)]) == [
            ("a", 50),
            ("b", 50),
            ("c", 999),
        ]
