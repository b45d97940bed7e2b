"""`streamkit talk` with a real microphone and loudspeaker, of PulseAudio's."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import numpy as np
import pytest

from streamkit.client.realtime_testing import LEVEL, Reply, ScriptedRealtimeServer

if TYPE_CHECKING:
    from conftest import SoundServer

pytestmark = pytest.mark.anyio

COMMAND = [sys.executable, "-m", "streamkit.cli", "talk", "--device", "pulse", "--speaker", "pulse"]
LIMIT = 30.0
SOUND = (1000 + np.arange(48000) % 9000).astype(np.int16)
TEXT = "one two three four five six seven eight"


def speech(*runs: tuple[int, float]) -> np.ndarray:
    """Runs of (word number or 0 for silence, seconds)."""
    return np.concatenate([np.full(round(s * 16000), v * LEVEL, np.int16) for v, s in runs])


class Person:
    """Somebody at a terminal, in a room with a microphone."""

    def __init__(self, sound_server: SoundServer, url: str, *options: str, **more: str) -> None:
        self._sound = sound_server
        self._ours, theirs = pty.openpty()
        self.before = termios.tcgetattr(self._ours)
        self.seen = ""
        self.process = subprocess.Popen(
            [*COMMAND, "--server", url, *options],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                **sound_server.environment,
                **{"TERM": "xterm", "COLUMNS": "80", "LINES": "24", **more},
            },
        )
        os.close(theirs)

    async def see(self, text: str) -> None:
        """Wait until a text is on the screen, then forget what was there."""
        give_up = anyio.current_time() + LIMIT
        while text not in self.seen:
            assert anyio.current_time() < give_up, self.seen
            await anyio.to_thread.run_sync(self._read)
        self.seen = self.seen.partition(text)[2]

    async def say(self, *runs: tuple[int, float]) -> None:
        """Say something, and be silent for a moment."""
        await anyio.to_thread.run_sync(self._sound.play, speech(*runs, (0, 0.5)))

    def strike(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._ours, key)

    async def leave(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send what Ctrl-C sends, or another signal; returns the exit status."""
        self.process.send_signal(number)

        give_up = anyio.current_time() + LIMIT
        while self.process.poll() is None:
            assert anyio.current_time() < give_up, self.seen
            await anyio.to_thread.run_sync(self._read)
        assert termios.tcgetattr(self._ours) == self.before
        os.close(self._ours)
        return self.process.returncode

    def _read(self) -> None:
        """Take in what is on the screen, or wait a moment."""
        if select.select([self._ours], [], [], 0.1)[0]:
            # Linux answers with an error when the other end is closed.
            with contextlib.suppress(OSError):
                self.seen += os.read(self._ours, 65536).decode(errors="replace")


def listen(recorder: subprocess.Popen[bytes], least: int) -> np.ndarray:
    """Listen until so many samples, or a few more, were no silence; returns those."""
    assert recorder.stdout is not None
    heard, quiet = np.zeros(0, np.int16), False
    while len(heard) < least or not quiet:
        data = recorder.stdout.read(4800)
        assert data, "the recorder ended"
        samples = np.frombuffer(data, "<i2")
        quiet = not samples.any()
        heard = np.concatenate([heard, samples[samples != 0]])
    recorder.terminate()
    recorder.communicate(timeout=LIMIT)
    return heard


@pytest.fixture
def person(sound_server: SoundServer) -> Callable[..., Person]:
    def make(url: str, *options: str, **more: str) -> Person:
        return Person(sound_server, url, *options, **more)

    return make


async def test_speaking_and_listening_at_once(
    sound_server: SoundServer, person: Callable[..., Person]
) -> None:
    async with ScriptedRealtimeServer([Reply(TEXT, SOUND), Reply("nine ten", SOUND)]) as server:
        recorder = sound_server.record("hall", 24000)
        visitor = person(server.url, "--headphones")
        await visitor.see("listening")
        await visitor.say((1, 0.3), (2, 0.4))
        await visitor.see("w1 w2")
        await visitor.see("one two three")
        # The person interrupts while the reply sounds.
        await visitor.say((3, 0.5))
        await visitor.see("w3")
        await visitor.see("nine ten")
        await visitor.see("listening")
        (truncate,) = server.visits[0].of("conversation.item.truncate")
        heard = await anyio.to_thread.run_sync(
            listen, recorder, len(SOUND) + truncate["audio_end_ms"] * 24
        )
        assert await visitor.leave() == 0
        errors = [each for each in server.visits[0].sent if each["type"] == "error"]
    assert errors == []
    # What came out of the loudspeaker is the first reply up to the place that the server was told,
    # and all of the second one.
    cut = len(heard) - len(SOUND)
    assert truncate["audio_end_ms"] == cut * 1000 // 24000
    np.testing.assert_array_equal(heard, np.concatenate([SOUND[:cut], SOUND]))


async def test_push_to_talk(person: Callable[..., Person]) -> None:
    async with ScriptedRealtimeServer([Reply(TEXT, SOUND), Reply("nine ten", SOUND)]) as server:
        visitor = person(server.url, "--push-to-talk")
        await visitor.see("listening")
        await visitor.say((9, 0.3))
        visitor.strike(b" ")
        await visitor.see("you speak")
        await visitor.say((1, 0.3), (2, 0.4))
        visitor.strike(b" ")
        await visitor.see("w1 w2")
        await visitor.see("one two three")
        # Pressing the key interrupts the reply.
        visitor.strike(b"\n")
        await visitor.see("you speak")
        await visitor.say((3, 0.9))
        visitor.strike(b"\n")
        await visitor.see("w3")
        await visitor.see("nine ten")
        assert await visitor.leave() == 0
        visit = server.visits[0]
    assert visit.received[0]["session"]["audio"]["input"]["turn_detection"] is None
    kinds = [m["type"] for m in visit.received if m["type"] != "input_audio_buffer.append"]
    assert kinds == [
        "session.update",
        "input_audio_buffer.commit",
        "response.create",
        "conversation.item.truncate",
        "input_audio_buffer.commit",
        "response.create",
    ]
    # What was said before the key was pressed stays in the room.
    assert not any("w9" in str(message.get("transcript")) for message in visit.sent)


async def test_without_an_echo_canceller_it_says_so_and_goes_on(
    person: Callable[..., Person], tmp_path: Path
) -> None:
    (tmp_path / "pywebrtc_audio.py").write_text("raise ImportError('hidden')\n")
    async with ScriptedRealtimeServer([Reply(TEXT, SOUND)]) as server:
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        visitor = person(server.url, PYTHONPATH=path)
        await visitor.see("'streamkit[talk]'")
        await visitor.see("--headphones")
        await visitor.see("listening")
        await visitor.say((1, 0.3))
        await visitor.see("one two three")
        # What is said into the reply is not heard.
        await visitor.say((2, 0.3))
        await visitor.see("listening")
        assert await visitor.leave() == 0
        visit = server.visits[0]
    assert visit.of("conversation.item.truncate") == []
    assert not any("w2" in str(message.get("transcript")) for message in visit.sent)


async def test_a_signal_leaves_the_terminal_as_it_was(person: Callable[..., Person]) -> None:
    async with ScriptedRealtimeServer() as server:
        visitor = person(server.url, "--push-to-talk")
        await visitor.see("listening")
        assert await visitor.leave(signal.SIGTERM) == 0
    assert "\x1b[?25h" in visitor.seen
