from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.mp4 import HeaderFirst


class Pieces:
    """Gives out the given pieces, one for each read, however much is asked for."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.reads = 0

    def read(self, size: int) -> bytes:
        self.reads += 1
        return self.pieces.pop(0) if self.pieces else b""


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


HEADER = box(b"ftyp", b"M4A ") + box(b"moov", b"m" * 50)
LARGE = struct.pack(">I4sQ", 1, b"moov", 16 + 20) + b"m" * 20


@pytest.mark.parametrize("header", [HEADER, box(b"ftyp", b"") + LARGE])
@pytest.mark.parametrize("audio", [b"mdat", b"moof"])
def test_the_header_comes_in_one_read(header: bytes, audio: bytes) -> None:
    data = header + box(audio, b"a" * 30)
    source = Pieces([data[i : i + 1] for i in range(len(data))])
    reader = HeaderFirst(source, limit=1_000)
    assert reader.read(1_000) == header + data[len(header) : len(header) + 8]
    assert reader.read(1_000) == b"a"


@given(data=st.binary(max_size=60), cut=st.integers(1, 20), size=st.integers(1, 70))
def test_nothing_is_lost_of_whatever_comes(data: bytes, cut: int, size: int) -> None:
    data = HEADER[:20] + data
    reader = HeaderFirst(Pieces([data[i : i + cut] for i in range(0, len(data), cut)]), limit=40)
    got = b""
    while piece := reader.read(size):
        got += piece
    assert got == data


def test_a_header_beyond_the_limit_is_not_waited_for() -> None:
    source = Pieces([box(b"moov", b"m" * 100)[:30], b"m" * 30, b"m" * 30])
    reader = HeaderFirst(source, limit=50)
    assert len(reader.read(1_000)) == 60
    assert source.reads == 2
