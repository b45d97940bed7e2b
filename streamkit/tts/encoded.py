"""A text as the bytes of a sound file, while it is spoken: voice, tempo, rate and format."""

from __future__ import annotations

from streamkit.audio.convert import Samples
from streamkit.audio.encoders import ENCODED_RATE, open_encoder, silence
from streamkit.audio.resample import StreamingResampler
from streamkit.audio.tempo import Tempo
from streamkit.tts.espeak import MAX_SPEED, MIN_SPEED
from streamkit.tts.synthesizer import SpeechPiece, Synthesizer

SILENCE_SECONDS = 0.1
"""Of a text in which there is nothing to say, since a file without a sample cannot be opened."""


class EncodedSpeech:
    """The bytes of one text, to be iterated once.

    Like a `SpeechStream`: one thread iterates, `close` may be called from any thread and releases
    one that waits, and whoever does not iterate costs nothing.

    Attributes:
        seconds: sound so far.
    """

    def __init__(
        self,
        synthesizer: Synthesizer,
        text: str,
        *,
        voice: str | None,
        speed: float,
        audio_format: str,
        language: str | None = None,
        speeds: tuple[float, float] = (MIN_SPEED, MAX_SPEED),
    ) -> None:
        """Begin to speak.

        Args:
            synthesizer: the engine.
            text: what to say.
            voice: one of the engine's voices.
            speed: 1 is the voice's usual speed. What the engine can do of it sounds better than
                a filter; the filter does the rest, from half to twice of that.
            audio_format: one of `streamkit.audio.encoders.MEDIA_TYPES`.
            language: BCP 47 tag; None: that of the voice.
            speeds: the lowest and the highest that the engine knows.

        Raises:
            SynthesisError: see `Synthesizer.synthesize`.
            AudioFormatError: the format or the speed is not accepted.
        """
        spoken = min(max(speed, speeds[0]), speeds[1])
        self.seconds = 0.0
        self._tempo = Tempo(speed / spoken, ENCODED_RATE)
        self._stream = synthesizer.synthesize(text, voice=voice, language=language, speed=spoken)
        self._resampler: StreamingResampler | None = None
        self._encoder = open_encoder(audio_format)
        self._ended = False
        self._closed = False

    def __iter__(self) -> EncodedSpeech:
        """Return the stream itself."""
        return self

    def __next__(self) -> bytes:
        """Return the next bytes, at least one.

        Raises:
            StopIteration: the file is complete, or the stream was closed.
            SynthesisError: the engine failed.
        """
        while not self._ended:
            piece = next(self._stream, None)
            if self._closed:
                break
            data = self._finish() if piece is None else self._encode(piece)
            if data:
                return data
        self._ended = True
        self._encoder.close()
        raise StopIteration

    def close(self) -> None:
        """Stop speaking; harmless when already over."""
        self._closed = True
        self._stream.close()

    def _encode(self, piece: SpeechPiece) -> bytes:
        if self._resampler is None:
            self._resampler = StreamingResampler(piece.sample_rate, ENCODED_RATE)
        return self._write(self._tempo.process(self._resampler.process(piece.samples)))

    def _finish(self) -> bytes:
        self._ended = True
        data = b""
        if self._resampler is not None:
            data = self._write(self._tempo.process(self._resampler.flush()))
        data += self._write(self._tempo.flush())
        if not self.seconds:
            data += self._write(silence(SILENCE_SECONDS))
        return data + self._encoder.finish()

    def _write(self, samples: Samples) -> bytes:
        self.seconds += len(samples) / ENCODED_RATE
        return self._encoder.encode(samples)
