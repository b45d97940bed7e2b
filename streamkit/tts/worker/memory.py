"""How much memory this process holds, and what it need not hold."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys


def resident_memory() -> int:
    """Resident bytes of this process.

    From /proc where there is one, else from psutil where it is installed, else the most that it
    ever was, as the standard library tells.
    """
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        import psutil
    except ImportError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return int(psutil.Process().memory_info().rss)


def release_memory() -> None:
    """Give back to the system what was freed: after a model was loaded, and taken apart.

    glibc keeps it otherwise (over a gigabyte with XTTS); elsewhere there is nothing to do.
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
