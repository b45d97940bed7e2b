from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.sniff import SNIFFED_BYTES, SNIFFED_CONTAINERS, SniffedDecoder, sniff
from streamkit.errors import AudioFormatError

NAMES = {
    "wav": "wav",
    "ogg-opus": "ogg",
    "ogg-flac": "ogg",
    "webm": "webm",
    "webm-live": "webm",
    "mp3": "mp3",
    "flac": "flac",
    "m4a": "m4a",
}


@pytest.mark.parametrize("name", NAMES)
def test_recognises_real_files(recording: Callable[..., object], name: str) -> None:
    made = recording(name)
    assert sniff(made.data[:SNIFFED_BYTES]) == NAMES[name]  # type: ignore[attr-defined]


def test_recognises_mp3_without_a_tag() -> None:
    assert sniff(bytes.fromhex("fffb9064") + b"\0" * 8) == "mp3"


@pytest.mark.parametrize(
    "data",
    [
        b"#EXTM3U\nhttp://example.org/a.mp3\n",
        b"ffconcat version 1.0\nfile /etc/hostname\n",
        b"RIFF\0\0\0\0AVI LIST",
        bytes.fromhex("fff15080") + b"\0" * 8,  # AAC without a container: layer 0
        b"\0" * 16,
        b"\x89PNG\r\n\x1a\n\0\0\0\0",
    ],
)
def test_refuses_everything_else(data: bytes) -> None:
    with pytest.raises(AudioFormatError, match=r"wav, ogg, webm, mp3, flac, m4a") as caught:
        SniffedDecoder().feed(data)
    assert data[:SNIFFED_BYTES].hex(" ") in str(caught.value)


@given(st.binary(min_size=SNIFFED_BYTES, max_size=40))
def test_any_bytes_are_named_or_refused(data: bytes) -> None:
    try:
        name = sniff(data)
    except AudioFormatError:
        return
    assert name in SNIFFED_CONTAINERS


def test_a_stream_too_short_to_tell_is_refused_at_its_end() -> None:
    decoder = SniffedDecoder()
    assert decoder.feed(b"OggS").shape == (0, 1)
    assert decoder.pending_bytes == 4
    with pytest.raises(AudioFormatError, match="4 bytes 4f 67 67 53, too few"):
        decoder.flush()
