"""What `streamkit doctor` finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what it is.
        state: `ok`, `missing` (optional, not there) or `broken`.
        detail: version, figure, or what to do.
    """

    subject: str
    state: str
    detail: str
