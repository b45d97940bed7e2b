"""What is written can be read, by us and by FFmpeg, and its beginning comes before its end."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest

from streamkit.audio.encoders import ENCODED_RATE, MEDIA_TYPES, open_encoder, silence
from streamkit.audio.files import read_audio
from streamkit.audio.pcm import to_linear16
from streamkit.audio.wav import WavDecoder
from streamkit.errors import AudioFormatError

SECONDS = 2
PIECE = 1440
TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(SECONDS * ENCODED_RATE) / ENCODED_RATE)).astype(
    np.float32
)
FILES = [name for name in MEDIA_TYPES if name != "pcm"]


def encode(name: str) -> list[bytes]:
    """What each piece of 60 ms gives, and the end."""
    encoder = open_encoder(name)
    pieces = [encoder.encode(TONE[at : at + PIECE]) for at in range(0, len(TONE), PIECE)]
    return [*pieces, encoder.finish()]


@pytest.mark.parametrize("name", FILES)
def test_a_file_can_be_read(name: str) -> None:
    data = b"".join(encode(name))
    heard = np.concatenate(list(read_audio(io.BytesIO(data), ENCODED_RATE)))
    # MP3 and AAC begin with some silence of their own.
    assert 0 <= len(heard) - len(TONE) < 0.1 * ENCODED_RATE
    middle = heard[ENCODED_RATE // 2 : ENCODED_RATE * 3 // 2]
    assert np.argmax(np.abs(np.fft.rfft(middle))) == 440
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.1)


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("mp3", "mp3", "mp3float"),
        ("opus", "ogg", "opus"),
        ("aac", "aac", "aac"),
        ("flac", "flac", "flac"),
        ("wav", "wav", "pcm_s16le"),
    ],
)
def test_a_file_is_of_its_kind(name: str, container: str, codec: str) -> None:
    with av.open(io.BytesIO(b"".join(encode(name)))) as file:
        [stream] = file.streams.audio
        assert (file.format.name, stream.codec_context.name) == (container, codec)
        assert stream.codec_context.layout.nb_channels == 1


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_bytes_come_while_samples_do(name: str) -> None:
    pieces = encode(name)
    total = sum(map(len, pieces))
    assert sum(map(len, pieces[: len(pieces) // 2])) > total / 3
    assert len(pieces[-1]) < total / 4


def test_pcm_is_bare_samples() -> None:
    assert b"".join(encode("pcm")) == to_linear16(TONE)


def test_a_wav_does_not_say_how_long_it_is() -> None:
    data = b"".join(encode("wav"))
    assert struct.unpack_from("<I", data, 4) == struct.unpack_from("<I", data, 40) == (2**32 - 1,)
    assert data[44:] == to_linear16(TONE)
    decoder = WavDecoder()
    assert len(decoder.feed(data)) == len(TONE)
    assert decoder.sample_rate == ENCODED_RATE


@pytest.mark.parametrize("name", FILES)
def test_the_shortest_file_that_can_be_opened(name: str) -> None:
    encoder = open_encoder(name)
    data = encoder.encode(silence(0.1)) + encoder.finish()
    [heard] = read_audio(io.BytesIO(data), ENCODED_RATE)
    assert len(heard) >= 0.1 * ENCODED_RATE
    assert np.abs(heard).max() < 0.01


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_ending_twice_and_giving_up(name: str) -> None:
    encoder = open_encoder(name)
    encoder.encode(TONE)
    encoder.finish()
    assert encoder.finish() == b""
    encoder.close()
    given_up = open_encoder(name)
    given_up.encode(TONE[:PIECE])
    given_up.close()
    given_up.close()


def test_an_unknown_format() -> None:
    with pytest.raises(AudioFormatError, match="'ogg' cannot be written; accepted are mp3, opus"):
        open_encoder("ogg")
