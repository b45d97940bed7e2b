from __future__ import annotations

import random

import jiwer
import numpy as np
import pytest

from streamkit_benchmarks.talk import GoldWord
from streamkit_benchmarks.timeline import (
    Recording,
    Update,
    align,
    evaluate,
    first_seen,
    follow,
    interval,
    offline_figures,
    percentiles,
    watch,
)

ENDPOINTING = 0.3


def gold(*said: tuple[str, float]) -> list[GoldWord]:
    """Words of half a second from the seconds given; a full stop ends a sentence."""
    words, sentence = [], 0
    for number, (text, start) in enumerate(said):
        words.append(GoldWord(text, start, start + 0.5, sentence, number))
        sentence += text.endswith(".")
    return words


def seen(*shown: tuple[float, str, str]) -> list[Update]:
    """Updates of (seconds, final text, tentative text)."""
    recording = Recording()
    for at, committed, tentative in shown:
        recording.show(at, committed, tentative)
    return recording.updates


HELLO = gold(("Hello", 1.0), ("big", 1.5), ("world.", 2.0))


def test_latencies_of_partials_and_commits() -> None:
    updates = seen(
        (1.7, "", "Hello"),
        (2.2, "Hello", "big"),
        (2.6, "Hello big", "word"),
        (2.9, "Hello big world.", ""),
    )
    found = evaluate(updates, HELLO, 3.5, None, ENDPOINTING)
    assert found.first_partial == pytest.approx([0.2, 0.2, 0.4])
    assert found.commit == pytest.approx([0.7, 0.6, 0.4])
    assert found.finals == pytest.approx([0.4])
    final = found.report["end_of_speech_to_final"]
    assert final["beyond_endpointing"]["p50"] == pytest.approx(0.1)
    assert found.report["wer"] == 0
    # "word" became "world".
    assert (found.report["tentative_words_shown"], found.report["tentative_words_rewritten"]) == (
        3,
        1,
    )
    assert found.report["committed_words_rewritten"] == 0


def test_a_late_commit_counts_from_when_the_word_stays() -> None:
    updates = seen((1.6, "Yellow", ""), (4.0, "Hello", ""), (5.0, "Hello big world.", ""))
    found = evaluate(updates, HELLO, 6.0, None, ENDPOINTING)
    assert found.commit == pytest.approx([2.5, 3.0, 2.5])
    assert found.report["committed_words_rewritten"] == 1


def test_a_tentative_word_that_shifts_is_not_rewritten() -> None:
    course = watch(
        seen((1.0, "", "big world"), (2.0, "", "hello big world"), (3.0, "hello", "big"))
    )
    # "world" is gone in the end; "big" only moved, and "hello" was committed.
    assert (course.shown, course.rewritten) == (3, 1)
    assert course.left_tentative == 1


def test_committing_is_not_rewriting() -> None:
    course = watch(seen((1.0, "", "a b c"), (2.0, "a b", "c d"), (3.0, "a b c d", "")))
    assert (course.shown, course.rewritten, course.committed_rewritten) == (4, 0, 0)
    assert course.since == [2.0, 2.0, 3.0, 3.0]


def test_case_and_punctuation_are_no_change() -> None:
    course = watch(seen((1.0, "It is", "two"), (2.0, "It is. Two", "")))
    assert course.committed_rewritten == course.rewritten == 0
    assert course.since == [1.0, 1.0, 2.0]


def test_a_word_that_grows_in_the_final_text_was_rewritten() -> None:
    course = watch(seen((1.0, "it", ""), (2.0, "it's here", "")))
    assert course.tokens == ["it's", "here"]
    assert course.since == [2.0, 2.0]
    assert course.committed_rewritten == 1


def test_a_final_text_that_begins_anew_keeps_nothing() -> None:
    course = watch(seen((1.0, "one two three", ""), (2.0, "four five", ""), (3.0, "", "")))
    assert course.committed_rewritten == 5
    assert course.tokens == course.since == []


def test_a_guess_before_the_word_is_said_does_not_count() -> None:
    updates = seen((0.5, "", "hello"), (1.8, "", "hello"), (2.0, "hello", ""))
    assert first_seen(updates, ["hello"], [2.0], {0: 1.0}) == [2.0]
    assert first_seen(updates, ["hello"], [2.0], {}) == [0.5]


def test_a_lost_tail() -> None:
    words = gold(("one", 1.0), ("two", 1.5), ("three.", 2.0), ("four.", 5.0))
    updates = seen((1.9, "one two", "three"), (2.2, "one two", ""), (6.0, "one two four.", ""))
    offline = offline_figures(words, "One two three. Four.")
    found = evaluate(updates, words, 8.0, offline, ENDPOINTING)
    assert found.report["tail_words"] == 3  # two, three and four
    assert found.report["tail_words_lost"] == 1
    assert found.report["words_lost"] == found.lost == 1
    assert found.report["missing"] == 1
    assert found.report["end_of_speech_to_final"]["last_words_understood"] == 1


def test_what_offline_decoding_lacks_too_is_not_lost() -> None:
    words = gold(("one", 1.0), ("two.", 1.5))
    offline = offline_figures(words, "one")
    found = evaluate(seen((2.0, "one", "")), words, 3.0, offline, ENDPOINTING)
    assert offline.wer == 50
    assert found.lost == found.report["tail_words_lost"] == 0
    assert found.report["wer_difference"] == 0


def test_words_in_silence_and_words_repeated_there() -> None:
    words = gold(("one", 1.0), ("two.", 1.5), ("three.", 7.0), ("four.", 12.0))
    updates = seen(
        (2.1, "one two.", ""),
        (4.0, "one two. Thanks for watching.", ""),
        (8.0, "one two. Thanks for watching. three.", ""),
        (9.0, "one two. Thanks for watching. three. Three.", ""),
        (13.0, "one two. Thanks for watching. three. Three. four.", ""),
    )
    found = evaluate(updates, words, 13.0, None, ENDPOINTING).report
    assert found["words_in_silence"] == 3
    assert found["words_repeated_at_pauses"] == 1
    assert found["quiet_minutes"] == pytest.approx((1 + 5 + 4.5 + 0.5) / 60, abs=0.01)


def test_an_insertion_within_speech_is_not_one_in_silence() -> None:
    updates = seen((3.0, "Hello very big world.", ""))
    found = evaluate(updates, HELLO, 4.0, None, ENDPOINTING).report
    assert (found["words_in_silence"], found["inserted"], found["wer"]) == (0, 1, 33.33)


def test_of_a_word_said_once_and_shown_twice_the_first_counts() -> None:
    words = gold(("one", 1.0), ("two", 1.5), ("three.", 2.0))
    updates = seen((2.1, "one two", ""), (3.0, "one two two three.", ""))
    found = evaluate(updates, words, 4.0, None, ENDPOINTING)
    assert found.commit == pytest.approx([0.6, 0.1, 0.5])


def test_a_word_said_twice_cannot_be_there_before_it_is_said() -> None:
    words = gold(("no", 1.0), ("no.", 4.0))
    # The first one was missed: what came at 4.8 is no sooner than it may be for either, but the
    # one that came at 1.8 cannot be the second.
    early = evaluate(seen((1.8, "no", "")), words, 6.0, None, ENDPOINTING)
    assert early.commit == pytest.approx([0.3])
    late = evaluate(seen((1.8, "no", ""), (4.9, "no no", "")), words, 6.0, None, ENDPOINTING)
    assert late.commit == pytest.approx([0.3, 0.4])


def test_nothing_at_all() -> None:
    found = evaluate([], HELLO, 4.0, offline_figures(HELLO, "Hello big world."), ENDPOINTING)
    assert found.report["wer"] == 100
    assert found.report["commit"]["p95"] is None
    assert found.report["words_lost"] == 3
    silent = evaluate(seen((1.0, "Thank you.", "")), [], 60.0, None, ENDPOINTING)
    assert silent.report["words_per_quiet_minute"] == 2


def test_errors_are_those_of_jiwer() -> None:
    choose = random.Random(0)
    for _ in range(100):
        one = choose.choices("abcde", k=choose.randint(1, 12))
        other = choose.choices("abcde", k=choose.randint(1, 12))
        expected = jiwer.process_words(" ".join(one), " ".join(other))
        way = align(one, other)
        assert way.errors == expected.substitutions + expected.deletions + expected.insertions
        assert way.errors_by([0] * len(one), 1).sum() == way.errors
        assert [i for i, _ in way.steps if i is not None] == list(range(len(one)))
        assert [j for _, j in way.steps if j is not None] == list(range(len(other)))


def test_errors_belong_to_sentences() -> None:
    way = align(["a", "b", "c", "d"], ["x", "b", "b", "c"])
    assert way.errors_by([0, 0, 1, 1], 2).tolist() == [2, 1]


@pytest.mark.parametrize(
    ("old", "new", "stayed"),
    [
        ("a b c", "a b c d e", [(0, 0), (1, 1), (2, 2)]),
        ("a b c", "a x c d", [(0, 0), (2, 2)]),
        ("b c", "a b c", [(0, 1), (1, 2)]),
        ("a b c", "", []),
        ("", "a", []),
    ],
)
def test_which_words_stay(old: str, new: str, stayed: list[tuple[int, int]]) -> None:
    assert follow(old.split(), new.split()) == stayed


def test_only_differences_are_kept() -> None:
    updates = seen((1.0, "one", ""), (2.0, "one", ""), (3.0, "one two", ""), (4.0, "on", "x"))
    assert updates == [
        Update(1.0, 0, "one", ""),
        Update(3.0, 3, " two", ""),
        Update(4.0, 2, "", "x"),
    ]


def test_the_interval_of_no_difference_is_none() -> None:
    assert interval(np.zeros(5, np.int64), np.full(5, 4)) == (0, 0)
    low, high = interval(np.array([1, 0, 0, 0]), np.full(4, 10))
    assert low == 0
    assert 2.5 < high <= 10


def test_percentiles_of_nothing() -> None:
    assert percentiles([], 50) == {"p50": None}
    assert percentiles([1.0, 3.0], 50, 99) == {"p50": 2.0, "p99": 2.98}
