"""What a recorded session has heard, as a file that any player plays."""

from __future__ import annotations

import wave
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.decoders import decode, open_decoder
from streamkit.audio.layouts import SampleLayout
from streamkit.audio.pcm import SampleDecoder, to_linear16
from streamkit.audio.resample import StreamingResampler
from streamkit.errors import StreamkitError
from streamkit.protocols import deepgram
from streamkit.server.sound import LAYOUTS


class HeardSound:
    """A WAV file, mono at 16 kHz, that is whole after every message.

    Args:
        file: to write to; closed with this.
        endpoint: `listen` or `realtime`.
        query: parameters of the session.
    """

    def __init__(self, file: BinaryIO, endpoint: str, query: Sequence[tuple[str, str]]) -> None:
        self._wav = wave.open(file, "wb")  # noqa: SIM115
        self._wav.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        self._wav.writeframes(b"")
        self._file = file
        self._decoder: SampleDecoder | None = None
        if endpoint == "listen":
            options = deepgram.parse_query(query)
            self._decoder = open_decoder(options.encoding, options.sample_rate, options.channels)
        self._layout: SampleLayout = LAYOUTS["audio/pcm"]
        self._rate = 0
        self._resampler: StreamingResampler | None = None
        self._broken = False

    def follow(self, side: str, message: Mapping[str, Any] | None, sound: bytes | None) -> None:
        """Take the next message of the session.

        Raises:
            OSError: it cannot be written.
        """
        if self._broken:
            return
        try:
            if side == "server":
                if message is not None and "session" in message:
                    self._change(message["session"])
            elif sound:
                self._hear(sound)
        except (StreamkitError, KeyError, TypeError, ValueError):
            # Rubbish that the session was sent; it has been told.
            self._broken = True

    def close(self) -> None:
        """Close the file."""
        if self._decoder is not None:
            self._decoder.close()
        with suppress(OSError):
            self._wav.close()
        self._file.close()

    def _change(self, session: Mapping[str, Any]) -> None:
        """The sound of a conversation comes as its session says."""
        wanted = session["audio"]["input"]["format"]
        self._layout, rate = LAYOUTS[wanted["type"]], int(wanted.get("rate", 8000))
        if rate != self._rate:
            self._rate, self._resampler = rate, StreamingResampler(rate)

    def _hear(self, sound: bytes) -> None:
        if self._decoder is None:
            assert self._resampler is not None
            self._write(self._layout.to_float(sound))
            return
        for frames in decode(self._decoder, sound):
            if self._resampler is None:
                assert self._decoder.sample_rate is not None
                self._resampler = StreamingResampler(self._decoder.sample_rate)
            self._write(frames.mean(axis=1, dtype=np.float32))

    def _write(self, samples: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        assert self._resampler is not None
        self._wav.writeframes(to_linear16(self._resampler.process(samples)))
