"""How many decodings run at once, on how many threads each."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamkit.asr.profile import ModelProfile
    from streamkit.config import Settings

LONG_WINDOW_THREADS = 4
"""An encoder pass over 30 s is the one job that several threads share well."""


@dataclass(frozen=True, slots=True)
class Parallelism:
    """Attributes: decodings at once, and CPU threads of each."""

    workers: int
    threads: int


def parallelism(settings: Settings, profile: ModelProfile) -> Parallelism:
    """What the settings say, and where they say nothing, what fits the machine.

    Short windows are many small jobs, which run best on one thread each; one core is left to the
    sockets and the voice activity detector. Windows of 30 s are few and large. On a GPU one
    worker with batches keeps the device busy.
    """
    cores = usable_cores()
    if _on_gpu(settings.device):
        workers, threads = 1, 1
    elif profile.margin is not None:
        workers, threads = max(1, cores - 1), 1
    else:
        threads = min(LONG_WINDOW_THREADS, cores)
        workers = max(1, cores // threads)
    if settings.threads is not None:
        threads = settings.threads
        workers = max(1, min(workers, cores // threads))
    return Parallelism(settings.workers or workers, threads)


def usable_cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def _on_gpu(device: str) -> bool:
    if device != "auto":
        return device == "cuda"
    try:
        import ctranslate2
    except ImportError:
        return False
    return bool(ctranslate2.get_cuda_device_count())
