"""Running one conversation: microphone to server, replies to loudspeaker and screen."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack

import anyio

from streamkit.client.conversation import Conversation
from streamkit.client.conversation_effects import (
    Effect,
    EndPart,
    Play,
    Send,
    StopPlayback,
    Tell,
)
from streamkit.client.echo import (
    EchoCanceller,
    HalfDuplex,
    Listener,
    OpenListener,
    Reference,
    echo_canceller_missing,
)
from streamkit.client.framing import Framer
from streamkit.client.microphone import Microphone
from streamkit.client.player import Player
from streamkit.client.realtime import RealtimeConnection
from streamkit.client.sources import level_dbfs
from streamkit.client.speaker import Speaker
from streamkit.errors import StreamkitError
from streamkit_clients.talk_keys import TALK_KEYS, Keys, TalkKey, raw_keys
from streamkit_clients.talk_plan import TalkPlan
from streamkit_clients.talk_screen import TalkScreen
from streamkit_clients.talk_sound import FileMicrophone, WavPlayer

TICK_SECONDS = 0.02
"""Time between two looks at how far the reply is played."""

REPORT_SECONDS = 0.1
"""Time between two reports of it while no sound of the microphone is sent."""

LINGER_SECONDS = 2.0
"""Quiet after which nothing more is expected, once the input is over."""

STUCK_SECONDS = 30.0
"""The same when a reply is still expected, and nothing at all happens."""

LEAVE_SECONDS = 2.0
"""Bound on leaving: neither threads nor an embedded server may hold it up."""

MODEL = "streamkit"
"""A server wants to be asked for some model; one of ours takes every name for the one it has."""

KEY_HINT = "space: speak, and again (or let go): send; Ctrl-C: leave"
TALK_HINT = "Ctrl-C: leave"


class TalkRun:
    """One conversation, from opening the devices until the person leaves.

    SIGINT or SIGTERM leaves at once.
    """

    def __init__(self, plan: TalkPlan, screen: TalkScreen) -> None:
        self._plan = plan
        self._screen = screen
        self._conversation = Conversation(plan.options)
        self._reference = Reference()
        self._listener: Listener = OpenListener()
        self._player: Player
        self._connection: RealtimeConnection
        self._input: FileMicrophone | Microphone | None = None
        self._hearing = not (plan.push_to_talk or plan.text)
        self._reported_at = 0.0
        self._cut_short = False
        self._leaving = anyio.CancelScope()
        self._watch = threading.Timer(LEAVE_SECONDS, self._leave_now)
        self._watch.daemon = True
        self._failure: StreamkitError | None = None
        self._closed = False

    async def run(self) -> None:
        """Talk until the person leaves, or a file that was to be said has been answered.

        Raises:
            StreamkitError: what went wrong, after the screen is closed.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_signals)
            with self._leaving:
                async with AsyncExitStack() as stack:
                    # Raised at the very end: a task group, here or in the server, would wrap it.
                    with self._keeping_failure():
                        try:
                            await self._open(stack)
                            await self._talk()
                        finally:
                            self._close_screen()
            tasks.cancel_scope.cancel()
        self._watch.cancel()
        if self._failure is not None:
            raise self._failure

    async def _open(self, stack: AsyncExitStack) -> None:
        plan = self._plan
        # A wrong file is reported before a model is loaded; devices are opened after that, so
        # that nothing has to wait before it is heard.
        if plan.inputs:
            self._input = await stack.enter_async_context(FileMicrophone(plan.inputs))
        url = plan.server or await self._start_server(stack)
        self._choose_listener()
        if plan.output is not None:
            self._player = await stack.enter_async_context(WavPlayer(plan.output))
        else:
            speaker = Speaker(plan.speaker, reference=self._reference)
            self._player = await stack.enter_async_context(speaker)
        if self._input is None and not plan.text:
            self._input = await stack.enter_async_context(Microphone(plan.device))
        self._connection = await stack.enter_async_context(
            RealtimeConnection(
                url,
                key=plan.key,
                model=(plan.server and plan.model) or MODEL,
                opening=self._conversation.begin_session,
            )
        )
        self._screen.hint(KEY_HINT if plan.push_to_talk else TALK_HINT)

    async def _start_server(self, stack: AsyncExitStack) -> str:
        from streamkit.commands.serve import read_settings
        from streamkit.models import resolve
        from streamkit.server.local import local_server

        settings = read_settings(dict(self._plan.settings))
        found = resolve(settings.model, language=self._plan.options.language, cache=settings.cache)
        if found.notice:
            self._screen.notice(found.notice)
        self._screen.hint("loading the models …")
        return await stack.enter_async_context(local_server(settings, replies=True))

    def _choose_listener(self) -> None:
        """Decide what keeps the agent from hearing itself."""
        plan = self._plan
        apart = plan.headphones or plan.push_to_talk or plan.text
        if apart or plan.output is not None or plan.inputs:
            return
        missing = echo_canceller_missing()
        if missing is None:
            self._listener = EchoCanceller(self._reference)
        else:
            self._listener = HalfDuplex(self._reference)
            self._screen.notice(f"{missing}. Until then nobody hears you while the agent speaks.")

    async def _talk(self) -> None:
        """Do everything at once until one of the tasks is done with the conversation."""
        plan = self._plan
        async with anyio.create_task_group() as tasks:
            jobs: list[Callable[[], Awaitable[None]]] = [self._receive, self._tick]
            if self._input is not None:
                jobs.append(self._hear)
            if plan.inputs:
                jobs.append(self._prompt)
            if plan.push_to_talk:
                jobs.append(self._obey_key)
            if plan.text:
                jobs.append(self._read_lines)

            async def do(job: Callable[[], Awaitable[None]]) -> None:
                with self._keeping_failure():
                    await job()
                tasks.cancel_scope.cancel()

            for job in jobs:
                tasks.start_soon(do, job)

    # The tasks. Whichever ends first ends the conversation.

    async def _receive(self) -> None:
        async for event in self._connection:
            self._carry_out(self._conversation.receive(event, time.time()))

    async def _tick(self) -> None:
        while True:
            self._look()
            message = self._conversation.report()
            now = anyio.current_time()
            if message is not None and now - self._reported_at >= REPORT_SECONDS:
                self._reported_at = now
                self._connection.send(message)
            await anyio.sleep(TICK_SECONDS)

    async def _hear(self) -> None:
        source = self._input
        assert source is not None
        framer = Framer(source.sample_rate)
        async for block in source:
            if block.dropped:
                seconds = block.dropped / source.sample_rate
                self._screen.notice(
                    f"{seconds:.2f} s of {source.name} were dropped: this machine is too busy",
                    warning=True,
                )
            frames = framer.process(block, time.time())
            if frames is None:
                continue
            samples = self._listener.process(frames.samples, frames.missing)
            self._screen.level(level_dbfs(samples) if self._hearing else -100.0)
            if self._hearing and self._connection.connected:
                self._connection.send(self._conversation.append(samples, frames.captured_at))
                self._reported_at = anyio.current_time()

    async def _prompt(self) -> None:
        """Speak one file after the other, each when the reply to the one before was played."""
        source = self._input
        assert isinstance(source, FileMicrophone)
        while source.left:
            await source.speak_next()
            await self._quiet(self._plan.turn_gap if source.left else LINGER_SECONDS)

    async def _obey_key(self) -> None:
        key = TalkKey()
        with raw_keys() as descriptor, contextlib.closing(Keys(descriptor)) as keys:
            async with anyio.create_task_group() as tasks:

                def obey(change: str | None) -> None:
                    if change == "press":
                        self._hearing = True
                        self._carry_out(self._conversation.press(time.time()))
                    elif change == "release":
                        self._hearing = False
                        self._carry_out(self._conversation.release(time.time()))

                async def expire() -> None:
                    while True:
                        obey(key.expire(anyio.current_time()))
                        await anyio.sleep(TICK_SECONDS)

                tasks.start_soon(expire)
                while strokes := await keys.read():
                    if strokes[0] in TALK_KEYS:
                        obey(key.stroke(anyio.current_time()))
                tasks.cancel_scope.cancel()

    async def _read_lines(self) -> None:
        """Say each line of stdin; lines that are not typed wait for the reply before."""
        with contextlib.closing(Keys(sys.stdin.fileno())) as keys:
            rest = b""
            while data := await keys.read():
                *lines, rest = (rest + data).split(b"\n")
                await self._say(lines)
            await self._say([rest])
        await self._quiet(LINGER_SECONDS)

    async def _say(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            if text := line.decode(errors="replace").strip():
                self._carry_out(self._conversation.write(text, time.time()))
                if not sys.stdin.isatty():
                    await self._quiet(self._plan.turn_gap)

    async def _quiet(self, seconds: float) -> None:
        """Wait until nothing has happened for so long."""
        began = time.time()
        while True:
            since = time.time() - max(began, self._conversation.active_at)
            if since >= (seconds if self._conversation.idle else max(seconds, STUCK_SECONDS)):
                return
            await anyio.sleep(TICK_SECONDS)

    # What they share.

    def _look(self) -> None:
        """See what was played, and show what is going on."""
        events, position = self._player.poll()
        self._carry_out(self._conversation.played(events, position, time.time()))
        if self._player.left_out and not self._cut_short:
            self._cut_short = True
            self._screen.notice("a reply was too long; its end is not played", warning=True)

    def _carry_out(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self._connection.send(message)
                case Play(part, samples):
                    self._player.play(part, samples)
                case EndPart(part):
                    self._player.end(part)
                case StopPlayback():
                    self._carry_out(self._conversation.stopped(self._player.stop()))
                case Tell(text, warning):
                    self._show()
                    self._screen.notice(text, warning=warning)
        self._show()

    def _show(self) -> None:
        self._screen.finished(self._conversation.turns.take_finished())
        self._screen.show(self._conversation.turns.open, self._conversation.state)

    async def _watch_signals(self) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                self._watch.start()
                self._leaving.cancel()
                # Nothing else happens at a second signal.
                await anyio.sleep_forever()

    def _leave_now(self) -> None:
        self._close_screen()
        os._exit(0)

    def _close_screen(self) -> None:
        """Leave the terminal as it was, once."""
        if not self._closed:
            self._closed = True
            self._show()
            self._screen.close()

    @contextlib.contextmanager
    def _keeping_failure(self) -> Iterator[None]:
        try:
            yield
        except StreamkitError as error:
            self._failure = self._failure or error
