"""Running one caption session: source to server, events to screen and files."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import anyio

from streamkit.client.connection import CaptionConnection
from streamkit.client.events import Event, Transcript
from streamkit.client.options import StreamOptions
from streamkit.client.replay import KEEP_SECONDS
from streamkit.client.sources import AudioSource, level_dbfs
from streamkit.errors import StreamkitError
from streamkit_clients.subtitle_files import SubtitleFiles
from streamkit_clients.terminal import Screen

SAVE_SECONDS = 1.0
"""Time between two looks whether the subtitle files need to be saved."""

FLUSH_SECONDS = 10.0
"""How long the last words are waited for after Ctrl-C."""

FAST_KEEP_SECONDS = 1200.0
"""Audio kept for a replay when a file is sent faster than real time, minutes ahead."""

SECOND_INTERRUPT_STATUS = 130
"""Exit status of a program that Ctrl-C has ended (128 + SIGINT)."""


@dataclass(frozen=True, slots=True)
class SpeechHints:
    """What the person knows about the speech.

    Attributes:
        language: that is spoken, "multi" to let the model find out; None: the server's choice.
        translate: write it in English.
        keyterms: that will be said.
        prompt: text that might have come before.
    """

    language: str | None = None
    translate: bool = False
    keyterms: tuple[str, ...] = ()
    prompt: str | None = None

    def query(self) -> dict[str, str | Sequence[str]]:
        """All but the language, as parameters of `/v1/listen`."""
        query: dict[str, str | Sequence[str]] = {}
        if self.translate:
            query["task"] = "translate"
        if self.keyterms:
            query["keyterm"] = self.keyterms
        if self.prompt:
            query["prompt"] = self.prompt
        return query


@dataclass(frozen=True, slots=True)
class CaptionPlan:
    """What one session is to do.

    `server` is an address, or None for a server inside this process, which loads `model`.
    `fast` says that the source is not paced.
    """

    source: AudioSource
    server: str | None
    key: str | None
    model: str | None
    hints: SpeechHints
    endpointing: int | None
    fast: bool


class CaptionRun:
    """One session, from opening the source to the last file.

    SIGINT or SIGTERM ends the source; the last words still arrive, within `FLUSH_SECONDS`.
    A second signal ends the process at once.
    """

    def __init__(self, plan: CaptionPlan, screen: Screen, files: SubtitleFiles) -> None:
        self._plan = plan
        self._screen = screen
        self._files = files
        self._setup = anyio.CancelScope()
        self._flush = anyio.CancelScope()
        self._streaming = False
        self._overloaded = False
        self._failures: list[StreamkitError] = []

    async def run(self) -> None:
        """Caption until the source ends.

        Raises:
            StreamkitError: what went wrong, after the files are written and the screen closed.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_signals)
            with self._setup:
                async with AsyncExitStack() as stack:
                    # Errors are kept and raised at the very end: a task group, here or in the
                    # server, would wrap them, and the files are to be written in any case.
                    with self._keeping_failures():
                        captions = await self._open(stack)
                        self._streaming = True
                        await self._stream(captions)
            tasks.cancel_scope.cancel()
        self._screen.close()
        with self._keeping_failures():
            self._files.close()
        if self._failures:
            raise self._failures[0]

    async def _open(self, stack: AsyncExitStack) -> CaptionConnection:
        plan = self._plan
        # A wrong file is reported before a model is loaded; a microphone is opened after that,
        # so that nothing has to wait before it is heard.
        if not plan.source.live:
            await stack.enter_async_context(plan.source)
        url = plan.server or await self._start_server(stack)
        if plan.source.live:
            await stack.enter_async_context(plan.source)
        options = StreamOptions(
            sample_rate=plan.source.sample_rate,
            language=plan.hints.language,
            model=plan.model if plan.server else None,
            endpointing=plan.endpointing,
            extra=plan.hints.query(),
        )
        connection = CaptionConnection(
            url,
            key=plan.key,
            options=options,
            live=plan.source.live,
            keep_seconds=FAST_KEEP_SECONDS if plan.fast else KEEP_SECONDS,
        )
        await stack.enter_async_context(connection)
        self._screen.idle(f"listening to {plan.source.name} …")
        return connection

    async def _start_server(self, stack: AsyncExitStack) -> str:
        from streamkit.commands.serve import read_settings
        from streamkit.models import resolve
        from streamkit.server.local import local_server

        settings = read_settings({} if self._plan.model is None else {"model": self._plan.model})
        found = resolve(settings.model, language=self._plan.hints.language, cache=settings.cache)
        if found.notice:
            self._screen.notice(found.notice)
        self._screen.idle("loading the model …")
        return await stack.enter_async_context(local_server(settings))

    async def _stream(self, captions: CaptionConnection) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._save_now_and_then)
            with self._flush:
                tasks.start_soon(self._feed, captions)
                with self._keeping_failures():
                    async for event in captions:
                        if isinstance(event, Transcript) and event.is_final:
                            self._files.add(event)
                        self._screen.event(event)
                        self._tell_overload(event)
            if self._flush.cancelled_caught:
                self._screen.notice(
                    f"the last words did not come within {FLUSH_SECONDS:.0f} s", warning=True
                )
            tasks.cancel_scope.cancel()

    def _tell_overload(self, event: Event) -> None:
        """Say once that the server cannot keep up, and once that it can again."""
        if not isinstance(event, Transcript) or (event.overload is not None) is self._overloaded:
            return
        self._overloaded = event.overload is not None
        if event.overload is not None:
            self._screen.notice(
                f"the server is busy: words come every {event.overload:.1f} s at most",
                warning=True,
            )
        else:
            self._screen.notice("the server keeps up again")

    async def _feed(self, captions: CaptionConnection) -> None:
        source = self._plan.source
        with self._keeping_failures():
            async for block in source:
                if block.dropped:
                    seconds = block.dropped / source.sample_rate
                    self._screen.notice(
                        f"{seconds:.2f} s of {source.name} were dropped: this machine is too busy",
                        warning=True,
                    )
                self._screen.level(level_dbfs(block.samples))
                await captions.send(block.samples, block.captured_at)
        # Also after a damaged file: what came before the damage is to become words.
        with self._keeping_failures():
            await captions.finish()

    async def _save_now_and_then(self) -> None:
        complained = False
        while True:
            await anyio.sleep(SAVE_SECONDS)
            try:
                self._files.save()
            except StreamkitError as error:
                # The captions go on; saving is tried again, and at the end it is an error.
                if not complained:
                    self._screen.notice(str(error), warning=True)
                complained = True

    async def _watch_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            received: AsyncIterator[signal.Signals] = aiter(signals)
            await anext(received)
            if self._streaming:
                self._plan.source.stop()
                self._flush.deadline = anyio.current_time() + FLUSH_SECONDS
            else:
                self._setup.cancel()
            await anext(received)
            self._screen.close()
            # Neither threads nor an embedded server may hold this up.
            os._exit(SECOND_INTERRUPT_STATUS)

    @contextlib.contextmanager
    def _keeping_failures(self) -> Iterator[None]:
        try:
            yield
        except StreamkitError as error:
            if error not in self._failures:
                self._failures.append(error)
