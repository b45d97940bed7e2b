"""Starts WhisperLive's server; runs inside its virtual environment.

    python whisper_live.py PORT MODEL_FOLDER

The package at PyPI holds the server but not `run_server.py`, the script of the repository that
starts it. This does what that script does for
`--backend faster_whisper -fw MODEL_FOLDER --max_clients 64 --max_connection_time 86400`,
and listens on this machine only.
"""

from __future__ import annotations

import importlib
import sys


def main() -> None:
    """Serve until the process is ended."""
    server = importlib.import_module("whisper_live.server")
    server.TranscriptionServer().run(
        "127.0.0.1",
        port=int(sys.argv[1]),
        backend="faster_whisper",
        faster_whisper_custom_model_path=sys.argv[2],
        single_model=True,
        max_clients=64,
        max_connection_time=24 * 60 * 60,
    )


if __name__ == "__main__":
    main()
