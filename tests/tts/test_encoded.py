"""A text as the bytes of a sound file."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest

from streamkit.audio.encoders import ENCODED_RATE, MEDIA_TYPES
from streamkit.audio.files import read_audio
from streamkit.errors import AudioFormatError, SynthesisError
from streamkit.testing import FakeSpeech, FakeSynthesizer, wait_until_closed
from streamkit.tts.encoded import EncodedSpeech
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit.tts.synthesizer import SpeechPiece

TEXT = "The bus to Berlin is eight minutes late."
PATIENCE_SECONDS = 30.0


def speech(audio_format: str, text: str = TEXT, *, speed: float = 1.0) -> EncodedSpeech:
    return EncodedSpeech(
        EspeakSynthesizer(), text, voice="en-us", speed=speed, audio_format=audio_format
    )


def samples_of(data: bytes) -> npt.NDArray[np.float32]:
    return np.concatenate(list(read_audio(io.BytesIO(data), ENCODED_RATE)))


@pytest.mark.parametrize("audio_format", MEDIA_TYPES)
def test_every_format_says_the_same(audio_format: str) -> None:
    made = speech(audio_format)
    chunks = list(made)
    assert all(chunks)
    assert len(chunks) > 10
    data = b"".join(chunks)
    if audio_format == "pcm":
        assert len(data) == 2 * round(made.seconds * ENCODED_RATE)
    else:
        assert len(samples_of(data)) / ENCODED_RATE == pytest.approx(made.seconds, abs=0.1)
    assert made.seconds == pytest.approx(1.86, rel=0.1)


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.5, 1.7, 2.5, 3.3, 4.0])
def test_speed_beyond_what_the_engine_does(speed: float) -> None:
    usual = speech("pcm")
    b"".join(usual)
    made = speech("pcm", speed=speed)
    b"".join(made)
    # The engine's own pauses do not shrink quite as much as its words do.
    assert made.seconds * speed == pytest.approx(usual.seconds, rel=0.12)


@pytest.mark.parametrize("audio_format", MEDIA_TYPES)
def test_nothing_to_say_is_a_file_all_the_same(audio_format: str) -> None:
    made = speech(audio_format, " \n ")
    data = b"".join(made)
    assert made.seconds == pytest.approx(0.1)
    if audio_format != "pcm":
        assert np.abs(samples_of(data)).max() < 0.01


def test_bad_arguments_fail_before_the_first_byte() -> None:
    with pytest.raises(AudioFormatError, match="accepted are mp3"):
        speech("ogg")
    with pytest.raises(SynthesisError, match="unknown espeak-ng voice"):
        EncodedSpeech(EspeakSynthesizer(), "", voice="gandalf", speed=1, audio_format="wav")


def stalling(then: Callable[[FakeSpeech, int], None]) -> FakeSynthesizer:
    """A voice that says one piece, and then waits or fails."""

    def before(stream: FakeSpeech, piece: int) -> None:
        if piece == 1:
            then(stream, piece)

    sound = SpeechPiece(np.full(2400, 0.1, np.float32), 24_000, ())
    return FakeSynthesizer([sound, sound], before=before)


def fail(stream: FakeSpeech, piece: int) -> None:
    raise SynthesisError("out of breath")


def test_the_first_bytes_do_not_wait_for_the_rest() -> None:
    voice = stalling(wait_until_closed)
    made = EncodedSpeech(voice, "…", voice=None, speed=1, audio_format="pcm")
    assert len(next(made)) == 4800
    assert not voice.closed.is_set()
    made.close()


def test_closing_releases_whoever_waits() -> None:
    voice = stalling(wait_until_closed)
    made = EncodedSpeech(voice, "…", voice=None, speed=1, audio_format="mp3")
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(list, made)
        assert voice.waiting.wait(PATIENCE_SECONDS)
        made.close()
        chunks = rest.result(PATIENCE_SECONDS)
    # What there was is given, but the file is not ended as if it were whole.
    assert chunks
    assert list(made) == []


def test_a_failure_is_the_engine_s_own() -> None:
    voice = stalling(fail)
    made = EncodedSpeech(voice, "…", voice=None, speed=1, audio_format="wav")
    next(made)
    with pytest.raises(SynthesisError, match="out of breath"):
        next(made)
    made.close()
