"""The commit policies as pure functions: what two hypotheses say is what counts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.incremental import GrowingWords
from streamkit.asr.policy import CommitPolicy, Either, HoldBack, LocalAgreement
from streamkit.asr.profile import (
    AGREEMENT_PATIENCE_SECONDS,
    PATIENCE_SECONDS,
    POLICIES,
    ModelProfile,
)
from streamkit.asr.recognizer import Task, Word
from streamkit.audio.clock import seconds

WORD = 4800
"""0.3 s for each word."""

FAR = seconds(60)


def words(text: str, probability: float = 1.0, at: int = 0) -> list[Word]:
    return [
        Word(each, at + WORD * index, at + WORD * (index + 1), probability)
        for index, each in enumerate(text.split())
    ]


def unsure(text: str, which: str, probability: float) -> list[Word]:
    """Sure words, but for one."""
    return [
        Word(word.text, word.start, word.end, probability if word.text == which else 1.0)
        for word in words(text)
    ]


class TestLocalAgreement:
    @pytest.mark.parametrize(
        ("before", "now", "stable"),
        [
            ("", "", 0),
            ("", "turn the music", 0),
            ("turn the music", "", 0),
            ("turn", "turn", 0),
            ("turn the", "turn the", 1),
            ("turn the music", "turn the music down", 2),
            # Words come late: the newer hypothesis is shorter.
            ("turn the music down", "turn the", 1),
            # What is not agreed on holds back what comes after it.
            ("turn a music down now", "turn the music down now", 1),
            ("the the the end", "the the end of", 2),
            # Only a whole word is the same word.
            ("turnip the music", "turn the music", 0),
        ],
    )
    def test_what_both_begin_with_without_the_last_word(
        self, before: str, now: str, stable: int
    ) -> None:
        assert LocalAgreement().stable(words(before), words(now), FAR) == stable

    @pytest.mark.parametrize(
        ("before", "now"),
        [
            ("stop. The music now", "Stop the music now"),
            ("it's late, said he", "It\N{RIGHT SINGLE QUOTATION MARK}s late said he"),
            ("¿dónde está la llave", "Dónde está, la llave"),
            ("STRASSE zwei und drei", "Straße zwei und drei"),
        ],
    )
    def test_case_and_punctuation_are_no_disagreement(self, before: str, now: str) -> None:
        assert LocalAgreement().stable(words(before), words(now), FAR) == 3

    def test_where_the_words_lie_is_no_disagreement(self) -> None:
        before, now = words("turn the music"), words("turn the music", at=1000)
        assert LocalAgreement().stable(before, now, FAR) == 2

    @pytest.mark.parametrize(
        ("probability", "least", "stable"), [(0.49, 0.5, 1), (0.5, 0.5, 4), (0.1, 0.0, 4)]
    )
    def test_an_improbable_word_holds_back_all_after_it(
        self, probability: float, least: float, stable: int
    ) -> None:
        said = unsure("turn the music down now", "the", probability)
        assert LocalAgreement(least).stable(said, said, FAR) == stable

    def test_only_the_newer_probability_counts(self) -> None:
        said = "turn the music down now"
        before, now = unsure(said, "the", 0.1), words(said)
        assert LocalAgreement().stable(before, now, FAR) == 4
        assert LocalAgreement().stable(now, before, FAR) == 1

    def test_how_far_was_heard_does_not_matter(self) -> None:
        said = words("turn the music down")
        assert LocalAgreement().stable(said, said, 0) == 3


class TestHoldBack:
    @pytest.mark.parametrize(
        ("heard", "stable"), [(0, 0), (WORD + 1599, 0), (WORD + 1600, 1), (4 * WORD + 1600, 4)]
    )
    def test_a_word_has_to_end_early_enough(self, heard: int, stable: int) -> None:
        assert HoldBack(1600).stable((), words("turn the music down"), heard) == stable

    def test_one_hypothesis_is_enough_and_the_older_one_does_not_matter(self) -> None:
        policy = HoldBack(1600)
        said = words("turn the music")
        assert policy.stable((), said, FAR) == 3
        assert policy.stable(words("burn a bus"), said, FAR) == 3

    def test_an_improbable_word_holds_back_all_after_it(self) -> None:
        said = unsure("turn the music down", "music", 0.3)
        assert HoldBack(1600, 0.5).stable((), said, FAR) == 2
        assert HoldBack(1600, 0.3).stable((), said, FAR) == 4

    def test_a_word_whose_time_is_wrong_holds_back_all_after_it(self) -> None:
        said = [*words("turn the"), Word("music", 0, FAR, 1.0), *words("down", at=2 * WORD)]
        assert HoldBack(1600).stable((), said, seconds(10)) == 2

    def test_no_words(self) -> None:
        assert HoldBack(0).stable(words("turn"), (), FAR) == 0


def test_either_takes_whichever_commits_more() -> None:
    both = Either((LocalAgreement(), HoldBack(1600)))
    said = words("turn the music down")
    assert both.stable((), said, 2 * WORD + 1600) == 2, "hold-back alone"
    assert both.stable(said, said, 0) == 3, "agreement alone"
    assert both.stable(words("burn"), said, 0) == 0


class TestProfiles:
    def test_each_policy_by_its_name(self) -> None:
        said = words("turn the music down")
        soon = said[-1].end + seconds(0.5)
        committed = {
            name: (
                ModelProfile(policy=name, hold_back=0.1).commit_policy().stable((), said, soon),
                ModelProfile(policy=name, hold_back=0.1).commit_policy().stable(said, said, 0),
            )
            for name in POLICIES
        }
        assert committed == {"agreement": (0, 3), "hold-back": (4, 0), "either": (4, 3)}

    def test_a_translation_is_committed_by_agreement_only(self) -> None:
        for name in POLICIES:
            policy = ModelProfile(policy=name, commit_probability=0.7).commit_policy(Task.TRANSLATE)
            assert policy == LocalAgreement(0.0)

    @pytest.mark.parametrize(
        ("name", "patience_seconds"),
        [
            ("agreement", AGREEMENT_PATIENCE_SECONDS),
            ("hold-back", PATIENCE_SECONDS),
            ("either", PATIENCE_SECONDS),
        ],
    )
    def test_a_word_that_stays_improbable_is_waited_for_only_so_long(
        self, name: str, patience_seconds: float
    ) -> None:
        policy = ModelProfile(policy=name, hold_back=0.3).commit_policy()
        said = unsure("turn the gluon down", "gluon", 0.05)
        patience = seconds(patience_seconds)
        end = said[2].end
        assert policy.stable(said, said, end + patience - 1) == 2
        assert policy.stable(said, said, end + patience) == 3
        # The word before it stands then, and the one after it is believed as any other.
        if name != "agreement":
            assert policy.stable(said[3:], said[3:], end + patience) == 1

    def test_the_profile_s_numbers_arrive(self) -> None:
        policy = ModelProfile(
            policy="either", commit_probability=0.6, hold_back=0.25, hold_back_probability=0.9
        ).commit_policy()
        assert isinstance(policy, Either)
        assert LocalAgreement(0.6) in policy.policies
        assert HoldBack(seconds(0.25), 0.9) in policy.policies


def grow(policy: CommitPolicy, hypotheses: Sequence[Sequence[Word]], heard: int) -> GrowingWords:
    """Hypotheses that continue what is committed, as the recognizer's are forced to."""
    growing = GrowingWords(policy)
    for hypothesis in hypotheses:
        growing.update(hypothesis[len(growing.committed) :], heard)
    return growing


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("and so " + "on and on " * 6, "and so on and on"),
        ("no " * 12, "no"),
        ("turn the music down " * 5, "turn the music down"),
        ("I see. " + "Thank you. " * 9, "I see. Thank you."),
    ],
)
def test_a_loop_agrees_with_itself_and_is_not_believed(name: str, text: str, first: str) -> None:
    """Nothing after what was said once is committed, however often it is said again."""
    policy = ModelProfile(policy=name).commit_policy()
    growing = grow(policy, [words(text)] * 4, FAR)
    committed = " ".join(word.text for word in growing.committed)
    # "on and on on and on on ..." goes round after "and so on", too.
    assert first.startswith(committed)
    assert len(growing.words) == len(text.split())
    growing.finish(growing.tentative)
    assert " ".join(word.text for word in growing.committed) == " ".join(text.split())


vocabulary = st.sampled_from(["the", "white", "Bottle", "bottle.", "is", "near"])
some_words = st.lists(st.tuples(vocabulary, st.sampled_from([0.2, 0.6, 1.0])), max_size=8).map(
    lambda said: [
        Word(text, WORD * index, WORD * (index + 1), probability)
        for index, (text, probability) in enumerate(said)
    ]
)
policies = st.sampled_from(
    [
        LocalAgreement(),
        LocalAgreement(0.0),
        HoldBack(1600),
        HoldBack(seconds(2), 0.0),
        *(ModelProfile(policy=name).commit_policy() for name in POLICIES),
    ]
)


@given(policies, some_words, some_words, st.integers(0, seconds(4)))
def test_never_more_than_there_is(
    policy: CommitPolicy, before: list[Word], now: list[Word], heard: int
) -> None:
    assert 0 <= policy.stable(before, now, heard) <= len(now)


@given(policies, some_words, some_words, st.integers(0, seconds(4)), st.integers(0, seconds(2)))
def test_hearing_more_never_takes_a_word_back(
    policy: CommitPolicy, before: list[Word], now: list[Word], heard: int, more: int
) -> None:
    assert policy.stable(before, now, heard) <= policy.stable(before, now, heard + more)
