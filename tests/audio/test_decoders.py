from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pytest

from streamkit.audio.decoders import ACCEPTED_ENCODINGS, decode, open_decoder
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.pcm import SampleDecoder
from streamkit.errors import AudioFormatError


class Recorded(Protocol):
    data: bytes


@dataclass(frozen=True)
class Case:
    """How to open a decoder, and the recording to feed it (None: bytes that are any sound)."""

    encoding: str | None
    recording: str | None = None


CASES = {
    "linear16": Case("linear16"),
    "linear32": Case("linear32"),
    "mulaw": Case("mulaw"),
    "alaw": Case("alaw"),
    "flac": Case("flac", "flac"),
    "ogg-opus": Case("ogg-opus", "ogg-opus"),
    "sniffed wav": Case(None, "wav"),
    "sniffed ogg": Case(None, "ogg-opus"),
    "sniffed webm": Case(None, "webm"),
    "sniffed mp3": Case(None, "mp3"),
    "sniffed flac": Case(None, "flac"),
    "sniffed m4a": Case(None, "m4a"),
}


@dataclass
class Subject:
    decoder: SampleDecoder
    data: bytes


@pytest.fixture(params=CASES)
def subject(
    request: pytest.FixtureRequest, recording: Callable[[str], Recorded]
) -> Iterator[Subject]:
    case = CASES[request.param]
    decoder = open_decoder(case.encoding, 16_000, 2)
    data = recording(case.recording).data if case.recording else bytes(range(256)) * 20
    yield Subject(decoder, data)
    decoder.close()


def test_pieces_have_frames_channels_and_range(subject: Subject) -> None:
    pieces = [*decode(subject.decoder, subject.data), *decode(subject.decoder, None)]
    assert pieces
    for piece in pieces:
        assert piece.dtype == np.float32
        assert piece.shape[1] == subject.decoder.channels
        assert np.all(np.abs(piece) <= 1)
    assert subject.decoder.sample_rate
    assert not subject.decoder.backlog


def test_no_bytes_give_no_frames(subject: Subject) -> None:
    assert list(decode(subject.decoder, b"")) == []
    assert list(decode(subject.decoder, None)) == []
    assert subject.decoder.pending_bytes == 0


def test_nothing_can_follow_the_end(subject: Subject) -> None:
    list(decode(subject.decoder, subject.data))
    list(decode(subject.decoder, None))
    assert list(decode(subject.decoder, None)) == []
    with pytest.raises(StreamEndedError, match="3 bytes were fed after the end"):
        subject.decoder.feed(b"abc")


def test_nothing_can_follow_closing(subject: Subject) -> None:
    subject.decoder.feed(subject.data[: len(subject.data) // 2])
    subject.decoder.close()
    subject.decoder.close()
    with pytest.raises(StreamEndedError, match="open a new decoder"):
        subject.decoder.feed(b"abc")


def test_every_accepted_encoding_opens() -> None:
    for encoding in ACCEPTED_ENCODINGS:
        open_decoder(encoding, 16_000, 1).close()


@pytest.mark.parametrize("encoding", ["", "linear8", "LINEAR16", "amr-nb"])
def test_unknown_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(AudioFormatError) as caught:
        open_decoder(encoding, 16_000, 1)
    assert repr(encoding) in str(caught.value)
    assert all(accepted in str(caught.value) for accepted in ACCEPTED_ENCODINGS)


@pytest.mark.parametrize("encoding", ["linear16", "linear32", "mulaw", "alaw"])
def test_raw_encodings_need_a_sample_rate(encoding: str) -> None:
    with pytest.raises(AudioFormatError, match=r"without a sample_rate.*8000 to 48000 Hz"):
        open_decoder(encoding, None, 1)


@pytest.mark.parametrize(("rate", "channels"), [(4_000, 1), (16_000, 99)])
@pytest.mark.parametrize("encoding", ["linear16", "opus"])
def test_values_out_of_range_are_refused(encoding: str, rate: int, channels: int) -> None:
    with pytest.raises(AudioFormatError, match="not supported"):
        open_decoder(encoding, rate, channels)


def test_heavy_libraries_are_loaded_only_when_they_are_needed() -> None:
    program = (
        "import sys, streamkit.audio.decoders as d, streamkit.audio.resample as r\n"
        "d.open_decoder('linear16', 16000, 1); r.StreamingResampler(16000)\n"
        "print(*sorted({'av', 'soxr'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
