"""`/v1/audio/transcriptions` and `/v1/audio/translations`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import BinaryIO

import anyio
from anyio.to_thread import run_sync

from streamkit.asr.recognizer import Task, Word
from streamkit.protocols import openai_audio
from streamkit.protocols.openai_audio import TranscriptionRequest, missing
from streamkit.server.exchange import Attendance, Exchange, Gone, as_json, attended
from streamkit.server.files import FileHearing
from streamkit.server.job import Job
from streamkit.server.state import ServerState
from streamkit.server.upload import read_upload


async def transcribe(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Answer a request for what was said."""
    await _serve(state, exchange, job, Task.TRANSCRIBE)


async def translate(state: ServerState, exchange: Exchange, job: Job) -> None:
    """Answer a request for what it means, in English."""
    await _serve(state, exchange, job, Task.TRANSLATE)


async def _serve(state: ServerState, exchange: Exchange, job: Job, task: Task) -> None:
    with job.reading():
        upload = await read_upload(exchange, state.settings.max_upload_bytes, "file")
    try:
        if upload.file is None:
            raise missing("file", "one audio file, as a part of the form with a file name")
        info = state.scheduler.recognizer.info
        request = openai_audio.parse_transcription(upload.fields, task, info)
        async with attended(exchange) as attendance:
            answer = _stream if request.stream else _reply
            await answer(state, exchange, attendance, request, upload.file)
    finally:
        upload.close()


async def _reply(
    state: ServerState,
    exchange: Exchange,
    attendance: Attendance,
    request: TranscriptionRequest,
    file: BinaryIO,
) -> None:
    heard = await FileHearing(state, attendance, request, exchange.id).run(file)

    def build() -> tuple[bytes, str]:
        content, media_type = openai_audio.reply(heard, request)
        return content.encode() if isinstance(content, str) else as_json(content), media_type

    # Hours of words take long enough to make the live sessions wait.
    data, media_type = await run_sync(build)
    took = (time.monotonic() - exchange.began) * 1000
    await exchange.reply(data, media_type, headers={"streamkit-processing-ms": f"{took:.1f}"})


async def _stream(
    state: ServerState,
    exchange: Exchange,
    attendance: Attendance,
    request: TranscriptionRequest,
    file: BinaryIO,
) -> None:
    deltas = _Deltas(exchange, attendance, request.logprobs)
    attendance.tasks.start_soon(deltas.run)
    heard = await FileHearing(state, attendance, request, exchange.id, deltas.put).run(file)
    await deltas.close()
    await exchange.event(openai_audio.text_done(heard, request))
    await exchange.end()


class _Deltas:
    """Sends words as they are committed; what waits for a slow reader goes as one event."""

    def __init__(self, exchange: Exchange, attendance: Attendance, logprobs: bool) -> None:
        self._exchange = exchange
        self._attendance = attendance
        self._logprobs = logprobs
        self._waiting: list[Word] = []
        self._closed = False
        self._changed = anyio.Event()
        self._sent = anyio.Event()

    def put(self, words: Sequence[Word]) -> None:
        """Take words that follow those before."""
        self._waiting += words
        self._changed.set()

    async def close(self) -> None:
        """Wait until everything is sent."""
        self._closed = True
        self._changed.set()
        await self._sent.wait()

    async def run(self) -> None:
        """Send until it is closed."""
        first = True
        try:
            while self._waiting or not self._closed:
                if not self._waiting:
                    await self._changed.wait()
                    self._changed = anyio.Event()
                    continue
                words, self._waiting = self._waiting, []
                event = openai_audio.text_delta(words, first=first, logprobs=self._logprobs)
                await self._exchange.event(event)
                first = False
        except Gone as gone:
            self._attendance.give_up(gone)
        self._sent.set()
