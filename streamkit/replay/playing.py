"""Plays a script against a server: what the client sends, when; and all that it is told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import anyio
import anyio.abc

from streamkit.replay.adapting import Adapter, Message, NotThereYetError
from streamkit.replay.recorded import Passed
from streamkit.replay.script import QUIET_SECONDS, Script, as_text, is_sound
from streamkit.replay.wire import Ended, Wire

HELD_SECONDS = 10.0
"""So long a message waits, at the end, for what it names."""

REPLY_SECONDS = 20.0
"""So long a client stays at the end for a reply, or for words, that come later than they did."""

CLOSE_SECONDS = 90.0
"""So long it waits for a server that has to close."""

SETTLE_SECONDS = 0.3
"""So much later than a client that left it leaves, for what the server says later than it did."""


@dataclass(slots=True)
class Played:
    """What went through the socket.

    Attributes:
        passed: all messages of the server, and the end; times since the session began.
        notes: what had to be adapted, and how often.
    """

    passed: list[Passed] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)


async def play(script: Script, wire: Wire, shift: float = 0.0) -> Played:
    """Play a script in the event loop's time.

    Args:
        script: what to do.
        wire: accepted just now.
        shift: seconds to add to the client's Unix times.
    """
    return await _Player(script, wire, shift).run()


class _Player:
    def __init__(self, script: Script, wire: Wire, shift: float) -> None:
        self._script = script
        self._wire = wire
        self._adapter = Adapter(script.old, shift)
        self._played = Played(notes=self._adapter.notes)
        self._began = anyio.current_time()
        self._heard_at = 0.0
        self._changed = anyio.Event()
        self._ended = anyio.Event()
        self._held: list[Passed] = []

    async def run(self) -> Played:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._listen)
            tasks.start_soon(self._send_held)
            with anyio.CancelScope() as sending:
                tasks.start_soon(self._until_ended, sending)
                await self._send()
                await self._stay()
            if not self._ended.is_set():
                self._played.passed.append(Passed(self._now(), "client", None, 1006))
                await self._wire.leave()
            tasks.cancel_scope.cancel()
        if self._held:
            text = "messages left out: what they name has not come"
            self._played.notes[text] += len(self._held)
        return self._played

    def _now(self) -> float:
        return anyio.current_time() - self._began

    async def _until_ended(self, scope: anyio.CancelScope) -> None:
        await self._ended.wait()
        scope.cancel()

    async def _listen(self) -> None:
        while True:
            message = await self._wire.receive()
            self._heard_at = self._now()
            if isinstance(message, Ended):
                self._played.passed.append(Passed(self._heard_at, "server", None, message.code))
                self._ended.set()
                return
            content = json.loads(message)
            self._played.passed.append(Passed(self._heard_at, "server", content))
            for answer in self._adapter.told(content, self._heard_at):
                await self._wire.send(as_text(answer))
            self._change()

    async def _send(self) -> None:
        """Send what is due; a command that has to wait lets only sound pass."""
        for each in self._script.sends:
            await anyio.sleep_until(self._began + each.at)
            if self._held and not is_sound(each):
                self._held.append(each)
                continue
            try:
                await self._send_one(each)
            except NotThereYetError:
                self._held.append(each)
                self._change()

    async def _send_one(self, each: Passed) -> None:
        content = each.content
        if isinstance(content, dict):
            message: Message | None = self._adapter.adapt(each, self._now())
            if message is not None:
                await self._wire.send(as_text(message))
        elif content is not None:
            await self._wire.send(content)

    async def _send_held(self) -> None:
        while True:
            due: float | None = None
            while self._held:
                try:
                    await self._send_one(self._held[0])
                except NotThereYetError as error:
                    due = error.due
                    break
                self._held.pop(0)
                self._adapter.notes["messages sent later, when what they name had come"] += 1
            wait = None if due is None else max(0.0, due - self._now())
            with anyio.move_on_after(wait):
                await self._changed.wait()

    async def _stay(self) -> None:
        """Wait as long as this client does when it has sent everything."""
        await anyio.sleep_until(self._began + self._script.end)
        if self._script.waits == "server":
            with anyio.move_on_after(CLOSE_SECONDS):
                await self._ended.wait()
            return
        with anyio.move_on_after(HELD_SECONDS):
            while self._held:
                await self._changed.wait()
        with anyio.move_on_after(REPLY_SECONDS):
            while self._adapter.replying:
                await self._changed.wait()
            while self._script.waits == "quiet":
                with anyio.move_on_at(self._began + self._heard_at + QUIET_SECONDS) as quiet:
                    await self._changed.wait()
                if quiet.cancelled_caught:
                    return
        await anyio.sleep(SETTLE_SECONDS)

    def _change(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
