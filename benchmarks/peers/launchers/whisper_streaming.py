"""Starts whisper_streaming's own TCP server on a CPU; runs inside its virtual environment.

    python whisper_streaming.py SOURCE [OPTION ...]

SOURCE is the folder of its code, the options are those of `whisper_online_server.py`. Two things
in that code cannot be chosen by options and are replaced while it runs:

- it loads every model with `device="cuda", compute_type="float16"`. Here they are "cpu" and
  "int8", which is what a comment beside that line offers for machines without a GPU.
- with `--vac` it gets the Silero detector from GitHub through `torch.hub`. Here that very
  detector comes from its authors' package `silero-vad`, so that nothing is downloaded.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import faster_whisper
import silero_vad
import torch


def main() -> None:
    """Replace the two functions and become the server."""
    load = faster_whisper.WhisperModel

    def on_cpu(model: str, **options: Any) -> Any:
        return load(model, **{**options, "device": "cpu", "compute_type": "int8"})

    def from_package(*args: Any, **options: Any) -> tuple[Any, None]:
        return silero_vad.load_silero_vad(), None

    faster_whisper.WhisperModel = on_cpu
    torch.hub.load = from_package
    source = Path(sys.argv[1])
    server = str(source / "whisper_online_server.py")
    sys.path.insert(0, str(source))
    sys.argv = [server, *sys.argv[2:]]
    runpy.run_path(server, run_name="__main__")


if __name__ == "__main__":
    main()
