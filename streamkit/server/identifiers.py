"""Names of things that no other thing has."""

from __future__ import annotations

import secrets

RANDOM_BYTES = 12
"""96 bits: nobody guesses them, and no two are ever alike."""


def make_id(kind: str) -> str:
    """An id such as `item_1f8a…`; `kind` is one of "event", "item", "resp", "call", "sess", …."""
    return f"{kind}_{secrets.token_hex(RANDOM_BYTES)}"
