"""What `--trace` costs: CPU of a server with and without it, under the same load.

    python -m streamkit_benchmarks.trace_cost [--sessions 4] [--rounds 5] [--json FILE]

Sessions stream speech to `/v1/listen`, in chunks of 20 ms, over real sockets. Two servers take
turns (plain, traced, plain, traced, …), each a process of its own, and the CPU time of the process
is taken around each turn. Recognition varies from run to run by more than a trace costs, so a
third server takes the time inside of all that tracing does: what sessions say for it, and the
thread that makes and writes the records. Its own clocks are in that figure, so that it is rather
too high.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import functools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import anyio
import numpy as np
import numpy.typing as npt
from websockets.asyncio.client import ClientConnection, connect

from streamkit.audio.pcm import to_linear16
from streamkit.tts.espeak import EspeakSynthesizer
from streamkit_benchmarks.launch import launched
from streamkit_benchmarks.talk import say

RATE: Final = 16_000
CHUNK_SECONDS: Final = 0.02
READY: Final = r"captions (ws://\S+)/v1/listen"
QUERY: Final = f"/v1/listen?encoding=linear16&sample_rate={RATE}&interim_results=true"
SENTENCES: Final = Path(__file__).with_name("sentences.txt")
VOICE: Final = "en-us"
PAUSE_SECONDS: Final = 0.8
WARM_SECONDS: Final = 3.0

ACCOUNT: Final = "STREAMKIT_TRACE_ACCOUNT"
"""Variable that tells a server of this module where to write what tracing took."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Server:
    """A server process under load.

    Attributes:
        url: of it.
        clock: of its CPU time, for `time.clock_gettime`.
    """

    url: str
    clock: int

    def cpu(self) -> float:
        """CPU seconds of the process so far, all threads."""
        return time.clock_gettime(self.clock)


@dataclass(frozen=True, slots=True)
class Load:
    """What every server gets in a turn.

    Attributes:
        speech: that all sessions send, each from another place on.
        sessions: at once.
        seconds: of audio of each.
        speed: times real time.
    """

    speech: bytes
    sessions: int
    seconds: float
    speed: float


def cpu_clock(process: int) -> int:
    """The clock of a process's CPU time; finer than what /proc tells.

    Raises:
        OSError: there is no such process, or no such clock on this system.
    """
    library = ctypes.CDLL(None)
    if not hasattr(library, "clock_getcpuclockid"):
        raise OSError(errno.ENOSYS, "this system has no clock of another process's CPU time")
    clock = ctypes.c_int()
    failure: int = library.clock_getcpuclockid(process, ctypes.byref(clock))
    if failure:
        raise OSError(failure, os.strerror(failure))
    return clock.value


def speech(seconds: float) -> bytes:
    """Sentences with pauses, as linear16; at least so long."""
    synthesizer = EspeakSynthesizer()
    silence = np.zeros(round(PAUSE_SECONDS * RATE), np.float32)
    pieces: list[Samples] = []
    length = 0
    for sentence in SENTENCES.read_text("utf-8").splitlines():
        if length >= seconds * RATE:
            break
        sound, _ = say(synthesizer, sentence, VOICE, 1.0)
        pieces += [sound, silence]
        length += len(sound) + len(silence)
    return to_linear16(np.concatenate(pieces))


async def read(socket: ClientConnection) -> None:
    """Take everything that the server says."""
    async for _ in socket:
        pass


async def stream(url: str, load: Load, number: int) -> None:
    """One session, paced."""
    size = 2 * round(CHUNK_SECONDS * RATE)
    offset = number * len(load.speech) // load.sessions // 2 * 2
    tape = load.speech[offset:] + load.speech[:offset]
    async with (
        connect(url + QUERY, compression=None, proxy=None) as socket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(read, socket)
        begun = time.monotonic()
        for index in range(round(load.seconds / CHUNK_SECONDS)):
            first = index * size % (len(tape) - size)
            await socket.send(tape[first : first + size])
            due = begun + (index + 1) * CHUNK_SECONDS / load.speed
            await anyio.sleep(max(0.0, due - time.monotonic()))
        await socket.send(json.dumps({"type": "CloseStream"}))


async def turn(server: Server, load: Load) -> float:
    """Put one server under load; returns its CPU seconds per second of audio."""
    before = server.cpu()
    async with anyio.create_task_group() as tasks:
        for number in range(load.sessions):
            tasks.start_soon(stream, server.url, load, number)
    return (server.cpu() - before) / (load.sessions * load.seconds)


@contextmanager
def serving(model: str, *more: str, account: Path | None = None) -> Iterator[Server]:
    """A server process of this module, see `serve`."""
    command = [
        sys.executable, "-m", "streamkit_benchmarks.trace_cost", "--serve", "--",
        "serve", "--port", "0", "--model", model, "--log-level", "warning",
        "--set", "max_speed=1000", *more,
    ]  # fmt: skip
    environment = None if account is None else {ACCOUNT: str(account)}
    with launched(command, READY, environment=environment) as (process, ready):
        yield Server(ready[1], cpu_clock(process.pid))


class Account:
    """Takes the CPU time inside of all that tracing does in this process."""

    def __init__(self) -> None:
        # A list of each, since appending is safe from any thread.
        self.spent: dict[str, list[float]] = {}

    def install(self) -> None:
        """Put a clock around the functions; before the server is made."""
        from streamkit.server.channel import Channel
        from streamkit.server.trace_thread import TraceThread
        from streamkit.server.tracing import SessionTrace

        for name in ("begin", "end", "clock", "chunk", "hypothesis", "caption", "said"):
            setattr(SessionTrace, name, self._timed(name, getattr(SessionTrace, name)))
        Channel._pass = self._timed("_pass", Channel._pass)  # type: ignore[method-assign]
        run = TraceThread._run

        def work(thread: TraceThread) -> None:
            run(thread)
            # All that the thread has ever done.
            self.spent["thread"] = [time.thread_time()]

        TraceThread._run = work  # type: ignore[assignment, method-assign]

    def _timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        spent = self.spent.setdefault(name, [])

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            # Twice: the first look takes longest, and that is none of the function's.
            time.thread_time()
            before = time.thread_time()
            try:
                return function(*arguments, **named)
            finally:
                spent.append(time.thread_time() - before)

        return timed

    def report(self) -> dict[str, Any]:
        """CPU seconds and calls, by function, and of the whole process."""
        return {
            "process": time.process_time(),
            "functions": {
                name: {"seconds": sum(spent), "calls": len(spent)}
                for name, spent in self.spent.items()
            },
        }


def serve(arguments: Sequence[str], account: Path | None) -> None:
    """Be `streamkit`, and write down at the end what tracing took, if somebody wants to know."""
    from streamkit.cli import main as streamkit

    taken = Account()
    if account is not None:
        taken.install()
    sys.argv = ["streamkit", *arguments]
    try:
        streamkit()
    finally:
        if account is not None:
            account.write_text(json.dumps(taken.report()))


async def compare(plain: Server, traced: Server, load: Load, rounds: int) -> dict[str, Any]:
    """Both servers in turn, the first of a round in turn too."""
    warm = Load(load.speech, load.sessions, WARM_SECONDS, load.speed)
    for server in (plain, traced):
        await turn(server, warm)
    figures: dict[str, list[float]] = {"plain": [], "traced": []}
    for number in range(rounds):
        order = [("plain", plain), ("traced", traced)]
        for name, server in order if number % 2 == 0 else reversed(order):
            figures[name].append(await turn(server, load))
            print(f"round {number + 1}: {name} {figures[name][-1]:.5f}", file=sys.stderr)
    ratios = [with_ / without for without, with_ in zip(*figures.values(), strict=True)]
    return {
        "cpu_seconds_per_audio_second": figures,
        "ratio": {
            "median": statistics.median(ratios),
            "lowest": min(ratios),
            "highest": max(ratios),
            "of_medians": statistics.median(figures["traced"])
            / statistics.median(figures["plain"]),
        },
    }


def accounted(model: str, load: Load, folder: Path) -> dict[str, Any]:
    """One turn of a server that takes the time of its own tracing."""
    written = folder / "account.json"
    trace = folder / "accounted.jsonl"
    with serving(model, "--trace", str(trace), account=written) as server:
        before = server.cpu()
        anyio.run(turn, server, load)
        under_load = server.cpu() - before
    report: dict[str, Any] = json.loads(written.read_text())
    tracing = sum(each["seconds"] for each in report["functions"].values())
    audio = load.sessions * load.seconds
    return {
        "functions": report["functions"],
        "records": sum(1 for _ in trace.open("rb")),
        "bytes_per_audio_second": trace.stat().st_size / audio,
        "tracing_cpu_seconds_per_audio_second": tracing / audio,
        "share_of_cpu_under_load": tracing / under_load,
    }


def run(model: str, load: Load, rounds: int) -> dict[str, Any]:
    """All of it."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        plain = servers.enter_context(serving(model))
        traced = servers.enter_context(serving(model, "--trace", str(folder / "trace.jsonl")))
        report = anyio.run(compare, plain, traced, load, rounds)
        servers.close()
        report["accounted"] = accounted(model, load, folder)
    return {
        "model": model,
        "sessions": load.sessions,
        "seconds": load.seconds,
        "speed": load.speed,
        "rounds": rounds,
        **report,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=20.0, help="of audio, in each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--speed", type=float, default=1.0, help="times real time")
    parser.add_argument("--model", default="whisper-micro-en")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("server", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        account = os.environ.get(ACCOUNT)
        serve(given.server, None if account is None else Path(account))
        return
    load = Load(speech(given.seconds), given.sessions, given.seconds, given.speed)
    report = run(given.model, load, given.rounds)
    print(json.dumps(report, indent=2))
    if given.json:
        given.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
