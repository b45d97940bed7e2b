"""How torch's threads wait for each other; decided before torch is imported."""

from __future__ import annotations

import os
import sys
from typing import Final

VARIABLE: Final = "OMP_WAIT_POLICY"
POLICIES: Final = ("passive", "active", "default")
"""Passive threads sleep; active ones spin, for ever; the default is to spin for a while."""


def set_waiting(policy: str) -> None:
    """Choose for this process.

    Args:
        policy: one of `POLICIES`.
    """
    if "torch" in sys.modules:
        raise RuntimeError("torch is imported already, and its threads wait as they do")
    if policy == "default":
        # Whoever started this process may have chosen something.
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = policy.upper()
