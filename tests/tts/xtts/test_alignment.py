"""Which word is being spoken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.tts.worker.messages import SpokenWord
from streamkit.tts.xtts.alignment import (
    Aligner,
    AlignmentHead,
    ProportionalAligner,
    WordAligner,
    WordStart,
    choose_heads,
)
from streamkit_benchmarks.word_marks import KINDS, Imitation, choose, errors, measure_pace

HEAD = AlignmentHead(0, 0, 0.5, 0)


def diagonal(steps: int, tokens: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One head that goes through all tokens at one pace."""
    place = np.arange(steps) * tokens // steps
    return np.eye(tokens, dtype=np.float32)[place][None]


def follow(
    aligner: WordAligner, attention: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> list[WordStart]:
    told = []
    for step in range(attention.shape[1]):
        told += aligner.push(attention[:, step])
    return told + aligner.finish()


class TestAligner:
    def test_words_begin_where_their_first_token_is_looked_at(self) -> None:
        owners = [None, 0, 0, None, 1, None, 2, 2, None]
        told = follow(Aligner(owners, 3, [HEAD]), diagonal(36, 9))
        assert [start.word for start in told] == [0, 1, 2]
        assert told[0].token == 0
        assert abs(told[1].token - 16) <= 1
        assert abs(told[2].token - 24) <= 1

    def test_a_word_is_told_soon_after_it_begins(self) -> None:
        aligner = Aligner([None, 0, 0, None, 1, 1, None], 2, [HEAD], lag=3)
        attention = diagonal(28, 7)
        begun = {
            start.word: step for step in range(28) for start in aligner.push(attention[:, step])
        }
        assert begun[1] <= 16 + 3 + 1

    def test_every_word_is_told_though_the_sound_ends_too_soon(self) -> None:
        owners = [None, 0, 1, 2, 3, 4, None]
        told = follow(Aligner(owners, 5, [HEAD]), diagonal(28, 7)[:, :12])
        assert [start.word for start in told] == [0, 1, 2, 3, 4]
        assert told[-1].token <= 11

    def test_without_any_sound(self) -> None:
        assert Aligner([None, 0, 1], 2, [HEAD]).finish() == [WordStart(0, 0), WordStart(1, 0)]

    def test_a_word_without_a_token_begins_with_the_next(self) -> None:
        told = follow(Aligner([None, 0, 0, 2, 2, None], 3, [HEAD]), diagonal(24, 6))
        assert told[1].token == told[2].token

    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_whatever_the_attention(self, data: st.DataObject) -> None:
        owners: list[int | None] = [None]
        words = data.draw(st.integers(0, 6))
        for word in range(words):
            owners += [word] * data.draw(st.integers(0, 3))
            owners += [None] * data.draw(st.integers(0, 2))
        seed = data.draw(st.integers(0, 2**31))
        generator = np.random.default_rng(seed)
        steps = data.draw(st.integers(0, 30))
        heads = [AlignmentHead(0, head, 0.3, head - 1) for head in range(3)]
        attention = generator.gamma(0.1, 1, (3, steps, len(owners)))
        attention /= attention.sum(axis=2, keepdims=True) + 1e-9
        if data.draw(st.booleans()):
            attention[:] = 0
        aligner = Aligner(owners, words, heads, lag=data.draw(st.integers(0, 5)))
        told = []
        for step in range(steps):
            new = aligner.push(attention[:, step].astype(np.float32))
            assert all(start.token <= step for start in new)
            told += new
        told += aligner.finish()
        assert [start.word for start in told] == list(range(words))
        tokens = [start.token for start in told]
        assert tokens == sorted(tokens)
        assert all(0 <= token < max(1, steps) for token in tokens)


class TestProportional:
    TEXT = "One two, three."
    WORDS = (SpokenWord(0, 3, 0, 3), SpokenWord(4, 7, 4, 3), SpokenWord(9, 14, 9, 5))

    def test_words_share_the_time(self) -> None:
        told = follow(ProportionalAligner(self.TEXT, self.WORDS, "en"), diagonal(30, 9))
        assert [start.word for start in told] == [0, 1, 2]
        assert told[0].token == 0
        # A comma is a pause.
        assert told[2].token - told[1].token > told[1].token

    def test_what_is_left_begins_at_the_end(self) -> None:
        told = follow(ProportionalAligner(self.TEXT, self.WORDS, "en"), diagonal(4, 9))
        assert told[-1] == WordStart(2, 3)

    def test_the_pace_of_one_sentence_serves_the_next(self) -> None:
        slow = ProportionalAligner(self.TEXT, self.WORDS, "en")
        follow(slow, diagonal(60, 9))
        assert slow.pace > 1.5
        again = ProportionalAligner(self.TEXT, self.WORDS, "en", pace=slow.pace)
        told = follow(again, diagonal(60, 9))
        assert 25 < told[2].token < 50
        assert again.pace == pytest.approx(slow.pace, rel=0.01)

    def test_a_slower_speaker_has_a_slower_pace(self) -> None:
        assert measure_pace(0.7) > measure_pace(1.0) > measure_pace(1.4)


class TestHeads:
    def test_those_that_follow_the_text_are_found(self) -> None:
        choice = choose(KINDS["ahead and behind"], 3)
        assert {head.head for head in choice.heads} == {0, 1, 2, 3}
        leads = {head.head: head.lead for head in choice.heads}
        assert leads[0] > leads[1] > leads[2] > leads[3]
        assert choice.score == choice.heads[0].score

    @pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
    @pytest.mark.parametrize("seed", range(3))
    def test_none_is_found_where_none_is(self, noise: float, seed: int) -> None:
        choice = choose(Imitation(leads=(), others=60, noise=noise), seed)
        assert choice.heads == ()
        assert choice.score < 0.04

    def test_layers_and_heads_are_told_apart(self) -> None:
        attention = np.full((3, 2, 60, 20), 1 / 20, np.float32)
        attention[1, 0] = diagonal(60, 20)[0]
        (head,) = choose_heads(attention).heads
        assert (head.layer, head.head) == (1, 0)

    def test_too_little_to_tell(self) -> None:
        assert choose_heads(np.ones((1, 1, 5, 4), np.float32)).heads == ()


class TestExactness:
    """On imitated attention with true times; the bounds are loose, see the benchmark."""

    @pytest.mark.parametrize(
        ("kind", "median", "p95"),
        [
            ("clear", 50, 150),
            ("usual", 50, 200),
            ("one head", 60, 250),
            ("ahead and behind", 60, 200),
            ("wandering", 120, 400),
            ("blurred", 250, 600),
            ("noisy", 150, 600),
            ("random", 350, 1200),
        ],
    )
    def test_order_of_magnitude(self, kind: str, median: float, p95: float) -> None:
        away = np.abs(errors(KINDS[kind]))
        assert np.median(away) < median
        assert np.percentile(away, 95) < p95
