"""Recorded sessions, played again against the server as it is today.

```python
from streamkit.replay import replay


def test_complaint() -> None:
    replayed = replay("tests/data/complaint")
    assert replayed.run.heard == "Turn the music down."
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamkit.replay.replaying import Replayed, replay

__all__ = ["Replayed", "replay"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: the pure parts of this room need none of the server."""
    if name in __all__:
        from streamkit.replay import replaying

        return getattr(replaying, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
