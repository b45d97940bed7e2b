"""What the processes of the voices load: functions for an `EngineSpec`.

Nothing is imported before it is decided how torch's threads wait.
"""

from __future__ import annotations

from pathlib import Path

from streamkit.tts.worker.engine import Engine
from streamkit_benchmarks.speaking.waiting import set_waiting


def ours(
    directory: str,
    device: str,
    precision: str,
    batch: int,
    threads: int,
    wait: str,
    limited: bool,
) -> Engine:
    """Load streamkit's engine; see `limited.load_limited` and `streamkit.tts.xtts.engine.load`."""
    set_waiting(wait)
    from streamkit_benchmarks.speaking.limited import load_limited

    return load_limited(
        limited=limited,
        directory=directory,
        device=device,
        precision=precision,
        batch=batch,
        threads=threads,
    )


def library(directory: str, device: str, threads: int, wait: str, limited: bool) -> Engine:
    """Load the library; see `library.LibraryEngine`."""
    set_waiting(wait)
    import torch

    from streamkit_benchmarks.speaking.library import LibraryEngine

    torch.set_num_threads(threads)
    return LibraryEngine(Path(directory), device, limited=limited)
