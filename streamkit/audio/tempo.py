"""Faster or slower at the same pitch, piece by piece (FFmpeg's `atempo`)."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np

from streamkit.audio.container import to_samples
from streamkit.audio.convert import Samples, clean
from streamkit.errors import AudioFormatError

if TYPE_CHECKING:
    import av

MIN_TEMPO: Final = 0.5
MAX_TEMPO: Final = 2.0
"""FFmpeg takes up to 100, and leaves samples out beyond 2."""


class Tempo:
    """A mono stream whose words come faster or slower, and whose voice stays as it is.

    About 60 ms are held back. The length of the result is right within 1 %; less than 30 ms of
    sound in all gives nothing.
    """

    def __init__(self, tempo: float, sample_rate: int) -> None:
        """Create a filter for one stream.

        Args:
            tempo: 2 is twice as fast; from `MIN_TEMPO` to `MAX_TEMPO`.
            sample_rate: Hz.

        Raises:
            AudioFormatError: the tempo is out of range.
        """
        if not MIN_TEMPO <= tempo <= MAX_TEMPO:
            raise AudioFormatError(
                f"a tempo of {tempo} was asked for; accepted: {MIN_TEMPO} to {MAX_TEMPO}"
            )
        self._rate = sample_rate
        self._graph = None if tempo == 1 else _graph(tempo, sample_rate)
        self._given = 0

    def process(self, samples: Samples) -> Samples:
        """Take the next samples, float32 of shape `(n,)`; return what is ready."""
        if self._graph is None or not len(samples):
            return samples
        import av

        frame = av.AudioFrame.from_ndarray(clean(samples)[None], "flt", "mono")
        frame.sample_rate = self._rate
        frame.pts = self._given
        self._given += len(samples)
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> Samples:
        """End the stream; return what was held back. Called again it returns nothing."""
        if self._graph is None:
            return np.zeros(0, np.float32)
        self._graph.push(None)
        rest = self._pull()
        self._graph = None
        return rest

    def _pull(self) -> Samples:
        import av

        assert self._graph is not None
        pieces = [np.zeros(0, np.float32)]
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return np.concatenate(pieces)
            assert isinstance(frame, av.AudioFrame)
            pieces.append(to_samples(frame)[:, 0])


def _graph(tempo: float, sample_rate: int) -> av.filter.Graph:
    import av
    import av.filter

    graph = av.filter.Graph()
    source = graph.add_abuffer(
        format="flt",
        sample_rate=sample_rate,
        layout="mono",
        time_base=Fraction(1, sample_rate),
    )
    stretch = graph.add("atempo", f"{tempo:.6f}")
    sink = graph.add("abuffersink")
    source.link_to(stretch)
    stretch.link_to(sink)
    graph.configure()
    return graph
