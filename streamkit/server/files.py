"""A sound file on its way through a caption session.

It is heard as a live stream is, only faster: the same detector, windows, gate and line at the
recognizer, which serves a session that has used it much after those that have not. When the
recognizer is behind, decoding of the file waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import BinaryIO

import anyio
from anyio.to_thread import run_sync

from streamkit.asr.recognizer import Guidance, Word
from streamkit.audio.clock import SAMPLE_RATE, seconds
from streamkit.audio.convert import Samples
from streamkit.audio.files import read_audio
from streamkit.errors import AudioFormatError
from streamkit.protocols.deepgram import ListenOptions, in_seconds
from streamkit.protocols.openai_audio import ApiError, Collector, Heard, TranscriptionRequest
from streamkit.protocols.openai_audio.errors import SERVER_ERROR
from streamkit.server import channel
from streamkit.server.exchange import Attendance
from streamkit.server.options import RELEASE_RATIO, TAIL_WINDOWS, caption_options
from streamkit.server.state import ServerState
from streamkit.session.captions import CaptionOptions, CaptionSession
from streamkit.session.effects import Decode, Effect, Output
from streamkit.session.events import (
    CloseRequested,
    DecodeFailed,
    DecodeSkipped,
    Event,
    HypothesisReady,
    PaceChanged,
)
from streamkit.vad.silero import WINDOW_SAMPLES

PARTIAL_SECONDS = 2.0
"""New speech between two passes when the client wants words while the file is heard. Else it is as
much as a window may hold before it moves on, since every pass costs as much as its window."""


class FileHearing:
    """One file on its way to its words.

    Args:
        state: of the server.
        attendance: who waits for them.
        request: what is to be made of the file.
        session_id: pays for the use of the recognizer.
        told: takes words that will not change any more.
    """

    def __init__(
        self,
        state: ServerState,
        attendance: Attendance,
        request: TranscriptionRequest,
        session_id: str,
        told: Callable[[Sequence[Word]], None] = lambda words: None,
    ) -> None:
        self._state = state
        self._attendance = attendance
        self._request = request
        self._told = told
        self._collector = Collector()
        self._session = FileSession(CaptionSession(file_options(request, state)))
        self._channel: channel.Channel[Event, Output] = channel.Channel(
            state,
            attendance.tasks,
            self._session,
            SAMPLE_RATE,
            Guidance(request.language, request.task, request.keyterms, request.prompt),
            self._take,
            session_id,
        )

    async def run(self, file: BinaryIO) -> Heard:
        """Hear the file from where it stands to its end.

        Raises:
            ApiError: it is no audio file, or too long.
        """
        began = self._state.clock()
        pieces = read_audio(file)
        length = 0.0
        try:
            while (heard := await self._digest(lambda: next(pieces, None))) is not None:
                length += len(heard.samples) / SAMPLE_RATE
                self._check_length(length)
                await self._session.caught_up()
                await self._channel.hear(heard, self._state.clock())
        except AudioFormatError as error:
            raise ApiError(str(error), param="file", code="invalid_audio") from error
        finally:
            pieces.close()
        self._channel.receive(CloseRequested())
        await self._channel.closed.wait()
        result = Heard(tuple(self._collector.passages), length, self._request.task)
        metrics = self._state.metrics
        metrics.audio.inc(length)
        metrics.words.inc(len(result.words))
        metrics.realtime_factor.observe((self._state.clock() - began) / max(length, 1.0))
        return result

    async def _digest(self, read: Callable[[], Samples | None]) -> channel.Heard | None:
        def digest() -> channel.Heard | None:
            samples = read()
            return None if samples is None else self._channel.digest(samples)

        return await run_sync(digest, limiter=self._state.file_threads)

    def _check_length(self, length: float) -> None:
        most = self._state.settings.max_file_seconds
        if length > most:
            raise ApiError(
                f"a file of more than {most:g} s of sound was given; accepted: up to {most:g} s: "
                "send it in parts",
                param="file",
                code="audio_too_long",
            )

    def _take(self, output: Output) -> None:
        words = self._collector.take(output)
        if words:
            self._told(words)
        failed = self._collector.failure
        if failed is not None:
            self._state.metrics.errors.labels("RecognitionFailed").inc()
            self._attendance.give_up(
                ApiError(
                    f"the recognizer failed on {in_seconds(failed.start)} to "
                    f"{in_seconds(failed.end)} s: {failed.reason}",
                    status=500,
                    code="recognition_failed",
                    kind=SERVER_ERROR,
                    # Each pass was tried twice already.
                    hopeless=True,
                )
            )


class FileSession:
    """A caption session for sound that is all there already (a `HearingSession`).

    A live session decodes at every pause, in case it is the end of the speech. Here the sound
    that tells whether it is follows at once, so those passes are skipped. Passes over speech that
    goes on are waited for, because the windows after them depend on their words: so what is heard
    in a file does not depend on how fast the recognizer is, nor on how busy. Finals are not waited
    for.

    Args:
        session: a new one.
    """

    def __init__(self, session: CaptionSession) -> None:
        self._session = session
        self._open: set[int] = set()
        self._answered = anyio.Event()

    @property
    def keep_from(self) -> int:
        """Samples before this position will not be asked for again."""
        return self._session.keep_from

    @property
    def committed_until(self) -> int | None:
        """Up to where words are committed; see `CaptionSession`."""
        return self._session.committed_until

    @property
    def closed(self) -> bool:
        """Everything was said."""
        return self._session.closed

    async def caught_up(self) -> None:
        """Wait until no pass over open speech is under way."""
        while self._open:
            await self._answered.wait()

    def receive(self, event: Event, now: float) -> list[Effect]:
        """Take in one event; returns what is to be done, in order."""
        if isinstance(event, (HypothesisReady, DecodeFailed, DecodeSkipped)):
            self._open.discard(event.request)
            self._answered.set()
            self._answered = anyio.Event()
        if isinstance(event, PaceChanged):
            return []
        effects: list[Effect] = []
        skipped: list[int] = []
        for effect in self._session.receive(event, now):
            match effect:
                case Decode(thorough=True, urgent=False, request=request):
                    skipped.append(request)
                    continue
                case Decode(thorough=False, request=request):
                    self._open.add(request)
            effects.append(effect)
        for request in skipped:
            # If the pause was the end after all, the session asks for it anew, as a final.
            effects += self._session.receive(DecodeSkipped(request), now)
        return effects


def file_options(request: TranscriptionRequest, state: ServerState) -> CaptionOptions:
    """As live captions are cut, but for what the client wants otherwise."""
    chunking = request.chunking
    options = caption_options(
        ListenOptions(
            interim_results=request.stream, endpointing=chunking.silence, task=request.task
        ),
        state,
    )
    segmenter = options.segmenter
    if chunking.silence is not None:
        assert options.endpointing is not None
        segmenter = replace(
            segmenter,
            pause=options.endpointing,
            tail=min(TAIL_WINDOWS * WINDOW_SAMPLES, options.endpointing),
        )
    if chunking.threshold is not None:
        segmenter = replace(
            segmenter, threshold=chunking.threshold, release=chunking.threshold * RELEASE_RATIO
        )
    if chunking.padding is not None:
        segmenter = replace(segmenter, pre_roll=seconds(chunking.padding))
    interval = seconds(PARTIAL_SECONDS) if request.stream else options.trim
    return replace(options, partial_interval=interval, segmenter=segmenter)
