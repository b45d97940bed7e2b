"""What a session costs: CPU of one paced speaker and of idle ones, memory over 30 minutes.

    python benchmarks/server_cost.py RECORDING [RECORDING …] [--minutes 30] [--json FILE]

Starts `streamkit serve` in a process of its own and talks to its socket, so the figures are
those of the server alone: CPU seconds of the process per second of wall clock, in percent of
one core, and its resident memory. The paced parts take about two minutes; the memory part
sends audio as fast as the server takes it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
import psutil
from websockets.asyncio.client import ClientConnection, connect

from streamkit_benchmarks.drive import cpu_seconds
from streamkit_benchmarks.streamkit_system import StreamkitSystem
from streamkit_benchmarks.systems import CHUNK_SAMPLES as CHUNK
from streamkit_benchmarks.systems import RATE, Setup
from streamkit_benchmarks.talk import load_sound

MODEL = "whisper-micro-en"
QUERY = "/v1/listen?encoding=linear16&sample_rate=16000&interim_results=true"
PACED_SECONDS = 60.0
IDLE_SECONDS = 30.0
IDLE_SESSIONS = 10
KEEP_ALIVE = json.dumps({"type": "KeepAlive"})
SETTLE_MINUTES = 3
"""Memory is compared from here on: buffers have their full size and pools are warm."""


def load(paths: list[Path]) -> npt.NDArray[np.int16]:
    """The recordings one after another, int16 at 16 kHz."""
    return (np.concatenate([load_sound(path) for path in paths]) * 32767).astype(np.int16)


async def read_all(socket: ClientConnection, words: list[str]) -> None:
    """Collect the words of the finals until the connection is closed."""
    async for message in socket:
        event = json.loads(message)
        if event["type"] == "Results" and event["is_final"]:
            words += event["channel"]["alternatives"][0]["transcript"].split()


async def speak(url: str, samples: npt.NDArray[np.int16], seconds: float) -> list[str]:
    """One paced session; loops over the samples."""
    words: list[str] = []
    async with (
        connect(url + QUERY, compression=None) as socket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(read_all, socket, words)
        start = time.monotonic()
        for number in range(round(seconds * RATE / CHUNK)):
            at = number * CHUNK % (len(samples) - CHUNK)
            await socket.send(samples[at : at + CHUNK].tobytes())
            await anyio.sleep(max(0, start + (number + 1) * CHUNK / RATE - time.monotonic()))
        await socket.send(json.dumps({"type": "CloseStream"}))
    return words


async def stay(url: str, seconds: float, silence: bool) -> None:
    """An idle session: KeepAlive now and then, or a microphone in a silent room."""
    quiet = bytes(2 * CHUNK)
    async with connect(url + QUERY, compression=None) as socket:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if silence:
                await socket.send(quiet)
                await anyio.sleep(CHUNK / RATE)
            else:
                await socket.send(KEEP_ALIVE)
                await anyio.sleep(3)


async def idle(url: str, seconds: float, silence: bool) -> None:
    """Ten sessions in which nobody speaks."""
    async with anyio.create_task_group() as tasks:
        for _ in range(IDLE_SESSIONS):
            tasks.start_soon(stay, url, seconds, silence)


async def memory(
    process: psutil.Process, url: str, samples: npt.NDArray[np.int16], minutes: int
) -> list[float]:
    """Resident MiB after each minute of audio of one session."""
    words: list[str] = []
    sizes = []
    async with (
        connect(url + QUERY, compression=None) as socket,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(read_all, socket, words)
        for minute in range(minutes):
            for number in range(60 * RATE // CHUNK):
                at = (minute * 60 * RATE + number * CHUNK) % (len(samples) - CHUNK)
                await socket.send(samples[at : at + CHUNK].tobytes())
            sizes.append(round(process.memory_info().rss / 2**20, 1))
        await socket.send(json.dumps({"type": "CloseStream"}))
    if len(words) < 20 * minutes:
        raise SystemExit(f"only {len(words)} words in {minutes} minutes: this is no speech")
    return sizes


async def run(paths: list[Path], minutes: int) -> dict[str, Any]:
    """All parts in one server process."""
    samples = load(paths)
    report: dict[str, Any] = {}
    system = StreamkitSystem(MODEL, ("max_speed=1000",))
    with system.serve(Setup(Path(MODEL), threads=1, cores=())) as served:
        process, url = served.process, served.url

        async def cpu(work: Any, seconds: float) -> float:
            before, start = cpu_seconds(process), time.monotonic()
            await work
            spent = cpu_seconds(process) - before
            return round(100 * spent / max(seconds, time.monotonic() - start), 2)

        await speak(url, samples, 5)
        report["idle_process_percent"] = await cpu(anyio.sleep(10), 10)
        report["one_speaker_percent"] = await cpu(speak(url, samples, PACED_SECONDS), PACED_SECONDS)
        report["ten_connected_percent"] = await cpu(idle(url, IDLE_SECONDS, False), IDLE_SECONDS)
        report["ten_silent_microphones_percent"] = await cpu(
            idle(url, IDLE_SECONDS, True), IDLE_SECONDS
        )
        started = time.monotonic()
        sizes = await memory(process, url, samples, minutes)
        report["memory"] = {
            "minutes_of_audio": minutes,
            "wall_seconds": round(time.monotonic() - started, 1),
            "mib_after_each_minute": sizes,
        }
        settled = sizes[SETTLE_MINUTES:]
        if len(settled) > 1:
            slope = np.polyfit(np.arange(len(settled)), settled, 1)[0]
            report["memory"]["mib_per_hour_after_settling"] = round(60 * float(slope), 2)
            report["memory"]["last_minus_first_after_settling"] = round(settled[-1] - settled[0], 1)
    return report


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recordings", type=Path, nargs="+")
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    report = anyio.run(run, arguments.recordings, arguments.minutes)
    print(json.dumps(report, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
