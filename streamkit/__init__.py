"""streamkit: real-time streaming speech over WebSockets, with the latency of every stage."""

from __future__ import annotations

__version__ = "0.1.0"
