"""Live captions as a pure machine: audio positions, probabilities and hypotheses in, effects out.

The machine never touches samples. It knows where speech is (the segmenter), which windows
to decode and when, which words are committed, and what to tell the client. Everything about
speech is measured in samples, so a stream that arrives faster than real time gives the same
segments; `now` only stamps traces.

The stream is OPEN, DRAINING from `CloseRequested` on until the last final is out, and then
CLOSED. Segments have phases of their own (see `segment.py`); their finals leave in order.
"""

from __future__ import annotations

import dataclasses
import enum
from collections import deque
from dataclasses import dataclass, field

from streamkit.asr.incremental import GrowingWords
from streamkit.asr.policy import CommitPolicy, LocalAgreement
from streamkit.asr.recognizer import Word
from streamkit.audio.clock import SAMPLE_RATE, on_grid, seconds
from streamkit.latency.trace import Chunk, Stage, TraceLog
from streamkit.session.effects import (
    Closed,
    Decode,
    Effect,
    Hasten,
    RangeFailed,
    SpeechBegan,
    Transcript,
    UtteranceEnded,
)
from streamkit.session.events import (
    AudioReceived,
    CloseRequested,
    DecodeFailed,
    DecodeSkipped,
    Event,
    FinalizeRequested,
    HypothesisReady,
    PaceChanged,
    WindowsScored,
    WordsCommitted,
)
from streamkit.session.segment import Pending, Phase, Segment
from streamkit.vad.segmenter import (
    Segmenter,
    SegmenterOptions,
    SpeechEnded,
    SpeechPaused,
    SpeechStarted,
    Voice,
)


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """What the client asked for; durations in samples at 16 kHz.

    Attributes:
        interim_results: send transcripts that may still change.
        endpointing: silence after which the speaker has finished; None: never decided.
        utterance_end: gap after the last word that is reported; None: not reported.
        vad_events: report when speech begins.
        partial_interval: new audio between two passes over open speech.
        policy: which words are committed before their final.
        segmenter: thresholds of the voice activity detector.
        trim: window length from which it moves on behind committed words.
        context_words: committed words that stay in sight once they are before the window.
        cut_sentence: length of what is not final from which it is cut at a sentence's end.
        cut_word: length from which it is cut behind any committed word.
        cut_force: window length from which uncommitted words are forced out.
        max_window: window length at which speech is split wherever it is quietest, because
            the recognizer sees no more than 30 s.
    """

    interim_results: bool = True
    endpointing: int | None = seconds(0.3)
    utterance_end: int | None = None
    vad_events: bool = False
    partial_interval: int = seconds(0.25)
    policy: CommitPolicy = field(default_factory=LocalAgreement)
    segmenter: SegmenterOptions = field(default_factory=SegmenterOptions)
    trim: int = seconds(3)
    context_words: int = 32
    cut_sentence: int = seconds(6)
    cut_word: int = seconds(12)
    cut_force: int = seconds(20)
    max_window: int = seconds(28)


class StreamState(enum.Enum):
    """Whether audio is still expected."""

    OPEN = "open"
    DRAINING = "draining"
    CLOSED = "closed"


class CaptionSession:
    """One channel of one stream.

    Attributes:
        state: open, draining or closed.
        received: position after the last sample that arrived.
        traces: the way of each chunk.
        committed_until: up to where words were committed when the newest hypothesis had been taken
            in, in its segment; None: none is.
    """

    def __init__(self, options: CaptionOptions | None = None) -> None:
        self.options = options or CaptionOptions()
        self.state = StreamState.OPEN
        self.received = 0
        self.traces = TraceLog()
        self.committed_until: int | None = None
        self._segmenter = Segmenter(self.options.segmenter)
        self._segments: deque[Segment] = deque()
        self._effects: list[Effect] = []
        self._requests = 0
        self._segment_count = 0
        self._finalised = 0
        self._utterance = 0
        self._utterance_open = False
        self._endpoint_due = False
        self._last_word_end: int | None = None
        self._inherited: tuple[Word, ...] = ()
        self._language: str | None = None
        """Of the last segment with words."""
        self._pace = PaceChanged(1.0, False)
        self._kept_from = 0
        """Nothing before this is there any more, whatever `tune` asks for later."""

    @property
    def closed(self) -> bool:
        """Everything was said."""
        return self.state is StreamState.CLOSED

    @property
    def keep_from(self) -> int:
        """Samples before this position will not be asked for again."""
        candidate = self._segmenter.candidate
        quiet = self._segmenter.position if candidate is None else candidate
        keep = quiet - self.options.segmenter.pre_roll
        if self._segments:
            keep = min(keep, self._segments[0].window)
        return max(0, on_grid(keep))

    @property
    def voice(self) -> Voice:
        """Whether somebody speaks at `position`."""
        return self._segmenter.voice

    @property
    def position(self) -> int:
        """Position after the last window that was scored."""
        return self._segmenter.position

    @property
    def speech_end(self) -> int:
        """Where the newest speech ended, or has come to."""
        return self._segmenter.speech_end

    @property
    def candidate(self) -> bool:
        """Somebody has perhaps begun to speak."""
        return self._segmenter.candidate is not None

    @property
    def likely(self) -> bool:
        """Somebody has perhaps begun to speak, and it is likely."""
        return self._segmenter.likely

    @property
    def heard(self) -> int:
        """Speech before this position has been decoded at least once."""
        return self._segments[0].heard if self._segments else self._segmenter.position

    def tune(self, segmenter: SegmenterOptions) -> None:
        """Change the thresholds of the voice activity detector from the next window on."""
        self.options = dataclasses.replace(self.options, segmenter=segmenter)
        self._segmenter.options = segmenter

    def receive(self, event: Event, now: float) -> list[Effect]:
        """Take in one event.

        Args:
            event: what happened.
            now: seconds on the caller's monotonic clock, never decreasing.

        Returns:
            What is to be done, in order.
        """
        self._effects = []
        if self.state is StreamState.CLOSED:
            self.committed_until = None
            return self._effects
        match event:
            case AudioReceived():
                start, end = event.span or (event.start, event.end)
                self.traces.add(Chunk(start, end, event.received_at, event.captured_at))
                self.received = event.end
            case WordsCommitted(words=words):
                self._inherited = words
            case WindowsScored(probabilities=probabilities):
                for probability in probabilities:
                    self._window(probability)
                self.traces.mark(Stage.VAD, self._segmenter.position, now)
                self._maybe_partial()
            case HypothesisReady():
                self._hypothesis(event)
                # What came in while it was computed may be enough for the next pass already,
                # and nothing more may come.
                self._maybe_partial()
            case DecodeFailed(request=request, reason=reason):
                self._failed(request, reason)
            case DecodeSkipped(request=request):
                self._skipped(request)
            case PaceChanged():
                self._pace = event
            case FinalizeRequested():
                self._flush(from_finalize=True)
            case CloseRequested():
                self.state = StreamState.DRAINING
                self._flush(from_finalize=False)
        self._emit(now)
        self._kept_from = max(self._kept_from, self.keep_from)
        self.traces.forget(self._kept_from)
        return self._effects

    # What the detector hears

    def _window(self, probability: float) -> None:
        happened = self._segmenter.push(probability)
        position = self._segmenter.position
        segment = self._open_segment
        if segment is not None:
            segment.probabilities.append(probability)
        match happened:
            case SpeechStarted(start=start, onset=onset):
                self._begin(start, onset)
            case SpeechPaused() if segment is not None:
                # Most pauses are ends: decoding now makes the final ready when the silence
                # has lasted long enough, and costs nothing more if it was none.
                self._decode(segment, position, thorough=True, urgent=False)
            case SpeechEnded(speech_end=speech_end) if segment is not None:
                self._close(segment, speech_end + self.options.segmenter.tail)
            case _:
                pass
        segment = self._open_segment
        if segment is not None and position - segment.window >= self.options.max_window:
            self._split(segment, position)
        self._check_silence(position)

    def _begin(self, start: int, onset: int) -> None:
        self._append_segment(max(start, self._kept_from), onset)
        self._utterance_open = True
        self._endpoint_due = False
        if self.options.vad_events:
            self._effects.append(SpeechBegan(onset))

    def _append_segment(self, window: int, onset: int) -> None:
        window = on_grid(window)
        self._segments.append(
            Segment(
                number=self._segment_count,
                onset=onset,
                window=window,
                origin=window,
                heard=window,
                requested=onset,
                words=GrowingWords(self.options.policy, self._inherited),
                history=deque(maxlen=self.options.context_words),
            )
        )
        self._inherited = ()
        self._segment_count += 1

    @property
    def _open_segment(self) -> Segment | None:
        if self._segments and self._segments[-1].phase is Phase.OPEN:
            return self._segments[-1]
        return None

    def _split(self, segment: Segment, position: int) -> None:
        """Speech without any committed word for so long: end the segment, go on at once."""
        at = max(segment.heard, segment.quietest(position))
        self._close(segment, at)
        self._append_segment(at, at)

    def _check_silence(self, position: int) -> None:
        if self._segmenter.voice is not Voice.QUIET:
            return
        silence = position - self._segmenter.speech_end
        endpointing = self.options.endpointing
        if self._utterance_open and endpointing is not None and silence >= endpointing:
            self._utterance_open = False
            if self._segments:
                self._segments[-1].speech_final = True
            else:
                self._endpoint_due = True
        if not self._segments and self._segmenter.candidate is None:
            self._check_gap(position)

    def _check_gap(self, quiet_until: int) -> None:
        """Report the end of the utterance if no word followed the last one for long enough."""
        gap, last = self.options.utterance_end, self._last_word_end
        if gap is not None and last is not None and quiet_until - last >= gap:
            self._effects.append(UtteranceEnded(last))
            self._last_word_end = None

    # What the recognizer says

    @property
    def _interval(self) -> int:
        """New audio between two passes, as far as the recognizer keeps up."""
        return round(self.options.partial_interval * self._pace.stretch)

    def _maybe_partial(self) -> None:
        segment = self._open_segment
        if segment is None or segment.pending or self._segmenter.voice is not Voice.SPEAKING:
            return
        position = self._segmenter.position
        if position - segment.requested >= self._interval:
            self._decode(segment, position, thorough=False, urgent=False)

    def _decode(self, segment: Segment, end: int, *, thorough: bool, urgent: bool) -> None:
        self._requests += 1
        segment.pending[self._requests] = Pending(end, segment.words.count)
        segment.requested = end
        self._effects.append(
            Decode(
                request=self._requests,
                segment=segment.number,
                start=segment.window,
                end=end,
                prefix=segment.prefix,
                context=segment.context,
                language=segment.language if segment.settled else None,
                likely_language=self._language,
                thorough=thorough,
                urgent=urgent,
            )
        )

    def _close(self, segment: Segment, end: int) -> None:
        """End a segment at `end`, with whatever decoding that still needs."""
        segment.close(end)
        if segment.complete:
            return
        waiting = [request for request, to in segment.pending.items() if to.end >= end]
        if waiting:
            self._effects.append(Hasten(waiting[-1]))
        else:
            self._decode(segment, end, thorough=True, urgent=True)

    def _hypothesis(self, event: HypothesisReady) -> None:
        self.committed_until = None
        segment = self._segment_of(event.request)
        if segment is None:
            return
        pending = segment.pending.pop(event.request)
        hypothesis = event.hypothesis
        self.traces.mark(Stage.DECODE_START, hypothesis.end, event.started_at)
        self.traces.mark(Stage.DECODE_END, hypothesis.end, event.ended_at)
        segment.hear(hypothesis, pending)
        self.committed_until = segment.committed_until
        self._again(segment)

    def _failed(self, request: int, reason: str) -> None:
        segment = self._segment_of(request)
        if segment is None:
            return
        del segment.pending[request]
        if segment.phase is Phase.CLOSING and not segment.pending:
            segment.give_up(reason)

    def _skipped(self, request: int) -> None:
        segment = self._segment_of(request)
        if segment is not None:
            del segment.pending[request]
            self._again(segment)

    def _segment_of(self, request: int) -> Segment | None:
        return next((each for each in self._segments if request in each.pending), None)

    def _again(self, segment: Segment) -> None:
        """A closing segment whose end was not heard yet needs another pass."""
        if segment.phase is Phase.CLOSING and not segment.complete and not segment.pending:
            assert segment.end is not None
            self._decode(segment, segment.end, thorough=True, urgent=True)

    # What the client asks for

    def _flush(self, *, from_finalize: bool) -> None:
        started = self._segmenter.force_start()
        if started is not None:
            self._begin(started.start, started.onset)
        segment = self._open_segment
        if segment is not None:
            end = self.received
            if self._segmenter.voice is Voice.PAUSED:
                end = min(end, self._segmenter.speech_end + self.options.segmenter.tail)
            self._close(segment, max(end, segment.window))
            self._segmenter.force_end(segment.end or end)
        if self.state is StreamState.DRAINING:
            self._utterance_open = False
        if self._segments:
            self._segments[-1].from_finalize |= from_finalize
            self._segments[-1].speech_final |= self.state is StreamState.DRAINING
        elif self._inherited:
            # The detector has not found their speech again; the words stand all the same.
            words, self._inherited = self._inherited, ()
            self._effects.append(
                self._transcript(words, self.received, 0, final=True, from_finalize=from_finalize)
            )
        elif from_finalize:
            self._effects.append(
                self._transcript((), self.received, 0, final=True, from_finalize=True)
            )

    # What the client gets

    def _emit(self, now: float) -> None:
        while self._segments:
            segment = self._segments[0]
            if segment.phase is not Phase.OPEN and segment.complete:
                self._emit_final(segment, now)
                self._segments.popleft()
                continue
            if segment.changed:
                self._emit_progress(segment, now)
            break
        if self._endpoint_due and not self._segments:
            self._endpoint_due = False
            self._effects.append(
                self._transcript((), self._segmenter.position, 0, final=True, speech_final=True)
            )
        if self.state is StreamState.DRAINING and not self._segments:
            self.traces.mark(Stage.COMMIT, self.received, now)
            self.state = StreamState.CLOSED
            self._effects.append(Closed(self.received))

    def _emit_progress(self, segment: Segment, now: float) -> None:
        segment.changed = False
        options = self.options
        cut = segment.cut(options.cut_sentence, options.cut_word, options.cut_force)
        if cut is not None:
            self.traces.mark(Stage.COMMIT, cut.position, now)
            self._effects.append(
                self._transcript(cut.words, cut.position, 0, final=True, language=segment.language)
            )
        segment.trim(options.trim)
        committed = segment.words.committed
        if committed:
            self.traces.mark(Stage.COMMIT, committed[-1].end, now)
        words = segment.words.words
        if words and self.options.interim_results:
            self.traces.mark(Stage.FIRST_PARTIAL, segment.heard, now)
            self._effects.append(
                self._transcript(
                    words, segment.heard, len(committed), final=False, language=segment.language
                )
            )

    def _emit_final(self, segment: Segment, now: float) -> None:
        assert segment.end is not None
        segment.phase = Phase.DONE
        words = segment.words.committed
        self.traces.mark(Stage.FIRST_PARTIAL, segment.heard, now)
        self.traces.mark(Stage.COMMIT, segment.end, now)
        if segment.settled:
            self._language = segment.language
        if segment.failure is not None:
            self._effects.append(RangeFailed(segment.window, segment.end, segment.failure))
        if words or segment.from_finalize or segment.speech_final:
            self._effects.append(
                self._transcript(
                    words,
                    segment.end,
                    0,
                    final=True,
                    speech_final=segment.speech_final,
                    from_finalize=segment.from_finalize,
                    language=segment.language,
                )
            )
        # The final may be late: what has been heard since then is known already.
        if len(self._segments) > 1:
            self._check_gap(self._segments[1].onset)
        elif self._segmenter.candidate is None:
            self._check_gap(self._segmenter.position)

    def _transcript(
        self,
        words: tuple[Word, ...],
        end: int,
        committed: int,
        *,
        final: bool,
        speech_final: bool = False,
        from_finalize: bool = False,
        language: str = "en",
    ) -> Transcript:
        start = min(self._finalised, end)
        if final:
            self._finalised = end
            if words:
                self._last_word_end = words[-1].end
        transcript = Transcript(
            start=start,
            end=end,
            words=words,
            committed=len(words) if final else committed,
            is_final=final,
            speech_final=speech_final,
            from_finalize=from_finalize,
            utterance=self._utterance,
            language=language,
            trace=self.traces.trace(words[-1].end if words else end, SAMPLE_RATE),
            overload=self._interval / SAMPLE_RATE if self._pace.overloaded else None,
        )
        if speech_final:
            self._utterance += 1
        return transcript
