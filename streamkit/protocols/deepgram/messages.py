"""What the server says."""

from __future__ import annotations

from typing import Any

from streamkit.asr.recognizer import ModelInfo, Word, join
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.latency.clock import ClockMap, ClockReport
from streamkit.protocols.deepgram.query import ListenOptions
from streamkit.protocols.timing import CLOCK, clock_answer, trace_latency
from streamkit.session.effects import SpeechBegan, Transcript, UtteranceEnded

Message = dict[str, Any]


def in_seconds(position: int) -> float:
    """A sample position as Deepgram's seconds."""
    return round(position / SAMPLE_RATE, 3)


class Encoder:
    """Server messages of one connection.

    Args:
        request_id: of the connection.
        model: what is served.
        model_uuid: stays the same for the same model.
        options: what the client asked for.
        epoch: Unix time at which the server's monotonic clock was 0.

    Attributes:
        channels: transcripts per stream, once the audio has told.
    """

    def __init__(
        self,
        request_id: str,
        model: ModelInfo,
        model_uuid: str,
        options: ListenOptions,
        epoch: float = 0.0,
    ) -> None:
        self._epoch = epoch
        self.request_id = request_id
        self.channels = 1
        self._options = options
        self._metadata = {
            "request_id": request_id,
            "model_info": {"name": model.name, "version": "1", "arch": "whisper"},
            "model_uuid": model_uuid,
        }

    def results(self, output: Transcript, channel: int, emit: float | None) -> Message:
        """A transcript; `emit` is the server's clock now, for the latency."""
        words = output.words
        text = (
            join(words)
            if self._options.punctuate
            else " ".join(filter(None, (_bare(word) for word in words)))
        )
        confidence = sum(word.probability for word in words) / len(words) if words else 0.0
        alternative: Message = {
            "transcript": text,
            "confidence": round(confidence, 4),
            "words": [self._word(word) for word in words],
        }
        if self._options.language is None:
            alternative["languages"] = [output.language] if words else []
        return {
            "type": "Results",
            "channel_index": [channel, self.channels],
            "start": in_seconds(output.start),
            "duration": round(in_seconds(output.end) - in_seconds(output.start), 3),
            "is_final": output.is_final,
            "speech_final": output.speech_final,
            "from_finalize": output.from_finalize,
            "channel": {"alternatives": [alternative]},
            "metadata": self._metadata,
            "streamkit": {
                "committed": output.committed,
                "utterance": output.utterance,
                "audio_end": in_seconds(output.end),
                "latency": trace_latency(output.trace, self._epoch, emit),
                "overload": None
                if output.overload is None
                else {"interval_ms": round(output.overload * 1000)},
            },
        }

    def _word(self, word: Word) -> Message:
        return {
            "word": _bare(word) or word.text,
            "start": in_seconds(word.start),
            "end": in_seconds(word.end),
            "confidence": round(word.probability, 4),
            "punctuated_word": word.text,
        }

    def speech_started(self, output: SpeechBegan, channel: int) -> Message:
        """Speech was detected."""
        return {
            "type": "SpeechStarted",
            "channel": [channel, self.channels],
            "timestamp": in_seconds(output.position),
        }

    def utterance_end(self, output: UtteranceEnded, channel: int) -> Message:
        """No word has followed for the time that the client asked for."""
        return {
            "type": "UtteranceEnd",
            "channel": [channel, self.channels],
            "last_word_end": in_seconds(output.last_word_end),
        }

    def metadata(self, duration: float, created: str, sha256: str) -> Message:
        """The last message: what was heard in all.

        Args:
            duration: seconds of audio.
            created: when the connection began, ISO 8601.
            sha256: of all audio bytes.
        """
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self.request_id,
            "sha256": sha256,
            "created": created,
            "duration": round(duration, 3),
            "channels": self.channels,
        }

    def clock(
        self, report: ClockReport, received_at: float, sent_at: float, clock: ClockMap
    ) -> Message:
        """The answer to a client that wants to compare clocks; see `timing.clock_answer`.

        Args:
            report: what it has said.
            received_at: when that came, by the server's monotonic clock.
            sent_at: the same clock as the answer leaves.
            clock: what is known of the client's.
        """
        times = (received_at + self._epoch, sent_at + self._epoch)
        return {"type": CLOCK, **clock_answer(report, *times, clock)}

    def configure_failure(self) -> Message:
        """Live changes are not offered; the stream goes on as it is."""
        return {
            "type": "ConfigureFailure",
            "request_id": self.request_id,
            "code": "CONFIGURE_NOT_SUPPORTED",
            "description": "settings cannot be changed in a running stream; open a new one",
        }


def error(variant: str, description: str, *, code: str | None = None) -> Message:
    """An error that the stream survives, or the last message before it is closed.

    The client's own text is not sent back whole: `message` repeats the description.
    """
    message = {
        "type": "Error",
        "variant": variant,
        "description": description,
        "message": description,
    }
    if code is not None:
        message["code"] = code
    return message


def _bare(word: Word) -> str:
    """The word in lower case without the punctuation around it."""
    text = word.text.casefold()
    first = next((i for i, character in enumerate(text) if character.isalnum()), len(text))
    last = next((i for i in range(len(text), 0, -1) if text[i - 1].isalnum()), first)
    return text[first:last]
