"""The model and the detector without a server: simulated time, and each segment as a whole."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from streamkit.asr.recognizer import RecognitionRequest, Recognizer, Word
from streamkit.asr.whisper import WhisperRecognizer
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.config import Settings
from streamkit.models import resolve
from streamkit.protocols.deepgram.query import ListenOptions
from streamkit.server.options import caption_options
from streamkit.session.effects import Transcript
from streamkit.testing import SimulatedStream
from streamkit.vad.silero import SileroVad, VadStream
from streamkit_benchmarks.streamkit_system import ENDPOINTING, Screen
from streamkit_benchmarks.systems import CHUNK_SAMPLES
from streamkit_benchmarks.timeline import Recording, Update

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.server.state import ServerState

Samples = npt.NDArray[np.float32]

LONGEST = 28 * SAMPLE_RATE
"""What a model of 30 s windows is given at once, a multiple of 10 ms."""


class Bench:
    """The model and the detector, loaded once.

    Args:
        model: name or directory.
        profile: in the place of the model's own.
        settings: of the server whose sessions these are; None: as the environment says.
        threads: of one decoding.
    """

    def __init__(
        self,
        model: str,
        profile: ModelProfile | None = None,
        settings: Settings | None = None,
        threads: int = 1,
    ) -> None:
        found = resolve(model)
        self.name = found.name
        self.profile = profile or found.profile
        self._whisper = WhisperRecognizer.load(
            found.path, name=found.name, profile=self.profile, threads=threads
        )
        self.vad = SileroVad.load()
        self._settings = settings or Settings()
        self.use(self.profile)

    def use(self, profile: ModelProfile) -> None:
        """Decode in another way from now on."""
        self.profile = profile
        self.recognizer: Recognizer = self._whisper.with_profile(profile)
        # Of the server's state, the options of a session need these two.
        state = SimpleNamespace(settings=self._settings, profile=profile)
        asked = ListenOptions(interim_results=True, endpointing=ENDPOINTING, vad_events=True)
        self.options = caption_options(asked, cast("ServerState", state))

    def detect(self, samples: Samples) -> None:
        """Only the detector, chunk by chunk: for what it costs."""
        state = VadStream()
        for first in range(0, len(samples), CHUNK_SAMPLES):
            self.vad.process(state, samples[first : first + CHUNK_SAMPLES])

    def stream(
        self,
        samples: Samples,
        decode_seconds: Callable[[RecognitionRequest], float] = lambda request: 0.02,
    ) -> SimulatedStream:
        """Play a recording to its end in simulated time.

        Args:
            samples: float32 mono at 16 kHz.
            decode_seconds: how long a pass takes on the simulated clock.
        """
        state = VadStream()
        stream = SimulatedStream(
            self.recognizer,
            lambda piece: self.vad.process(state, piece).tolist(),
            self.options,
            decode_seconds=decode_seconds,
        )
        stream.feed(samples)
        stream.close()
        return stream

    def offline(self, samples: Samples, stream: SimulatedStream) -> list[tuple[Word, ...]]:
        """Decode each segment of a stream once, as a whole; in parts where it is too long."""
        heard = []
        for segment in stream.segments:
            words: list[Word] = []
            for start in range(segment.start, segment.end, LONGEST):
                part = samples[start : min(segment.end, start + LONGEST)]
                request = RecognitionRequest(part, start, final=True)
                words += self.recognizer.recognize([request])[0].words
            heard.append(tuple(words))
        return heard


def updates(stream: SimulatedStream) -> list[Update]:
    """What a viewer of a simulated stream would have seen, in simulated seconds."""
    recording, screen = Recording(), Screen()
    for emitted in stream.emitted:
        if isinstance(emitted.output, Transcript):
            screen.see(emitted.output)
            recording.show(emitted.at, screen.committed, screen.tentative)
    return recording.updates
