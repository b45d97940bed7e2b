"""Other projects' live caption servers under the same benchmark: same model, audio and threads.

Each runs as its makers ship it, in an environment of its own, and is spoken to in its own
protocol; each module says which options were chosen and what the peer does not do.
"""

from __future__ import annotations

from streamkit_benchmarks.peers import realtimestt, whisper_live, whisper_streaming, whisperlivekit
from streamkit_benchmarks.systems import System

PEERS: tuple[System, ...] = (
    whisper_live.WhisperLive(),
    whisperlivekit.WhisperLiveKit(),
    realtimestt.RealtimeSTT(),
    whisper_streaming.WhisperStreaming(),
    whisper_streaming.WhisperStreaming(vac=False),
)
"""All that can be run."""

RECIPES = {
    recipe.name: recipe
    for recipe in (
        realtimestt.RECIPE,
        whisper_live.RECIPE,
        whisper_streaming.RECIPE,
        whisperlivekit.RECIPE,
    )
}
"""All that can be installed."""
