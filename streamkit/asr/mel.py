"""Whisper's features, each frame computed once.

Whisper sees log-mel spectra of 25 ms every 10 ms. A stream decodes overlapping windows several
times a second, and the library computes all frames of all of them anew. Here a frame is
computed when its sound arrives. Two things belong to a window and not to the stream, and are done
when the window is made: the frames at its edges, which reach over them (the library mirrors
the sound at the beginning, and has zeros after the end), and the scale, which hangs on the loudest
frame. The result equals faster-whisper's `FeatureExtractor` on the same window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streamkit.audio.clock import GRID_SAMPLES

Samples = npt.NDArray[np.float32]
Frames = npt.NDArray[np.float32]
"""float32 of shape (frames, mels): base-10 logarithms of mel powers, not scaled yet."""

FFT_SAMPLES = 400
REACH = FFT_SAMPLES // 2
"""Frame k is about sample 160 k and reaches so far to both sides."""

EDGE_FRAMES = -(-REACH // GRID_SAMPLES)
"""Frames at the beginning of a window that reach over its edge."""

SILENCE = -10.0
"""Logarithm of the least power that is told from none."""

RANGE = 8.0
"""Decades below the loudest frame that a window keeps."""


class MelFilters:
    """The spectra of one model.

    Args:
        filters: float32 of shape (mels, 201), as faster-whisper's extractor has them.
    """

    def __init__(self, filters: npt.NDArray[np.float32]) -> None:
        self._filters = np.ascontiguousarray(filters.T, dtype=np.float32)
        self._hann = np.hanning(FFT_SAMPLES + 1)[:-1].astype(np.float32)

    @property
    def mels(self) -> int:
        """Values in a frame."""
        return int(self._filters.shape[1])

    def frames(self, samples: Samples) -> Frames:
        """The frames that lie wholly in some samples, the first one about sample 200 of them."""
        if len(samples) < FFT_SAMPLES:
            return np.zeros((0, self.mels), np.float32)
        pieces = np.lib.stride_tricks.sliding_window_view(samples, FFT_SAMPLES)[::GRID_SAMPLES]
        spectrum = np.fft.rfft(pieces * self._hann)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ self._filters
        logarithms: Frames = np.log10(np.maximum(power, 1e-10))
        return logarithms

    def window(self, samples: Samples, inner: Frames | None = None) -> Frames:
        """All frames of a window, with zeros after its end.

        Args:
            samples: of the window, at least 201.
            inner: frames `EDGE_FRAMES` and following, as far as they lie wholly in the window, if
                they are known; they are computed where not.

        Returns:
            Every frame that has some of the samples in it.
        """
        first = EDGE_FRAMES * GRID_SAMPLES - REACH
        if inner is None:
            inner = self.frames(samples[first:])
        mirrored = samples[1 : REACH + 1][::-1]
        reach = EDGE_FRAMES * GRID_SAMPLES + REACH
        head = self.frames(np.concatenate([mirrored, _padded(samples, reach - GRID_SAMPLES)]))
        count = -(-(len(samples) + REACH) // GRID_SAMPLES)
        done = min(count, EDGE_FRAMES + len(inner))
        after = max(0, (count - done) * GRID_SAMPLES - GRID_SAMPLES + FFT_SAMPLES)
        tail = self.frames(_padded(samples[max(0, done * GRID_SAMPLES - REACH) :], after))
        return np.concatenate([head, inner, tail])[:count]


def _padded(samples: Samples, count: int) -> Samples:
    """Exactly `count` samples: cut off, or zeros added."""
    padded = np.zeros(count, np.float32)
    padded[: len(samples)] = samples[:count]
    return padded


def scaled(frames: Frames, count: int) -> npt.NDArray[np.float32]:
    """What the model takes: a window with silence after it, in Whisper's scale.

    Args:
        frames: of the window.
        count: frames of the result.

    Returns:
        float32 of shape (mels, count).
    """
    padded = np.full((frames.shape[1], count), SILENCE, np.float32)
    padded[:, : len(frames)] = frames[:count].T
    loudest = max(float(frames[:count].max(initial=SILENCE)), SILENCE)
    np.maximum(padded, loudest - RANGE, out=padded)
    padded += 4.0
    padded /= 4.0
    return padded


class MelStream:
    """The frames of one stream, as its sound arrives, kept for a while.

    One thread pushes while another makes windows, as long as no window reaches further back than
    `capacity` allows.

    Args:
        filters: of the model.
        capacity: samples that a window may reach back behind the newest one.
    """

    def __init__(self, filters: MelFilters, capacity: int) -> None:
        self._filters = filters
        self._slots = np.zeros((-(-capacity // GRID_SAMPLES), filters.mels), np.float32)
        self._rest = np.zeros(0, np.float32)
        self._end = EDGE_FRAMES
        """Number of the frame that comes next."""
        self._skip = EDGE_FRAMES * GRID_SAMPLES - REACH
        """Samples that no whole frame needs: the first frames of a stream reach before it."""

    def push(self, samples: Samples) -> None:
        """Take in the next samples of the stream, float32 at 16 kHz."""
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        held = np.concatenate([self._rest, samples[skipped:]])
        frames = self._filters.frames(held)
        self._rest = held[len(frames) * GRID_SAMPLES :]
        if len(frames):
            frames = frames[-len(self._slots) :]
            end = self._end + (len(held) - len(self._rest)) // GRID_SAMPLES
            places = np.arange(end - len(frames), end) % len(self._slots)
            self._slots[places] = frames
            self._end = end

    def window(self, samples: Samples, start: int) -> Frames:
        """The frames of a window.

        Args:
            samples: of the window; they were pushed.
            start: position of the first one, a multiple of 160.

        Returns:
            As `MelFilters.window`.
        """
        first = start // GRID_SAMPLES + EDGE_FRAMES
        # Frame k reaches to sample 160 k + 200, not included.
        last = (start + len(samples) - REACH) // GRID_SAMPLES + 1
        inner = None
        if self._end - len(self._slots) <= first < last <= self._end:
            inner = self._slots[np.arange(first, last) % len(self._slots)]
        return self._filters.window(samples, inner)
