"""Any audio to mono int16 blocks, with PyAV (FFmpeg)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import av
import numpy as np
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from streamkit.errors import AudioFormatError, ConfigurationError

MIN_RATE = 8000
MAX_RATE = 16000
"""Telephone to wideband is sent as it is; anything else is brought to `MAX_RATE` here."""


class Readable(Protocol):
    """What can be read like a binary file."""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes, b"" at the end."""
        ...


def decode(
    source: Readable | str, name: str, block_seconds: float
) -> tuple[int, Iterator[NDArray[np.int16]]]:
    """Open `source` and return its sample rate and an iterator over its audio.

    Args:
        source: path of a file, or something to read from, which need not be seekable.
        name: what to call it in errors.
        block_seconds: length of a block; only the last one is shorter.

    Returns:
        Samples per second, and int16 blocks of shape (n,), several channels mixed to one.

    Raises:
        ConfigurationError: there is no such file, or it may not be read.
        AudioFormatError: FFmpeg does not recognize it, or it holds no audio. The iterator
            raises it too, where the stream is damaged further on.
    """
    try:
        # The prefix keeps FFmpeg from taking a name with a colon for a network address.
        target = f"file:{source}" if isinstance(source, str) else source
        # A title in another character set is no reason to refuse a file.
        container = av.open(target, mode="r", metadata_errors="replace")
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise ConfigurationError(
            f"cannot read {name}: {_reason(error)}; give an audio file, or - for stdin"
        ) from error
    except (av.FFmpegError, ValueError) as error:
        raise AudioFormatError(
            f"{name} is in no audio format that FFmpeg recognizes ({_reason(error)}); "
            "give WAV, FLAC, MP3, Opus, MP4, …, or pipe raw linear16 with - and --rate"
        ) from error
    if not container.streams.audio:
        kinds = ", ".join(stream.type for stream in container.streams) or "no streams at all"
        raise AudioFormatError(f"{name} holds no audio (it holds: {kinds})")
    stream = container.streams.audio[0]
    own = int(stream.rate or 0)
    rate = own if MIN_RATE <= own <= MAX_RATE else MAX_RATE

    def decoded() -> Iterator[NDArray[np.int16]]:
        resampler = AudioResampler(format="s16", layout="mono", rate=rate)
        with container:
            try:
                for frame in container.decode(stream):
                    for part in resampler.resample(frame):
                        yield part.to_ndarray()[0]
                for part in resampler.resample(None):
                    yield part.to_ndarray()[0]
            except (av.FFmpegError, OSError) as error:
                raise AudioFormatError(
                    f"{name} is damaged: {_reason(error)}; what came before it was used"
                ) from error

    return rate, _blocks(decoded(), round(rate * block_seconds))


def pcm_blocks(source: Readable, rate: int, block_seconds: float) -> Iterator[NDArray[np.int16]]:
    """Iterate over raw little-endian linear16 mono, in blocks of at most `block_seconds`.

    Audio that has arrived is not held back to fill a block. An odd byte at the very end is
    half a sample and is left out.
    """
    size = 2 * round(rate * block_seconds)
    rest = b""
    while data := source.read(size):
        data = rest + data
        whole = len(data) - len(data) % 2
        rest = data[whole:]
        if whole:
            yield np.frombuffer(data[:whole], dtype="<i2").astype(np.int16)


def _blocks(parts: Iterator[NDArray[np.int16]], size: int) -> Iterator[NDArray[np.int16]]:
    """Cut audio of any division into blocks of `size` samples."""
    kept: list[NDArray[np.int16]] = []
    count = 0
    try:
        for part in parts:
            kept.append(part)
            count += len(part)
            if count >= size:
                joined = np.concatenate(kept)
                whole = count - count % size
                yield from np.split(joined[:whole], whole // size)
                kept, count = [joined[whole:]], count - whole
    except AudioFormatError:
        if count:
            yield np.concatenate(kept)
        raise
    if count:
        yield np.concatenate(kept)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
