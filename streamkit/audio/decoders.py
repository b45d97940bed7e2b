"""The decoder for what a client says it sends."""

from __future__ import annotations

from collections.abc import Iterator

from streamkit.audio.container import ContainerDecoder
from streamkit.audio.convert import Samples
from streamkit.audio.limits import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from streamkit.audio.opus import OPUS_RATE, OpusPacketDecoder
from streamkit.audio.pcm import RAW_ENCODINGS, AudioFormat, PcmDecoder, SampleDecoder
from streamkit.audio.sniff import SNIFFED_CONTAINERS, SniffedDecoder
from streamkit.errors import AudioFormatError

ACCEPTED_ENCODINGS = (*RAW_ENCODINGS, "flac", "opus", "ogg-opus")


def open_decoder(encoding: str | None, sample_rate: int | None, channels: int = 1) -> SampleDecoder:
    """Create the decoder for one stream.

    Args:
        encoding: One of `ACCEPTED_ENCODINGS`; None for a container, which is recognised by its
            first bytes.
        sample_rate: Frames per second, which raw encodings need. `flac`, `ogg-opus` and containers
            carry their own and the given one is ignored; Opus always decodes to 48 kHz.
        channels: Samples per frame of raw encodings and of `opus`; the others carry their own.

    Raises:
        AudioFormatError: The encoding is not known, the rate is missing, or a value is out of
            range.
    """
    match encoding:
        case None:
            return SniffedDecoder()
        case "flac" | "ogg-opus":
            return ContainerDecoder("flac" if encoding == "flac" else "ogg")
        case "opus":
            return OpusPacketDecoder(sample_rate or OPUS_RATE, channels)
        case _ if encoding not in RAW_ENCODINGS:
            raise AudioFormatError(
                f"encoding {encoding!r} is not supported; accepted are "
                f"{', '.join(ACCEPTED_ENCODINGS)}, or no encoding at all for a container "
                f"({', '.join(SNIFFED_CONTAINERS)})"
            )
    if sample_rate is None:
        raise AudioFormatError(
            f"encoding {encoding} was given without a sample_rate, and raw audio does not carry "
            f"one; add sample_rate ({MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE} Hz). Accepted encodings "
            f"are {', '.join(ACCEPTED_ENCODINGS)}"
        )
    return PcmDecoder(AudioFormat(encoding, sample_rate, channels))


def decode(decoder: SampleDecoder, message: bytes | None) -> Iterator[Samples]:
    """Feed one message and yield everything that it gives, in pieces of bounded size.

    Args:
        decoder: Any decoder.
        message: The next bytes of the stream; None is the end of the stream.

    Yields:
        float32 of shape `(frames, channels)`, at least one frame each.

    Raises:
        AudioFormatError: The bytes are not what the format says; the frames before were yielded.
        BufferFullError: Earlier pieces were not fetched; nothing of the message was taken.
        StreamEndedError: The stream had ended.
    """
    samples = decoder.flush() if message is None else decoder.feed(message)
    while True:
        if len(samples):
            yield samples
        if not decoder.backlog:
            return
        samples = decoder.flush() if message is None else decoder.feed(b"")
