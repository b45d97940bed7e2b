"""Sound files of every kind, whole, damaged, and dressed up as something else."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from streamkit.audio.files import PIECE_SECONDS, read_audio
from streamkit.errors import AudioFormatError

Samples = npt.NDArray[np.float32]

RATE = 16_000
TONE = 440.0


def tone(seconds: float, frequency: float = TONE, rate: int = RATE) -> Samples:
    return (0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


def write(
    samples: Samples,
    muxer: str,
    codec: str,
    *,
    rate: int = RATE,
    layout: str = "mono",
    picture: bool = False,
    sound: bool = True,
) -> bytes:
    """A file of samples at `RATE`, with a moving picture beside them if need be."""
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as output:
        video = output.add_stream("mpeg4", rate=10, width=64, height=64) if picture else None
        audio = output.add_stream(codec, rate=rate, layout=layout) if sound else None
        if video is not None:
            for index in range(10):
                frame = av.VideoFrame(64, 64, "yuv420p")
                frame.pts = index
                frame.time_base = Fraction(1, 10)
                output.mux(video.encode(frame))
            output.mux(video.encode(None))
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(
                np.round(samples[None] * 32767).astype("<i2"), "s16", "mono"
            )
            frame.sample_rate = RATE
            output.mux(audio.encode(frame))
            output.mux(audio.encode(None))
    return file.getvalue()


def read(data: bytes, rate: int = RATE) -> Samples:
    pieces = list(read_audio(io.BytesIO(data), rate))
    assert all(piece.dtype == np.float32 and piece.ndim == 1 for piece in pieces)
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def pitch(samples: Samples, rate: int = RATE) -> float:
    """The strongest frequency of the middle second."""
    middle = samples[len(samples) // 2 - rate // 2 :][:rate]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(np.argmax(spectrum) * rate / len(middle))


KINDS: dict[str, Callable[[Samples], bytes]] = {
    "wav": lambda x: write(x, "wav", "pcm_s16le"),
    "wav, 96 kHz stereo": lambda x: write(x, "wav", "pcm_s16le", rate=96_000, layout="stereo"),
    "wav, mu-law": lambda x: write(x, "wav", "pcm_mulaw", rate=8_000),
    "wav, float": lambda x: write(x, "wav", "pcm_f64le"),
    "mp3": lambda x: write(x, "mp3", "libmp3lame", rate=44_100, layout="stereo"),
    "mp2": lambda x: write(x, "mp2", "mp2"),
    "m4a": lambda x: write(x, "ipod", "aac", rate=44_100),
    "mp4 with a picture": lambda x: write(x, "mp4", "aac", rate=48_000, picture=True),
    "webm": lambda x: write(x, "webm", "libopus", rate=48_000),
    "ogg": lambda x: write(x, "ogg", "libopus", rate=48_000),
    "flac": lambda x: write(x, "flac", "flac", rate=48_000, layout="5.1"),
    "aac": lambda x: write(x, "adts", "aac"),
    "aiff": lambda x: write(x, "aiff", "pcm_s16be", rate=22_050),
    "caf": lambda x: write(x, "caf", "pcm_s16le", rate=11_025),
    "avi": lambda x: write(x, "avi", "mp2", picture=True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind(kind: str) -> None:
    heard = read(KINDS[kind](tone(3)))
    # Codecs add up to a tenth of a second, which not all of them say.
    assert 0 <= len(heard) - 3 * RATE < 0.12 * RATE or abs(len(heard) - 3 * RATE) <= 2
    assert pitch(heard) == pytest.approx(TONE, abs=1)
    assert np.abs(heard).max() <= 1


def test_another_rate() -> None:
    heard = read(write(tone(2), "wav", "pcm_s16le"), 24_000)
    assert abs(len(heard) - 48_000) <= 2
    assert pitch(heard, 24_000) == pytest.approx(TONE, abs=1)


def test_what_is_not_compressed_comes_back_as_it_was() -> None:
    samples = tone(1.5)
    heard = read(write(samples, "flac", "flac"))
    assert len(heard) == len(samples)
    assert np.abs(heard - samples).max() < 1e-4


def test_a_wav_whose_length_nobody_knew() -> None:
    data = bytearray(write(tone(1), "wav", "pcm_s16le"))
    at = data.index(b"data")
    data[4:8] = data[at + 4 : at + 8] = b"\xff" * 4
    assert abs(len(read(bytes(data))) - RATE) <= 40  # FFmpeg's own chunks are before the data


def test_pieces_are_short_however_long_the_file_is() -> None:
    data = write(np.zeros(60 * RATE, np.float32), "flac", "flac")
    lengths = [len(piece) for piece in read_audio(io.BytesIO(data))]
    assert sum(lengths) == 60 * RATE
    assert max(lengths) < 1.5 * PIECE_SECONDS * RATE


def test_a_reader_that_stops_leaves_nothing_open() -> None:
    pieces = read_audio(io.BytesIO(write(tone(5), "flac", "flac")))
    next(pieces)
    pieces.close()
    assert list(pieces) == []


def test_a_file_that_breaks_off_gives_what_it_has() -> None:
    data = write(tone(4), "mp3", "libmp3lame")
    heard = read(data[: len(data) // 2])
    assert RATE < len(heard) < 3 * RATE
    assert pitch(heard) == pytest.approx(TONE, abs=1)


def test_one_that_goes_on_at_another_rate() -> None:
    # MP3 frames stand for themselves, so two files in a row are one.
    data = write(tone(2), "mp3", "libmp3lame", rate=44_100) + write(
        tone(2), "mp3", "libmp3lame", rate=22_050
    )
    heard = read(data)
    assert 3.8 * RATE < len(heard) < 4.5 * RATE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"This is no sound at all. " * 400,
        bytes(100_000),
        b"RIFF\x00\x00\x00\x00WAVE",
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\x00\x00\x00",
        b"OggS",
        b"fLaC",
        b"\x1a\x45\xdf\xa3",
        b"\x00\x00\x00\x20ftypM4A ",
    ],
    ids=lambda data: data[:8].hex(),
)
def test_what_is_no_sound(data: bytes) -> None:
    with pytest.raises(AudioFormatError, match=r"accepted are|holds no audio"):
        read(data)


def test_no_samples_at_all() -> None:
    data = write(tone(1), "wav", "pcm_s16le")
    with pytest.raises(AudioFormatError, match="holds no audio"):
        read(data[: data.index(b"data") + 8])


@pytest.mark.parametrize("rate", [1, 999, 384_001, 2_000_000_000])
def test_a_header_with_an_absurd_rate(rate: int) -> None:
    data = bytearray(write(tone(1), "wav", "pcm_s16le"))
    data[24:28] = rate.to_bytes(4, "little")
    with pytest.raises(AudioFormatError, match=rf"{rate} Hz; accepted: 1000 to 384000 Hz"):
        read(bytes(data))


def test_a_picture_without_sound() -> None:
    with pytest.raises(AudioFormatError, match="holds video; it needs an audio stream"):
        read(write(tone(1), "mp4", "aac", picture=True, sound=False))


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile '{path}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\n",
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{path}</BaseURL>'
        "</MPD>",
    ],
    ids=["concat", "playlist", "sdp", "dash"],
)
def test_a_list_of_other_files_is_not_followed(tmp_path: object, text: str) -> None:
    target = f"{tmp_path}/other.wav"
    with open(target, "wb") as file:
        file.write(write(tone(1), "wav", "pcm_s16le"))
    with pytest.raises(AudioFormatError, match=re.escape("cannot be decoded")):
        read(text.format(path=target).encode())


SOURCES = [write(tone(0.3), *kind) for kind in (("wav", "pcm_s16le"), ("flac", "flac"))] + [
    write(tone(0.3), "mp3", "libmp3lame"),
    write(tone(0.3), "ogg", "libopus", rate=48_000),
    write(tone(0.3), "ipod", "aac"),
    write(tone(0.3), "webm", "libopus", rate=48_000),
]


@settings(max_examples=150, deadline=None)
@given(
    source=st.sampled_from(SOURCES),
    changes=st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 255)), max_size=12),
    cut=st.none() | st.integers(0, 20_000),
)
def test_damage_is_an_error_or_sound(
    source: bytes, changes: list[tuple[int, int]], cut: int | None
) -> None:
    data = bytearray(source)
    for position, value in changes:
        data[position % len(data)] = value
    try:
        heard = read(bytes(data[:cut]))
    except AudioFormatError as error:
        assert str(error)
    else:
        assert np.isfinite(heard).all()


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_loud_channels_are_not_cut_off(channels: int) -> None:
    tone = 0.9 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    file = io.BytesIO()
    soundfile.write(file, np.repeat(tone[:, None], channels, axis=1), RATE, "PCM_16", format="WAV")
    file.seek(0)
    found = np.concatenate(list(read_audio(file, RATE)))
    assert np.abs(found - tone).max() < 1e-3
