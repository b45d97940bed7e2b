"""A part of the benchmark in a process of its own: a task as JSON in, a result as JSON out.

Its memory is its own, its threads are, and what it loads is gone with it. It prints objects, one a
line: `{"tell": …}` is progress, `{"result": …}` or `{"failure": …}` the last one. It ends when
whoever started it does.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from streamkit.errors import StreamkitError

PARTS: Final = {
    "voices": "streamkit_benchmarks.speaking.voices",
    "tokens": "streamkit_benchmarks.speaking.tokens",
    "exact": "streamkit_benchmarks.speaking.exact",
    "loop": "streamkit_benchmarks.speaking.loop",
    "heard": "streamkit_benchmarks.speaking.heard",
}
"""What is measured -> the module whose `measure` does it."""

FAILED: Final = 3


def main() -> None:
    """Do the task that is the only argument."""
    task: Mapping[str, Any] = json.loads(sys.argv[1])
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # Libraries print what they like; it must not come between the lines.
    lines, sys.stdout = sys.stdout, sys.stderr

    def say(**line: Any) -> None:
        lines.write(json.dumps(line) + "\n")
        lines.flush()

    try:
        part = importlib.import_module(PARTS[task["part"]])
        measure: Callable[..., dict[str, Any]] = part.measure
        say(result=measure(task, lambda line: say(tell=line)))
    except StreamkitError as error:
        say(failure=str(error))
        sys.exit(FAILED)


def _leave_with_parent() -> None:
    while sys.stdin.read(1):
        pass
    os._exit(FAILED)


if __name__ == "__main__":
    main()
