"""Audio files of every usual kind, decoded piece by piece.

Unlike a stream, a file can be seeked in, so an MP4 may have its index at the end, and rates and
layouts that no live client sends are accepted. What is decoded is mono at the rate that is asked
for; memory stays flat, however long the file is.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import IO, TYPE_CHECKING, Final

import numpy as np

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.container import MAX_BAD_PACKETS, to_samples
from streamkit.audio.convert import Samples
from streamkit.audio.limits import check_channels
from streamkit.errors import AudioFormatError

if TYPE_CHECKING:
    import av
    import av.container

PIECE_SECONDS: Final = 1.0
"""Sound that is handed out at once, and the rest of the codec's block."""

MIN_FILE_RATE: Final = 1_000
MAX_FILE_RATE: Final = 384_000
"""Hz. A damaged header may say anything, and a filter for it could take minutes to compute."""

FILE_FORMATS: Final = (
    "wav", "mp3", "mp2", "m4a", "mp4", "webm", "ogg", "flac", "aac", "aiff", "amr", "caf",
)  # fmt: skip
"""What people call the files that are read; see `_DEMUXERS` for all."""

# FFmpeg's names. Others are left out because they open further files, or are no audio; MPEG's
# program and transport streams, because what is in them comes out only while they are read, and
# PyAV's demuxing does not expect that.
_DEMUXERS: Final = (
    "wav,w64,aiff,au,caf,mp3,aac,ac3,flac,ogg,amr,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,asf,avi"
)
_CODECS: Final = (
    "opus,libopus,vorbis,flac,mp1,mp1float,mp2,mp2float,mp3,mp3float,aac,alac,ac3,amrnb,amrwb,"
    "wmav1,wmav2,adpcm_ms,adpcm_ima_wav,adpcm_ima_qt,pcm_u8,pcm_s8,pcm_s16le,pcm_s16be,pcm_s24le,"
    "pcm_s24be,pcm_s32le,pcm_s32be,pcm_f32le,pcm_f32be,pcm_f64le,pcm_f64be,pcm_mulaw,pcm_alaw"
)
_OPTIONS: Final = {
    # A file that somebody else has made may not make this program open anything else.
    "protocol_whitelist": "none",
    "format_whitelist": _DEMUXERS,
    "codec_whitelist": _CODECS,
}


def read_audio(file: IO[bytes], sample_rate: int = SAMPLE_RATE) -> Generator[Samples, None, None]:
    """Decode a file from where it stands to its end.

    What is damaged is left out as long as it is short; a file that breaks off gives what it has.

    Args:
        file: open for reading, and can be seeked in.
        sample_rate: Hz of the result.

    Yields:
        float32 mono of shape `(n,)`, about `PIECE_SECONDS` each; the caller can stop at any time.

    Raises:
        AudioFormatError: the file is of no kind that is read here, holds no sound, or is damaged.
            The pieces before the damage were yielded.
    """
    import av

    try:
        with av.open(file, "r", options=_OPTIONS, metadata_errors="replace") as container:
            yield from _decode(container, sample_rate)
    # PyAV's error when a damaged file shows a further stream behind its header is an IndexError.
    except (av.error.FFmpegError, IndexError) as failure:
        reason = getattr(failure, "strerror", None) or "it contradicts itself"
        raise AudioFormatError(
            f"the file cannot be decoded ({reason}): it is damaged, or no audio file; "
            f"accepted are {', '.join(FILE_FORMATS)}"
        ) from failure


def _decode(container: av.container.InputContainer, sample_rate: int) -> Iterator[Samples]:
    import av

    if not container.streams.audio:
        kinds = ", ".join(stream.type for stream in container.streams) or "no stream at all"
        raise AudioFormatError(f"the file holds {kinds}; it needs an audio stream")
    stream = container.streams.audio[0]
    codec = stream.codec_context
    if codec is None or codec.name not in _CODECS.split(","):
        found = "a codec that FFmpeg does not know" if codec is None else codec.name
        raise AudioFormatError(f"the file holds {found}; accepted are {_CODECS}")
    codec.thread_count = 1  # others have the cores
    mono = _Mono(sample_rate)
    held: list[Samples] = []
    silent = True
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
            silent = False
            held += mono.convert(frame)
        if sum(map(len, held)) >= PIECE_SECONDS * sample_rate:
            yield np.concatenate(held)
            held = []
    if silent:
        raise AudioFormatError(
            "the file holds no audio that can be decoded; it is empty, damaged or incomplete: "
            "send the whole file"
        )
    held += mono.flush()
    if any(map(len, held)):
        yield np.concatenate(held)


class _Mono:
    """Converts frames of any rate and layout, which may change on the way."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._source: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None

    def convert(self, frame: av.AudioFrame) -> list[Samples]:
        import av

        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        converted: list[Samples] = []
        if self._resampler is None or source != self._source:
            check_channels(frame.layout.nb_channels)
            _check_rate(frame.sample_rate)
            converted = self.flush()
            # Channels stay what they are: FFmpeg adds them up so that loud ones would be cut off.
            self._resampler = av.AudioResampler("flt", frame.layout, self._sample_rate)
            self._source = source
        # Time stamps have gaps and jumps; what counts is the samples.
        frame.pts = None
        return converted + [_mean(each) for each in self._resampler.resample(frame)]

    def flush(self) -> list[Samples]:
        if self._resampler is None:
            return []
        flushed = [_mean(each) for each in self._resampler.resample(None)]
        self._resampler = None
        return flushed


def _mean(frame: av.AudioFrame) -> Samples:
    """The mean of the channels."""
    mean: Samples = to_samples(frame).mean(axis=1, dtype=np.float32)
    return mean


def _check_rate(sample_rate: int) -> None:
    if not MIN_FILE_RATE <= sample_rate <= MAX_FILE_RATE:
        raise AudioFormatError(
            f"the file says that its sample rate is {sample_rate} Hz; accepted: {MIN_FILE_RATE} to "
            f"{MAX_FILE_RATE} Hz: it is damaged, or has to be resampled"
        )
