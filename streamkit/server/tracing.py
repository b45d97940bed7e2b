"""Who gets the records of a trace, and what one session says for it.

A sink takes records and does with them what it likes, as long as nobody has to wait: a file of
lines (`trace_file`), or spans for OpenTelemetry (`otel`). Sessions do not know which, and do not
make records either: they note what happened, and a record is made of that in the sink's thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.latency.clock import ClockMap
from streamkit.server.records import Endpoint, Note, Pass, Samples, level_dbfs
from streamkit.server.trace_file import TraceFile
from streamkit.session.conversation_effects import (
    ResponseDone,
    Said,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from streamkit.session.effects import Transcript

if TYPE_CHECKING:
    from streamkit.server.state import ServerState


KEPT_SAMPLES: Final = 800
"""50 ms: pieces of sound up to this length are measured with their record, later."""


class TraceSink(Protocol):
    """Takes the records of all sessions; called on the server's loop only, and quick to return."""

    @property
    def lost(self) -> int:
        """Records that could not be kept."""
        ...

    def write(self, note: Note, /) -> None:
        """Note what has happened; a record is made of it later and elsewhere. Never waits."""
        ...

    def close(self) -> None:
        """Nothing more will come; waits for what has, a few seconds at most."""
        ...


class Sinks:
    """Several sinks as one.

    Args:
        sinks: each gets every record.
    """

    def __init__(self, *sinks: TraceSink) -> None:
        self._sinks = sinks

    @property
    def lost(self) -> int:
        """Records that could not be kept, of all sinks together."""
        return sum(sink.lost for sink in self._sinks)

    def write(self, note: Note) -> None:
        """Give all of them a note."""
        for sink in self._sinks:
            sink.write(note)

    def close(self) -> None:
        """Close all of them, one after the other."""
        for sink in self._sinks:
            sink.close()


def open_sinks(settings: Settings) -> TraceSink | None:
    """The sinks that the settings ask for; None: nobody wants records.

    Raises:
        ConfigurationError: the trace file cannot be written, or OpenTelemetry is not there.
    """
    sinks: list[TraceSink] = []
    try:
        if settings.trace is not None:
            sinks.append(TraceFile(settings.trace))
        if settings.otel:
            # Not loaded before somebody asks for it: it is an extra.
            from streamkit.server.otel import OpenTelemetrySink

            sinks.append(OpenTelemetrySink.from_environment())
    except ConfigurationError:
        Sinks(*sinks).close()
        raise
    return Sinks(*sinks) if len(sinks) > 1 else next(iter(sinks), None)


class SessionTrace:
    """Writes down what happens in one session. All times that it is given are the server's clock.

    Args:
        sink: takes the records.
        session: id.
        epoch: Unix time at which the server's clock was 0.
        words: put in what is said, too.
    """

    def __init__(self, sink: TraceSink, session: str, epoch: float, *, words: bool) -> None:
        self._write = sink.write
        self._session = session
        self._epoch = epoch
        self._words = words
        self._offset: float | None = None

    @classmethod
    def of(cls, state: ServerState, session: str) -> SessionTrace | None:
        """The trace of a session of this server; None: nobody wants one."""
        if state.trace is None:
            return None
        return cls(state.trace, session, state.epoch, words=state.settings.trace_words)

    def begin(self, at: float, endpoint: Endpoint, **served: str) -> None:
        """The session begins; see `records.begin_record`."""
        self._write(("begin", self._session, at + self._epoch, endpoint, served))

    def end(self, at: float, code: int, audio_seconds: float) -> None:
        """The session is over."""
        self._write(("end", self._session, at + self._epoch, code, audio_seconds))

    def clock(self, at: float, clock: ClockMap) -> None:
        """The client has told what its clock says; times of capture are translated from now on.

        Args:
            at: when.
            clock: what is known now.
        """
        self._offset, error = clock.offset, clock.error
        if self._offset is not None:
            self._write(("clock", self._session, at + self._epoch, self._offset, error))

    def chunk(
        self,
        channel: int,
        span: tuple[int, int],
        times: tuple[float | None, float, float],
        samples: Samples,
        probabilities: tuple[float, ...],
    ) -> None:
        """A piece of sound was received and scored.

        Args:
            channel: of the stream.
            span: position of its first sample, and after its last one.
            times: when the first one was captured (by the client's clock, Unix seconds), when it
                was received, and when it was scored.
            samples: what was scored of it, at 16 kHz; nobody changes them any more.
            probabilities: of speech in the windows that it completed.
        """
        if span[0] == span[1]:
            return
        # Long ones are few, and would fill the memory if the disk hangs.
        sound = samples if len(samples) <= KEPT_SAMPLES else level_dbfs(samples)
        epoch, offset = self._epoch, self._offset
        note = ("chunk", self._session, channel, *span, *times, sound, probabilities, epoch, offset)
        self._write(note)

    def hypothesis(self, heard: Pass) -> None:
        """A pass of the recognizer is over."""
        self._write(("hypothesis", self._session, heard, self._epoch, self._words))

    def caption(self, told: Transcript, channel: int, at: float) -> None:
        """A transcript is sent to a client of captions."""
        now, epoch = at + self._epoch, self._epoch
        self._write(("caption", self._session, channel, told, now, epoch, self._words))

    def said(self, effect: Said, at: float) -> None:
        """A client of a conversation is told something; only turns and responses are kept."""
        now, epoch = at + self._epoch, self._epoch
        match effect:
            case TranscriptionCompleted() | TranscriptionFailed():
                self._write(("turn", effect, self._session, now, epoch, self._words))
            case ResponseDone(response=told):
                offset = self._offset
                self._write(("response", told, self._session, now, epoch, self._words, offset))
            case _:
                pass
