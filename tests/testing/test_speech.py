"""The voice that other tests speak with."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from streamkit.errors import SynthesisError
from streamkit.testing import Asked, FakeSpeech, FakeSynthesizer, wait_until_closed
from streamkit.tts.synthesizer import SpeechPiece, WordMark

PATIENCE_SECONDS = 30.0
SOUND = SpeechPiece(np.full(100, 0.1, np.float32), 8000, ())


def test_a_tone_for_each_word_where_its_mark_is() -> None:
    pieces = list(FakeSynthesizer(sample_rate=1000).synthesize("Stop, now. Go!"))
    sound = np.concatenate([piece.samples for piece in pieces])
    marks = [mark for piece in pieces for mark in piece.marks]
    # 60 ms a letter; 0.1 s behind the comma, 0.25 s behind the full stop.
    assert marks == [WordMark(0, 4, 0), WordMark(6, 3, 340), WordMark(11, 2, 770)]
    assert len(sound) == 770 + 120
    assert not sound[240:340].any()
    assert not sound[520:770].any()
    for begin, end in ((0, 240), (340, 520), (770, 890)):
        assert np.sqrt(np.mean(sound[begin:end] ** 2)) > 0.15


def test_the_same_every_time_and_another_for_each_word_and_voice() -> None:
    def samples(text: str, voice: str = "fake-low") -> bytes:
        pieces = FakeSynthesizer().synthesize(text, voice=voice)
        return b"".join(piece.samples.tobytes() for piece in pieces)

    assert samples("one") == samples("one")
    assert len({samples("one"), samples("two"), samples("one", "fake-high")}) == 3


def test_what_was_asked_for_is_kept() -> None:
    voice = FakeSynthesizer()
    voice.synthesize("Ja.", language="de-AT", speed=1.5)
    assert voice.asked == [Asked("Ja.", None, "de-AT", 1.5)]
    assert len(voice.streams) == 1
    with pytest.raises(SynthesisError):
        voice.synthesize("Ja.", voice="alloy")


def test_pieces_of_one_s_own_whatever_is_asked_for() -> None:
    voice = FakeSynthesizer([SOUND, SOUND])
    for _ in range(2):
        assert list(voice.synthesize("", voice="alloy", speed=9)) == [SOUND, SOUND]
    assert [stream.given for stream in voice.streams] == [2, 2]
    endless = FakeSynthesizer(itertools.repeat(SOUND)).synthesize("")
    assert [next(endless) for _ in range(9)] == [SOUND] * 9


def test_a_failure_ends_the_stream() -> None:
    def fail(stream: FakeSpeech, piece: int) -> None:
        if piece == 1:
            raise SynthesisError("out of breath")

    stream = FakeSynthesizer(before=fail).synthesize("a long word")
    next(stream)
    with pytest.raises(SynthesisError, match="out of breath"):
        next(stream)
    assert list(stream) == []
    assert not stream.closed.is_set()


def test_closing_releases_whoever_waits() -> None:
    voice = FakeSynthesizer([SOUND], before=wait_until_closed)
    stream = voice.synthesize("")
    with ThreadPoolExecutor(1) as pool:
        pieces = pool.submit(list, stream)
        assert voice.waiting.wait(PATIENCE_SECONDS)
        assert not voice.closed.is_set()
        stream.close()
        assert pieces.result(PATIENCE_SECONDS) == []
    assert stream.given == 0
    assert voice.closed.is_set()
