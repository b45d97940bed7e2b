"""How torch's threads wait for each other; decided before torch is imported."""

from __future__ import annotations

import os
import sys
from types import MappingProxyType
from typing import Final

from streamkit.tts.xtts.synthesizer import ENVIRONMENT

POLICIES: Final = MappingProxyType(
    {
        "short": dict(ENVIRONMENT),
        "passive": {"OMP_WAIT_POLICY": "PASSIVE"},
        "active": {"OMP_WAIT_POLICY": "ACTIVE"},
        "default": {},
    }
)
"""What to set. Short is streamkit's: to spin for microseconds, then to sleep; passive threads sleep
at once, active ones spin for ever, and by default they spin for a while."""


def set_waiting(policy: str) -> None:
    """Choose for this process.

    Args:
        policy: one of `POLICIES`.
    """
    if "torch" in sys.modules:
        raise RuntimeError("torch is imported already, and its threads wait as they do")
    # Whoever started this process may have chosen something.
    for chosen in POLICIES.values():
        for variable in chosen:
            os.environ.pop(variable, None)
    os.environ.update(POLICIES[policy])
