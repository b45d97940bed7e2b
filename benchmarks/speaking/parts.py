"""Starts a part of the benchmark in a process of its own; see `child`."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import IO, Any

from streamkit.errors import StreamkitError

KEPT_LINES = 12
STOP_SECONDS = 10.0


class PartError(StreamkitError):
    """A part could not be measured; the message says why."""


def run(task: Mapping[str, Any], tell: Callable[[str], None]) -> dict[str, Any]:
    """Measure a part, and wait for it.

    Args:
        task: `part` is one of `child.PARTS`, the rest is that module's; JSON.
        tell: takes its progress.

    Raises:
        PartError: it failed.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "streamkit_benchmarks.speaking.child", json.dumps(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: deque[str] = deque(maxlen=KEPT_LINES)
    listener = threading.Thread(target=_keep, args=(process.stderr, said), daemon=True)
    listener.start()
    last: dict[str, Any] = {}
    try:
        for line in process.stdout:
            last = json.loads(line)
            if "tell" in last:
                tell(last["tell"])
        process.wait()
    finally:
        _end(process)
        listener.join(STOP_SECONDS)
        process.stdout.close()
        process.stderr.close()
    if "result" in last:
        result: dict[str, Any] = last["result"]
        return result
    if "failure" in last:
        raise PartError(last["failure"])
    raise PartError(
        f"the process ended with {process.returncode}; it said: " + (" | ".join(said) or "nothing")
    )


def _keep(lines: IO[str], said: deque[str]) -> None:
    for line in lines:
        said.append(line.strip())


def _end(process: subprocess.Popen[str]) -> None:
    """See that it is gone; closing its input is what asks it to."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
