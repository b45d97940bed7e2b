"""Containers and compressed streams, demuxed and decoded by FFmpeg (PyAV) while they arrive."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from streamkit.audio.convert import Samples, clean, integers_to_float
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.handover import AbandonedError, Handover
from streamkit.audio.limits import MAX_SAMPLE_RATE, check_channels, check_sample_rate
from streamkit.audio.mp4 import HeaderFirst, Readable
from streamkit.errors import AudioFormatError, ConfigurationError

if TYPE_CHECKING:
    import av
    import av.container

MAX_BUFFERED_FRAMES = 30 * MAX_SAMPLE_RATE
MAX_PENDING_BYTES = 16 * 2**20
MAX_BYTES_WITHOUT_AUDIO = 16 * 2**20  # an ID3 tag with a cover picture may come first
MAX_BAD_PACKETS = 16  # in a row
FEED_WAIT_S = 0.5
FLUSH_WAIT_S = 5.0
JOIN_WAIT_S = 5.0

# The name that people use -> the name of FFmpeg's demuxer.
_DEMUXERS: Final = {"ogg": "ogg", "webm": "matroska", "mp3": "mp3", "flac": "flac", "m4a": "mov"}
CONTAINERS: Final = tuple(_DEMUXERS)

_CODECS: Final = (
    "opus,libopus,vorbis,flac,mp3,mp3float,aac,alac,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s32le,pcm_f32le,pcm_f64le,pcm_mulaw,pcm_alaw"
)
# FFmpeg's name of a sample format -> numpy's.
_DTYPES: Final = {"u8": "u1", "s16": "i2", "s32": "i4", "flt": "f4", "dbl": "f8"}
_OPTIONS: Final = {
    # FFmpeg then looks no further ahead than the codec's parameters. `fflags=nobuffer` would gain
    # nothing more and loses the packets that were looked at.
    "probesize": "32",
    "analyzeduration": "0",
    # What a client sends may not make the server open anything else.
    "protocol_whitelist": "none",
    "codec_whitelist": _CODECS,
}
_READ_SIZE = 4096
_M4A_HEADER_BYTES = 2**20  # an hour of audio has an index of about 700 KiB


class ContainerDecoder:
    """Ogg, WebM/Matroska, MP3, FLAC or streamable M4A, decoded while it arrives (`SampleDecoder`).

    FFmpeg pulls its bytes from a file, so it runs in a thread of its own, which starts with the
    first byte. `feed` hands its bytes to the thread and waits until they are used up: it returns
    everything that can be decoded from the bytes so far. It waits no longer than the decoding
    takes, and never longer than `feed_wait_s`; call it from a worker thread when messages may be
    large.

    Bounds: a small message can decode to hours of sound (FLAC stores a second of silence in a few
    bytes). Once `max_buffered` frames wait, the thread stops decoding; `feed` returns them, and
    `backlog` says that there is more to fetch before the next message. Whoever feeds on without
    fetching gets `BufferFullError` once `MAX_PENDING_BYTES` wait. The thread ends with `flush`,
    `close`, bad data, or when the decoder is garbage-collected.

    How early the first frames come (FFmpeg 8, bytes given one by one; audio that the bytes hold):
    Ogg Opus with pages of 20 ms 47 ms, of 100 ms 100 ms (one page: its length is the sender's
    choice); WebM Opus 100 ms, most of it header; fragmented M4A with fragments of 100 ms 106 ms;
    MP3 160 ms at 44.1 kHz, 420 ms at 16 kHz. A raw FLAC stream stays 10 blocks behind, because
    FFmpeg looks for that many before it trusts one: 1.4 s with blocks of 72 ms; the same FLAC in
    Ogg needs 150 ms. An M4A must have its index in front (`-movflags +faststart`, or fragmented);
    FFmpeg keeps that index, which costs 16 MB an hour. The memory of all others is flat.
    """

    def __init__(
        self,
        container: str,
        max_buffered: int = MAX_BUFFERED_FRAMES,
        *,
        feed_wait_s: float = FEED_WAIT_S,
        flush_wait_s: float = FLUSH_WAIT_S,
    ) -> None:
        """Create a decoder for one stream; no thread runs yet.

        Args:
            container: One of `CONTAINERS`.
            max_buffered: Frames that one call returns, and that wait between two calls, at most
                (and the rest of the codec's block).
            feed_wait_s: Seconds that `feed` waits at most for its bytes to be used up.
            flush_wait_s: Seconds that `flush` waits at most for the rest to be decoded.

        Raises:
            AudioFormatError: The container is none of `CONTAINERS`.
            ConfigurationError: `max_buffered` is below 1.
        """
        if max_buffered < 1:
            raise ConfigurationError(
                f"a decoder that may hold {max_buffered} frames can give out none; allow 1 or more"
            )
        if container not in _DEMUXERS:
            raise AudioFormatError(
                f"container {container!r} is not supported; accepted are {', '.join(CONTAINERS)}"
            )
        self._container = container
        self._feed_wait_s = feed_wait_s
        self._flush_wait_s = flush_wait_s
        self._handover = Handover(MAX_PENDING_BYTES, max_buffered, MAX_BYTES_WITHOUT_AUDIO)
        self._thread: threading.Thread | None = None
        self._ended = False
        # The thread does not refer to the decoder, so a forgotten decoder takes its thread along.
        weakref.finalize(self, self._handover.abandon)

    @property
    def sample_rate(self) -> int | None:
        """Frames per second; None until the first frames are decoded."""
        return self._handover.sample_rate

    @property
    def channels(self) -> int | None:
        """Samples per frame; None until the first frames are decoded."""
        return self._handover.channels

    @property
    def pending_bytes(self) -> int:
        """Bytes that were fed and that FFmpeg has not asked for yet."""
        return self._handover.pending

    @property
    def backlog(self) -> bool:
        """Whether there is more to get without new bytes; see `SampleDecoder`."""
        return self._thread is not None and self._handover.backlog

    def feed(self, data: bytes) -> Samples:
        """Hand in bytes; return the frames that are ready, float32 `(frames, channels)`.

        Raises:
            AudioFormatError: The stream cannot be decoded; the frames before the damage have been
                returned.
            BufferFullError: Too many bytes wait; nothing of `data` was taken.
            StreamEndedError: `flush` or `close` was called before.
        """
        if self._ended:
            raise StreamEndedError(
                f"{len(data)} bytes were fed after the end of the stream; open a new decoder"
            )
        if self._thread is None and data:
            self._thread = threading.Thread(
                target=_work,
                args=(self._handover, self._container),
                name=f"decode-{self._container}",
                daemon=True,
            )
            self._thread.start()
        self._handover.put(data)
        return self._take(self._feed_wait_s)

    def flush(self) -> Samples:
        """End the stream; return the frames that are left, float32 `(frames, channels)`.

        Call it again while `backlog` is true. The thread has ended when it is false.

        Raises:
            AudioFormatError: The stream cannot be decoded, or ended before any audio.
        """
        self._ended = True
        self._handover.end()
        try:
            return self._take(self._flush_wait_s)
        finally:
            if self._thread is not None and self._handover.finished:
                self._thread.join(JOIN_WAIT_S)

    def close(self) -> None:
        """End the thread at once and drop everything."""
        self._ended = True
        self._handover.abandon()
        if self._thread is not None:
            self._thread.join(JOIN_WAIT_S)

    def _take(self, wait_s: float) -> Samples:
        pieces = self._handover.take(wait_s) if self._thread is not None else []
        if not pieces:
            return np.zeros((0, self.channels or 1), np.float32)
        return np.concatenate(pieces)


def _work(handover: Handover, name: str) -> None:
    """Decode the whole stream; the body of the thread."""
    error: Exception | None = None
    try:
        _demux(handover, name)
    except AbandonedError:
        pass
    except Exception as failure:
        error = failure
    handover.finish(error)


def _demux(handover: Handover, name: str) -> None:
    import av

    source: Readable = handover
    buffer_size = _READ_SIZE
    if name == "m4a":
        source, buffer_size = HeaderFirst(handover, _M4A_HEADER_BYTES), _M4A_HEADER_BYTES
    try:
        with av.open(
            source,
            "r",
            format=_DEMUXERS[name],
            options=_OPTIONS,
            buffer_size=buffer_size,
            metadata_errors="replace",  # a title in another character set is no reason to fail
        ) as container:
            _decode(container, handover, name)
    except av.error.FFmpegError as failure:
        moov = "; an m4a file needs its index (moov) in front" if name == "m4a" else ""
        raise AudioFormatError(
            f"the {name} stream cannot be decoded ({failure.strerror}): it is damaged, incomplete, "
            f"or not {name} at all{moov}; send it anew, from its beginning"
        ) from failure


def _decode(container: av.container.InputContainer, handover: Handover, name: str) -> None:
    import av

    if not container.streams.audio:
        kinds = ", ".join(stream.type for stream in container.streams) or "no stream at all"
        raise AudioFormatError(f"the {name} stream holds {kinds}; it needs an audio stream")
    stream = container.streams.audio[0]
    codec = stream.codec_context
    if codec is None or codec.name not in _CODECS.split(","):
        found = "a codec that FFmpeg does not know" if codec is None else codec.name
        raise AudioFormatError(f"the {name} stream holds {found}; accepted are {_CODECS}")
    codec.thread_count = 1  # several would hold back one block each
    bad_packets = 0
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            bad_packets += 1
            if bad_packets > MAX_BAD_PACKETS:
                raise
            continue
        for frame in frames:
            bad_packets = 0
            check_sample_rate(frame.sample_rate)
            check_channels(frame.layout.nb_channels)
            handover.emit(to_samples(frame), frame.sample_rate)
    if handover.sample_rate is None:
        raise AudioFormatError(
            f"the {name} stream ended and held no audio that can be decoded; it is damaged, "
            f"incomplete, or not {name} at all: send it anew, from its beginning"
        )


def to_samples(frame: av.AudioFrame) -> Samples:
    """Convert a decoded frame of up to 8 channels to float32 of shape `(frames, channels)`.

    Not with PyAV's `to_ndarray`, which reads beyond the last plane, and crashes the process, when
    there are eight planes or more.
    """
    channels = frame.layout.nb_channels
    dtype = np.dtype(_DTYPES[frame.format.packed.name])
    planes: tuple[Any, ...] = frame.planes[:channels]  # buffers, which their stub does not say
    values: NDArray[Any]
    if frame.format.is_planar:
        values = np.stack([np.frombuffer(plane, dtype, frame.samples) for plane in planes], axis=1)
    else:
        packed = np.frombuffer(planes[0], dtype, frame.samples * channels)
        values = packed.reshape(frame.samples, channels)
    return clean(values) if dtype.kind == "f" else integers_to_float(values)
