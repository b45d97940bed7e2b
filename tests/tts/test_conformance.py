"""What `streamkit.tts.synthesizer` promises, asked of every synthesizer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import SpeechPiece, Synthesizer, WordMark

SENTENCE = "The bus to Berlin is eight minutes late."
TRICKY = (
    "It's 7:30 - \u00abna\u00efve\u00bb caf\u00e9s of the town (in 2024) sold 1,250.50 rolls; wow!"
)


def join(pieces: Iterable[SpeechPiece]) -> npt.NDArray[np.float32]:
    return np.concatenate([np.zeros(0, np.float32), *(piece.samples for piece in pieces)])


def marks_of(pieces: Iterable[SpeechPiece]) -> list[WordMark]:
    return [mark for piece in pieces for mark in piece.marks]


def check_pieces(text: str, pieces: list[SpeechPiece]) -> None:
    """Everything that holds for every text."""
    begin = 0
    for piece in pieces:
        assert piece.samples.dtype == np.float32
        assert piece.samples.ndim == 1
        assert len(piece.samples) > 0
        assert np.isfinite(piece.samples).all()
        assert np.abs(piece.samples).max() <= 1.0
        end = begin + len(piece.samples)
        assert all(begin <= mark.sample < end for mark in piece.marks)
        begin = end
    assert len({piece.sample_rate for piece in pieces}) <= 1
    marks = marks_of(pieces)
    samples = [mark.sample for mark in marks]
    assert samples == sorted(samples)
    ends = [0, *(mark.text_offset + mark.text_length for mark in marks)]
    assert all(m.text_length > 0 and m.text_offset >= e for m, e in zip(marks, ends, strict=False))
    assert ends[-1] <= len(text)


def check_same_speech(one: list[SpeechPiece], other: list[SpeechPiece]) -> None:
    """Same words at the same times, same loudness all along.

    Not the same bits: an engine may vary the pitch a little from one time to the next.
    """
    rate = one[0].sample_rate
    for expected, found in zip(marks_of(one), marks_of(other), strict=True):
        assert found.text_offset == expected.text_offset
        assert found.text_length == expected.text_length
        assert abs(found.sample - expected.sample) <= rate // 20
    loudness = []
    for pieces in (one, other):
        sound = join(pieces)
        frames = sound[: len(sound) // (rate // 10) * (rate // 10)].reshape(-1, rate // 10)
        loudness.append(np.sqrt(np.mean(frames**2, axis=1)))
    assert abs(len(loudness[0]) - len(loudness[1])) <= 1
    frames_in_both = min(map(len, loudness))
    expected, found = (levels[:frames_in_both] for levels in loudness)
    assert np.linalg.norm(found - expected) < 0.25 * np.linalg.norm(expected)


class TestSound:
    @pytest.mark.parametrize("text", [SENTENCE, TRICKY, "Yes", "one\ntwo\n\nthree"])
    def test_is_audible_and_in_range(self, synthesizer: Synthesizer, text: str) -> None:
        pieces = list(synthesizer.synthesize(text))
        check_pieces(text, pieces)
        assert np.sqrt(np.mean(join(pieces) ** 2)) > 0.01

    @pytest.mark.parametrize("text", ["", "   ", "\n\t", "...", " - "])
    def test_nothing_to_say_gives_no_words(self, synthesizer: Synthesizer, text: str) -> None:
        pieces = list(synthesizer.synthesize(text))
        assert marks_of(pieces) == []
        assert not join(pieces).any()

    @settings(
        max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(text=st.text(max_size=60))
    def test_any_text_keeps_the_guarantees(self, synthesizer: Synthesizer, text: str) -> None:
        check_pieces(text, list(synthesizer.synthesize(text)))

    def test_a_very_long_text_is_spoken_to_its_end(self, synthesizer: Synthesizer) -> None:
        text = " ".join(
            f"This is sentence {n} of the long story, and it goes on." for n in range(40)
        )
        pieces = list(synthesizer.synthesize(text))
        check_pieces(text, pieces)
        marks = marks_of(pieces)
        assert text[marks[-1].text_offset :].startswith("on")
        last_third = join(pieces)[-pieces[0].sample_rate :]
        assert np.abs(last_third).max() > 0.05

    def test_a_long_text_without_blanks_is_spoken(self, synthesizer: Synthesizer) -> None:
        text = "ab" * 1500
        pieces = list(synthesizer.synthesize(text))
        check_pieces(text, pieces)
        assert len(join(pieces)) > 50 * pieces[0].sample_rate

    def test_speed_changes_the_duration(self, synthesizer: Synthesizer) -> None:
        slow, usual, fast = (
            len(join(synthesizer.synthesize(SENTENCE, speed=speed))) for speed in (0.6, 1.0, 1.6)
        )
        assert slow > 1.3 * usual
        assert fast < 0.8 * usual

    def test_voices_sound_different(self, synthesizer: Synthesizer) -> None:
        names = [voice.name for voice in synthesizer.voices()]
        assert names == sorted(set(names))
        assert names
        first, last = (
            join(synthesizer.synthesize("hello", voice=name)) for name in (names[0], names[-1])
        )
        assert first.any()
        assert last.any()
        assert not np.array_equal(first, last)


class TestMarks:
    @pytest.mark.parametrize("text", [SENTENCE, TRICKY, "one\ntwo", "It was in the middle of it."])
    def test_cover_every_word(self, synthesizer: Synthesizer, text: str) -> None:
        marks = marks_of(synthesizer.synthesize(text))
        covered = {i for m in marks for i in range(m.text_offset, m.text_offset + m.text_length)}
        for word in re.finditer(r"\w+", text):
            assert covered.issuperset(range(*word.span())), word.group()

    def test_words_begin_where_they_are_heard(self, synthesizer: Synthesizer) -> None:
        text = "Stop the music now. Go back to the start."
        pieces = list(synthesizer.synthesize(text))
        marks = {text[m.text_offset :][: m.text_length]: m for m in marks_of(pieces)}
        assert marks["Stop"].sample < marks["now"].sample
        go = marks["Go"]
        sound = np.abs(join(pieces))
        # The pause between the sentences comes before the second mark, its word after it.
        hush = go.sample - pieces[0].sample_rate // 10
        assert sound[hush : go.sample].max() < 0.02
        assert sound[go.sample :].max() > 0.1


class TestArguments:
    def test_unknown_voice_names_some_that_work(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(SynthesisError, match=r"nosuch.*some that work: \w+"):
            synthesizer.synthesize("hello", voice="nosuch")

    def test_unknown_language_names_some_that_work(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(SynthesisError, match=r"xx-yy.*some languages that work: \w+"):
            synthesizer.synthesize("hello", language="xx-yy")

    @pytest.mark.parametrize("speed", [0.0, -1.0, 99.0, float("nan")])
    def test_a_speed_out_of_range_names_the_range(
        self, synthesizer: Synthesizer, speed: float
    ) -> None:
        with pytest.raises(SynthesisError, match=r"\d to \d"):
            synthesizer.synthesize("hello", speed=speed)

    def test_a_text_beyond_the_limit_is_refused(self, synthesizer: Synthesizer) -> None:
        with pytest.raises(SynthesisError, match="1000000 characters"):
            synthesizer.synthesize("x" * 1_000_000)


class TestClose:
    def test_ends_the_iteration_at_once(self, synthesizer: Synthesizer) -> None:
        stream = synthesizer.synthesize(f"{SENTENCE} " * 40)
        assert len(next(stream).samples) > 0
        stream.close()
        stream.close()
        assert list(stream) == []

    def test_before_the_first_piece(self, synthesizer: Synthesizer) -> None:
        stream = synthesizer.synthesize(SENTENCE)
        stream.close()
        assert list(stream) == []

    def test_from_another_thread_while_one_iterates(self, synthesizer: Synthesizer) -> None:
        stream = synthesizer.synthesize(f"{SENTENCE} " * 2000)
        begun = threading.Event()

        def listen() -> int:
            count = 0
            for piece in stream:
                count += len(piece.samples)
                begun.set()
            return count

        with ThreadPoolExecutor(1) as pool:
            heard = pool.submit(listen)
            assert begun.wait(30)
            stream.close()
            # Spoken to its end it would be over an hour.
            assert heard.result(30) < 2000 * 22_050

    def test_leaves_the_next_stream_intact(self, synthesizer: Synthesizer) -> None:
        alone = marks_of(synthesizer.synthesize(SENTENCE))
        first = synthesizer.synthesize(f"{SENTENCE} " * 40)
        next(first)
        first.close()
        after = marks_of(synthesizer.synthesize(SENTENCE))
        assert [mark.text_offset for mark in after] == [mark.text_offset for mark in alone]

    def test_a_stream_that_nobody_reads_holds_up_no_other(self, synthesizer: Synthesizer) -> None:
        waiting = [synthesizer.synthesize(f"{SENTENCE} " * 40) for _ in range(20)]
        for stream in waiting:
            next(stream)
        assert join(synthesizer.synthesize(SENTENCE)).any()
        for stream in waiting:
            assert next(stream).samples.size > 0
            stream.close()


class TestThreads:
    def test_each_gets_its_own_sound(self, synthesizer: Synthesizer) -> None:
        texts = [SENTENCE, "Turn the music down. " * 9, TRICKY, "No.", "Who wrote it? " * 20]
        alone = [list(synthesizer.synthesize(text)) for text in texts]
        together = threading.Barrier(len(texts))

        def speak(text: str) -> list[SpeechPiece]:
            stream = synthesizer.synthesize(text)
            together.wait(30)
            return list(stream)

        with ThreadPoolExecutor(len(texts)) as pool:
            for expected, pieces in zip(alone, pool.map(speak, texts), strict=True):
                check_same_speech(expected, pieces)
