"""Runs a peer's server as a process of its own, with the cores and threads that all get."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from streamkit_benchmarks.systems import RATE, Setup

START_SECONDS = 180.0
"""What a server has until it must take clients: imports and loading a model on a slow disk."""

STOP_SECONDS = 5.0
LOG_LINES = 25

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""CTranslate2 obeys the first one as long as its user does not ask for another number."""

PIN = """
import os, sys
if sys.argv[1] and hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(core) for core in sys.argv[1].split(",")})
os.execv(sys.argv[2], sys.argv[2:])
"""
"""Binds itself to cores and then becomes the server: its first thread is bound already."""


class ServerError(Exception):
    """A server ended or kept silent before it took a client; the text has its last words."""


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        # The system may give the probe the very port that it tries, and connect it to itself.
        return (
            probe.connect_ex(("127.0.0.1", port)) == 0
            and probe.getsockname() != probe.getpeername()
        )


def environment(threads: int) -> dict[str, str]:
    """This process's environment as a server shall see it.

    Without this Python's own settings and any GPU, and with `threads` for all that count
    threads. Nothing may be downloaded while it is measured.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name != "VIRTUAL_ENV" and not name.startswith("PYTHON")
    }
    return {
        **inherited,
        **dict.fromkeys(THREAD_VARIABLES, str(threads)),
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }


def noise(seconds: float) -> bytes:
    """Samples too faint to be words, for a first decoding that nobody measures."""
    samples = np.random.default_rng(0).normal(0, 30, int(RATE * seconds))
    return samples.astype("<i2").tobytes()


def write_noise(path: Path) -> None:
    """Make a WAV file of a second of it."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(noise(1.0))


@contextmanager
def running(
    command: Sequence[str], setup: Setup, ready: Callable[[], bool]
) -> Iterator[psutil.Process]:
    """A server, from when it is ready until the block is left; then it and its children end.

    Args:
        command: what is run, an absolute path first.
        setup: its cores and threads.
        ready: says whether it takes clients; asked until it does.

    Raises:
        ServerError: it was not ready in `START_SECONDS`, or it ended by itself, before or after.
    """
    cores = ",".join(map(str, setup.cores))
    with TemporaryDirectory(prefix="streamkit-peer-") as scratch:
        log = Path(scratch) / "log.txt"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-c", PIN, cores, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(setup.threads),
                cwd=scratch,
                start_new_session=True,  # Ctrl-C reaches the benchmark alone.
            )
        process = psutil.Process(server.pid)
        try:
            _wait(server, log, ready)
            yield process
            _check(server, log)
        finally:
            _end(process)
            server.wait()


def _wait(server: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        _check(server, log)
        if time.monotonic() > deadline:
            raise ServerError(f"it was not ready in {START_SECONDS:.0f} s:\n{tail(log)}")
        time.sleep(0.1)


def _check(server: subprocess.Popen[bytes], log: Path) -> None:
    if server.poll() is not None:
        raise ServerError(f"it ended by itself, status {server.returncode}:\n{tail(log)}")


def tail(log: Path) -> str:
    """The last lines of a server's output."""
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-LOG_LINES:])


def _end(server: psutil.Process) -> None:
    family = [server]
    with suppress(psutil.NoSuchProcess):
        family += server.children(recursive=True)
    for member in family:
        with suppress(psutil.NoSuchProcess):
            member.terminate()
    _, alive = psutil.wait_procs(family, STOP_SECONDS)
    for member in alive:
        with suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive, STOP_SECONDS)
