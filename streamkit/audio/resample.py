"""From the rate of the client to the rate of the models, while the sound still arrives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.convert import Samples
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.limits import check_sample_rate
from streamkit.errors import AudioFormatError

if TYPE_CHECKING:
    import soxr


class StreamingResampler:
    """A mono stream at one rate, piece by piece, to a stream at another.

    The output does not depend on how the input was cut. In total it is `n * target / source`
    samples, within one. Equal rates cost nothing: the input array itself is handed back.

    soxr's engine for variable rates is used, at a rate that does not vary, because of what it
    holds back (python-soxr 1.1.0, 10 ms pieces, to 16 kHz; milliseconds of sound given but not
    yet returned, the level of a 7.5 kHz tone, which belongs in the output, and of a 9 kHz tone,
    which does not):

    | engine            | from 8 kHz  | from 44.1 kHz | from 48 kHz | 7.5 kHz | 9 kHz   |
    |-------------------|-------------|---------------|-------------|---------|---------|
    | LQ                | 4 to 61     | 2 to 22       | 3 to 20     | -35 dB  | -109 dB |
    | MQ                | 11 to 118   | 5 to 41       | 5 to 38     | -0.5 dB | -116 dB |
    | HQ                | 13 to 115   | 7 to 40       | 6 to 37     | -0.4 dB | -144 dB |
    | variable rate, HQ | 30          | 14            | 13          | 0 dB    | -115 dB |

    The fixed-rate engines work in blocks, so a word may wait 100 ms for its block to fill; the
    other one waits equally long for every sample, and its images and aliases (below -113 dB) are
    under the noise of 16 bits. It costs 0.5 to 1.5 ms of processor time per second of sound, and
    when it lowers the rate its output is late by about 0.1 ms (to 8 kHz: 0.25 ms), the same
    after an hour as at the start.
    """

    def __init__(self, source_rate: int, target_rate: int = SAMPLE_RATE) -> None:
        """Create a resampler for one stream.

        Args:
            source_rate: Samples per second of what is given to `process`, 8000 to 48000.
            target_rate: Samples per second of what it returns, 8000 to 48000.

        Raises:
            AudioFormatError: One of the rates is not supported.
        """
        check_sample_rate(source_rate)
        check_sample_rate(target_rate)
        self.source_rate = source_rate
        self.target_rate = target_rate
        self._stream = None if source_rate == target_rate else _open(source_rate, target_rate)
        self._ended = False

    def process(self, samples: Samples) -> Samples:
        """Resample the next samples of the stream.

        Args:
            samples: float32 of shape `(n,)`, any `n`.

        Returns:
            What is ready: float32 of shape `(m,)`; `m` may be 0.

        Raises:
            AudioFormatError: `samples` has more than one dimension.
            StreamEndedError: `flush` was called before.
        """
        if self._ended:
            raise StreamEndedError(
                f"{len(samples)} samples were given to a resampler after its flush(); "
                "a new stream needs a new resampler"
            )
        if samples.ndim != 1:
            raise AudioFormatError(
                f"the resampler takes mono samples of shape (n,), not {samples.shape}; "
                "give each channel a resampler of its own"
            )
        if self._stream is None or not len(samples):
            return samples
        resampled: Samples = self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32))
        return resampled

    def flush(self) -> Samples:
        """End the stream and return the samples that were held back, float32 of shape `(m,)`.

        Calling it again returns nothing.
        """
        nothing: Samples = np.zeros(0, np.float32)
        if self._ended or self._stream is None:
            self._ended = True
            return nothing
        self._ended = True
        tail: Samples = self._stream.resample_chunk(nothing, last=True)
        return tail


class SourcePlaces:
    """Where each piece of a stream lies in what a `StreamingResampler` makes of it.

    It gives later what it holds back, so what it returns for a piece is not the sound of that
    piece alone. The places of all pieces follow each other without a gap.

    Args:
        source_rate: of the stream's beginning.
        target_rate: of the places.
    """

    def __init__(self, source_rate: int, target_rate: int = SAMPLE_RATE) -> None:
        self._rate = source_rate
        self._target = target_rate
        self._base = 0
        self._given = 0
        self._returned = 0
        self._end = 0

    def change_rate(self, source_rate: int, waiting: int) -> None:
        """Another resampler goes on; `waiting` samples of the one before are still to come."""
        self._rate = source_rate
        self._base = self._returned + waiting
        self._given = 0

    def span(self, given: int, returned: int) -> tuple[int, int]:
        """Where the next piece begins and ends.

        Args:
            given: its samples at the source's rate.
            returned: samples that came out when it was given.
        """
        self._given += given
        self._returned += returned
        start = self._end
        self._end = max(start, self._base + round(self._given * self._target / self._rate))
        return start, self._end


def _open(source_rate: int, target_rate: int) -> soxr.ResampleStream:
    import soxr

    return soxr.ResampleStream(
        source_rate, target_rate, num_channels=1, dtype="float32", quality="HQ", vr=True
    )
