"""The recording that a voice is made of, read from a file of any kind."""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import dataclass
from typing import IO, Final

import numpy as np

from streamkit.audio.convert import Samples
from streamkit.audio.files import read_audio
from streamkit.audio.resample import StreamingResampler

READ_RATE: Final = 48_000
"""Hz. Not less than almost any recording has, so that clipping is still there to be seen."""

MAX_READ_SECONDS: Final = 120.0
"""How much of a file is looked at; a small one can unpack to a lot."""

_BLOCK_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The beginning of a sound file, or all of it."""

    samples: Samples
    """Mono at `READ_RATE`, at most `MAX_READ_SECONDS`."""
    whole: bool
    """False: the file goes on."""
    sha256: str
    """Of the file's bytes, in hexadecimal."""

    @property
    def seconds(self) -> float:
        """Of what was read."""
        return len(self.samples) / READ_RATE


def read_recording(file: IO[bytes]) -> Recording:
    """Read a file from its beginning.

    Args:
        file: open for reading, and can be seeked in.

    Raises:
        AudioFormatError: it is no sound file, or a damaged one.
    """
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(_BLOCK_BYTES):
        digest.update(block)
    file.seek(0)
    most = int(MAX_READ_SECONDS * READ_RATE)
    held: list[Samples] = []
    count = 0
    with closing(read_audio(file, READ_RATE)) as pieces:
        for piece in pieces:
            held.append(piece)
            count += len(piece)
            if count > most:
                break
    samples = np.concatenate(held)[:most] if held else np.zeros(0, np.float32)
    return Recording(samples, count <= most, digest.hexdigest())


def at_rate(samples: Samples, rate: int) -> Samples:
    """Samples at `READ_RATE` as samples at another rate."""
    resampler = StreamingResampler(READ_RATE, rate)
    return np.concatenate([resampler.process(samples), resampler.flush()])
