"""A reply's sound on its way from the voice to the client."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.g711 import decode_alaw, decode_mulaw
from streamkit.server.sound import (
    AUDIBLE,
    ENCODERS,
    LeadingSilence,
    PieceShaper,
    Shaped,
    SoundBuffer,
    first_audible,
)
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.synthesizer import SpeechPiece, WordMark

Samples = npt.NDArray[np.float32]

RATE = 8000
KEPT = 80
"""10 ms at this rate."""


def tone(samples: int, level: float = 0.5) -> Samples:
    return np.full(samples, level, np.float32)


def quiet(samples: int) -> Samples:
    return tone(samples, AUDIBLE * 0.9)


def cut(samples: Samples, sizes: list[int]) -> list[Samples]:
    """Pieces of these sizes, and the rest."""
    ends = np.minimum(np.cumsum(sizes), len(samples))
    return np.split(samples, ends)


def test_the_first_sample_that_can_be_heard() -> None:
    assert first_audible(np.concatenate([quiet(30), tone(2)])) == 30
    assert first_audible(np.concatenate([quiet(30), tone(2, -0.5)])) == 30
    assert first_audible(tone(5)) == 0
    assert first_audible(quiet(30)) is None
    assert first_audible(np.zeros(0, np.float32)) is None


@given(
    silence=st.integers(0, 400),
    sound=st.integers(1, 300),
    sizes=st.lists(st.integers(1, 150), max_size=12),
)
def test_silence_is_cut_but_for_ten_milliseconds_however_it_comes(
    silence: int, sound: int, sizes: list[int]
) -> None:
    whole = np.concatenate([quiet(silence), tone(sound)])
    leading = LeadingSilence(RATE)
    trimmed = np.concatenate([leading.trim(piece) for piece in cut(whole, sizes)])
    expected = max(0, silence - KEPT)
    assert leading.cut == expected
    np.testing.assert_array_equal(trimmed, whole[expected:])


def test_silence_within_the_speech_stays() -> None:
    leading = LeadingSilence(RATE)
    leading.trim(np.concatenate([quiet(200), tone(5)]))
    np.testing.assert_array_equal(leading.trim(quiet(500)), quiet(500))


def test_a_voice_that_says_nothing_gives_nothing() -> None:
    leading = LeadingSilence(RATE)
    assert [len(leading.trim(quiet(100))) for _ in range(5)] == [0] * 5


def shape(pieces: list[SpeechPiece], rate: int, *, trim: bool) -> list[Shaped]:
    shaper = PieceShaper(rate, trim=trim)
    return [*(shaper.shape(piece) for piece in pieces), shaper.finish()]


def sound_of(shaped: list[Shaped]) -> Samples:
    return np.concatenate([each.samples for each in shaped])


def test_marks_move_with_the_sound_when_silence_is_cut() -> None:
    pieces = [
        SpeechPiece(quiet(500), RATE, (WordMark(0, 2, 450),)),
        SpeechPiece(np.concatenate([quiet(100), tone(400)]), RATE, (WordMark(3, 4, 700),)),
        SpeechPiece(tone(100), RATE, (WordMark(8, 1, 1010),)),
    ]
    silent, first, second, end = shape(pieces, RATE, trim=True)
    assert (len(silent.samples), silent.marks, silent.audible) == (0, (), None)
    removed = 600 - KEPT
    assert len(first.samples) == 1000 - removed
    assert first.audible == KEPT
    # The first word was said to begin where nothing can be heard.
    assert first.marks == (WordMark(0, 2, 0), WordMark(3, 4, 700 - removed))
    assert (second.marks, second.audible) == ((WordMark(8, 1, 1010 - removed),), 0)
    assert (len(end.samples), end.marks, end.audible) == (0, (), None)


def test_without_trimming_every_sample_stays() -> None:
    pieces = [SpeechPiece(quiet(500), RATE, (WordMark(0, 2, 450),))]
    shaped, _ = shape(pieces, RATE, trim=False)
    np.testing.assert_array_equal(shaped.samples, quiet(500))
    assert (shaped.marks, shaped.audible) == ((WordMark(0, 2, 450),), None)


def test_words_in_nothing_but_silence_are_still_told() -> None:
    pieces = [SpeechPiece(quiet(500), RATE, (WordMark(0, 2, 450),))]
    shaped, end = shape(pieces, RATE, trim=True)
    assert (len(shaped.samples), shaped.marks) == (0, ())
    assert (len(end.samples), end.marks) == (0, (WordMark(0, 2, 0),))


@pytest.mark.parametrize("rate", [8000, 24_000])
@pytest.mark.parametrize("trim", [False, True])
def test_a_real_voice_at_the_rate_of_the_client(rate: int, trim: bool) -> None:
    text = "The bus to Berlin is eight minutes late."
    pieces = list(EspeakSynthesizer().synthesize(text))
    shaped = shape(pieces, rate, trim=trim)
    seconds = sum(len(piece.samples) for piece in pieces) / pieces[0].sample_rate
    sound = sound_of(shaped)
    removed = seconds - len(sound) / rate
    leading = first_audible(np.concatenate([piece.samples for piece in pieces]))
    assert leading is not None
    expected = max(0.0, leading / pieces[0].sample_rate - 0.01) if trim else 0.0
    assert removed == pytest.approx(expected, abs=0.001)
    marks = [mark for each in shaped for mark in each.marks]
    original = [mark for piece in pieces for mark in piece.marks]
    assert [text[mark.text_offset :][: mark.text_length] for mark in marks] == [
        text[mark.text_offset :][: mark.text_length] for mark in original
    ]
    for mark, before in itertools.islice(zip(marks, original, strict=True), 1, None):
        at = before.sample / pieces[0].sample_rate - removed
        assert mark.sample / rate == pytest.approx(at, abs=0.001)
    # Each mark comes with the sound in which it lies.
    end = 0
    for each in shaped:
        start, end = end, end + len(each.samples)
        assert all(mark.sample < end for mark in each.marks)
        assert all(mark.sample >= start - rate // 50 for mark in each.marks)
        if each.audible is not None:
            assert abs(each.samples[each.audible]) >= AUDIBLE
            assert np.abs(each.samples[: each.audible]).max(initial=0) < AUDIBLE


@given(sizes=st.lists(st.integers(0, 50), max_size=8), data=st.data())
def test_a_buffer_gives_back_what_was_put_in(sizes: list[int], data: st.DataObject) -> None:
    whole = np.arange(sum(sizes), dtype=np.float32)
    buffer = SoundBuffer()
    for piece in cut(whole, sizes):
        buffer.append(piece)
    end = 0
    for _ in range(4):
        start = data.draw(st.integers(end, len(whole)))
        end = data.draw(st.integers(start, len(whole)))
        np.testing.assert_array_equal(buffer.take(start, end), whole[start:end])
        assert (buffer.start, buffer.end, len(buffer)) == (end, len(whole), len(whole) - end)


def test_what_was_taken_or_never_made_cannot_be_taken() -> None:
    buffer = SoundBuffer()
    buffer.append(tone(10))
    buffer.take(0, 5)
    for start, end in [(4, 6), (6, 11), (8, 7)]:
        with pytest.raises(IndexError, match="5 to 10 are held"):
            buffer.take(start, end)
    assert len(buffer.take(5, 10)) == 5


def test_what_the_client_gets_is_what_it_asked_for() -> None:
    sound = np.linspace(-0.9, 0.9, 100, dtype=np.float32)
    pcm = np.frombuffer(ENCODERS["audio/pcm"](sound), "<i2") / np.float32(32_768)
    np.testing.assert_allclose(pcm, sound, atol=1 / 32_768)
    np.testing.assert_allclose(decode_mulaw(ENCODERS["audio/pcmu"](sound)), sound, atol=0.03)
    np.testing.assert_allclose(decode_alaw(ENCODERS["audio/pcma"](sound)), sound, atol=0.03)
