"""How the micro Whisper models are made: see `docs/micro-whisper.md`."""
