"""Keeping the agent from hearing itself: the loudspeaker's sound is taken out of the microphone's.

WebRTC's canceller, the one of the browsers, does it (package pywebrtc-audio, extra `[talk]`). It
wants each piece of the microphone's sound together with what was given to the loudspeaker, the
latter first: it finds delays of 1 to 450 ms by itself. What is given to the loudspeaker in the
moment when a piece of the microphone's arrives is heard later than what that piece holds, by both
devices' latencies, so pairing the two as they pass through the program is always right.
"""

from __future__ import annotations

import importlib
import threading
from collections import deque
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from streamkit.client.playback import REALTIME_RATE
from streamkit.errors import ConfigurationError

Samples = NDArray[np.int16]

KEPT_SECONDS = 1.0
"""Sound of the loudspeaker that is remembered."""

MARGIN_SECONDS = 0.02
"""How far the pairing stays behind the loudspeaker at first, since both come in blocks."""

MAX_MARGIN_SECONDS = 0.1
"""Where that was not enough it grows, up to this."""

SLACK_SECONDS = 0.06
"""When the pairing was at least so much farther behind for `WATCHED` pieces, it is drawn closer."""

WATCHED = 64

HOLD_SECONDS = 0.3
"""How long a room goes on sounding, and the devices' latencies: see `HalfDuplex`."""

INSTALL = "install it with: pip install 'streamkit[talk]'"


class Listener(Protocol):
    """What becomes of the microphone's sound before it is sent."""

    def process(self, samples: Samples, missing: int = 0) -> Samples:
        """Return as many samples as were given, int16 of shape (n,).

        Args:
            samples: of the microphone, at `REALTIME_RATE`.
            missing: samples before them that were lost.
        """
        ...


class Reference:
    """The newest sound that was given to the loudspeaker; may be written in another thread."""

    def __init__(self, seconds: float = KEPT_SECONDS) -> None:
        self._kept = np.zeros(round(seconds * REALTIME_RATE), np.int16)
        self._lock = threading.Lock()
        self.written = 0
        """Position after the newest sample, counted from the first."""

    def write(self, samples: Samples) -> None:
        """Add sound, silence included: every sample that the device was given."""
        size = len(self._kept)
        with self._lock:
            newest = samples[-size:]
            places = np.arange(
                self.written + len(samples) - len(newest), self.written + len(samples)
            )
            self._kept[places % size] = newest
            self.written += len(samples)

    def read(self, start: int, count: int) -> Samples:
        """Sound from a position on, int16 of shape (count,); silence where there is none."""
        places = np.arange(start, start + count)
        with self._lock:
            there = (places >= max(0, self.written - len(self._kept))) & (places < self.written)
            return np.where(there, self._kept[places % len(self._kept)], 0).astype(np.int16)


class Pairing:
    """Which sound of the loudspeaker goes with which piece of the microphone's. Pure.

    Both are streams, so once begun the pairing goes on sample by sample, however irregularly the
    pieces arrive. It jumps only when a device has lost sound or their clocks have drifted apart.
    """

    def __init__(self) -> None:
        self._cursor: int | None = None
        self._margin = round(MARGIN_SECONDS * REALTIME_RATE)
        self._slacks: deque[int] = deque(maxlen=WATCHED)
        self.jumps = 0
        """Times that it had to jump."""

    def next(self, count: int, written: int, missing: int = 0) -> int:
        """Where the sound begins that goes with the next `count` samples of the microphone.

        Args:
            count: samples of the piece.
            written: samples that the loudspeaker was given so far.
            missing: samples of the microphone that were lost before the piece.
        """
        newest = written - count
        if self._cursor is None:
            self._cursor = newest - self._margin
        start = self._cursor + missing
        if start > newest:
            # The loudspeaker is behind: more margin, so that this does not happen again.
            self._margin = min(2 * self._margin, round(MAX_MARGIN_SECONDS * REALTIME_RATE))
            start = self._jump(newest - self._margin)
        self._slacks.append(newest - start)
        surplus = min(self._slacks) - self._margin
        if len(self._slacks) == WATCHED and surplus > SLACK_SECONDS * REALTIME_RATE:
            start = self._jump(start + surplus)
        self._cursor = start + count
        return start

    def _jump(self, start: int) -> int:
        self.jumps += 1
        self._slacks.clear()
        return start


class EchoCanceller:
    """Takes the loudspeaker's sound out of the microphone's; a `Listener`.

    Args:
        reference: what the loudspeaker was given.

    Raises:
        ConfigurationError: the package is not installed.
    """

    def __init__(self, reference: Reference) -> None:
        self._processor = _webrtc().AudioProcessor(
            sample_rate=REALTIME_RATE, num_channels=1, echo_cancellation=True
        )
        self._reference = reference
        self.pairing = Pairing()

    def process(self, samples: Samples, missing: int = 0) -> Samples:
        """See `Listener.process`."""
        start = self.pairing.next(len(samples), self._reference.written, missing)
        far = self._reference.read(start, len(samples))
        cleaned: Samples = self._processor.process(samples, far)
        return cleaned


class HalfDuplex:
    """Hears nothing while the loudspeaker sounds; a `Listener` for want of a canceller.

    Args:
        reference: what the loudspeaker was given.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference = reference

    def process(self, samples: Samples, missing: int = 0) -> Samples:
        """See `Listener.process`."""
        count = len(samples) + round(HOLD_SECONDS * REALTIME_RATE)
        played = self._reference.read(self._reference.written - count, count)
        return np.zeros_like(samples) if played.any() else samples


class OpenListener:
    """Hears everything; a `Listener` for headphones."""

    def process(self, samples: Samples, missing: int = 0) -> Samples:
        """See `Listener.process`."""
        return samples


def echo_canceller_missing() -> str | None:
    """Return what to install where the canceller's package is missing; None: it is there."""
    try:
        _webrtc()
    except ConfigurationError as error:
        return str(error)
    return None


def _webrtc() -> Any:
    try:
        return importlib.import_module("pywebrtc_audio")
    except ImportError as error:
        raise ConfigurationError(
            f"echo cancellation needs the Python package pywebrtc-audio; {INSTALL}, "
            "or wear headphones and say so with --headphones"
        ) from error
